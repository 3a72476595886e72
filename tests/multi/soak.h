/* SPDX-License-Identifier: Apache-2.0 */
/*
 * soak.h - load, kills and checks over a real daemon.
 *
 * The box is plain shared memory beside the heap: slots with handles of shared
 * objects.  One atomic exchange puts an object in and takes another out, so a
 * worker that dies holds at most one object that nobody reaches.  What an
 * object must contain follows from its handle, so a lost, reused or torn one
 * shows.
 */
#ifndef TESTS_SOAK_H
#define TESTS_SOAK_H

#include <stdatomic.h>
#include <stdint.h>

#include "include/mheap.h"

#define BOX_SLOTS	256

struct box {
	_Atomic uint64_t slot[BOX_SLOTS];
	_Atomic uint64_t ops, wrong, enomem, longest_ns;
	_Atomic uint32_t stop, idle;
	char		 text[256];	/* the first thing that went wrong */
};

struct soak_opts {
	const char *name;
	uint64_t    max_size;
	uint32_t    seed;
};

/* A worker's life: until box->stop, or it is killed. */
void soak_worker(const struct soak_opts *o, struct box *box, uint32_t seed);

/* Fills and checks an object by its handle. */
void soak_fill(mh_heap *h, void *p, uint64_t handle);
int soak_check(mh_heap *h, const void *p, uint64_t handle);

uint64_t soak_now_ns(void);

#endif
