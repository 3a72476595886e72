/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally.c - see tally.h.  Its table comes from the system: the harness must
 * leave the malloc that it is going to measure as it is.
 */
#include <sys/mman.h>

#include "bench/trace/tally.h"

static int make_room(struct tally *t, uint32_t slot)
{
	size_t room = t->room ? t->room : 1024, bytes = sizeof(*t->size);
	void *p;

	while (room <= slot)
		room *= 2;
	if (t->size)
		p = mremap(t->size, t->room * bytes, room * bytes,
			   MREMAP_MAYMOVE);
	else
		p = mmap(NULL, room * bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -1;
	t->size = p;
	t->room = room;
	return 0;
}

static const char *wrong(const struct tally *t, enum trace_op op, uint32_t slot,
			 uint64_t size)
{
	if (op >= TRACE_OPS)
		return "it is neither alloc nor free nor resize";
	if (op == TRACE_ALLOC && t->size[slot])
		return "it allocates into a slot that is taken";
	if (op != TRACE_ALLOC && !t->size[slot])
		return "it frees or resizes an empty slot";
	if ((op == TRACE_FREE) != !size)
		return "a free has a size, or another event has none";
	return NULL;
}

static void find_peak(struct tally *t)
{
	if (t->live_objects > t->h.slots)
		t->h.slots = t->live_objects;
	if (t->live_bytes > t->h.peak_bytes) {
		t->h.peak_bytes = t->live_bytes;
		t->h.peak_events = t->h.events;
	}
}

const char *tally_add(struct tally *t, uint64_t event)
{
	enum trace_op op = trace_op(event);
	uint32_t slot = trace_slot(event);
	uint64_t size = trace_size(event);
	const char *why;

	if (slot >= t->room && make_room(t, slot))
		return "there is no memory to follow it";
	why = wrong(t, op, slot, size);
	if (why)
		return why;
	t->h.events++;
	t->h.count[op]++;
	t->live_objects += (op == TRACE_ALLOC) - (uint64_t)(op == TRACE_FREE);
	t->live_bytes += size - t->size[slot];
	t->size[slot] = size;
	if (size > t->h.largest)
		t->h.largest = size;
	find_peak(t);
	return NULL;
}

void tally_free(struct tally *t)
{
	if (t->size)
		munmap(t->size, t->room * sizeof(*t->size));
	t->size = NULL;
	t->room = 0;
}
