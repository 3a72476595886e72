/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo_jobs.h - the parent's view of the work: which files are to be done, who has
 * which, and what came back.
 */
#ifndef TOOLS_DEMO_JOBS_H
#define TOOLS_DEMO_JOBS_H

#include "tools/demo_index.h"

enum file_state {
	FILE_NEW,	/* no job was made yet */
	FILE_DUE,	/* its job is to be sent */
	FILE_SENT,
	FILE_DONE,
};

struct file_work {
	struct job *job;		/* held; NULL: FILE_NEW or FILE_DONE */
	enum file_state state;
};

struct jobs {
	struct index *x;
	const struct file_list *list;
	struct file_work *file;
	mh_chan *todo, *results;
	uint32_t low, next;	/* below: done; from here on: new */
	uint32_t due, done;
	uint32_t fence;		/* files from here on are on the leash */
	uint64_t words, pause_ns;
};

/* Each: 0, or -1 and mh_errmsg() says why. */
int jobs_begin(struct jobs *j, struct index *x, const struct file_list *list);
int jobs_send(struct jobs *j);		/* as many as there is room for */
int jobs_receive(struct jobs *j, int timeout_ms);	/* links what has come */
/* Removes the channels, which sends the workers home; lets go of every job. */
int jobs_end(struct jobs *j);

void jobs_fence(struct jobs *j, uint32_t fence);

/* Has a worker got file n, or a later one? */
bool jobs_reached(const struct jobs *j, uint32_t n);
/* Who has a job in hand, of those whose turn it is: seats; how many. */
uint32_t jobs_busy(const struct jobs *j, const uint32_t *turn, uint32_t nseats,
		   uint32_t *ret_seat);
/* Only after its death is proven. */
void jobs_of_dead(struct jobs *j, uint32_t seat, uint32_t turn);

#endif
