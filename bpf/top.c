/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top.c - `mheap-trace top`: what is going on now, a line for each process, class
 * and kind of slow path, as rates since the last look.  On a terminal a screen
 * (keys: s sort, p processes, c classes, q quit), else a block each interval.
 */
#include <curses.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/names.h"
#include "bpf/rows.h"
#include "bpf/who.h"
#include "tools/json.h"
#include "tools/say.h"

#define LINE	400

struct top {
	struct options	o;		/* ours: keys change it */
	bool		screen;
	struct agg_row *last;
	uint32_t	nlast;
	uint64_t	last_ns, took_ns, next_ns, looks;
};

static const struct options *sort_for;

static uint64_t weight(const struct agg_row *r)
{
	switch (sort_for->by) {
	case BY_TIME:
		return r->val.sum_ns;
	case BY_WAIT:
		return r->val.wait_ns;
	case BY_OBJECTS:
		return r->val.nobj;
	default:
		return r->val.count;
	}
}

static int heavier(const void *a, const void *b)
{
	uint64_t x = weight(a), y = weight(b);

	return x != y ? x > y ? -1 : 1 : agg_key_cmp(a, b);
}

/* Takes what was there off the rows of those that have ended, or of the living. */
static void take_off(struct session *s, const struct top *t,
		     struct agg_row *rows, uint32_t n, bool ended)
{
	for (uint32_t i = 0; t->nlast && i < n; i++) {
		uint32_t tgid = rows[i].key.tgid;
		struct agg_row key = { .key = rows[i].key }, *was;

		if (!(tgid & PID_ENDED) == ended)
			continue;
		key.key.tgid = ended ? proc_pid(s, tgid) : tgid;
		was = bsearch(&key, t->last, t->nlast, sizeof(key), agg_key_cmp);
		if (!was)
			continue;
		agg_take_off(&rows[i].val, &was->val);
		memset(&was->val, 0, sizeof(was->val));
	}
}

/*
 * What came since the last look; only what has come.  First of the ended: whoever has
 * the PID of one now began at nothing.
 */
static uint32_t news(struct session *s, const struct top *t,
		     struct agg_row *rows, uint32_t n)
{
	uint32_t out = 0;

	take_off(s, t, rows, n, true);
	take_off(s, t, rows, n, false);
	for (uint32_t i = 0; i < n; i++)
		if (rows[i].val.count)
			rows[out++] = rows[i];
	return out;
}

/* Of the living, for the next look: the ended are forgotten.  NULL: no room. */
static struct agg_row *copy_living(const struct agg_row *rows, uint32_t n,
				   uint32_t *ret_n)
{
	struct agg_row *copy = malloc((n + 1) * sizeof(*rows));
	uint32_t out = 0;

	for (uint32_t i = 0; copy && i < n; i++)
		if (!(rows[i].key.tgid & PID_ENDED))
			copy[out++] = rows[i];
	*ret_n = out;
	return copy;
}

static double rate(const struct top *t, uint64_t n)
{
	return t->took_ns ? (double)n * 1e9 / (double)t->took_ns : 0;
}

static void title(char *to, size_t size)
{
	snprintf(to, size, "%8s %-15s %-14s %-12s %-7s %10s %10s %8s %8s %8s "
		 "%8s %6s", "PID", "COMMAND", "WHAT", "CLASS", "FROM", "RATE/S",
		 "OBJECTS/S", "MEAN", "P50<", "P99<", "WAIT/S", "ERRORS");
}

static void line(struct session *s, const struct top *t,
		 const struct agg_row *r, char *to, size_t size)
{
	const struct agg_key *k = &r->key;
	const struct agg *a = &r->val;
	bool timed = probe_at[k->probe].dur_ns || probe_at[k->probe].wait_ns;

	snprintf(to, size, "%8s %-15s %-14.14s %-12.12s %-7s %10.0f %10.0f "
		 "%8s %8s %8s %8s %6" PRIu64,
		 k->tgid ? proc_number(s, k->tgid).s : "all",
		 k->tgid ? name_cut(proc_name(s, k->tgid), 15).s : "",
		 probe_names[k->probe].name,
		 t->o.by_class ? sub_name(k->probe, k->sub).s : "all",
		 level_name(k->level), rate(t, a->count), rate(t, a->nobj),
		 timed ? ns_text(a->sum_ns / a->count).s : "-",
		 timed ? ns_text(agg_quantile(a, .5) + 1).s : "-",
		 timed ? ns_text(agg_quantile(a, .99) + 1).s : "-",
		 timed ? ns_text((uint64_t)rate(t, a->wait_ns)).s : "-",
		 a->errors);
}

static void summary(struct session *s, const struct top *t, uint32_t n, char *to,
		    size_t size)
{
	static const char *const by[] = { "count", "time", "wait", "objects" };
	struct account a;

	session_account(s, &a);
	snprintf(to, size, "%u of %u objects proven, %" PRIu64 " hits, %" PRIu64
		 " lost in tables, cost %s a hit; %u rows by %s", s->proven,
		 s->find.ever, a.n.hits, a.n.map_full, ns_text(s->hit_ns).s, n,
		 by[t->o.by]);
}

static void json_row(struct session *s, const struct top *t,
		     const struct agg_row *r)
{
	struct json_object *o = json_new();
	const struct agg_key *k = &r->key;

	json_text(o, "type", "top", 8);
	json_u64(o, "ns", t->took_ns);
	json_text(o, "probe", probe_names[k->probe].name, 32);
	if (k->tgid)
		proc_json(o, "pid", "command", s, k->tgid);
	if (t->o.by_class)
		json_text(o, "class", sub_name(k->probe, k->sub).s, 40);
	json_u64(o, "level", k->level);
	json_u64(o, "count", r->val.count);
	json_u64(o, "objects", r->val.nobj);
	json_u64(o, "sum_ns", r->val.sum_ns);
	json_u64(o, "p50_ns", agg_quantile(&r->val, .5));
	json_u64(o, "p99_ns", agg_quantile(&r->val, .99));
	json_u64(o, "wait_ns", r->val.wait_ns);
	json_u64(o, "errors", r->val.errors);
	json_print(o);
}

static void show_plain(struct session *s, const struct top *t,
		       const struct agg_row *rows, uint32_t n)
{
	char text[LINE];

	summary(s, t, n, text, sizeof(text));
	puts(text);
	title(text, sizeof(text));
	puts(text);
	for (uint32_t i = 0; i < n && i < t->o.rows; i++) {
		line(s, t, &rows[i], text, sizeof(text));
		puts(text);
	}
	putchar('\n');
}

static void show_screen(struct session *s, const struct top *t,
			const struct agg_row *rows, uint32_t n)
{
	char text[LINE];

	erase();
	summary(s, t, n, text, sizeof(text));
	mvaddnstr(0, 0, text, COLS);
	title(text, sizeof(text));
	attron(A_REVERSE);
	mvaddnstr(2, 0, text, COLS);
	attroff(A_REVERSE);
	for (uint32_t i = 0; i < n && i < t->o.rows && (int)i + 3 < LINES; i++) {
		line(s, t, &rows[i], text, sizeof(text));
		mvaddnstr((int)i + 3, 0, text, COLS);
	}
	refresh();
}

static void show(struct session *s, const struct top *t,
		 const struct agg_row *rows, uint32_t n)
{
	if (t->screen) {
		show_screen(s, t, rows, n);
		return;
	}
	for (uint32_t i = 0; i < n && i < t->o.rows && t->o.json; i++)
		json_row(s, t, &rows[i]);
	if (!t->o.json)
		show_plain(s, t, rows, n);
	fflush(stdout);
}

/* Takes a look, and shows what has come since the last one. */
static int look(struct session *s, struct top *t)
{
	uint32_t n, nnow;
	struct agg_row *rows = rows_agg(s, &n), *now = NULL;
	uint64_t ns = now_ns();

	if (rows) {
		n = rows_fold(rows, n, true, true);
		now = copy_living(rows, n, &nnow);
	}
	if (!now) {
		free(rows);
		return refuse(EXIT_FAULT, "out of memory");
	}
	t->took_ns = ns - t->last_ns;
	t->last_ns = ns;
	n = news(s, t, rows, n);
	n = rows_fold(rows, n, t->o.by_process, t->o.by_class);
	sort_for = &t->o;
	qsort(rows, n, sizeof(*rows), heavier);
	show(s, t, rows, n);
	tables_forget(s);
	free(rows);
	free(t->last);
	t->last = now;
	t->nlast = nnow;
	return 0;
}

/* -1: to end. */
static int keys(struct top *t)
{
	int key = t->screen ? getch() : ERR;

	if (key == 'q')
		return -1;
	if (key == 's')
		t->o.by = t->o.by == BY_OBJECTS ? BY_COUNT : t->o.by + 1;
	if (key == 'p')
		t->o.by_process = !t->o.by_process;
	if (key == 'c')
		t->o.by_class = !t->o.by_class;
	return 0;
}

static int tick(struct session *s, void *arg)
{
	struct top *t = arg;
	int r = keys(t);

	if (r || now_ns() < t->next_ns)
		return r;
	t->next_ns += (uint64_t)(t->o.interval_s * 1e9);
	r = look(s, t);
	t->looks++;
	return r ? r : t->o.count && t->looks == t->o.count ? -1 : 0;
}

static void screen_begin(struct top *t)
{
	t->screen = !t->o.plain && !t->o.json && isatty(STDOUT_FILENO) &&
		    initscr();
	if (!t->screen)
		return;
	cbreak();
	noecho();
	curs_set(0);
	nodelay(stdscr, TRUE);
}

static int run(struct session *s, struct top *t)
{
	int r;

	t->last_ns = s->began_ns;
	t->next_ns = s->began_ns + (uint64_t)(t->o.interval_s * 1e9);
	screen_begin(t);
	r = session_run(s, tick, t);
	if (!r && now_ns() >= t->next_ns)	/* -d ends with an interval */
		r = look(s, t);
	if (t->screen)
		endwin();
	free(t->last);
	return r < 0 ? 0 : r;
}

int trace_top(const struct options *o)
{
	struct top t = { .o = *o };
	struct session s = { 0 };
	struct options often = *o;
	int r, lost;

	often.interval_s = t.o.interval_s < .2 ? t.o.interval_s : .2;
	often.count = 0;
	often.by_process = true;	/* what has ended is taken off by its PID */
	r = session_open(&s, &often, WISH_NEWS);
	if (!r) {
		r = run(&s, &t);
		session_stop(&s);
		lost = session_report(&s);
		r = r ? r : lost;
	}
	session_close(&s);
	return r;
}
