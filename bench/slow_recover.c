/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slow_recover.c - a client that owns objects is killed: how long until its
 * slot is free again, which comes last.  A line for each cell of object size
 * and bytes; --size and --bytes choose one.
 *
 *	exit_us		SIGKILL sent, to the pidfd readable: the kernel's part
 *	reclaim_us	from there to the slot's being free; what the bar is for
 *	kill_us		both
 *	core_us		the recovery rule alone, as the daemon counts it
 *	bar_us		20 + 1 per span owned; over_bar is reclaim_us / bar_us
 *	late_us		by how much the watcher may have seen either too late;
 *			if that is much it is done again, some times
 *
 * The client and the daemon run on the second processor (or the third and
 * second), the parent spins on the first and looks.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/slow.h"

#define WAIT_NS		20000000000u
#define LATE_NS		10000u	/* a watcher's look that is worth nothing */
#define TRIES		4u

static const size_t sizes[] = { 64, 32768 };
static const uint64_t totals[] = {
	1u << 10, 64u << 10, 1u << 20, 16u << 20, 256u << 20, 1u << 30,
};

struct bench {
	const struct slow_opts *o;
	mh_heap *h;
	_Atomic uint32_t *slot;		/* shared: the client's */
};

static int fill(struct crew *c, unsigned index, void *arg)
{
	const struct bench *b = arg;
	uint64_t n = b->o->bytes / b->o->size;

	(void)index;
	pin(0, processors() > 2 ? 2 : 1);
	for (uint64_t i = 0; i < (n ? n : 1); i++)
		*(volatile char *)slow_alloc(b->h, b->o) = 1;
	st_rel(b->slot, b->h->r->me.slot);
	crew_arrive(c);
	wait_for_kill();
}

static uint32_t spans_of(const struct bench *b, struct party p)
{
	uint32_t top = seg_span_top(&b->h->sg), n = 0;

	for (span_id id = { 1 }; id.n < top; id.n++)
		n += span_is(&b->h->sg, id, SPAN_OWNED, p);
	return n;
}

static uint64_t client_word(const struct bench *b)
{
	return ld_acq(&b->h->sg.clients[ld_acq(b->slot)].word);
}

/* What the watcher saw, and when. */
struct death {
	uint64_t sent, dead, slot_free, core;
	uint64_t late;		/* longest time that either was seen too late */
	uint32_t spans;
};

/* Until the pidfd is readable and the slot has its next generation. */
static void watch(const struct bench *b, int pidfd, uint64_t gen,
		  struct death *d)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	uint64_t last = d->sent, now;

	while (!d->dead || !d->slot_free) {
		bool gone = client_word(b) >> 8 != gen;
		bool dead = !d->dead && poll(&p, 1, 0) == 1;

		now = now_ns();
		if (dead)
			d->dead = now;
		if (gone && !d->slot_free)
			d->slot_free = now;
		if ((dead || gone) && now - last > d->late)
			d->late = now - last;
		last = now;
		if (now - d->sent > WAIT_NS)
			die("the killed client is not reclaimed");
	}
}

/* Nobody may take the processor of the one who looks, if that is allowed. */
static void be_alert(bool alert)
{
	struct sched_param how = { .sched_priority = alert ? 1 : 0 };

	sched_setscheduler(0, (alert ? SCHED_FIFO : SCHED_OTHER) |
			   SCHED_RESET_ON_FORK, &how);
}

static void kill_and_watch(const struct bench *b, pid_t pid, struct death *d)
{
	const struct sh_counters *count = &b->h->sg.hdr->count;
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	uint64_t gen = client_word(b) >> 8;

	if (pidfd < 0)
		die("pidfd_open: %s", strerror(errno));
	d->spans = spans_of(b, (struct party){ ld_acq(b->slot),
					       (uint32_t)gen & GEN_MASK });
	d->core = ld_rlx(&count->reclaim_ns);
	be_alert(true);
	d->sent = now_ns();
	kill(pid, SIGKILL);
	watch(b, pidfd, gen, d);
	be_alert(false);
	d->core = ld_rlx(&count->reclaim_ns) - d->core;
	close(pidfd);
}

static void report(struct report *r, const struct death *d)
{
	double reclaim = d->slot_free > d->dead ?
			 (double)(d->slot_free - d->dead) / 1e3 : 0;
	double bar = 20 + d->spans;

	report_add(r, (double)(d->dead - d->sent) / 1e3, "exit_us");
	report_add(r, reclaim, "reclaim_us");
	report_add(r, (double)(d->slot_free - d->sent) / 1e3, "kill_us");
	report_add(r, (double)d->core / 1e3, "core_us");
	report_add(r, (double)d->late / 1e3, "late_us");
	report_add(r, bar, "bar_us");
	report_add(r, reclaim / bar, "over_bar");
	report_add(r, d->spans, "spans");
	r->ops++;
}

/* Again if the watcher itself was kept away at the moment that counts. */
static void once(struct bench *b, struct report *r)
{
	struct death d = { .late = UINT64_MAX };
	struct crew c;

	for (unsigned i = 0; i < TRIES && d.late > LATE_NS; i++) {
		d = (struct death){ .late = 0 };
		crew_start(&c, 1, fill, b);
		crew_gather(&c);
		kill_and_watch(b, c.pid[0], &d);
		crew_kill(&c);
	}
	report(r, &d);
}

static void cell(struct bench *b, struct slow_opts *o)
{
	struct report r = { .ops = 0 };

	for (unsigned i = 0; i < o->repeats; i++)
		once(b, &r);
	report_add(&r, (double)o->bytes, "bytes");
	report_print(&r, o);
}

int slow_recover(struct slow_opts *o)
{
	struct slow_opts one = *o;
	struct bench b = { .o = &one };

	one.workers = 1;
	one.repeats = o->repeats ? o->repeats : 5;
	b.slot = shared_room(4096);
	b.h = heap_start();
	pin(0, 0);
	heap_pin_daemon(b.h, 1);
	for (unsigned s = 0; s < sizeof(sizes) / sizeof(*sizes); s++)
		for (unsigned t = 0; t < sizeof(totals) / sizeof(*totals); t++) {
			if ((o->size && s) || (o->bytes && t))
				continue;
			one.size = o->size ? o->size : sizes[s];
			one.bytes = o->bytes ? o->bytes : totals[t];
			cell(&b, &one);
		}
	mh_detach(b.h);
	return 0;
}
