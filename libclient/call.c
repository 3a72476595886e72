/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.c - one request to the daemon, one reply, through a cell of this
 * client's slot in central.  Waits are bounded: turns of 100 ms growing to 2 s,
 * each of which looks whether the daemon was restarted and reconnects.
 * Locks: rights.join while reconnecting.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "libclient/seen.h"
#include "shm/text.h"

#define TURN_MS		100
#define TURN_MAX_MS	2000
#define SOON_NS		(50 * 1000)	/* what a wait and a wake may cost */
#define LOOKS		64
#define AWAY_MS		10	/* between looks for a daemon that is away */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t mono_ms(void)
{
	return now_ns() / 1000000;
}

static void futex_wait(_Atomic uint32_t *word, uint32_t val, unsigned ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	syscall(SYS_futex, word, FUTEX_WAIT, val, &t, NULL, 0);
}

/* A full pipe: it rings already. */
static void pull_bell(mh_heap *h)
{
	char ring = 1;

	if (fd_is_ours(&h->bell) && write(h->bell.fd, &ring, 1) != 1)
		return;
}

/* A hint: the timer of the daemon finds what it missed. */
void ring(mh_heap *h, uint32_t slot)
{
	uint64_t bit = 1ull << slot % 64;

	if (!(or_rel(&h->sg.ctl->bell[slot / 64], bit) & bit))	/* [Q2] */
		pull_bell(h);
}

/* Hints, not requests: one that is up needs no further care. */
void hint_sweep(mh_heap *h)
{
	if (!(ld_rlx(&h->sg.ctl->bell[0]) & 1))			/* [Q2] */
		ring(h, 0);
}

void want_spans(mh_heap *h, uint32_t spc)
{
	uint64_t bit = 1ull << spc % 64;

	if (ld_rlx(&h->sg.ctl->want[spc / 64]) & bit ||		/* [Q2] */
	    or_rel(&h->sg.ctl->want[spc / 64], bit) & bit)	/* [Q2] */
		return;
	pull_bell(h);
}

#define ALL_CELLS	((1u << SH_CELLS) - 1)

/*
 * One that no thread of ours uses, until the time; SH_CELLS: there is none.  Who sleeps
 * here saw all in use, and whoever changes that wakes all.
 */
static uint32_t cell_take(mh_heap *h, uint64_t end)
{
	_Atomic uint32_t *cells = &h->r->cells;
	uint32_t used = ld_acq(cells);				/* [A1] */

	for (;;) {
		uint64_t now;

		if (used != ALL_CELLS) {
			uint32_t i = (uint32_t)__builtin_ctz(~used);

			if (cas_ar(cells, &used, used | 1u << i)) /* [A1] */
				return i;
			continue;
		}
		now = mono_ms();
		if (now >= end)
			return SH_CELLS;
		futex_wait(cells, used, (unsigned)(end - now));
		used = ld_acq(cells);				/* [A1] */
	}
}

static void cell_give(mh_heap *h, uint32_t i)
{
	_Atomic uint32_t *cells = &h->r->cells;

	if (andnot_ar(cells, 1u << i) == ALL_CELLS)		/* [A1] */
		syscall(SYS_futex, cells, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static uint32_t post(mh_heap *h, struct sh_cell *cell, const struct call *c)
{
	uint32_t seq = (ld_acq(&cell->word) >> 2) + 1;		/* [Q1] */
	uint32_t word = seq << 2 | CELL_POSTED;

	cell->op = c->op;					/* [Q1] */
	memcpy(cell->arg, c->arg, sizeof(cell->arg));
	cell->value = c->value;
	copy_text(cell->text, sizeof(cell->text), c->text ? c->text : "");
	st_rel(&cell->word, word);				/* [Q1] */
	ring(h, h->r->me.slot);
	return word;
}

/*
 * The daemon may have been restarted, or be away: reconnect if it is there.  0;
 * 1: it is away; -ESHUTDOWN.  A new daemon does not know an old bell bit.  Where
 * another thread is at it, that one is not waited for: it may take long.
 */
static int look_after_daemon(mh_heap *h)
{
	int r = 0;

	if (ld_acq(&h->sg.hdr->status) == HEAP_DESTROYED)	/* [H1] */
		return -ESHUTDOWN;
	if (pthread_mutex_trylock(&h->r->join))
		return 0;
	r = reconnect(h);
	pthread_mutex_unlock(&h->r->join);
	if (r == -ESHUTDOWN)
		return r;
	return r < 0;
}

static void ring_again(mh_heap *h)
{
	andnot_ar(&h->sg.ctl->bell[h->r->me.slot / 64],		/* [Q2] */
		  1ull << h->r->me.slot % 64);
	ring(h, h->r->me.slot);
}

/*
 * A lively daemon answers sooner than this thread could fall asleep and be woken.
 * Where another thread, the daemon's perhaps, waits for this processor it runs
 * first.
 */
static bool answered_soon(struct sh_cell *cell, uint32_t word)
{
	uint64_t end = now_ns() + SOON_NS;

	do {
		for (int i = 0; i < LOOKS; i++)
			if (ld_acq(&cell->word) != word)	/* [Q1] */
				return true;
		sched_yield();
	} while (now_ns() < end);
	return false;
}

/* 0: done, be it at the last moment; -ETIMEDOUT, -ESHUTDOWN: cancelled. */
static int wait_done(mh_heap *h, struct sh_cell *cell, uint32_t word, int away,
		     uint64_t end)
{
	unsigned turn = TURN_MS;
	uint32_t seen;
	int r;

	if (!away && answered_soon(cell, word))
		return 0;
	while (ld_acq(&cell->word) == word) {			/* [Q1] */
		futex_wait(&cell->word, word, away ? AWAY_MS : turn);
		if (ld_acq(&cell->word) != word)		/* [Q1] */
			break;
		away = look_after_daemon(h);
		ring_again(h);
		r = away < 0 ? away : mono_ms() >= end ? -ETIMEDOUT : 0;
		/* [Q1] gives up, unless the answer came first: it is taken. */
		seen = word;
		if (r && cas_ar(&cell->word, &seen, (word & ~3u) | CELL_IDLE))
			return r;
		if (!away && turn < TURN_MAX_MS)
			turn *= 2;
	}
	return 0;
}

static void seen_oom(mh_heap *h, const struct call *c)
{
	const struct sh_counters *n = &h->sg.hdr->count;

	PROBE_FIRE(oom, c->arg[0], c->arg[1], c->reason,
		   ld_rlx(&n->committed_bytes), ld_rlx(&n->limit_bytes)); /* [H2] */
}

static int call_failed(mh_heap *h, const struct call *c, int err)
{
	static const char *const why[] = {
		"no reason given", "the limit of mheapd --limit is reached",
		("no memory behind the segments: /dev/shm or the memory cgroup "
		 "is full"), "no free address range of that size (mheapd --size)",
		"the span table is full (mheapd --size)",
		"this client's quota of spans is used up (--quota-spans)" };
	unsigned r = c->reason < 6 ? c->reason : 0;

	if (err == -ENOMEM && c->op == OP_ALLOC && PROBE_ON(oom))
		seen_oom(h, c);
	if (err == -ENOMEM)
		refuse(ENOMEM, "heap %s: out of memory: %s", h->name, why[r]);
	else if (err == -ETIMEDOUT)
		refuse(ETIMEDOUT, "heap %s: no answer from mheapd in %d s; is "
		     "it running?", h->name, DAEMON_WAIT_MS / 1000);
	else if (err == -ESHUTDOWN)
		refuse(ESHUTDOWN, "heap %s has been destroyed", h->name);
	else
		refuse(-err, "heap %s: mheapd refused request %u: error %d",
		     h->name, c->op, -err);
	return err;
}

static void count_call(mh_heap *h, uint64_t ms)
{
	struct sh_slot *s = my_slot(h);

	add_rlx(&s->daemon_calls, 1);				/* [C1] */
	add_rlx(&s->waits, 1);					/* [C1] */
	add_rlx(&s->wait_ns, ms * 1000000);			/* [C1] */
}

int call_daemon(mh_heap *h, struct call *c, bool nowait)
{
	struct seen s = seen_begin(PROBE_ON(call_done));
	uint64_t began = mono_ms();
	struct sh_cell *cell;
	uint32_t i, word;
	int away, r;

	if (nowait) {
		refuse(EAGAIN, "heap %s: mheapd would have to be asked", h->name);
		return -EAGAIN;
	}
	i = cell_take(h, began + DAEMON_WAIT_MS);
	if (i == SH_CELLS)
		return call_failed(h, c, -ETIMEDOUT);
	cell = &my_slot(h)->cells[i];
	/* First, so that it is the living daemon's bell that rings. */
	away = look_after_daemon(h);
	word = post(h, cell, c);
	r = wait_done(h, cell, word, away, began + DAEMON_WAIT_MS);
	if (!r) {
		r = cell->err;
		c->result = cell->result;
		c->reason = cell->reason;
		st_rel(&cell->word, (word & ~3u) | CELL_IDLE);	/* [Q1] */
	}
	cell_give(h, i);
	if (s.on)
		PROBE_FIRE(call_done, c->op, seen_ns(&s), i, c->value, c->result,
			   (uint64_t)-r);
	count_call(h, mono_ms() - began);
	return r ? call_failed(h, c, r) : 0;
}
