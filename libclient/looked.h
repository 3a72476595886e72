/* SPDX-License-Identifier: Apache-2.0 */
/*
 * looked.h - what a thread knows of held objects: of the one that it looked at last,
 * as the next is often of the same span, and of the one that it held last, as hold,
 * use, drop is how one reads.
 *
 * Either is true as long as the process has not left the heap since, nor forked (then
 * `joined` is another one), and the span is the one that it was (`seq`): a span that
 * goes has an odd one first, and the next of its id the next.
 */
#ifndef LIBCLIENT_LOOKED_H
#define LIBCLIENT_LOOKED_H

#include "shm/held.h"

#define JOINED_NEVER	1u	/* as each thread begins */

struct held_looked {
	uint64_t	 joined;	/* as in struct rights */
	struct held_at	 at;
	struct holds	*holds;		/* its span's counts; NULL: not known yet */
	uint64_t	 handles;	/* its span's handles, but for the offset */
};

struct held_quick {
	uint64_t	  joined;
	const void	 *p;
	struct sh_holder *word;
	_Atomic uint32_t *n;		/* how often this process holds it [A1] */
	const _Atomic uint32_t *seq;	/* of its span's geometry ... */
	uint32_t	  gen2;		/* ... and what that was */
	struct holders	  bit;		/* ours */
};

#endif
