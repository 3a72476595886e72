/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view.h - how a tool sees a heap: read-only, without a slot, and without the
 * arena.  From the daemon if one answers, else by the names in /dev/shm, else from
 * the keeper of a memfd heap.
 *
 * Owns two mappings.  What is behind them changes while it is being looked at.
 */
#ifndef TOOLS_VIEW_H
#define TOOLS_VIEW_H

#include <sys/types.h>

#include "shm/paths.h"
#include "shm/segment.h"

#define VIEW_MS	5000			/* a daemon has so long to answer */

/* Where a heap may be found. */
struct place {
	char	name[HEAP_NAME_MAX + 1];
	char	socket[HEAP_PATH_MAX];	/* "": none known */
	uid_t	uid;			/* of the names in /dev/shm */
};

struct view {
	struct seg sg;
	void	  *heap, *central;
	uint64_t   heap_bytes, central_bytes;
	bool	   served;		/* a daemon answered */
	bool	   silent;		/* one is there and did not answer */
	char	   why[384];		/* the sentence when it failed */
};

/* 0, or an exit status with v->why. */
int view_place(struct view *v, const struct place *p, int wait_ms);
void view_close(struct view *v);

/* Where the heap of this user, or the system's, is.  Says why not itself. */
int place_of(struct place *ret_p, const char *name);

/* Finds it and looks at it.  0, or an exit status; says why not itself. */
int view_open(struct view *v, struct place *ret_p, const char *name);

/* "serving", "stopped", "dead", "silent", "destroyed" or "unfinished". */
const char *view_state(const struct view *v, const struct place *p);

/* Client slots that are in use. */
uint32_t view_clients(const struct view *v);

/* The PID of the daemon; 0: none that serves. */
uint32_t view_daemon_pid(const struct view *v, const struct place *p);

const char *backing_name(uint32_t backing);

/* The client that has slot and generation; NULL: nobody any more. */
const struct sh_client *client_of(const struct seg *sg, uint32_t slot,
				  uint32_t gen);
const char *client_state_name(uint32_t state);
const char *span_state_name(uint32_t state);
const char *life_name(uint32_t life);

#endif
