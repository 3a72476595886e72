/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.c - see metrics.h.  Rows are folded by their labels first, so that no
 * series appears twice.
 */
#include "bpf/metrics.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/names.h"
#include "bpf/rows.h"
#include "bpf/who.h"

#define COMMANDS_MAX	64
#define LE_FIRST	8	/* histogram's bounds: 2^8 ns = 256 ns ... */
#define LE_LAST		34	/* ... 2^34 ns = 17 s, every second power */

/* A row with its labels, "{...," without an end. */
struct series {
	struct agg_key key;
	char	       command[40];
	char	       labels[256];
	struct agg     val;
};

/* By what is printed: other keys may have the same labels, such as "unknown". */
static int series_cmp(const void *a, const void *b)
{
	return strcmp(((const struct series *)a)->labels,
		      ((const struct series *)b)->labels);
}

/* A label's value, with what must be escaped. */
static void escape(char *to, const char *s)
{
	for (; *s; s++) {
		if (*s == '\\' || *s == '"')
			*to++ = '\\';
		*to++ = *s;
	}
	*to = 0;
}

static void name_series(struct series *r)
{
	const struct agg_key *k = &r->key;
	char sub[64] = "", level[24] = "", pid[24] = "";
	char command[2 * sizeof(r->command)];

	if (probe_at[k->probe].class)
		snprintf(sub, sizeof(sub), ",class=\"%" PRIu64
			 "\",lifetime=\"%s\"", class_size(k->sub),
			 class_life(k->sub));
	else if (probe_at[k->probe].op)
		snprintf(sub, sizeof(sub), ",op=\"%s\"", op_name(k->sub));
	else if (probe_at[k->probe].chan)
		snprintf(sub, sizeof(sub), ",channel=\"%u\",waiter=\"%s\"",
			 (uint32_t)k->sub >> 1,
			 k->sub & 1 ? "receiver" : "sender");
	if (probe_at[k->probe].level)
		snprintf(level, sizeof(level), ",level=\"%s\"",
			 level_name(k->level));
	if (k->tgid)
		snprintf(pid, sizeof(pid), ",pid=\"%u\"", k->tgid);
	escape(command, r->command);
	snprintf(r->labels, sizeof(r->labels),
		 "{probe=\"%s\"%s%s%s,command=\"%s\"",
		 probe_names[k->probe].name, sub, level, pid, command);
}

static void seconds(FILE *f, uint64_t ns)
{
	fprintf(f, "%" PRIu64 ".%09" PRIu64 "\n", ns / 1000000000,
		ns % 1000000000);
}

static void put_counter(FILE *f, const struct series *r, uint32_t n,
			const char *name, const char *help, size_t field)
{
	fprintf(f, "# TYPE mheap_%s counter\n# HELP mheap_%s %s\n", name, name,
		help);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t v;

		memcpy(&v, (const char *)&r[i].val + field, sizeof(v));
		fprintf(f, "mheap_%s_total%s} %" PRIu64 "\n", name,
			r[i].labels, v);
	}
}

/*
 * All of its counts are sums of slots: the row's own count was read at another
 * time, and a bucket must not have more than +Inf has.
 */
static void put_histogram(FILE *f, const struct series *r)
{
	static const char name[] = "mheap_slow_path_seconds";
	uint64_t below = 0;
	int slot = 0;

	for (int le = LE_FIRST; le <= LE_LAST; le += 2) {
		while (slot < le)
			below += r->val.hist[slot++];
		fprintf(f, "%s_bucket%s,le=\"%.9g\"} %" PRIu64 "\n", name,
			r->labels, (double)(1ULL << le) / 1e9, below);
	}
	while (slot < HIST_SLOTS)
		below += r->val.hist[slot++];
	fprintf(f, "%s_bucket%s,le=\"+Inf\"} %" PRIu64 "\n", name, r->labels,
		below);
	fprintf(f, "%s_count%s} %" PRIu64 "\n", name, r->labels, below);
	fprintf(f, "%s_sum%s} ", name, r->labels);
	seconds(f, r->val.sum_ns);
}

static void put_histograms(FILE *f, const struct series *r, uint32_t n)
{
	fputs("# TYPE mheap_slow_path_seconds histogram\n"
	      "# UNIT mheap_slow_path_seconds seconds\n"
	      "# HELP mheap_slow_path_seconds How long slow paths took.\n", f);
	for (uint32_t i = 0; i < n; i++)
		if (probe_at[r[i].key.probe].dur_ns ||
		    probe_at[r[i].key.probe].wait_ns)
			put_histogram(f, &r[i]);
}

static void put_waits(FILE *f, const struct series *r, uint32_t n)
{
	fputs("# TYPE mheap_lock_wait_seconds counter\n"
	      "# UNIT mheap_lock_wait_seconds seconds\n"
	      "# HELP mheap_lock_wait_seconds Time that slow paths waited for "
	      "locks.\n", f);
	for (uint32_t i = 0; i < n; i++) {
		if (!probe_at[r[i].key.probe].wait_ns)
			continue;
		fprintf(f, "mheap_lock_wait_seconds_total%s} ", r[i].labels);
		seconds(f, r[i].val.wait_ns);
	}
}

static void put_account(struct session *s, FILE *f)
{
	struct account a;

	session_account(s, &a);
	fprintf(f, "# TYPE mheap_trace_hits counter\n"
		"# HELP mheap_trace_hits Hits of probes, also filtered ones.\n"
		"mheap_trace_hits_total %" PRIu64 "\n"
		"# TYPE mheap_trace_lost counter\n"
		"# HELP mheap_trace_lost What these figures lack.\n"
		"mheap_trace_lost_total{reason=\"map_full\"} %" PRIu64 "\n"
		"mheap_trace_lost_total{reason=\"not_run\"} %" PRIu64 "\n"
		"# TYPE mheap_trace_hit_cost_seconds gauge\n"
		"# UNIT mheap_trace_hit_cost_seconds seconds\n"
		"# HELP mheap_trace_hit_cost_seconds CPU time of one hit, "
		"measured at the start.\nmheap_trace_hit_cost_seconds ",
		a.n.hits, a.n.map_full, a.misses);
	seconds(f, s->hit_ns);
}

struct busy {
	char	 name[40];
	uint64_t count;
};

static int most_first(const void *a, const void *b)
{
	const struct busy *x = a, *y = b;

	return x->count != y->count ? x->count > y->count ? -1 : 1 :
	       strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct busy *)a)->name,
		      ((const struct busy *)b)->name);
}

/* Commands beyond those that have the most become "other". */
static bool limit_commands(struct series *r, uint32_t n)
{
	struct busy *c = calloc(n + 1, sizeof(*c));
	uint32_t out = 0;

	if (!c)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		memcpy(c[i].name, r[i].command, sizeof(c[i].name));
		c[i].count = r[i].val.count;
	}
	qsort(c, n, sizeof(*c), by_name);
	for (uint32_t i = 0; i < n; i++) {
		if (out && !strcmp(c[out - 1].name, c[i].name))
			c[out - 1].count += c[i].count;
		else
			c[out++] = c[i];
	}
	qsort(c, out, sizeof(*c), most_first);
	for (uint32_t i = 0; out > COMMANDS_MAX && i < n; i++) {
		uint32_t k = 0;

		while (k < COMMANDS_MAX && strcmp(c[k].name, r[i].command))
			k++;
		if (k == COMMANDS_MAX)
			strcpy(r[i].command, "other");
	}
	free(c);
	return true;
}

static bool living(uint32_t tgid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u", tgid);
	return !access(path, F_OK);
}

/* Rows with labels, folded. */
static struct series *series_of(struct session *s, uint32_t *ret_n)
{
	uint32_t n, out = 0, k = 0;
	struct agg_row *rows = rows_agg(s, &n);
	struct series *r = calloc(rows ? n + 1 : 1, sizeof(*r));

	for (uint32_t i = 0; r && rows && i < n; i++) {
		if (s->o->label_pid && !living(rows[i].key.tgid))
			continue;
		r[out].key = rows[i].key;
		r[out].val = rows[i].val;
		strcpy(r[out].command, proc_name(s, rows[i].key.tgid).s);
		r[out].key.tgid *= s->o->label_pid;
		out++;
	}
	if (!r || !rows || !limit_commands(r, out)) {
		free(rows);
		free(r);
		return NULL;
	}
	free(rows);
	for (uint32_t i = 0; i < out; i++)
		name_series(&r[i]);
	qsort(r, out, sizeof(*r), series_cmp);
	for (uint32_t i = 0; i < out; i++) {
		if (k && !series_cmp(&r[k - 1], &r[i]))
			agg_add(&r[k - 1].val, &r[i].val);
		else
			r[k++] = r[i];
	}
	*ret_n = k;
	return r;
}

bool metrics_write(struct session *s, FILE *f)
{
	uint32_t n;
	struct series *r;

	pthread_mutex_lock(&s->lock);
	r = series_of(s, &n);
	pthread_mutex_unlock(&s->lock);
	if (!r)
		return false;
	put_counter(f, r, n, "slow_paths", "Slow paths that ended.",
		    offsetof(struct agg, count));
	put_counter(f, r, n, "slow_path_objects", "Objects that they moved.",
		    offsetof(struct agg, nobj));
	put_counter(f, r, n, "slow_path_errors", "Those that failed.",
		    offsetof(struct agg, errors));
	put_waits(f, r, n);
	put_histograms(f, r, n);
	put_account(s, f);
	fputs("# EOF\n", f);
	free(r);
	return !ferror(f);
}
