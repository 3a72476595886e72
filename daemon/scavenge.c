/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scavenge.c - the scavenger's goal, pace and order; see scavenge.h.
 *
 * No clock, no system call, no memory: time comes in as an argument, so tests
 * run hours in a moment.
 *
 * Pages in flight count as in use in the page table, because they are taken;
 * here they count as gone, since their memory is.  So do pages that are coming:
 * nobody uses them yet.
 */
#include "daemon/scavenge.h"

#include <string.h>

#define TOP		((pgno){ UINT32_MAX })
#define WORK_MIN_NS	1000000ull	/* a pause is for so much work */
#define PAUSE_MAX_NS	10000000000ull	/* even if a clock says it took hours */
#define RECHECK_NS	1000000ull	/* after a stretch of dense chunks */
#define DENSE_STEPS	64		/* chunks skipped in one call */
#define WARMUP_TICKS	2

#define TICK_NS		1000000000ull
#define QUANTUM_BYTES	(64u << 10)
#define HUGE_BYTES	(2u << 20)

void scavenge_init(struct scavenger *s, uint64_t now)
{
	memset(s, 0, sizeof(*s));
	s->cfg = (struct scavenge_config){
		.min = { 1 },
		.quantum = { QUANTUM_BYTES >> PAGE_SHIFT },
		.huge = { HUGE_BYTES >> PAGE_SHIFT },
		.tick_ns = TICK_NS,
	};
	s->next_tick = now + s->cfg.tick_ns;
	s->idle = true;
	s->below = TOP;
	s->trim_below = TOP;
}

static uint32_t minus(uint32_t a, uint32_t b)
{
	return a > b ? a - b : 0;
}

static void note(struct scavenger *s, npages in_use)
{
	uint32_t *peak = &s->peak[s->tick % SCAVENGE_WINDOW];
	uint32_t n = minus(in_use.n, s->in_flight + s->coming);

	if (n > *peak)
		*peak = n;
}

void scavenge_tick(struct scavenger *s, uint64_t now, npages in_use)
{
	note(s, in_use);
	if (now < s->next_tick)
		return;
	s->tick++;
	s->peak[s->tick % SCAVENGE_WINDOW] = 0;
	note(s, in_use);
	s->next_tick = now + s->cfg.tick_ns;
	s->idle = s->tick < WARMUP_TICKS;
	s->aged = true;
	s->below = TOP;
	s->trim_below = TOP;
}

npages scavenge_goal(const struct scavenger *s)
{
	uint32_t peak = 0, spare;

	for (unsigned int i = 0; i < SCAVENGE_WINDOW; i++) {
		if (s->peak[i] > peak)
			peak = s->peak[i];
	}
	spare = peak / 10 > s->cfg.keep.n ? peak / 10 : s->cfg.keep.n;
	return (npages){ peak + spare };
}

/* The next run below *below that isn't in a dense chunk.  -1: ask again. */
static int next_sparse(const struct scavenger *s, const struct pages *p,
		       pgno *below, npages max, pgno *ret_start, npages *ret_n)
{
	for (unsigned int k = 0; k < DENSE_STEPS; k++) {
		pgno start;
		npages n;

		if (!pages_scavenge_candidate(p, *below, s->cfg.min, max,
					      s->cfg.huge, &start, &n))
			return 0;
		if (!pages_dense(p, start)) {
			*below = start;
			*ret_start = start;
			*ret_n = n;
			return 1;
		}
		below->n = pages_chunk(start).n;
	}
	return -1;
}

static bool next_background(struct scavenger *s, struct pages *p,
			    uint64_t now, pgno *ret_start, npages *ret_n)
{
	uint32_t excess;
	int found;

	if (s->idle || s->busy || now < s->next_at)
		return false;
	if (s->aged)
		pages_new_generation(p);
	s->aged = false;
	note(s, pages_in_use(p));
	excess = minus(minus(pages_committed(p).n, s->in_flight),
		       scavenge_goal(s).n);
	if (excess > s->cfg.quantum.n)
		excess = s->cfg.quantum.n;
	found = excess ? next_sparse(s, p, &s->below, (npages){ excess },
				     ret_start, ret_n) : 0;
	if (found < 0)
		s->next_at = now + RECHECK_NS;
	s->idle = found == 0;
	s->busy = found > 0 ? ret_n->n : 0;
	return found > 0;
}

static bool next_forced(struct scavenger *s, const struct pages *p,
			pgno *ret_start, npages *ret_n)
{
	if (!pages_scavenge_candidate(p, s->trim_below, s->cfg.min,
				      (npages){ UINT32_MAX }, (npages){ 0 },
				      ret_start, ret_n))
		return false;
	s->trim_below = *ret_start;
	return true;
}

bool scavenge_next(struct scavenger *s, struct pages *p, uint64_t now,
		   bool force, pgno *ret_start, npages *ret_n)
{
	if (force ? !next_forced(s, p, ret_start, ret_n) :
		    !next_background(s, p, now, ret_start, ret_n))
		return false;
	s->in_flight += ret_n->n;
	return true;
}

/* Work of w costs a pause of 99 w; small releases save up for one pause. */
static void pace(struct scavenger *s, uint64_t now, uint64_t cost_ns)
{
	const uint64_t ratio = 100 / SCAVENGE_PERCENT - 1;

	if (cost_ns > PAUSE_MAX_NS / ratio)
		cost_ns = PAUSE_MAX_NS / ratio;
	s->work_ns += cost_ns;
	if (s->work_ns < WORK_MIN_NS)
		return;
	s->next_at = now + s->work_ns * ratio;
	s->work_ns = 0;
}

/*
 * Forced work is not paced.  If a forced release of the same size ends before
 * the background's, it is taken for that one: the costs are alike.
 */
void scavenge_done(struct scavenger *s, uint64_t now, uint64_t cost_ns,
		   npages n)
{
	s->in_flight = minus(s->in_flight, n.n);
	if (s->busy != n.n)
		return;
	s->busy = 0;
	pace(s, now, cost_ns);
}

void scavenge_trim(struct scavenger *s)
{
	s->trim_below = TOP;
}

uint64_t scavenge_wake_at(const struct scavenger *s)
{
	if (s->idle || s->busy || s->next_at > s->next_tick)
		return s->next_tick;
	return s->next_at;
}
