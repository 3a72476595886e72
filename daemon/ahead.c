/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ahead.c - memory before it is asked for, so that a client that fills does not
 * wait for the kernel: while the heap grows, so many free pages above where it
 * grows have memory that growth goes on for a while.
 *
 * Growth is what shows as a miss: a span for which the lowest free run has no
 * memory.  From there upwards memory is got in small jobs, two at a time,
 * until `target` pages are ready there (what is ready below did not fit who
 * missed); the target doubles as they are used, up to a
 * small share of the heap, and a second without growth ends it.  What is left
 * is then free memory like any other, the scavenger's.
 *
 * Ahead is a favour: it gets nothing beyond the limit, rests when memory is
 * short, makes room for nobody, and its failures are not reported.  Who needs
 * memory asks by commit.c, whose answers don't depend on what is here.
 */
#include "daemon/heap.h"

#define PAGES(bytes)	((uint32_t)((bytes) >> PAGE_SHIFT))
#define JOB_MOST	PAGES(1u << 20)
#define JOB_LEAST	PAGES(128u << 10)
#define JOB_SHARE	64u		/* of the pages in use, in between */
#define MOST		PAGES(64u << 20)
#define SHARE		512u		/* of the pages in use ... */
#define SMALL		PAGES(2u << 20)	/* ... but this is little at any size */
#define SMALL_SHARE	16u		/* ... unless it is more than that share */
#define LOOK		(4 * JOB_MOST)	/* pages looked at in one step */
#define STEPS		64u		/* ... of which there are so many */
#define UNIT_MAX	PAGES(1u << 20)	/* larger runs come one by one */
#define REST_NS		1000000000ull

static uint32_t within(uint32_t n, uint32_t least, uint32_t most)
{
	return n < least ? least : n > most ? most : n;
}

static uint32_t job_pages(const struct heap *h)
{
	return within(pages_in_use(h->pages).n / JOB_SHARE, JOB_LEAST, JOB_MOST);
}

static uint32_t most(const struct heap *h)
{
	uint32_t use = pages_in_use(h->pages).n;
	uint32_t least = within(use / SMALL_SHARE, JOB_LEAST, SMALL);

	return within(use / SHARE, least, MOST);
}

/* The scavenger leaves what is to be there, and what jobs may bring more. */
static void set_target(struct heap *h, uint32_t n)
{
	struct ahead *a = &h->ahead;
	uint32_t more = n > a->target ? n - a->target : 0;

	a->widen_at = a->got + more + n;
	a->target = n;
	h->scav.cfg.keep.n = n ? n + 2 * job_pages(h) : 0;
}

void ahead_stop(struct heap *h)
{
	set_target(h, 0);
}

void ahead_missed(struct heap *h, pgno start, npages n)
{
	struct ahead *a = &h->ahead;

	/* A trim punches what a job brings, before anybody has it. */
	if (h->force_scavenge || n.n > UNIT_MAX ||
	    h->io.now_ns(h->io.arg) < a->rest_until)
		return;
	/* What lies ready below is in pieces that are too small. */
	if (!a->target || start.n < a->from || start.n > a->to)
		a->to = start.n;
	a->from = start.n;
	a->unit = n.n;
	if (!a->target)
		set_target(h, job_pages(h));
}

/* First fit: what lies above the run is not looked at when this job ends. */
bool ahead_serves(const struct heap *h, pgno start, npages n)
{
	for (const struct heap_job *j = h->jobs; j; j = j->next)
		if (j->ahead && j->len.n >= n.n && j->start.n < start.n)
			return true;
	return false;
}

/* Pages that growth will find, now or soon. */
static uint32_t ready(struct heap *h)
{
	struct ahead *a = &h->ahead;

	if (a->to - a->from > 2 * MOST)
		a->from = a->to - 2 * MOST;
	return pages_ready(h->pages, (pgno){ a->from }, (pgno){ a->to }).n +
	       a->in_flight;
}

/* All that lay ready has been used, and the same again was got: wider. */
static void widen_target(struct heap *h)
{
	uint32_t n = 2 * h->ahead.target, top = most(h);

	if ((int32_t)(h->ahead.got - h->ahead.widen_at) >= 0)
		set_target(h, n < top ? n : top);
}

static void begin(struct heap *h, pgno start, npages n)
{
	struct ahead *a = &h->ahead;

	a->in_flight += n.n;
	a->got += n.n;
	a->to = start.n + n.n;
	if (commit_ahead(h, start, n))
		a->in_flight -= n.n;
	else
		widen_target(h);
}

/* Behind a job of somebody who waits, whose pages are taken. */
static void pass_job(struct heap *h, pgno at)
{
	for (const struct heap_job *j = h->jobs; j; j = j->next)
		if (at.n >= j->start.n && at.n - j->start.n < j->len.n)
			h->ahead.to = j->start.n + j->len.n;
}

/* False: nothing (more) to do. */
static bool step(struct heap *h)
{
	struct ahead *a = &h->ahead;
	uint32_t top = seg_page_top(&h->sg), old = a->to;
	pgno start, end = { a->to < top - LOOK ? a->to + LOOK : top };
	uint32_t job;
	npages n;

	if (a->to >= top)
		return ready(h) < a->target && !commit_grow(h);
	if (!pages_next_uncommitted(h->pages, (pgno){ a->to }, end, &start, &n)) {
		a->to = end.n;
		return true;
	}
	a->to = start.n;
	if (ready(h) >= a->target)
		return false;
	job = job_pages(h);
	pages_next_uncommitted(h->pages, start,
			       (pgno){ start.n + (job > a->unit ? job : a->unit) },
			       &start, &n);
	if (n.n < a->unit) {
		a->to = start.n + n.n;
		return true;
	}
	if (n.n > job)
		n.n = job;
	if (n.n > commit_allowance(h))
		return false;
	if (!pages_take(h->pages, start, n))
		begin(h, start, n);
	else
		pass_job(h, start);
	return a->to != old;
}

void ahead_go(struct heap *h)
{
	struct ahead *a = &h->ahead;

	if (a->busy)
		return;
	a->busy = true;
	for (unsigned i = 0; i < STEPS; i++)
		if (!a->target || a->in_flight > job_pages(h) || !step(h))
			break;
	a->busy = false;
}

void ahead_rest(struct heap *h)
{
	ahead_stop(h);
	h->ahead.rest_until = h->io.now_ns(h->io.arg) + REST_NS;
}

void ahead_ended(struct heap *h, const struct heap_job *job, int res)
{
	h->ahead.in_flight -= job->len.n;
	if (res)
		ahead_rest(h);
}

/*
 * A second's growth is all that may lie ready for the next.  What was got and
 * lies ready no more is what growth has used.
 */
void ahead_decay(struct heap *h)
{
	struct ahead *a = &h->ahead;
	uint32_t used = a->got - ready(h), half = a->target / 2;
	int32_t grown = (int32_t)(used - a->used_then);
	uint32_t least = job_pages(h);

	a->used_then = used;
	if (grown <= 0)
		ahead_stop(h);
	else if ((uint32_t)grown < half)
		set_target(h, half > least ? half : least);
}
