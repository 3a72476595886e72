/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slow_daemon.c - what a request to mheapd costs beside the least that two
 * processes on two processors can do: ping-pongs over a futex, an eventfd and a
 * Unix socket, in turns with the requests.  The request replaces a name, the
 * smallest there is; large_* are an object of 2 MiB, which always asks.
 * ratio_* are medians over the rounds of one run.  one_cpu_* is the same with
 * both sides on one processor: no processor is woken, so it is the work alone.
 * --bytes: so much is allocated before, in objects of 64 bytes, to see what a
 * long span table does.
 */
#include <stdio.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/slow.h"

#define ROUNDS		15u
#define TRIPS		200u
#define LARGE		(2u << 20)
#define NAME		"slow-daemon"

enum what { FUTEX, EVENTFD, SOCKET, REQUEST, ALLOC, FREE, WHATS };
static const char *const names[] = {
	"futex", "eventfd", "socket", "request", "large_alloc", "large_free",
};

struct bench {
	mh_heap *h;
	mh_handle named;
	_Atomic uint32_t *word;		/* shared: ping, and 64 bytes on pong */
	int ping, pong, near, far;	/* descriptors */
	unsigned far_cpu;
	float ns[WHATS][ROUNDS * TRIPS];
};

static void futex(_Atomic uint32_t *word, int op, uint32_t val)
{
	syscall(SYS_futex, word, op, val, NULL, NULL, 0);
}

static void answer_futex(const struct bench *b)
{
	_Atomic uint32_t *ping = b->word, *pong = b->word + 16;

	for (uint32_t seen = 0; ; seen++) {
		while (ld_acq(ping) == seen)
			futex(ping, FUTEX_WAIT, seen);
		st_rel(pong, seen + 1);
		futex(pong, FUTEX_WAKE, 1);
	}
}

static void trip_futex(const struct bench *b)
{
	_Atomic uint32_t *ping = b->word, *pong = b->word + 16;
	uint32_t was = ld_acq(pong);

	st_rel(ping, was + 1);
	futex(ping, FUTEX_WAKE, 1);
	while (ld_acq(pong) == was)
		futex(pong, FUTEX_WAIT, was);
}

static void must(ssize_t n)
{
	if (n != sizeof(uint64_t))
		die("a ping-pong has failed");
}

static void answer_fd(int in, int out)
{
	uint64_t one;

	for (;;) {
		must(read(in, &one, sizeof(one)));
		must(write(out, &one, sizeof(one)));
	}
}

static void trip_fd(int out, int in)
{
	uint64_t one = 1;

	must(write(out, &one, sizeof(one)));
	must(read(in, &one, sizeof(one)));
}

static int answer(struct crew *c, unsigned what, void *arg)
{
	const struct bench *b = arg;

	pin(0, b->far_cpu);
	crew_arrive(c);
	if (what == FUTEX)
		answer_futex(b);
	else if (what == EVENTFD)
		answer_fd(b->ping, b->pong);
	else
		answer_fd(b->far, b->far);
	return 1;
}

static void request(const struct bench *b)
{
	struct call c = { .op = OP_NAME_SET, .text = NAME, .value = b->named };

	if (!enter(b->h) || call_daemon(b->h, &c, false))
		die("%s", mh_errmsg());
	leave();
}

static void trip(const struct bench *b, enum what what)
{
	switch (what) {
	case FUTEX:
		trip_futex(b);
		break;
	case EVENTFD:
		trip_fd(b->ping, b->pong);
		break;
	case SOCKET:
		trip_fd(b->near, b->near);
		break;
	default:
		request(b);
	}
}

static void large(struct bench *b, unsigned i)
{
	uint64_t t0 = now_ns(), t1;
	void *p = mh_alloc(b->h, LARGE);

	t1 = now_ns();
	if (!p)
		die("%s", mh_errmsg());
	b->ns[ALLOC][i] = (float)(t1 - t0);
	t0 = now_ns();
	mh_free(b->h, p);
	b->ns[FREE][i] = (float)(now_ns() - t0);
}

static void turn(struct bench *b, unsigned round)
{
	for (unsigned i = 0; i < TRIPS; i++)
		large(b, round * TRIPS + i);
	for (enum what k = FUTEX; k <= REQUEST; k++)
		for (unsigned i = 0; i < TRIPS; i++) {
			uint64_t t = now_ns();

			trip(b, k);
			b->ns[k][round * TRIPS + i] = (float)(now_ns() - t);
		}
}

static void add(struct report *r, const char *prefix, const char *name,
		float *ns)
{
	char full[24];

	snprintf(full, sizeof(full), "%s%s", prefix, name);
	report_times(r, full, ns, TRIPS);
}

static void add_ratio(struct report *r, const char *prefix, const char *name,
		      float *ns, double futex_p50)
{
	char full[32];

	snprintf(full, sizeof(full), "%sratio_%s", prefix, name);
	report_add(r, quantile(ns, TRIPS, 0.5) / futex_p50, full);
}

static void report(struct bench *b, struct report *r, const char *prefix)
{
	for (unsigned at = 0; at < ROUNDS * TRIPS; at += TRIPS) {
		double futex_p50 = quantile(b->ns[FUTEX] + at, TRIPS, 0.5);

		add_ratio(r, prefix, "request", b->ns[REQUEST] + at, futex_p50);
		add_ratio(r, prefix, "large_alloc", b->ns[ALLOC] + at,
			  futex_p50);
		for (enum what k = 0; k < WHATS; k++)
			add(r, prefix, names[k], b->ns[k] + at);
	}
}

static void prepare(struct bench *b, const struct slow_opts *o)
{
	struct slow_opts small = { .size = 64 };
	int pair[2];
	void *p;

	b->word = shared_room(4096);
	b->ping = eventfd(0, EFD_CLOEXEC);
	b->pong = eventfd(0, EFD_CLOEXEC);
	if (b->ping < 0 || b->pong < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		die("no descriptors for the ping-pongs");
	b->near = pair[0];
	b->far = pair[1];
	b->h = heap_start();
	for (uint64_t i = 0; i < o->bytes / small.size; i++)
		slow_alloc(b->h, &small);
	p = mh_alloc(b->h, 64);
	if (!p || mh_name_set(b->h, NAME, p))
		die("%s", mh_errmsg());
	b->named = mh_handle_of(b->h, p);
}

/* Everything with the other side on far_cpu; this one is on the first. */
static void measure(struct bench *b, struct report *r, unsigned far_cpu,
		    const char *prefix)
{
	struct crew c;

	b->far_cpu = far_cpu;
	heap_pin_daemon(b->h, far_cpu);
	st_rel(&b->word[0], 0);
	st_rel(&b->word[16], 0);
	crew_start(&c, 3, answer, b);
	crew_gather(&c);
	crew_release(&c);
	turn(b, 0);		/* warm */
	for (unsigned i = 0; i < ROUNDS; i++)
		turn(b, i);
	crew_kill(&c);
	report(b, r, prefix);
}

int slow_daemon(struct slow_opts *o)
{
	static struct report r;
	static struct bench b;

	o->workers = 1;
	o->repeats = ROUNDS;
	o->size = LARGE;
	prepare(&b, o);
	pin(0, 0);
	report_add(&r, clock_cost(), "clock_ns");
	measure(&b, &r, 1, "");
	measure(&b, &r, 0, "one_cpu_");
	report_print(&r, o);
	mh_detach(b.h);
	return 0;
}
