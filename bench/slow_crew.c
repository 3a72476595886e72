/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slow_crew.c - worker processes that keep step with their parent, who watches
 * for one that fails: the rest are killed then, so that nothing waits for ever.
 * Also the clock and the processors.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/slow.h"

void die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "slow: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	exit(1);
}

void *shared_room(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		die("no memory for %zu bytes of results", bytes);
	return p;
}

static void futex(_Atomic uint32_t *word, int op, uint32_t val)
{
	syscall(SYS_futex, word, op, val, NULL, NULL, 0);
}

void crew_start(struct crew *c, unsigned n,
		int (*body)(struct crew *c, unsigned index, void *arg),
		void *arg)
{
	pid_t parent = getpid();

	c->step = shared_room(sizeof(*c->step));
	fflush(NULL);
	for (c->n = 0; c->n < n; c->n++) {
		pid_t pid = fork();

		if (pid < 0) {
			crew_kill(c);
			die("fork %u of %u: %s", c->n, n, strerror(errno));
		}
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(getppid() == parent ? body(c, c->n, arg) : 1);
		}
		c->pid[c->n] = pid;
	}
}

void crew_arrive(struct crew *c)
{
	uint32_t turn = ld_acq(&c->step->turn);

	add_sc(&c->step->arrived, 1);
	while (ld_acq(&c->step->turn) == turn)
		futex(&c->step->turn, FUTEX_WAIT, turn);
}

void crew_gather(struct crew *c)
{
	while (ld_acq(&c->step->arrived) != c->n) {
		for (unsigned i = 0; i < c->n; i++)
			if (waitpid(c->pid[i], NULL, WNOHANG)) {
				c->pid[i] = 0;
				crew_kill(c);
				die("worker %u has failed", i);
			}
		usleep(200);
	}
}

void crew_release(struct crew *c)
{
	st_rel(&c->step->arrived, 0);
	add_sc(&c->step->turn, 1);
	futex(&c->step->turn, FUTEX_WAKE, INT_MAX);
}

static void crew_end(struct crew *c)
{
	munmap(c->step, sizeof(*c->step));
	c->n = 0;
}

void crew_kill(struct crew *c)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->pid[i] > 0)
			kill(c->pid[i], SIGKILL);
	for (unsigned i = 0; i < c->n; i++)
		if (c->pid[i] > 0)
			waitpid(c->pid[i], NULL, 0);
	crew_end(c);
}

void crew_join(struct crew *c)
{
	int failed = -1, status;

	for (unsigned i = 0; i < c->n; i++) {
		if (waitpid(c->pid[i], &status, 0) != c->pid[i] || status)
			failed = (int)i;
		c->pid[i] = 0;
		if (failed >= 0) {
			crew_kill(c);
			die("worker %d has failed", failed);
		}
	}
	crew_end(c);
}

void wait_for_kill(void)
{
	for (;;)
		pause();
}

/* As of the first call, before anything is pinned. */
static const cpu_set_t *allowed(void)
{
	static cpu_set_t all;
	static bool known;

	if (!known && sched_getaffinity(0, sizeof(all), &all))
		die("sched_getaffinity: %s", strerror(errno));
	known = true;
	return &all;
}

unsigned processors(void)
{
	return (unsigned)CPU_COUNT(allowed());
}

void pin(pid_t pid, unsigned cpu)
{
	unsigned left = cpu % processors();
	cpu_set_t one;
	int i = 0;

	while (!CPU_ISSET(i, allowed()) || left--)
		i++;
	CPU_ZERO(&one);
	CPU_SET(i, &one);
	if (sched_setaffinity(pid, sizeof(one), &one))
		die("sched_setaffinity(%d): %s", (int)pid, strerror(errno));
}

float clock_cost(void)
{
	float ns[1001];

	for (unsigned i = 0; i < 1001; i++) {
		uint64_t t = now_ns();

		ns[i] = (float)(now_ns() - t);
	}
	return (float)quantile(ns, 1001, 0.5);
}
