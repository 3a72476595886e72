/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lockfile.h - one daemon per heap.  A file that its holder has locked (flock)
 * and written its PID into; empty while the holder begins or ends.
 *
 * Taken in the process that owns the event loop, never inherited: the kernel
 * drops it only when the last of that process's work on the heap has ended.
 */
#ifndef DAEMON_LOCKFILE_H
#define DAEMON_LOCKFILE_H

#include <stdbool.h>

#include "daemon/log.h"
#include "shm/paths.h"

struct lockfile {
	int	fd;
	bool	shm;			/* a name for shm_open, else a path */
	char	path[HEAP_PATH_MAX];
};

/*
 * 0, or -errno with a sentence that says who holds it.  A holder that begins,
 * ends or has been killed is waited for, 10 s at most; any other for 0.3 s.
 */
int lockfile_take(struct lockfile *l, bool shm, const char *path,
		  struct refusal *why);

/* We end: whoever starts now shall wait for us instead of giving up. */
void lockfile_ending(struct lockfile *l);

void lockfile_drop(struct lockfile *l, bool remove);

#endif
