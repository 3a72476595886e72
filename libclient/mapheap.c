/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mapheap.c - a heap's three segments in this process: mapped as the daemon's welcome
 * says, and unmapped.  Locks: none; rights.join is held, or nobody else has the heap.
 */
#include <errno.h>
#include <sys/mman.h>

#include "libclient/client.h"
#include "shm/wire.h"

#define HUGE		(2u << 20)

static void *map(int fd, uint64_t bytes, int prot, void *at, int flags)
{
	void *p = mmap(at, bytes, prot, MAP_SHARED | flags, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* At the daemon's base if that is free, else anywhere at a multiple of 2 MiB. */
static char *map_arena(int fd, uint64_t bytes, uint64_t base, bool readonly)
{
	int prot = readonly ? PROT_READ : PROT_READ | PROT_WRITE;
	char *p = base ? map(fd, bytes, prot, (void *)(uintptr_t)base,
			     MAP_FIXED_NOREPLACE | MAP_NORESERVE) : NULL;
	char *room;

	if (p && (uint64_t)(uintptr_t)p == base)
		return p;
	if (p)
		munmap(p, bytes);
	room = mmap(NULL, bytes + HUGE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		return NULL;
	p = (char *)round_up((uint64_t)(uintptr_t)room, HUGE);
	if (p > room)
		munmap(room, (size_t)(p - room));
	munmap(p + bytes, (size_t)(room + HUGE - p));
	if (map(fd, bytes, prot, p, MAP_FIXED | MAP_NORESERVE))
		return p;
	munmap(p, bytes);
	return NULL;
}

static void unmap(void *p, uint64_t bytes)
{
	if (p)
		munmap(p, bytes);
}

void unmap_heap(mh_heap *h)
{
	unmap(h->arena, h->sg.geo.reserve_bytes);
	unmap(h->central_map, h->sg.geo.central_bytes);
	unmap(h->heap_map, h->sg.geo.heap_bytes);
	h->arena = NULL;
	h->central_map = h->heap_map = NULL;
	h->bytes = 0;
}

/* All or nothing: unmap_heap() goes by the geometry, known at the end only. */
int map_heap(mh_heap *h, const struct wire_welcome *w, const int *fds)
{
	void *heap = map(fds[WIRE_FD_HEAP], w->heap_bytes, PROT_READ, NULL, 0);
	void *central = map(fds[WIRE_FD_CENTRAL], w->central_bytes,
			    PROT_READ | PROT_WRITE, NULL, 0);
	char *arena = map_arena(fds[WIRE_FD_ARENA], w->arena_bytes, w->base,
				h->flags & MH_READONLY);
	int r = !heap || !central || !arena ? -ENOMEM :
		seg_view(&h->sg, heap, w->heap_bytes, central,
			 w->central_bytes, arena);

	if (r) {
		unmap(heap, w->heap_bytes);
		unmap(central, w->central_bytes);
		unmap(arena, w->arena_bytes);
		return r;
	}
	madvise(arena, w->arena_bytes, MADV_DONTDUMP);
	madvise(central, w->central_bytes, MADV_DONTDUMP);
	h->heap_map = heap;
	h->central_map = central;
	h->arena = arena;
	h->bytes = h->flags & MH_READONLY ? 0 : h->sg.geo.reserve_bytes;
	return 0;
}
