/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iceoryx.c - a stream of messages through iceoryx, for bench/hand: a publisher
 * that waits for its subscriber, and one that looks for messages all the time.
 * RouDi, its daemon, is started for the run and ended after it; one that serves
 * the machine already would be in the way, and then the run fails.
 */
#include <iceoryx_binding_c/publisher.h>
#include <iceoryx_binding_c/runtime.h>
#include <iceoryx_binding_c/subscriber.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/hand.h"

#define PATIENCE_S	20

extern char **environ;
double hand_peer_run(const struct hand_work *w);

struct meeting {		/* shared by the two processes */
	atomic_int ready;
	double ns;		/* the subscriber's, for all messages */
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void meet(struct meeting *m)
{
	atomic_fetch_add(&m->ready, 1);
	while (atomic_load(&m->ready) < 2)
		sched_yield();
}

static int publish(const struct hand_work *w, struct meeting *m)
{
	iox_pub_storage_t storage;
	iox_pub_options_t o;
	iox_pub_t pub;

	iox_runtime_init("mheap-bench-publisher");
	iox_pub_options_init(&o);
	o.subscriberTooSlowPolicy = ConsumerTooSlowPolicy_WAIT_FOR_CONSUMER;
	pub = iox_pub_init(&storage, "mheap", "bench", "stream", &o);
	while (!iox_pub_has_subscribers(pub))
		usleep(1000);
	w->pin(0);
	meet(m);
	for (long n = 0; n < w->n; n++) {
		void *p;

		while (iox_pub_loan_chunk(pub, &p, (uint32_t)w->size) !=
		       AllocationResult_SUCCESS)
			sched_yield();
		w->write(p, n, w->size);
		iox_pub_publish_chunk(pub, p);
	}
	while (atomic_load(&m->ready) < 3)	/* all has been read */
		usleep(1000);
	iox_pub_deinit(pub);
	return 0;
}

static int subscribe(const struct hand_work *w, struct meeting *m)
{
	iox_sub_storage_t storage;
	iox_sub_options_t o;
	iox_sub_t sub;
	double from;

	iox_runtime_init("mheap-bench-subscriber");
	iox_sub_options_init(&o);
	o.queueCapacity = w->room;
	o.queueFullPolicy = QueueFullPolicy_BLOCK_PRODUCER;
	sub = iox_sub_init(&storage, "mheap", "bench", "stream", &o);
	while (iox_sub_get_subscription_state(sub) != SubscribeState_SUBSCRIBED)
		usleep(1000);
	w->pin(1);
	meet(m);
	from = now();
	for (long n = 0; n < w->n; n++) {
		const void *p;

		while (iox_sub_take_chunk(sub, &p) != ChunkReceiveResult_SUCCESS)
			;
		w->read(p, w->size);
		iox_sub_release_chunk(sub, p);
	}
	m->ns = now() - from;
	atomic_fetch_add(&m->ready, 1);
	iox_sub_deinit(sub);
	return 0;
}

static pid_t in_child(int (*body)(const struct hand_work *, struct meeting *),
		      const struct hand_work *w, struct meeting *m)
{
	pid_t pid = fork();

	if (!pid) {
		alarm(PATIENCE_S);
		_exit(body(w, m));
	}
	return pid;
}

static bool went_well(pid_t pid)
{
	int status;

	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

static pid_t start_roudi(void)
{
	char *argv[] = { (char *)(uintptr_t)"iox-roudi", NULL };
	posix_spawn_file_actions_t out;
	pid_t pid = -1;

	posix_spawn_file_actions_init(&out);
	posix_spawn_file_actions_adddup2(&out, 2, 1);
	if (posix_spawnp(&pid, argv[0], &out, NULL, argv, environ))
		pid = -1;
	posix_spawn_file_actions_destroy(&out);
	return pid;
}

double hand_peer_run(const struct hand_work *w)
{
	struct meeting *m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t roudi = start_roudi(), sub, pub;
	double ns = -1;

	if (roudi < 0 || m == MAP_FAILED) {
		fprintf(stderr, "hand: iox-roudi cannot be started\n");
		return -1;
	}
	sub = in_child(subscribe, w, m);
	pub = in_child(publish, w, m);
	if (went_well(sub) & went_well(pub))
		ns = m->ns / (double)w->n;
	kill(roudi, SIGTERM);
	waitpid(roudi, NULL, 0);
	munmap(m, sizeof(*m));
	return ns;
}
