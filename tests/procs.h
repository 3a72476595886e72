/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procs.h - child processes in tests.  An assert that fails in a forked child
 * would run the rest of the suite there; so a child's body returns 0 or the
 * line that failed, and the parent asserts.
 */
#ifndef TESTS_PROCS_H
#define TESTS_PROCS_H

#include <signal.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a child's body: the line that failed is its exit status (as text too). */
#define CHECK(x) do { \
	if (!(x)) { \
		fprintf(stderr, "# %s:%d: %s\n", __FILE__, __LINE__, #x); \
		return 1; \
	} } while (0)

static inline pid_t child_start(int (*body)(void *), void *arg)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		/* cmocka's handlers would go on with the suite in here. */
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		signal(SIGABRT, SIG_DFL);
		_exit(body(arg));
	}
	return pid;
}

/* Exit status, or 256 + signal. */
static inline int child_wait(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? 256 + WTERMSIG(status) :
	       WEXITSTATUS(status);
}

static inline int in_child(int (*body)(void *), void *arg)
{
	return child_wait(child_start(body, arg));
}

#endif
