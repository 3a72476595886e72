/* SPDX-License-Identifier: Apache-2.0 */
/* demo_heap.h - heap calls that are timed: how long was the longest? */
#ifndef TOOLS_DEMO_HEAP_H
#define TOOLS_DEMO_HEAP_H

#include <mheap.h>
#include <stddef.h>
#include <stdint.h>

struct timed_heap {
	mh_heap *heap;
	uint64_t pause_ns;	/* the longest of this process */
};

void *timed_alloc(struct timed_heap *t, size_t size, unsigned flags);
void timed_free(struct timed_heap *t, void *p);
int timed_drop(struct timed_heap *t, void *p);

uint64_t now_ns(void);

#endif
