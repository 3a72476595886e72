/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo_crew.c - starts the workers, waits until every file is done, and sends
 * them home.  A worker that ends before that, other than by crew_kill, is a
 * fault.
 */
#include "tools/demo_crew.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_NS	100000000u
#define LEAVE_NS	30000000000u
#define RESULT_MS	1	/* then it looks after the rest */

void crew_nap(long us)
{
	struct timespec t = { 0, us * 1000 };

	nanosleep(&t, NULL);
}

int crew_seat(struct crew *c, uint32_t seat)
{
	char place[16], turn[16], parent[16];
	char *argv[] = { (char *)(uintptr_t)"mheap", (char *)(uintptr_t)"demo",
			 (char *)(uintptr_t)"--internal-worker",
			 (char *)(uintptr_t)c->o->heap, place, turn, parent,
			 NULL };
	pid_t pid;

	snprintf(place, sizeof(place), "%u", seat);
	snprintf(turn, sizeof(turn), "%u", ++c->turn[seat]);
	snprintf(parent, sizeof(parent), "%d", (int)getpid());
	pid = self_start(argv, -1);
	if (pid < 0)
		return demo_fault(c->res, "cannot start a worker: %s",
				  strerror(-pid));
	c->pid[seat] = pid;
	return 0;
}

static int heap_fault(struct crew *c)
{
	return demo_fault(c->res, "%s", mh_errmsg());
}

static int ended(struct crew *c, uint32_t seat, int status)
{
	c->pid[seat] = 0;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	return demo_fault(c->res, "worker %u %s %d", seat, WIFSIGNALED(status) ?
			  "was killed by signal" : "ended with status",
			  WIFSIGNALED(status) ? WTERMSIG(status) :
			  WEXITSTATUS(status));
}

/* How many still sit; -1: one ended that should not have. */
static int look_after(struct crew *c, bool leaving)
{
	int n = 0;

	for (uint32_t i = 0; i < c->o->workers; i++) {
		int status;
		pid_t pid = c->pid[i] ? waitpid(c->pid[i], &status, WNOHANG) :
			    0;

		if (c->pid[i] && !pid)
			n++;
		if (pid <= 0)
			continue;
		if (ended(c, i, status))
			return -1;
		if (!leaving)
			return demo_fault(c->res, "worker %u left early", i);
	}
	return n;
}

static int work(struct crew *c)
{
	uint64_t shown = 0;

	while (c->killed < c->o->kills || c->jobs.done < c->jobs.list->n) {
		if (demo_stopped)
			return demo_fault(c->res, "stopped by signal %d",
					  (int)demo_stopped);
		if (look_after(c, false) < 0)
			return -1;
		if (crew_due(c) && crew_kill(c) < 0)
			return -1;
		if (!c->o->json && now_ns() - shown > PROGRESS_NS) {
			report_progress(&c->jobs, c->killed, c->o->kills);
			shown = now_ns();
		}
		if (jobs_send(&c->jobs) || jobs_receive(&c->jobs, RESULT_MS))
			return heap_fault(c);
	}
	return 0;
}

static int send_home(struct crew *c)
{
	uint64_t began = now_ns();
	int n;

	if (jobs_end(&c->jobs))
		return heap_fault(c);
	while ((n = look_after(c, true)) > 0) {
		if (demo_stopped)
			return demo_fault(c->res, "stopped by signal %d",
					  (int)demo_stopped);
		if (now_ns() - began > LEAVE_NS)
			return demo_fault(c->res, "%d workers do not leave", n);
		crew_nap(200);
	}
	return n;
}

/* None outlives the parent's interest. */
static void end_all(struct crew *c)
{
	for (uint32_t i = 0; i < c->o->workers; i++)
		if (c->pid[i])
			kill(c->pid[i], SIGKILL);
	for (uint32_t i = 0; i < c->o->workers; i++)
		while (c->pid[i] && waitpid(c->pid[i], NULL, 0) < 0 &&
		       errno == EINTR)
			;
}

static int run(struct crew *c)
{
	int r = 0;

	if (crew_plan(c))
		return demo_fault(c->res, "no memory for %u kills",
				  c->o->kills);
	for (uint32_t i = 0; i < c->o->workers && !r; i++)
		r = crew_seat(c, i);
	if (!r)
		r = work(c);
	c->res->kills = c->killed;
	c->res->pause_ns = c->jobs.pause_ns;
	return r ? r : send_home(c);
}

int crew_run(const struct demo_options *o, struct index *x,
	     const struct file_list *list, struct demo_result *res)
{
	struct crew c = { .o = o, .res = res, .rng = o->seed };
	int r = jobs_begin(&c.jobs, x, list) ? heap_fault(&c) : run(&c);

	end_all(&c);
	if (jobs_end(&c.jobs) && !r)
		r = heap_fault(&c);
	free(c.kill_at);
	if (!o->json)
		report_progress_end();
	return r;
}
