/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.h - both lock files of a heap, as its daemon would take them: the one
 * beside the socket, then the one of the names in /dev/shm.  While they are held
 * no daemon serves the heap and none starts.
 */
#ifndef TOOLS_LOCK_H
#define TOOLS_LOCK_H

#include "tools/view.h"

struct locks {
	const struct place *p;
	int		    beside, shm;	/* -1: no such folder */
};

/* 0, or an exit status; says why not.  Waits some seconds. */
int locks_take(struct locks *l, const struct place *p);
/* Removes them too: nothing holds on to an unlocked one. */
void locks_drop(struct locks *l);

#endif
