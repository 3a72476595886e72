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

struct sh_name *name_find(const struct seg *sg, const char *text,
			  uint32_t *ret_room)
{
	uint32_t mask = sg->geo.nnames - 1, hash = name_hash(text);
	bool room = false;
	char found[64];
	uint64_t handle;

	for (uint32_t k = 0; k <= mask; k++) {
		uint32_t i = (hash + k) & mask, phase = name_phase(sg, i);

		if (!name_is_set(phase) && !room && ret_room) {
			*ret_room = i;
			room = true;
		}
		if (phase == NAME_EMPTY)
			return NULL;
		if (name_is_set(phase) &&
		    ld_acq(&sg->names[i].hash) == hash &&	/* [N1] */
		    name_read(sg, i, found, &handle) && !strcmp(found, text))
			return &sg->names[i];
	}
	return NULL;
}
