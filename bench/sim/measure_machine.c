/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure_machine.c - what the machine and the kernel take: a cache line from
 * another core, wakes, switches, pages.  Uses CPUs 0 and 1.
 */
#include "bench/sim/measure.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#endif

#define WINDOWS		60
#define TRIPS		2000u
#define FILE_BYTES	(64u << 20)
#define SPAN_BYTES	(32u << 10)	/* what the library populates at a time */

static struct {
	_Atomic unsigned turn __attribute__((aligned(128)));
	_Atomic unsigned asleep __attribute__((aligned(128)));
} at;

static void *other_side(void *arg)
{
	unsigned windows = *(unsigned *)arg;

	pin(1);
	for (unsigned i = 0; i < windows * TRIPS; i++) {
		unsigned want;

		do
			want = 1;
		while (!atomic_compare_exchange_weak(&at.turn, &want, 0));
	}
	return NULL;
}

/* A CAS on each side in turn: half a round trip is one transfer. */
static void ping_pong(struct samples *s, unsigned windows)
{
	pthread_t other;

	pin(0);
	atomic_store(&at.turn, 0);
	if (pthread_create(&other, NULL, other_side, &windows))
		abort();
	for (unsigned w = 0; w < windows; w++) {
		double began = now_ns();

		for (unsigned i = 0; i < TRIPS; i++) {
			unsigned want;

			do
				want = 0;
			while (!atomic_compare_exchange_weak(&at.turn, &want, 1));
		}
		sample(s, began, 2 * TRIPS);
	}
	pthread_join(other, NULL);
}

static void measure_line(struct costs *c)
{
	struct samples s = { .n = 0 };

	ping_pong(&s, WINDOWS);
	c->line = quantile(&s, 0.02);
	c->line_mid = quantile(&s, 0.5);
}

double line_now(void)
{
	struct samples s = { .n = 0 };

	if (cpus() < 2)
		return 0;
	ping_pong(&s, 8);
	unpin();
	return quantile(&s, 0.5);
}

static void measure_atomic(struct costs *c)
{
	struct samples s = { .n = 0 };

	for (unsigned w = 0; w < WINDOWS; w++) {
		double began = now_ns();

		for (unsigned i = 0; i < TRIPS; i++)
			atomic_fetch_add(&at.turn, 1);
		sample(&s, began, TRIPS);
	}
	c->atomic = typical(&s);
}

static long futex(int op, unsigned val)
{
	return syscall(SYS_futex, &at.asleep, op, val, NULL, NULL, 0);
}

static void *sleeper(void *arg)
{
	(void)arg;
	pin(1);
	while (atomic_load(&at.asleep) != UINT_MAX) {
		atomic_store(&at.asleep, 1);
		futex(FUTEX_WAIT, 1);
	}
	return NULL;
}

static void measure_wake(struct costs *c)
{
	struct samples s = { .n = 0 };
	pthread_t other;

	atomic_store(&at.asleep, 0);
	if (pthread_create(&other, NULL, sleeper, NULL))
		abort();
	for (unsigned i = 0; i < 300; i++) {
		double began;

		while (atomic_load(&at.asleep) != 1)
			sched_yield();
		usleep(200);		/* so that it sleeps in the kernel */
		atomic_store(&at.asleep, i == 299 ? UINT_MAX : 0);
		began = now_ns();
		futex(FUTEX_WAKE, INT_MAX);
		sample(&s, began, 1);
	}
	pthread_join(other, NULL);
	c->wake = typical(&s);
}

/* Two processes of one core yield to each other. */
static void measure_switch(struct costs *c)
{
	struct samples s = { .n = 0 };
	pid_t child = fork();

	if (child < 0)
		abort();
	if (!child)
		for (;;)
			sched_yield();
	for (unsigned w = 0; w < WINDOWS; w++) {
		double began = now_ns();

		for (unsigned i = 0; i < 500; i++)
			sched_yield();
		sample(&s, began, 1000);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	c->swtch = typical(&s);
}

static char *map_file(int fd)
{
	char *p = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		       0);

	if (p == MAP_FAILED) {
		perror("sim: mmap");
		exit(1);
	}
	return p;
}

static double populate(char *p)
{
	struct samples s = { .n = 0 };

	for (unsigned off = 0; off < FILE_BYTES; off += SPAN_BYTES) {
		double began = now_ns();

		if (madvise(p + off, SPAN_BYTES, MADV_POPULATE_READ))
			perror("sim: madvise(MADV_POPULATE_READ)");
		sample(&s, began, SPAN_BYTES / 4096.0);
	}
	return typical(&s);
}

static void measure_pages(struct costs *c)
{
	int fd = memfd_create("sim", MFD_CLOEXEC);
	struct samples s = { .n = 0 };
	char *first, *second;

	if (fd < 0 || ftruncate(fd, FILE_BYTES)) {
		perror("sim: memfd");
		exit(1);
	}
	for (unsigned off = 0; off < FILE_BYTES; off += 1u << 20) {
		double began = now_ns();

		if (fallocate(fd, 0, off, 1 << 20))
			perror("sim: fallocate");
		sample(&s, began, (1 << 20) / 4096.0);
	}
	c->commit_page = typical(&s);
	first = map_file(fd);
	c->zero_page = populate(first);
	second = map_file(fd);
	c->map_page = populate(second);
	c->again_page = populate(second);
	munmap(first, FILE_BYTES);
	munmap(second, FILE_BYTES);
	close(fd);
}

void measure_machine(struct costs *c)
{
	if (cpus() < 2) {
		fprintf(stderr, "sim: one CPU only: what a cache line costs "
			"between two can't be measured here\n");
		exit(1);
	}
	measure_line(c);
	measure_atomic(c);
	measure_wake(c);
	measure_switch(c);
	measure_pages(c);
}
