/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chanwait.c - how one sleeps at a channel, and is woken.
 *
 * First one tries again for some microseconds: as long as that was worth it lately,
 * as whoever is passed messages in a stream need not sleep.
 * A sleeper counts the futex up and sets its bit 0, looks again, and sleeps; who
 * has put or taken a message counts it up if the bit is set, and wakes one.  Who is
 * woken and can't do it passes the wake on.  Wakes that get lost with whoever dies are
 * made good by turns of two seconds, if not by recovery.
 * [M3].  Takes no lock.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "libclient/chan.h"
#include "libclient/seen.h"

#define SPIN_LEAST_NS	2000	/* between attempts, before one sleeps ... */
#define SPIN_MOST_NS	32000	/* ... as long as that was worth it lately */
#define TURN_MS		2000

static int64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t clock_ms(void)
{
	return clock_ns() / 1000000;
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
		to = (w + 2) | CHAN_MAY_SLEEP;
	while (!cas_sc(word, &w, to));				/* [M3] */
	fence_sc();						/* [M3] then the look */
	return to;
}

/* Who wakes nobody takes the bit down, unless somebody came since. */
COLD void chan_wake_some(_Atomic uint32_t *word, uint32_t n)
{
	uint32_t w = add_sc(word, 2) + 2;			/* [M3] */

	if (syscall(SYS_futex, word, FUTEX_WAKE, n, NULL, NULL, 0) == 0)
		cas_sc(word, &w, w & ~CHAN_MAY_SLEEP);		/* [M3] */
}

/* Threads that share the handle share what was learnt; a hint. */
static uint32_t spin_ns(mh_chan *c, enum chan_waits who)
{
	uint32_t ns = ld_rlx(&c->spin_ns[who]);			/* [A1] */

	return ns ? ns : SPIN_LEAST_NS;
}

/* Who had to sleep all the same spins for half as long the next time. */
static void learn(mh_chan *c, enum chan_waits who, bool slept)
{
	uint32_t ns = spin_ns(c, who);

	ns = slept ? ns / 2 : ns * 2;
	ns = ns < SPIN_LEAST_NS ? SPIN_LEAST_NS :
	     ns > SPIN_MOST_NS ? SPIN_MOST_NS : ns;
	st_rlx(&c->spin_ns[who], ns);				/* [A1] */
}

struct waiting wait_begin(mh_chan *c, enum chan_waits who, int timeout_ms)
{
	int64_t now = clock_ns();

	return (struct waiting){
		.c = c, .who = who,
		.word = who == WAIT_TO_SEND ? &c->ch.c->room : &c->ch.c->items,
		.deadline = timeout_ms < 0 ? -1 : now / 1000000 + timeout_ms,
		.spin_until = now + spin_ns(c, who),
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
	if (!w->drowsy && clock_ns() < w->spin_until) {
		cpu_relax();
		return 0;
	}
	if (w->drowsy) {
		int64_t left = left_until(w->deadline);

		if (ld_acq(&w->c->h->sg.hdr->status) == HEAP_DESTROYED) /* [H1] */
			return -ESHUTDOWN;
		if (!left)
			return -EAGAIN;
		if (!w->slept)
			seen_asleep(w);
		sleep_at(w->word, w->state, left);
	}
	w->drowsy = true;
	w->state = chan_drowsy(w->word);
	return 0;
}

int wait_end(const struct waiting *w, int r)
{
	/* He may have been woken for what he can't do. */
	if (r && r != -EAGAIN)
		chan_wake(w->word, 1);
	learn(w->c, w->who, w->drowsy);
	if (w->slept && w->seen.on)
		seen_awake(w, r);
	return r;
}
