/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - a heap's segments as the daemon holds them: made, or found and
 * checked; mapped; and the kernel's side of the heap (struct heap_io).
 *
 * Owns descriptors, mappings and fallocate jobs under way.  The arena is not
 * mapped: the daemon never reads or writes it.
 */
#ifndef DAEMON_STORE_H
#define DAEMON_STORE_H

#include <sys/queue.h>

#include "daemon/heap.h"
#include "daemon/lockfile.h"
#include "daemon/loop.h"
#include "daemon/options.h"
#include "daemon/segfiles.h"

struct store_job;

struct store {
	struct segfiles	 files;
	struct lockfile	 lock;		/* of the names in /dev/shm */
	struct seg	 sg;
	void		*heap_map, *central_map;
	bool		 made;		/* by this process, just now */
	struct loop	*loop;
	struct heap	*heap;		/* whose jobs we do */
	void		(*job_ended)(void *arg);
	void		*arg;
	LIST_HEAD(, store_job) jobs;
};

void store_init(struct store *st);

/*
 * Finds the heap of o->name in /dev/shm or in the memfds kept for it (NULL:
 * none), else makes it.  A half-made one, whose maker died, is made anew.  0, or
 * -errno and why: exit code 2 when an option differs from what the heap was
 * made with, 3 when it is no heap of this build; either way it stays as it is.
 */
int store_open(struct store *st, const struct options *o, const int *kept,
	       struct refusal *why);
void store_close(struct store *st);

/* The heap is over: says so in its header, and removes its names. */
void store_remove(struct store *st, const char *name);

/* What heap_open() wants. */
struct heap_io store_io(struct store *st, struct loop *loop, struct heap *h);

/* Bytes that the file system of the segments may still give us. */
uint64_t store_room(const struct store *st);

#endif
