/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit.c - memory behind pages.  The arena is a sparse file; a page is handed
 * out only after a job has put memory behind it, so a full tmpfs is an error
 * here and never a SIGBUS in a client.  What is asked for gets it by fallocate;
 * ahead.c has it before that, if it can.
 *
 * Pages in a job (being committed or punched) are marked allocated in the page
 * heap: they belong to nobody else meanwhile.  A commit bit is set after the
 * memory is there and cleared before it is punched [G3], so a restarted daemon
 * at worst forgets that a page has memory.
 */
#include "daemon/heap.h"
#include "shm/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_PAGES	(64u << 20 >> PAGE_SHIFT)
#define WINDOW		(256u << 10 >> PAGE_SHIFT)
#define IN_FLIGHT_MAX	(64ull << 20)
#define PUNCH_MAX	(4ull << 20)	/* no run of the scavenger is longer */

int commit_grow(struct heap *h)
{
	struct seg *sg = &h->sg;
	uint32_t top = seg_page_top(sg);
	uint32_t n = sg->geo.npages - top;
	int r;

	if (n > ARENA_PAGES)
		n = ARENA_PAGES;
	if (!n)
		return -ENOMEM;
	r = heap_back(h, SEG_HEAP, sg->geo.pagemap_off + 4ull * top,
		      sg->geo.pagemap_off + 4ull * (top + n));
	if (!r)
		r = heap_back(h, SEG_HEAP, sg->geo.commit_off + top / 8,
			      sg->geo.commit_off + (top + n + 63) / 64 * 8);
	if (r)
		return r;
	pages_grow(h->pages, (pgno){ top }, (npages){ n });
	st_rel(&sg->whdr->page_top, top + n);			/* [H1] */
	add_rlx(&sg->whdr->count.grows, 1);			/* [H2] */
	return 0;
}

static void commit_bits(struct heap *h, pgno start, npages len, bool on)
{
	uint32_t p = start.n, end = p + len.n;

	while (p < end) {
		_Atomic uint64_t *w = &h->sg.commit[p / 64];
		uint32_t n = 64 - p % 64 < end - p ? 64 - p % 64 : end - p;
		uint64_t old = ld_rlx(w);			/* [G3] */
		uint64_t bits = ~0ull >> (64 - n) << p % 64;

		st_rlx(w, on ? old | bits : old & ~bits);	/* [G3] */
		p += n;
	}
}

static uint64_t in_use_bytes(const struct heap *h)
{
	return npages_bytes(pages_committed(h->pages)) + h->in_flight +
	       heap_meta_bytes(h);
}

uint32_t commit_allowance(const struct heap *h)
{
	uint64_t used = in_use_bytes(h), room;

	if (!h->limit)
		return UINT32_MAX;
	room = h->limit > used ? h->limit - used : 0;
	room >>= PAGE_SHIFT;
	return room < UINT32_MAX ? (uint32_t)room : UINT32_MAX;
}

/* Wins bytes back from free pages that have memory; none come ahead then. */
static int make_room(struct heap *h)
{
	uint64_t before = in_use_bytes(h);

	ahead_rest(h);
	if (!h->jobs)
		commit_scavenge(h, true);
	return h->jobs || in_use_bytes(h) < before ? -EAGAIN : -ENOMEM;
}

/*
 * Only what a punch may win is waited for, not any job: others' commits may
 * fail one after the other for ever.
 */
int commit_win_back(struct heap *h)
{
	uint64_t before = in_use_bytes(h);

	ahead_rest(h);
	if (!h->punching && pages_free_committed(h->pages).n)
		commit_scavenge(h, true);
	return h->punching || h->ahead.in_flight || in_use_bytes(h) < before ?
	       -EAGAIN : -ENOMEM;
}

int commit_short(struct heap *h, uint64_t bytes, uint32_t why)
{
	h->short_of = bytes;
	h->short_why = why;
	return -ENOMEM;
}

bool commit_fits(struct heap *h, uint64_t bytes)
{
	if (!h->limit || in_use_bytes(h) + bytes <= h->limit)
		return true;
	commit_short(h, bytes, ENOMEM_LIMIT);
	return false;
}

int commit_room(struct heap *h, uint64_t bytes)
{
	while (!commit_fits(h, bytes)) {
		int r = h->punching ? -EAGAIN :
			h->no_memory ? -ENOMEM : make_room(h);

		if (r != -EAGAIN || h->jobs)
			return r;
	}
	return 0;
}

static int job_start(struct heap *h, struct heap_job job)
{
	struct heap_job *j = malloc(sizeof(*j));
	uint64_t bytes = npages_bytes(job.len);
	int r;

	if (!j)
		return -ENOMEM;
	*j = job;
	j->began_ns = h->io.now_ns(h->io.arg);
	j->next = h->jobs;
	j->at = &h->jobs;
	if (j->next)
		j->next->at = &j->next;
	h->jobs = j;
	*(j->punch ? &h->punching : &h->in_flight) += bytes;
	h->scav.coming += j->punch ? 0 : j->len.n;
	r = h->io.start(h->io.arg, j);
	if (r)
		heap_job_done(h, j, r);
	return 0;
}

static void job_unlink(const struct heap_job *job)
{
	*job->at = job->next;
	if (job->next)
		job->next->at = job->at;
}

/* The window was too wide for the memory there is: only what was asked for. */
static int commit_less(struct heap *h, const struct heap_job *job)
{
	struct heap_job less = *job;
	int r;

	less.len = job->need;
	if (job->len.n <= job->need.n)
		return -ENOSPC;
	r = pages_take(h->pages, less.start, less.len);
	if (r)
		return r;
	r = job_start(h, less);
	if (r)
		pages_free(h->pages, less.start, less.len);
	return r;
}

/* The first `got` pages of the job have memory; all are free again. */
static void job_commits(struct heap *h, const struct heap_job *job, npages got)
{
	h->in_flight -= npages_bytes(job->len);
	h->scav.coming -= job->len.n;
	if (got.n) {
		commit_bits(h, job->start, got, true);
		pages_commit(h->pages, job->start, got);
	}
	pages_free(h->pages, job->start, job->len);
}

static void commit_done(struct heap *h, const struct heap_job *job, int res)
{
	job_commits(h, job, (npages){ res ? 0 : job->len.n });
	if (res && !commit_less(h, job))
		return;
	h->last_commit = res;
	h->no_memory = res ? ENOMEM_BACKING : ENOMEM_NONE;
	requests_retry(h);
	h->no_memory = ENOMEM_NONE;
}

static int punch(struct heap *h, pgno start, npages len)
{
	int r = pages_take(h->pages, start, len);

	if (!r) {
		commit_bits(h, start, len, false); /* [G3] before the punch */
		r = job_start(h, (struct heap_job){ .start = start, .len = len,
						    .need = len,
						    .punch = true });
		if (r) {
			commit_bits(h, start, len, true);
			pages_free(h->pages, start, len);
		}
	}
	if (r)
		scavenge_done(&h->scav, h->io.now_ns(h->io.arg), 0, len);
	return r;
}

static void punch_more(struct heap *h)
{
	uint64_t now = h->io.now_ns(h->io.arg);
	pgno start;
	npages len;

	if (h->in_punch)
		return;
	h->in_punch = true;
	while (h->punching + PUNCH_MAX <= IN_FLIGHT_MAX &&
	       scavenge_next(&h->scav, h->pages, now, h->force_scavenge,
			     &start, &len))
		if (punch(h, start, len))
			break;
	h->in_punch = false;
	if (!h->punching && !h->ahead.in_flight)
		h->force_scavenge = false;
}

/* A trim takes what was got ahead, too. */
static void ahead_done(struct heap *h, const struct heap_job *job, int res)
{
	job_commits(h, job, res ? job->got : job->len);
	ahead_ended(h, job, res);
	if (h->force_scavenge) {
		scavenge_trim(&h->scav);
		punch_more(h);
	}
	requests_retry(h);
}

static void seen_grow(struct heap *h, const struct heap_job *job, int res)
{
	if (PROBE_ON(grow_done))
		PROBE_FIRE(grow_done, npages_bytes(job->len), in_use_bytes(h),
			   h->io.now_ns(h->io.arg) - job->began_ns, job->ahead,
			   (uint64_t)-res);
}

static void punch_done(struct heap *h, const struct heap_job *job, int res)
{
	uint64_t now = h->io.now_ns(h->io.arg), bytes = npages_bytes(job->len);

	h->punching -= bytes;
	if (!res) {
		pages_uncommit(h->pages, job->start, job->len);
		add_rlx(&h->sg.whdr->count.returned_bytes, bytes);	/* [H2] */
	} else {
		commit_bits(h, job->start, job->len, true);
	}
	pages_free(h->pages, job->start, job->len);
	scavenge_done(&h->scav, now, now - job->began_ns, job->len);
	if (PROBE_ON(scavenge_done))
		PROBE_FIRE(scavenge_done, job->len.n, bytes,
			   now - job->began_ns, h->force_scavenge,
			   (uint64_t)-res);
	if (h->force_scavenge)
		punch_more(h);
	/* Who waits for room would otherwise have it punched for ever. */
	h->no_memory = res ? ENOMEM_LIMIT : ENOMEM_NONE;
	requests_retry(h);
	h->no_memory = ENOMEM_NONE;
}

void heap_job_done(struct heap *h, struct heap_job *job, int res)
{
	job_unlink(job);
	if (!job->punch)
		seen_grow(h, job, res);
	if (job->punch)
		punch_done(h, job, res);
	else if (job->ahead)
		ahead_done(h, job, res);
	else
		commit_done(h, job, res);
	if (!job->punch)
		provision_all(h);
	free(job);
	ahead_go(h);
	heap_count(h);
}

int commit_ahead(struct heap *h, pgno start, npages n)
{
	int r = job_start(h, (struct heap_job){ .start = start, .len = n,
						.need = n, .ahead = true });

	if (r)
		pages_free(h->pages, start, n);
	return r;
}

/* Widens [start, n) over free pages without memory behind it. */
static npages widen(struct heap *h, pgno start, npages n, uint32_t max)
{
	uint32_t end = start.n + n.n, top = seg_page_top(&h->sg);

	while (end < top && end - start.n < max) {
		uint32_t step = 64 - end % 64;
		pgno at = { end };

		if (step > top - end)
			step = top - end;
		if (step > max - (end - start.n))
			step = max - (end - start.n);
		if (pages_take(h->pages, at, (npages){ step }))
			break;
		if (pages_uncommitted(h->pages, at, (npages){ step }).n < step) {
			pages_free(h->pages, at, (npages){ step });
			break;
		}
		end += step;
	}
	return (npages){ end - start.n };
}

/*
 * The run [start, n) is taken; gets memory by a job that frees it again.
 * -EAGAIN: a job is under way, or has ended well already.
 */
static int commit_run(struct heap *h, pgno start, npages n, uint32_t *ret_reason)
{
	uint32_t missing = pages_uncommitted(h->pages, start, n).n;
	uint32_t room = commit_allowance(h);
	npages len = n;
	int r;

	*ret_reason = ENOMEM_LIMIT;
	if (missing > room) {
		pages_free(h->pages, start, n);
		return make_room(h);
	}
	if (missing == n.n)
		len = widen(h, start, n, room < WINDOW ? room : WINDOW);
	*ret_reason = ENOMEM_BACKING;
	h->last_commit = 0;
	r = job_start(h, (struct heap_job){ .start = start, .len = len,
					    .need = n });
	if (r)
		pages_free(h->pages, start, len);
	return r ? r : h->last_commit ? -ENOMEM : -EAGAIN;
}

static bool have_run(struct heap *h, npages n, npages align, pgno *ret_start,
		     bool *ret_ready)
{
	if (pages_alloc(h->pages, n, align, ret_start))
		return false;
	*ret_ready = !pages_uncommitted(h->pages, *ret_start, n).n;
	return true;
}

int commit_alloc(struct heap *h, npages n, npages align, pgno *ret_start,
		 uint32_t *ret_reason)
{
	bool ready = false;
	int r;

	for (;;) {
		if (!have_run(h, n, align, ret_start, &ready)) {
			if (!commit_grow(h))
				continue;
			if (h->jobs)	/* their pages may do, once free */
				return -EAGAIN;
			*ret_reason = seg_page_top(&h->sg) < h->sg.geo.npages ?
				      ENOMEM_BACKING : ENOMEM_RESERVE;
			return -ENOMEM;
		}
		if (ready)
			return 0;
		if (h->no_memory) {
			pages_free(h->pages, *ret_start, n);
			*ret_reason = h->no_memory;
			return h->jobs ? -EAGAIN : -ENOMEM;
		}
		ahead_missed(h, *ret_start, n);
		if (h->patient || (align.n == 1 && ahead_serves(h, *ret_start, n))) {
			pages_free(h->pages, *ret_start, n);
			return -EAGAIN;
		}
		/* Enough is under way; its end is waited for. */
		if (h->in_flight &&
		    h->in_flight + npages_bytes(n) > IN_FLIGHT_MAX) {
			pages_free(h->pages, *ret_start, n);
			return -EAGAIN;
		}
		r = commit_run(h, *ret_start, n, ret_reason);
		if (r != -EAGAIN || h->jobs)
			return r;
	}
}

void commit_scavenge(struct heap *h, bool force)
{
	scavenge_tick(&h->scav, h->io.now_ns(h->io.arg),
		      pages_in_use(h->pages));
	if (force) {
		ahead_stop(h);
		scavenge_trim(&h->scav);
	}
	h->force_scavenge |= force;
	punch_more(h);
}

uint64_t commit_wake_at(struct heap *h)
{
	return scavenge_wake_at(&h->scav);
}
