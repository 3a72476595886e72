/* SPDX-License-Identifier: Apache-2.0 */
/* demo_crew.h - the parent's view of its workers: demo_crew.c, demo_kill.c. */
#ifndef TOOLS_DEMO_CREW_H
#define TOOLS_DEMO_CREW_H

#include "tools/demo.h"
#include "tools/demo_jobs.h"

struct crew {
	const struct demo_options *o;
	struct jobs jobs;
	struct demo_result *res;
	uint64_t rng;
	uint64_t *kill_at;		/* file numbers, sorted */
	uint32_t killed;
	pid_t pid[WORKERS_MAX];		/* 0: nobody sits there */
	uint32_t turn[WORKERS_MAX];
};

int crew_seat(struct crew *c, uint32_t seat);	/* starts a worker */
uint64_t crew_random(struct crew *c, uint64_t below);
void crew_nap(long us);

/* Plans the kills: 0 or -ENOMEM.  crew_due: it is time for the next one. */
int crew_plan(struct crew *c);
bool crew_due(const struct crew *c);
/* Kills a worker that has a job in hand and seats another: 0 or -1, noted;
 * 1: none had one, try again. */
int crew_kill(struct crew *c);

#endif
