/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stat.c - `mheap stat`: totals of a heap and what each span class has.  The
 * names and meanings are those of struct mh_stats; one table holds them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "include/mheap.h"
#include "shm/count.h"
#include "tools/args.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/metrics.h"
#include "tools/say.h"
#include "tools/statchan.h"
#include "tools/view.h"

#define ARG_OPENMETRICS	(1u << 1)

#define NUMBER	0
#define BYTES	1
#define REASON	2

#define FIELD(name, kind, help)	\
	{ #name, offsetof(struct mh_stats, name), kind, help }

static const struct field {
	const char *key;
	size_t	    offset;
	int	    kind;
	const char *help;
} fields[] = {
	FIELD(reserve_bytes, BYTES, "address range"),
	FIELD(limit_bytes, BYTES, "limit"),
	FIELD(committed_bytes, BYTES, "memory"),
	FIELD(free_bytes, BYTES, "  in free pages"),
	FIELD(returned_bytes, BYTES, "returned to the system, ever"),
	FIELD(spans, NUMBER, "spans"),
	FIELD(owned_bytes, BYTES, "  owned by processes"),
	FIELD(quarantined_spans, NUMBER, "  quarantined"),
	FIELD(shared_objects, NUMBER, "shared objects"),
	FIELD(shared_bytes, BYTES, "  their size"),
	FIELD(held_objects, NUMBER, "held objects"),
	FIELD(held_bytes, BYTES, "  their size"),
	FIELD(clients, NUMBER, "clients"),
	FIELD(refills, NUMBER, "  refills"),
	FIELD(daemon_calls, NUMBER, "  calls of the daemon"),
	FIELD(deaths, NUMBER, "deaths"),
	FIELD(reclaimed_bytes, BYTES, "  reclaimed of the dead"),
	FIELD(enomem, NUMBER, "refused for want of memory"),
	FIELD(enomem_reason, REASON, "  reason of the last"),
};

#define FIELDS	(sizeof(fields) / sizeof(fields[0]))

static uint64_t field_of(const struct mh_stats *s, const struct field *f)
{
	uint64_t n;

	memcpy(&n, (const char *)s + f->offset, sizeof(n));
	return n;
}

static const char *reason_text(uint64_t reason)
{
	static const char *const text[] = {
		[ENOMEM_NONE] = "none",
		[ENOMEM_LIMIT] = "the limit (mheapd --limit)",
		[ENOMEM_BACKING] = "/dev/shm or the control group is full",
		[ENOMEM_RESERVE] = "no address range that fits (mheapd --size)",
		[ENOMEM_SPANS] = "the span table is full",
		[ENOMEM_QUOTA] = "the client's quota (mheapd --quota-spans)",
	};

	return reason < sizeof(text) / sizeof(text[0]) ? text[reason] :
	       "unknown";
}

/* What the daemon counts. */
static void from_header(const struct seg *sg, struct mh_stats *s)
{
	const struct sh_counters *c = &sg->hdr->count;

	s->size = sizeof(*s);
	s->reserve_bytes = sg->geo.reserve_bytes;
	s->limit_bytes = ld_rlx(&c->limit_bytes);		/* [H2] */
	s->committed_bytes = ld_rlx(&c->committed_bytes);	/* [H2] */
	s->free_bytes = ld_rlx(&c->free_bytes);			/* [H2] */
	s->returned_bytes = ld_rlx(&c->returned_bytes);		/* [H2] */
	s->deaths = ld_rlx(&c->deaths);				/* [H2] */
	s->reclaimed_bytes = ld_rlx(&c->reclaimed_bytes);	/* [H2] */
	s->enomem = ld_rlx(&c->enomem);				/* [H2] */
	s->enomem_reason = ld_rlx(&c->enomem_reason);		/* [H2] */
}

static void from_walk(const struct heap_count *n, struct mh_stats *s)
{
	s->spans = n->spans;
	s->owned_bytes = n->owned_bytes;
	s->shared_objects = n->shared_objects;
	s->shared_bytes = n->shared_bytes;
	s->held_objects = n->held_objects;
	s->held_bytes = n->held_bytes;
	s->quarantined_spans = n->quarantined;
	s->clients = n->clients;
	s->refills = n->refills;
	s->daemon_calls = n->daemon_calls;
}

static void print_totals(const struct mh_stats *s)
{
	for (size_t i = 0; i < FIELDS; i++) {
		const struct field *f = &fields[i];
		uint64_t n = field_of(s, f);

		if (f->kind == BYTES)
			printf("%-30s %12s\n", f->help, figure_bytes(n).s);
		else if (f->kind == NUMBER)
			printf("%-30s %12" PRIu64 "\n", f->help, n);
		else if (n)
			printf("%-30s %s\n", f->help, reason_text(n));
	}
}

static void print_classes(const struct heap_count *n)
{
	printf("\n%5s %9s %-8s %9s %12s %12s\n", "CLASS", "SIZE", "LIFETIME",
	       "SPANS", "LIVE", "FREE");
	for (uint32_t spc = 0; spc < SPAN_CLASSES; spc++) {
		const struct class_count *c = &n->cls[spc];
		uint32_t sc = spc_size_class(spc);

		if (!c->spans)
			continue;
		printf("%5u ", sc);
		if (sc)
			printf("%9u", sc_size(sc));
		else
			printf("%9s", "larger");
		printf(" %-8s %9" PRIu64 " %12" PRIu64 " %12" PRIu64 "\n",
		       life_name(spc_life(spc)), c->spans, c->live, c->free);
	}
}

static void print_all(const struct view *v, const struct place *p,
		      const struct mh_stats *s, const struct heap_count *n)
{
	uint32_t pid = view_daemon_pid(v, p);

	printf("heap %s, %s: its daemon is %s", p->name,
	       backing_name(v->sg.hdr->backing), view_state(v, p));
	if (pid)
		printf(" (process %u)", pid);
	puts("\n");
	print_totals(s);
	print_classes(n);
	print_chans(&v->sg);
}

static void json_classes(struct json_object *o, const struct heap_count *n)
{
	struct json_object *list = json_list(o, "classes");

	for (uint32_t spc = 0; spc < SPAN_CLASSES; spc++) {
		const struct class_count *c = &n->cls[spc];
		struct json_object *row;

		if (!c->spans)
			continue;
		row = json_item(list);
		json_u64(row, "class", spc_size_class(spc));
		json_u64(row, "size", sc_size(spc_size_class(spc)));
		json_text(row, "lifetime", life_name(spc_life(spc)), 8);
		json_u64(row, "spans", c->spans);
		json_u64(row, "live", c->live);
		json_u64(row, "free", c->free);
		json_u64(row, "bytes", c->bytes);
	}
}

static void json_all(const struct view *v, const struct place *p,
		     const struct mh_stats *s, const struct heap_count *n)
{
	struct json_object *o = json_new();

	json_text(o, "name", p->name, sizeof(p->name));
	json_u64(o, "daemon_pid", view_daemon_pid(v, p));
	json_text(o, "state", view_state(v, p), 16);
	json_text(o, "backing", backing_name(v->sg.hdr->backing), 8);
	json_u64(o, "size", s->size);
	for (size_t i = 0; i < FIELDS; i++)
		json_u64(o, fields[i].key, field_of(s, &fields[i]));
	json_classes(o, n);
	json_chans(o, &v->sg);
	json_print(o);
}

static void metrics_all(const struct view *v, const struct place *p,
			const struct mh_stats *s, const struct heap_count *n)
{
	printf("# TYPE mheap_up gauge\n# HELP mheap_up Does a daemon serve it?\n"
	       "mheap_up{heap=\"%s\"} %d\n", p->name,
	       view_daemon_pid(v, p) != 0);
	for (size_t i = 0; i < FIELDS; i++)
		metric_total(p->name, fields[i].key, field_of(s, &fields[i]));
	metric_classes(v, p->name, n);
}

int cmd_stat(int argc, char **argv)
{
	static const struct argp_option options[] = {
		ARG_OPTION_JSON,
		ARG_OPTION(1, "openmetrics", "OpenMetrics text, for Prometheus"),
		ARG_END,
	};
	static const struct args_rule rule = {
		options, "NAME", "Totals of heap NAME, and what each class has."
		"\vLIVE are shared or held objects.  FREE are the other slots: in spans "
		"that a process owns they include its owned objects, which only "
		"that process counts.", 1, true, 0,
	};
	struct mh_stats s = { 0 };
	struct heap_count n;
	struct args a;
	struct place p;
	struct view v;
	int r;

	args_parse(&rule, argc, argv, &a);
	r = view_open(&v, &p, a.arg[0]);
	if (r)
		return r;
	count_heap(&v.sg, &n, NULL);
	from_header(&v.sg, &s);
	from_walk(&n, &s);
	(a.flags & ARG_JSON ? json_all : a.flags & ARG_OPENMETRICS ? metrics_all :
	 print_all)(&v, &p, &s, &n);
	view_close(&v);
	return 0;
}
