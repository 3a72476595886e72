/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.c - the table of names.  It lies in the heap segment: the daemon is its
 * only writer, so there is no lock that a stopped process could keep, and no
 * half-done change of a dead one.  Open addressing; a name's text is written
 * before its state says SET, and a changed handle is one store.
 *
 * A held object under a name has the name's bit in its holder word from before
 * the entry shows it until after the entry has changed; the entry's phase HELD
 * says that it does.  What a killed daemon left in between, held_mend() mends.
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

		if (names_backed(&h->sg, n))
			continue;
		if (!commit_fits(h, 4096))
			return -ENOMEM;
		if (heap_back(h, SEG_HEAP, p, p + 4096))
			return commit_short(h, 4096, ENOMEM_BACKING);
		or_rel(&h->sg.whdr->names_backed[n / 64], 1ull << n % 64); /* [H1] */
	}
	return 0;
}

static void entry_write(struct sh_name *e, const char *text, uint32_t hash,
			uint64_t handle, uint32_t phase)
{
	uint32_t version = ld_acq(&e->state) >> 2;		/* [N1] */
	uint64_t words[8] = { 0 };

	memcpy(words, text, strlen(text));
	st_rel(&e->hash, hash);					/* [N1] */
	for (unsigned i = 0; i < 8; i++)
		st_rel(&e->text[i], words[i]);			/* [N1] */
	st_rel(&e->handle, handle);				/* [N2] */
	st_rel(&e->state, (version + 1) << 2 | phase);		/* [N1] last */
}

static void set_phase(struct sh_name *e, uint32_t phase)
{
	st_rel(&e->state, (ld_acq(&e->state) & ~3u) | phase);	/* [N1] */
}

static uint32_t phase_of(const struct sh_name *e)
{
	return ld_acq(&e->state) & 3;				/* [N1] */
}

/* A name that there is; the new object is covered already, if it is a held one. */
static void entry_replace(struct heap *h, struct sh_name *e, uint64_t handle,
			  uint32_t phase)
{
	uint64_t old = ld_acq(&e->handle);			/* [N2] */
	uint32_t was = phase_of(e), version = ld_acq(&e->state) >> 2; /* [N1] */

	st_rel(&e->handle, handle);				/* [N2] */
	/* Counted, or a reader would not see that it had another object meanwhile. */
	st_rel(&e->state, (version + 1) << 2 | phase);		/* [N1] */
	if (was == NAME_HELD)
		held_uncover(h, old);
}

static int entry_new(struct heap *h, uint32_t room, const char *text,
		     uint64_t handle, uint32_t phase)
{
	if (room >= h->sg.geo.nnames)
		return -ENOSPC;
	if (back_entry(h, room))
		return -ENOMEM;
	entry_write(&h->sg.names[room], text, name_hash(text), handle, phase);
	return 0;
}

int names_set(struct heap *h, const char *text, uint64_t handle, bool held)
{
	uint32_t room = h->sg.geo.nnames, phase = NAME_SET;
	struct sh_name *e;
	int r;

	if (!name_ok(text))
		return -EINVAL;
	e = name_find(&h->sg, text, &room);
	if (e && phase_of(e) == NAME_HELD && ld_acq(&e->handle) == handle) /* [N2] */
		return 0;
	r = held_cover(h, handle, held, &phase);
	if (r)
		return r;
	if (e) {
		entry_replace(h, e, handle, phase);
		return 0;
	}
	r = entry_new(h, room, text, handle, phase);
	if (r && phase == NAME_HELD)
		held_uncover(h, handle);
	return r;
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
	uint64_t handle;
	bool held;

	if (!e)
		return -ENOENT;
	handle = ld_acq(&e->handle);				/* [N2] */
	held = phase_of(e) == NAME_HELD;
	set_phase(e, NAME_GONE);
	if (held)
		held_uncover(h, handle);
	sweep_gone(h, (uint32_t)(e - h->sg.names));
	return 0;
}
