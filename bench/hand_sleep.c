/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hand_sleep.c - who waits: a message there and back, and receivers that nobody
 * sends anything.
 */
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/hand.h"

#define TRIPS	20000
#define WAITERS	64
#define IDLE_S	4

struct trips {
	mh_chan *there, *back;
	mh_heap *h;
	_Atomic uint32_t *word;		/* futexes: [0] there, [1] back */
	float	*ns;			/* shared */
};

static int by_ns(const void *pa, const void *pb)
{
	float a = *(const float *)pa, b = *(const float *)pb;

	return a < b ? -1 : a > b;
}

static int chan_body(void *arg, unsigned i)
{
	struct trips *t = arg;
	void *p = i ? NULL : mh_alloc_flags(t->h, 64, MH_HELD);

	hand_pin((int)i);
	for (int n = 0; n < TRIPS; n++) {
		double from = hand_now();

		if (i) {
			p = mh_chan_recv(t->there, -1);
			if (!p || mh_chan_send(t->back, p, -1))
				return 1;
			continue;
		}
		if (mh_chan_send(t->there, p, -1) ||
		    !(p = mh_chan_recv(t->back, -1)))
			return 1;
		t->ns[n] = (float)(hand_now() - from);
	}
	return 0;
}

static void wait_for(_Atomic uint32_t *word, uint32_t n)
{
	uint32_t v;

	while ((v = atomic_load(word)) != n)
		syscall(SYS_futex, word, FUTEX_WAIT, v, NULL, NULL, 0);
}

static void post(_Atomic uint32_t *word, uint32_t n)
{
	atomic_store(word, n);
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static int futex_body(void *arg, unsigned i)
{
	struct trips *t = arg;

	hand_pin((int)i);
	for (uint32_t n = 1; n <= TRIPS; n++) {
		double from = hand_now();

		if (i) {
			wait_for(&t->word[0], n);
			post(&t->word[16], n);
			continue;
		}
		post(&t->word[0], n);
		wait_for(&t->word[16], n);
		t->ns[n - 1] = (float)(hand_now() - from);
	}
	return 0;
}

static void *shared(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		hand_die("mmap");
	return p;
}

static double pingpong(mh_heap *h, bool chan, double quantile)
{
	struct trips t = { .h = h, .ns = shared(TRIPS * sizeof(float)),
			   .word = shared(4096) };
	double ns = -1;

	if (chan) {
		t.there = mh_chan_open(h, "there", 4, 0);
		t.back = mh_chan_open(h, "back", 4, 0);
		if (!t.there || !t.back)
			hand_die(mh_errmsg());
	}
	if (!hand_fork(2, chan ? chan_body : futex_body, &t)) {
		qsort(t.ns, TRIPS, sizeof(*t.ns), by_ns);
		ns = t.ns[(size_t)(TRIPS * quantile)];
	}
	if (chan) {
		mh_chan_close(t.there);
		mh_chan_close(t.back);
		mh_chan_remove(h, "there");
		mh_chan_remove(h, "back");
	}
	munmap(t.ns, TRIPS * sizeof(float));
	munmap((void *)t.word, 4096);
	return ns;
}

double hand_pingpong_p50(mh_heap *h, size_t size, unsigned n)
{
	(void)size;
	(void)n;
	return pingpong(h, true, 0.5);
}

double hand_pingpong_p99(mh_heap *h, size_t size, unsigned n)
{
	(void)size;
	(void)n;
	return pingpong(h, true, 0.99);
}

double hand_futex_p50(mh_heap *h, size_t size, unsigned n)
{
	(void)size;
	(void)n;
	return pingpong(h, false, 0.5);
}

double hand_futex_p99(mh_heap *h, size_t size, unsigned n)
{
	(void)size;
	(void)n;
	return pingpong(h, false, 0.99);
}

static long switches(pid_t pid)
{
	char path[64], line[128];
	long n, sum = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "voluntary_ctxt_switches: %ld", &n) == 1)
			sum += n;
	if (f)
		fclose(f);
	return sum;
}

/* That it was on a CPU, ns; 0: this kernel doesn't tell. */
static long long on_cpu(pid_t pid)
{
	char path[64];
	long long ns = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	f = fopen(path, "r");
	if (f && fscanf(f, "%lld", &ns) != 1)
		ns = 0;
	if (f)
		fclose(f);
	return ns;
}

/* What all of them have been through so far. */
struct past {
	long switches;
	long long ns;
};

static struct past past_of(const pid_t *pid)
{
	struct past p = { 0 };

	for (int i = 0; i < WAITERS; i++) {
		p.switches += switches(pid[i]);
		p.ns += on_cpu(pid[i]);
	}
	return p;
}

static void rest(long s)
{
	struct timespec t = { s, 0 };

	nanosleep(&t, NULL);
}

static double idle_cpu = -1;

/* Receivers of one channel, asleep: once all have come to that. */
double hand_idle_wakeups(mh_heap *h, size_t size, unsigned n)
{
	mh_chan *c = mh_chan_open(h, "idle", 4, 0);
	struct past before, after;
	pid_t pid[WAITERS];

	(void)size;
	(void)n;
	if (!c)
		hand_die(mh_errmsg());
	for (int i = 0; i < WAITERS; i++) {
		pid[i] = fork();
		if (!pid[i])
			_exit(mh_chan_recv(c, -1) != NULL);
	}
	rest(1);
	before = past_of(pid);
	rest(IDLE_S);
	after = past_of(pid);
	for (int i = 0; i < WAITERS; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	mh_chan_close(c);
	mh_chan_remove(h, "idle");
	if (after.ns)
		idle_cpu = (double)(after.ns - before.ns) / (IDLE_S * 1e7);
	return (double)(after.switches - before.switches) / IDLE_S;
}

double hand_idle_cpu(mh_heap *h, size_t size, unsigned n)
{
	(void)h;
	(void)size;
	(void)n;
	return idle_cpu;
}
