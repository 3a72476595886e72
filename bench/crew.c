/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crew.c - see crew.h.
 */
#include "bench/crew.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/exits.h"

struct member {
	const char	*shared_file;
	struct backend	*b;
	pthread_t	thread;
	unsigned	index;
	pid_t		pid;
};

static void work(struct member *m, pid_t parent)
{
	signal(SIGINT, SIG_DFL);	/* a named file is the parent's */
	signal(SIGTERM, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILED);
	_exit(bench_worker(m->shared_file, m->index, m->b));
}

static void end_all(struct member *crew, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (crew[i].pid > 0)
			kill(crew[i].pid, SIGKILL);
}

static int start_processes(struct member *crew, unsigned n)
{
	pid_t parent = getpid();

	for (unsigned i = 0; i < n; i++) {
		crew[i].pid = fork();
		if (!crew[i].pid)
			work(&crew[i], parent);
		if (crew[i].pid < 0) {
			fprintf(stderr, "bench: worker %u of %u: fork: %s\n", i,
				n, strerror(errno));
			end_all(crew, i);
			return EXIT_FAILED;
		}
	}
	return 0;
}

/* What a member's end means for the run; it isn't there any more. */
static int verdict(struct member *m, int status, bool expected)
{
	m->pid = 0;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (!expected)
		fprintf(stderr, "bench: worker %u died of signal %d (%s)\n",
			m->index, WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	return EXIT_FAILED;
}

static struct member *by_pid(struct member *crew, unsigned n, pid_t pid)
{
	for (unsigned i = 0; i < n; i++)
		if (crew[i].pid == pid)
			return &crew[i];
	return NULL;	/* a child of the back end's */
}

/* Who fails never comes to the barrier, where the others would wait for it. */
static int wait_processes(struct member *crew, unsigned n, int code)
{
	struct member *m;
	int status;
	pid_t pid;

	for (unsigned left = n; left;) {
		pid = wait(&status);
		if (pid < 0 && errno != EINTR)
			break;
		m = by_pid(crew, n, pid);
		if (pid < 0 || !m)
			continue;
		left--;
		status = verdict(m, status, code);
		if (status && !code) {
			code = status;
			end_all(crew, n);
		}
	}
	return code;
}

static void *thread_body(void *arg)
{
	struct member *m = arg;
	int code = bench_worker(m->shared_file, m->index, m->b);

	if (code)
		exit(code);	/* the others would wait for it */
	return NULL;
}

static int run_threads(struct member *crew, unsigned n)
{
	int err;

	for (unsigned i = 0; i < n; i++) {
		err = pthread_create(&crew[i].thread, NULL, thread_body,
				     &crew[i]);
		if (err) {
			fprintf(stderr, "bench: worker %u of %u: no thread: "
				"%s\n", i, n, strerror(err));
			exit(EXIT_FAILED);
		}
	}
	for (unsigned i = 0; i < n; i++)
		pthread_join(crew[i].thread, NULL);
	return 0;
}

int crew_run(const struct bench_params *p, const char *shared_file,
	     struct backend *b)
{
	static struct member crew[BENCH_WORKERS_MAX];

	if (b->launch)
		return b->launch(shared_file, p->workers);
	for (unsigned i = 0; i < p->workers; i++)
		crew[i] = (struct member){ .shared_file = shared_file, .b = b,
					   .index = i };
	if (p->threads)
		return run_threads(crew, p->workers);
	return wait_processes(crew, p->workers,
			      start_processes(crew, p->workers));
}
