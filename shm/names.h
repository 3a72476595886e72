/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.h - looking names up.  The table is open-addressed, written by the
 * daemon alone (daemon/names.c) and read by everybody without a lock: an
 * entry's state is read before and after, and a change in between is a retry.
 */
#ifndef SHM_NAMES_H
#define SHM_NAMES_H

#include "shm/segment.h"

/* 1..63 bytes, anything but NUL. */
bool name_ok(const char *text);
uint32_t name_hash(const char *text);

/* Has page n of the name table memory behind it? */
bool names_backed(const struct seg *sg, uint32_t n);

/* NAME_... of entry i; one without memory is EMPTY. */
uint32_t name_phase(const struct seg *sg, uint32_t i);

static inline bool name_is_set(uint32_t phase)
{
	return phase == NAME_SET || phase == NAME_HELD;
}

/*
 * The entry of a name, or NULL; *ret_room (may be NULL) gets the index of an
 * entry that may take it, and stays unchanged if there is none.
 */
struct sh_name *name_find(const struct seg *sg, const char *text,
			  uint32_t *ret_room);

/* What a name stands for, as one consistent copy of its entry. */
struct name_is {
	struct sh_name *at;
	uint32_t state;
	uint64_t handle;
};

/* False: there is none of the name. */
bool name_get(const struct seg *sg, const char *text, struct name_is *ret);

/* Has the entry changed since? */
static inline bool name_same(const struct name_is *n)
{
	return ld_sc(&n->at->handle) == n->handle &&		/* [N2] */
	       ld_sc(&n->at->state) == n->state;		/* [N1] */
}

/* Entry i as one consistent copy; false: not SET or HELD.  text has 64 bytes. */
bool name_read(const struct seg *sg, uint32_t i, char *ret_text,
	       uint64_t *ret_handle);

#endif
