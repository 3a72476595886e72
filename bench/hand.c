/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hand.c - what held objects and channels cost, beside what else there is, in one
 * run: rounds in turn, medians, and the bars between them.
 *
 *	hand [--rounds N] [KIND...]	hold, stream, latency, idle; all of them
 *
 * Exit code 0, also where a bar is missed; 1 a run failed, 2 usage.
 */
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/hand.h"

#define KIB64	65536

static struct hand_measure measures[] = {
	{ .kind = "hold", .name = "cas16", .run = hand_cas16 },
	{ .kind = "hold", .name = "hold and drop", .run = hand_hold, .size = 64 },
	{ .kind = "hold", .name = "name look-up", .run = hand_name, .size = 64 },
	{ .kind = "hold", .name = "alloc and drop", .run = hand_alloc, .size = 64 },
	{ "stream", "channel 64 B", hand_chan, 64, 1, { 0 }, 0 },
	{ "stream", "channel 64 B, by 32", hand_chan, 64, 32, { 0 }, 0 },
	{ "stream", "channel 64 B, 4 to 4", hand_chan_4to4, 64, 1, { 0 }, 0 },
	{ "stream", "socket pair 64 B", hand_sock, 64, 0, { 0 }, 0 },
	{ "stream", "POSIX queue 64 B", hand_mq, 64, 0, { 0 }, 0 },
	{ "stream", "bare ring 64 B", hand_ring, 64, 0, { 0 }, 0 },
	{ "stream", "ring with 4 CAS 64 B", hand_ring, 64, 1, { 0 }, 0 },
	{ "stream", "channel 64 KiB", hand_chan, KIB64, 1, { 0 }, 0 },
	{ "stream", "channel 64 KiB, 4 to 4", hand_chan_4to4, KIB64, 1, { 0 }, 0 },
	{ "stream", "socket pair 64 KiB", hand_sock, KIB64, 0, { 0 }, 0 },
	{ "stream", "shared buffer 64 KiB", hand_ring, KIB64, 0, { 0 }, 0 },
	{ .kind = "latency", .name = "there and back, p50", .run = hand_pingpong_p50 },
	{ .kind = "latency", .name = "there and back, p99", .run = hand_pingpong_p99 },
	{ .kind = "latency", .name = "futex, p50", .run = hand_futex_p50 },
	{ .kind = "idle", .name = "wake-ups a second", .run = hand_idle_wakeups },
	{ .kind = "idle", .name = "% of a core", .run = hand_idle_cpu },
};
#define N_MEASURES (sizeof(measures) / sizeof(*measures))

static const struct hand_bar bars[] = {
	{ "hold and drop, CASes", "hold and drop", "cas16", 4 },
	{ "name look-up, CASes", "name look-up", "cas16", 16 },
	{ "64 B beside a socket pair", "channel 64 B", "socket pair 64 B", 1 / 5.0 },
	{ "... 4 to 4", "channel 64 B, 4 to 4", "socket pair 64 B", 1 / 5.0 },
	{ "64 B beside a POSIX queue", "channel 64 B", "POSIX queue 64 B", 1 / 3.0 },
	{ "64 B beside a ring with 4 CAS", "channel 64 B", "ring with 4 CAS 64 B", 2 },
	{ "batches beside a bare ring", "channel 64 B, by 32", "bare ring 64 B", 4 },
	{ "64 KiB beside a socket pair", "channel 64 KiB", "socket pair 64 KiB", 1 / 2.5 },
	{ "... 4 to 4", "channel 64 KiB, 4 to 4", "socket pair 64 KiB", 1 / 2.5 },
	{ "64 KiB beside a shared buffer", "channel 64 KiB", "shared buffer 64 KiB", 1 / 0.8 },
	{ "there and back beside a futex", "there and back, p50", "futex, p50", 1.3 },
	{ "... p99", "there and back, p99", "futex, p50", 3 },
};

double hand_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void hand_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu % (int)sysconf(_SC_NPROCESSORS_ONLN), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

_Noreturn void hand_die(const char *what)
{
	fprintf(stderr, "hand: %s\n", what);
	exit(1);
}

int hand_fork(unsigned n, int (*body)(void *arg, unsigned i), void *arg)
{
	int status, failed = 0;

	for (unsigned i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			hand_die("fork");
		if (!pid)
			_exit(body(arg, i));
	}
	while (n--)
		if (wait(&status) < 0 || status)
			failed = -1;
	return failed;
}

static int by_size(const void *pa, const void *pb)
{
	double a = *(const double *)pa, b = *(const double *)pb;

	return a < b ? -1 : a > b;
}

static double median(struct hand_measure *m)
{
	qsort(m->ns, m->done, sizeof(m->ns[0]), by_size);
	return m->done ? m->ns[m->done / 2] : -1;
}

static bool wanted(const char *kind, char **kinds)
{
	if (!*kinds)
		return true;
	for (; *kinds; kinds++)
		if (!strcmp(kind, *kinds))
			return true;
	return false;
}

static void round_of(mh_heap *h, char **kinds)
{
	for (size_t i = 0; i < N_MEASURES; i++) {
		struct hand_measure *m = &measures[i];
		double ns;

		if (!wanted(m->kind, kinds))
			continue;
		ns = m->run(h, m->size, m->n);
		if (ns >= 0)
			m->ns[m->done++] = ns;
	}
}

static struct hand_measure *measure(const char *name)
{
	for (size_t i = 0; i < N_MEASURES; i++)
		if (!strcmp(measures[i].name, name))
			return &measures[i];
	hand_die(name);
}

/* Of medians of one run. */
static void print_bar(const struct hand_bar *b)
{
	double ours = median(measure(b->ours)), peer = median(measure(b->peer));

	if (ours < 0 || peer < 0)
		return;
	printf("%-34s %8.3f x  at most %.3f  %s\n", b->what, ours / peer, b->at,
	       ours / peer <= b->at ? "met" : "missed");
}

static void print_all(char **kinds)
{
	for (size_t i = 0; i < N_MEASURES; i++) {
		struct hand_measure *m = &measures[i];
		double mid;

		if (!wanted(m->kind, kinds))
			continue;
		mid = median(m);	/* and they are sorted */
		if (!m->done)
			printf("%-26s not to be had here\n", m->name);
		else
			printf("%-26s %10.1f  (%.1f..%.1f)\n", m->name, mid,
			       m->ns[0], m->ns[m->done - 1]);
	}
	puts("");
	for (size_t i = 0; i < sizeof(bars) / sizeof(*bars); i++)
		print_bar(&bars[i]);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "rounds", required_argument, NULL, 'r' }, { 0 },
	};
	unsigned rounds = 5;
	char name[32];
	mh_heap *h;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		rounds = c == 'r' ? (unsigned)atoi(optarg) : 0;
		if (!rounds || rounds > HAND_ROUNDS_MAX) {
			fprintf(stderr, "usage: hand [--rounds 1..%d] [hold] "
				"[stream] [latency] [idle]\n", HAND_ROUNDS_MAX);
			return 2;
		}
	}
	snprintf(name, sizeof(name), "hand-%d", (int)getpid());
	h = mh_attach(name, MH_START);
	if (!h)
		hand_die(mh_errmsg());
	setvbuf(stdout, NULL, _IONBF, 0);
	for (unsigned i = 0; i < rounds; i++)
		round_of(h, argv + optind);
	print_all(argv + optind);
	return mh_detach(h) ? 1 : 0;
}
