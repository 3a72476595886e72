/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.c - see names.h.  Reads only; no locks.  Linear probing, bounded by
 * the table; an entry of a page without memory counts as EMPTY, which ends
 * the probe.
 */
#include "shm/names.h"

#include <string.h>

#define NAME_TRIES	8

bool name_ok(const char *text)
{
	size_t n = strnlen(text, SH_NAME_MAX + 1);

	return n >= 1 && n <= SH_NAME_MAX;
}

/* FNV-1a, 32 bits. */
uint32_t name_hash(const char *text)
{
	uint32_t h = 2166136261u;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 16777619u;
	return h;
}

bool names_backed(const struct seg *sg, uint32_t n)
{
	return ld_acq(&sg->hdr->names_backed[n / 64]) >> n % 64 & 1; /* [H1] */
}

static bool entry_backed(const struct seg *sg, uint32_t i)
{
	uint32_t first = (uint32_t)(i * sizeof(struct sh_name) / 4096);
	uint32_t last = (uint32_t)(((i + 1) * sizeof(struct sh_name) - 1) / 4096);

	return names_backed(sg, first) && names_backed(sg, last);
}

bool name_read(const struct seg *sg, uint32_t i, char *ret_text,
	       uint64_t *ret_handle)
{
	struct sh_name *e = &sg->names[i];
	uint64_t words[8];

	if (!entry_backed(sg, i))
		return false;
	for (int t = 0; t < NAME_TRIES; t++) {
		uint32_t state = ld_acq(&e->state);		/* [N1] */

		if (!name_is_set(state & 3))
			return false;
		for (unsigned w = 0; w < 8; w++)
			words[w] = ld_acq(&e->text[w]);		/* [N1] */
		*ret_handle = ld_acq(&e->handle);		/* [N2] */
		if (ld_acq(&e->state) != state)			/* [N1] */
			continue;
		memcpy(ret_text, words, sizeof(words));
		ret_text[SH_NAME_MAX] = 0;
		return true;
	}
	return false;
}

uint32_t name_phase(const struct seg *sg, uint32_t i)
{
	if (!entry_backed(sg, i))
		return NAME_EMPTY;
	return ld_acq(&sg->names[i].state) & 3;			/* [N1] */
}

/* A name as entries have it: words, of which those up to its end are compared. */
struct wanted {
	uint64_t word[8];
	unsigned n;
	uint32_t hash;
};

static struct wanted wanted_of(const char *text)
{
	struct wanted w = { .hash = name_hash(text) };
	size_t len = strnlen(text, SH_NAME_MAX);

	memcpy(w.word, text, len);
	w.n = (unsigned)len / 8 + 1;
	return w;
}

/* Tried again only if the daemon has changed it meanwhile. */
static bool entry_is(const struct seg *sg, uint32_t i, const struct wanted *w,
		     struct name_is *ret)
{
	struct sh_name *e = &sg->names[i];
	unsigned same;

	if (ld_acq(&e->hash) != w->hash)			/* [N1] */
		return false;
	ret->at = e;
	do {
		ret->state = ld_acq(&e->state);			/* [N1] */
		if (!name_is_set(ret->state & 3))
			return false;
		for (same = 0; same < w->n; same++)
			if (ld_acq(&e->text[same]) != w->word[same]) /* [N1] */
				break;
		ret->handle = ld_acq(&e->handle);		/* [N2] */
	} while (ld_acq(&e->state) != ret->state);		/* [N1] */
	return same == w->n;
}

static bool find(const struct seg *sg, const char *text, struct name_is *ret,
		 uint32_t *ret_room)
{
	const struct wanted w = wanted_of(text);
	uint32_t mask = sg->geo.nnames - 1;
	bool room = false;

	for (uint32_t k = 0; k <= mask; k++) {
		uint32_t i = (w.hash + k) & mask, phase = name_phase(sg, i);

		if (!name_is_set(phase) && !room && ret_room) {
			*ret_room = i;
			room = true;
		}
		if (phase == NAME_EMPTY)
			return false;
		if (name_is_set(phase) && entry_is(sg, i, &w, ret))
			return true;
	}
	return false;
}

struct sh_name *name_find(const struct seg *sg, const char *text,
			  uint32_t *ret_room)
{
	struct name_is n;

	return find(sg, text, &n, ret_room) ? n.at : NULL;
}

bool name_get(const struct seg *sg, const char *text, struct name_is *ret)
{
	return find(sg, text, ret, NULL);
}
