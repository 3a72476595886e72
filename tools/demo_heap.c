/* SPDX-License-Identifier: Apache-2.0 */
/* demo_heap.c - see demo_heap.h. */
#include "tools/demo_heap.h"

#include <time.h>

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void took(struct timed_heap *t, uint64_t began)
{
	uint64_t ns = now_ns() - began;

	if (ns > t->pause_ns)
		t->pause_ns = ns;
}

void *timed_alloc(struct timed_heap *t, size_t size, unsigned flags)
{
	uint64_t began = now_ns();
	void *p = mh_alloc_flags(t->heap, size, flags);

	took(t, began);
	return p;
}

void timed_free(struct timed_heap *t, void *p)
{
	uint64_t began = now_ns();

	mh_free(t->heap, p);
	took(t, began);
}

int timed_drop(struct timed_heap *t, void *p)
{
	uint64_t began = now_ns();
	int r = mh_drop(t->heap, p);

	took(t, began);
	return r;
}
