/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step.h - runs a forked child one machine instruction at a time.
 *
 * The child is a copy of this process: code and vdso lie at the same addresses,
 * so an instruction is looked at here, in our own memory.  A boundary between
 * two instructions is the only place where a process can be killed; a system
 * call is one boundary.  A rep instruction counts with its first, its second
 * and its last iteration.
 *
 * A child that is about to wait on a futex is served first: the daemon's part
 * is played by whoever steps, so a run is the same each time.  Knows nothing of
 * heaps.  x86-64 only: elsewhere step_works() is false.
 */
#ifndef TESTS_CRASH_STEP_H
#define TESTS_CRASH_STEP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum step_got {
	STEP_AT,	/* at another boundary */
	STEP_MARK,	/* at a step_mark() */
	STEP_ENDED,	/* exited, or was killed by a signal of its own */
};

struct victim {
	pid_t	 pid;
	uint64_t rip;
	uint64_t insns;			/* stepped, iterations of rep included */
	int	 status;		/* of waitpid, when it ended */
	void	 (*serve)(void *arg);	/* it is about to wait on a futex */
	void	 *arg;
};

bool step_works(void);

/* A mark: the child stops here when it runs, and when it is stepped. */
void step_mark(void);

/* Forks a child that runs body(arg) and exits; it stops before body. */
bool step_spawn(struct victim *v, void (*body)(void *arg), void *arg);

/* Runs on, at full speed, to the next mark. */
enum step_got step_run(struct victim *v);

/* To the next boundary that counts. */
enum step_got step_one(struct victim *v);

/* Past the mark that it stands at. */
void step_over_mark(struct victim *v);

void step_end(struct victim *v);	/* kills it */

/* Keeps this process, and what it forks, on one processor; -1: on any. */
void step_pin(int cpu);

/* "function (file:line)" of an address of this program. */
const char *step_where(uint64_t rip, char *buf, unsigned long n);

#endif
