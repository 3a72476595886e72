/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.c - the table of names.  It lies in the heap segment: the daemon is its
 * only writer, so there is no lock that a stopped process could keep, and no
 * half-done change of a dead one.  Open addressing; a name's text is written
 * before its state says SET, and a changed handle is one store.
 */
#include "daemon/heap.h"
#include "shm/names.h"

#include <errno.h>
#include <string.h>

static int back_entry(struct heap *h, uint32_t i)
{
	uint64_t off = h->sg.geo.names_off + i * sizeof(struct sh_name);
	uint64_t lo = off & ~4095ull;
	uint64_t hi = round_up(off + sizeof(struct sh_name), 4096);

	for (uint64_t p = lo; p < hi; p += 4096) {
		uint32_t n = (uint32_t)((p - h->sg.geo.names_off) / 4096);
		int r;

		if (names_backed(&h->sg, n))
			continue;
		r = heap_back(h, SEG_HEAP, p, p + 4096);
		if (r)
			return r;
		or_rel(&h->sg.whdr->names_backed[n / 64], 1ull << n % 64); /* [H1] */
	}
	return 0;
}

static void entry_write(struct sh_name *e, const char *text, uint32_t hash,
			uint64_t handle)
{
	uint32_t version = ld_acq(&e->state) >> 2;		/* [N1] */
	uint64_t words[8] = { 0 };

	memcpy(words, text, strlen(text));
	st_rel(&e->hash, hash);					/* [N1] */
	for (unsigned i = 0; i < 8; i++)
		st_rel(&e->text[i], words[i]);			/* [N1] */
	st_rel(&e->handle, handle);				/* [N2] */
	st_rel(&e->state, (version + 1) << 2 | NAME_SET);	/* [N1] last */
}

int names_set(struct heap *h, const char *text, uint64_t handle)
{
	uint32_t hash = name_hash(text), n = h->sg.geo.nnames, room = n;
	struct sh_name *e;
	int r;

	if (!name_ok(text))
		return -EINVAL;
	e = name_find(&h->sg, text, &room);
	if (e) {
		st_rel(&e->handle, handle);			/* [N2] */
		return 0;
	}
	if (room >= n)
		return -ENOSPC;
	r = back_entry(h, room);
	if (r)
		return -ENOMEM;
	entry_write(&h->sg.names[room], text, hash, handle);
	return 0;
}

static void set_phase(struct sh_name *e, uint32_t phase)
{
	st_rel(&e->state, (ld_acq(&e->state) & ~3u) | phase);	/* [N1] */
}

/*
 * GONE keeps a probe going.  Where none can go on, because what follows is
 * EMPTY, it is EMPTY too, or a table with much coming and going would fill up
 * with GONE.  Ends at an entry that is not GONE: the EMPTY one at the latest.
 */
static void sweep_gone(struct heap *h, uint32_t i)
{
	uint32_t mask = h->sg.geo.nnames - 1;

	if (name_phase(&h->sg, (i + 1) & mask) != NAME_EMPTY)
		return;
	for (; name_phase(&h->sg, i) == NAME_GONE; i = (i - 1) & mask)
		set_phase(&h->sg.names[i], NAME_EMPTY);
}

int names_remove(struct heap *h, const char *text)
{
	struct sh_name *e = name_find(&h->sg, text, NULL);

	if (!e)
		return -ENOENT;
	set_phase(e, NAME_GONE);
	sweep_gone(h, (uint32_t)(e - h->sg.names));
	return 0;
}
