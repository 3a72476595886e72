/* SPDX-License-Identifier: Apache-2.0 */
/*
 * survive.h - a recovered heap is used, and then used up: what lives on must
 * find it sound, get memory from it that is nobody else's, and once all objects
 * are freed nothing may be left.
 */
#ifndef TESTS_CRASH_SURVIVE_H
#define TESTS_CRASH_SURVIVE_H

#include "tests/heaprig.h"

struct objects;

void no_pause(void *arg);

/* A turn of the daemon's timer, then: sound, and no page is nobody's. */
const char *survive_check(struct rig *r);

/* A new client allocates: all is found, and none of it is an object. */
const char *survive(struct rig *r, size_t size, unsigned flags,
		    const struct objects *there);

/* Everybody dies, every object is freed: the heap is empty. */
const char *survive_end(struct rig *r);

#endif
