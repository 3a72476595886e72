/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chanwait.c - how one sleeps at a channel, and is woken.
 *
 * A sleeper counts the futex up and sets its bit 0, looks again, and sleeps; who
 * has put or taken a message counts it up if the bit is set, and wakes one.  Wakes
 * that get lost with whoever was woken are made good by turns of two seconds.
 * [M3].  Takes no lock.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "libclient/chan.h"
#include "libclient/seen.h"

#define LOOKS		64	/* at a channel before one sleeps there */
#define TURN_MS		2000
#define MAY_SLEEP	1u

static int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* In milliseconds: how long yet, a turn at most; of -1: for ever. */
static int64_t left_until(int64_t deadline)
{
	int64_t left;

	if (deadline < 0)
		return TURN_MS;
	left = deadline - clock_ms();
	return left < 0 ? 0 : left < TURN_MS ? left : TURN_MS;
}

/* Sleeps unless somebody was woken since. */
static void sleep_at(_Atomic uint32_t *word, uint32_t seen, int64_t ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	syscall(SYS_futex, word, FUTEX_WAIT, seen, &t, NULL, 0);
}

/* [M3] Counts, or a waker that finds nobody yet would take the bit down under us. */
uint32_t chan_drowsy(_Atomic uint32_t *word)
{
	uint32_t w = ld_sc(word), to;				/* [M3] */

	do
		to = (w + 2) | MAY_SLEEP;
	while (!cas_sc(word, &w, to));				/* [M3] */
	return to;
}

/* Who wakes nobody takes the bit down, unless somebody came since. */
static COLD void wake_some(_Atomic uint32_t *word, uint32_t n)
{
	uint32_t w = add_sc(word, 2) + 2;			/* [M3] */

	if (syscall(SYS_futex, word, FUTEX_WAKE, n, NULL, NULL, 0) == 0)
		cas_sc(word, &w, w & ~MAY_SLEEP);		/* [M3] */
}

void chan_wake(_Atomic uint32_t *word, uint32_t n)
{
	if (unlikely(ld_sc(word) & MAY_SLEEP))			/* [M3] */
		wake_some(word, n);
}

struct waiting wait_begin(mh_chan *c, enum chan_waits who, int timeout_ms)
{
	return (struct waiting){
		.c = c, .who = who,
		.word = who == WAIT_TO_SEND ? &c->ch.c->room : &c->ch.c->items,
		.deadline = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms,
	};
}

static void seen_asleep(struct waiting *w)
{
	struct chan_sum sum;

	w->slept = true;
	w->seen = seen_begin(PROBE_ON(chan_wait_done));
	if (!PROBE_ON(chan_wait_start))
		return;
	sum = chan_sum(&w->c->ch);
	PROBE_FIRE(chan_wait_start, w->c->ch.index, w->who, sum.full,
		   sum.oldest_ms * 1000000ull, w->c->h->r->me.slot);
}

static COLD void seen_awake(const struct waiting *w, int r)
{
	struct chan_sum sum = chan_sum(&w->c->ch);

	PROBE_FIRE(chan_wait_done, w->c->ch.index, w->who, seen_ns(&w->seen),
		   sum.full, sum.oldest_ms * 1000000ull, (uint64_t)-r);
}

int wait_more(struct waiting *w)
{
	if (w->looks++ < LOOKS) {
		cpu_relax();
		return 0;
	}
	if (w->looks > LOOKS + 1) {		/* drowsy since the last time */
		int64_t left = left_until(w->deadline);

		if (ld_acq(&w->c->h->sg.hdr->status) == HEAP_DESTROYED) /* [H1] */
			return -ESHUTDOWN;
		if (!left)
			return -EAGAIN;
		if (!w->slept)
			seen_asleep(w);
		sleep_at(w->word, w->state, left);
	}
	w->looks = LOOKS + 1;
	w->state = chan_drowsy(w->word);
	return 0;
}

int wait_end(const struct waiting *w, int r)
{
	if (w->slept && w->seen.on)
		seen_awake(w, r);
	return r;
}
