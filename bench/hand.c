/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hand.c - what held objects and channels cost, beside what else there is: a line of
 * JSON.  script/bench repeats it.  Streams are measured in ROUNDS short turns, each
 * next to what it is compared with, and their medians told: two virtual CPUs may share
 * a cache in one second and not in the next, and then a line costs ten times as much.
 *
 *	hand WORKLOAD [mheap]
 *
 * Exit code 0, 1 (it failed), 2 (usage).
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/hand.h"

#define KIB64	65536
#define ROUNDS	5u

static const struct hand_measure measures[] = {
	{ .kind = "held", .metric = "cas16_ns", .run = hand_cas16 },
	{ "held", "hold_drop_ns", hand_hold, 64, 0 },
	{ "held", "name_drop_ns", hand_name, 64, 0 },
	{ "held", "alloc_drop_ns", hand_alloc, 64, 0 },
	{ "channel", "b64_channel_ns", hand_chan, 64, 1 },
	{ "channel", "b64_ring_with_4_cas_ns", hand_ring, 64, 1 },
	{ "channel", "b64_channel_by_32_ns", hand_chan, 64, 32 },
	{ "channel", "b64_bare_ring_ns", hand_ring, 64, 0 },
	{ "channel", "b64_channel_4_to_4_ns", hand_chan_4to4, 64, 1 },
	{ "channel", "b64_socket_pair_ns", hand_sock, 64, 0 },
	{ "channel", "b64_posix_queue_ns", hand_mq, 64, 0 },
	{ "channel", "b64_iceoryx_ns", hand_iceoryx, 64, 0 },
	{ "channel", "k64_channel_ns", hand_chan, KIB64, 1 },
	{ "channel", "k64_shared_buffer_ns", hand_ring, KIB64, 0 },
	{ "channel", "k64_channel_4_to_4_ns", hand_chan_4to4, KIB64, 1 },
	{ "channel", "k64_socket_pair_ns", hand_sock, KIB64, 0 },
	{ "channel", "k64_iceoryx_ns", hand_iceoryx, KIB64, 0 },
	{ .kind = "trip", .metric = "trip_p50_ns", .run = hand_pingpong_p50 },
	{ .kind = "trip", .metric = "trip_p99_ns", .run = hand_pingpong_p99 },
	{ .kind = "trip", .metric = "futex_p50_ns", .run = hand_futex_p50 },
	{ .kind = "trip", .metric = "futex_p99_ns", .run = hand_futex_p99 },
	{ .kind = "asleep", .metric = "wakeups_per_s", .run = hand_idle_wakeups },
	{ .kind = "asleep", .metric = "percent_of_a_core", .run = hand_idle_cpu },
};
#define N_MEASURES (sizeof(measures) / sizeof(*measures))

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

static bool known(const char *kind)
{
	for (size_t i = 0; i < N_MEASURES; i++)
		if (!strcmp(measures[i].kind, kind))
			return true;
	return false;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* One row of figures a round, and then their medians. */
static void measure(const char *kind, mh_heap *h, double medians[N_MEASURES])
{
	unsigned rounds = strcmp(kind, "channel") ? 1 : ROUNDS;
	double figures[N_MEASURES][ROUNDS];

	for (unsigned r = 0; r < rounds; r++)
		for (size_t i = 0; i < N_MEASURES; i++)
			figures[i][r] = strcmp(measures[i].kind, kind) ? -1 :
				measures[i].run(h, measures[i].size,
						measures[i].n);
	for (size_t i = 0; i < N_MEASURES; i++) {
		qsort(figures[i], rounds, sizeof(double), by_size);
		medians[i] = figures[i][rounds / 2];
	}
}

static void print(const char *kind, const double medians[N_MEASURES])
{
	const char *between = "";

	printf("{\"workload\":\"%s\",\"backend\":\"mheap\",\"version\":\"%s\","
	       "\"metrics\":{", kind, PACKAGE_VERSION);
	for (size_t i = 0; i < N_MEASURES; i++) {
		if (medians[i] < 0)
			continue;
		printf("%s\"%s\":%.6g", between, measures[i].metric, medians[i]);
		between = ",";
	}
	puts("}}");
}

int main(int argc, char **argv)
{
	double medians[N_MEASURES];
	char name[32];
	mh_heap *h;

	if (argc < 2 || argc > 3 || !known(argv[1]) ||
	    (argc == 3 && strcmp(argv[2], "mheap"))) {
		fputs("usage: hand held|channel|trip|asleep [mheap]\n", stderr);
		return 2;
	}
	snprintf(name, sizeof(name), "hand-%d", (int)getpid());
	h = mh_attach(name, MH_START);
	if (!h)
		hand_die(mh_errmsg());
	measure(argv[1], h, medians);
	print(argv[1], medians);
	return mh_detach(h) ? 1 : 0;
}
