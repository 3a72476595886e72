/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selftest.c - a program to record, for selftest.sh: threads that allocate,
 * resize, and free each other's objects, as fast as they can.
 *
 *	selftest END	END: how it ends - exit, kill, exec or fork
 *
 * Each of THREADS does exactly STEPS reallocs, and nobody else does any.
 */
#include <error.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS	4u
#define STEPS	20000u
#define SHELF	64u

static void *_Atomic shelf[SHELF];

static void *work(void *arg)
{
	uint32_t x = (uint32_t)(uintptr_t)arg * 2654435761u + 1;
	void *p, *bigger;

	for (unsigned i = 0; i < STEPS; i++) {
		x = x * 1664525 + 1013904223;
		p = x >> 31 ? malloc(x >> 20 & 255) : calloc(1, x >> 20 & 255);
		bigger = realloc(p, 1 + (x >> 8 & 1023));
		if (!bigger)
			error(1, errno, "no memory");
		free(atomic_exchange(&shelf[x >> 24 & (SHELF - 1)], bigger));
	}
	return NULL;
}

static void run_threads(void)
{
	pthread_t thread[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, work, (void *)i))
			error(1, 0, "no thread");
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}

/* The child's reallocs go into its own file, or nowhere. */
static void run_in_child(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		run_threads();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status)
		error(1, errno, "the child failed");
}

int main(int argc, char **argv)
{
	const char *end = argc == 2 ? argv[1] : "";

	run_threads();
	if (!strcmp(end, "exit"))
		return 0;
	if (!strcmp(end, "kill"))
		raise(SIGKILL);
	if (!strcmp(end, "exec"))
		execl("/proc/self/exe", argv[0], "exit", NULL);
	if (!strcmp(end, "fork")) {
		run_in_child();
		run_threads();
		return 0;
	}
	error(2, 0, "usage: selftest exit|kill|exec|fork");
	return 2;
}
