/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oracle.h - what must be true of a heap if everything stopped at a boundary,
 * before and after recovery.  Runs in a judge (see snap.h), so it may change
 * the heap as it likes.
 */
#ifndef TESTS_CRASH_ORACLE_H
#define TESTS_CRASH_ORACLE_H

#include "tests/crash/scene.h"
#include "tests/crash/snap.h"

#define OBJECTS_MAX	16384

struct object {
	uint64_t off;		/* in the arena */
	uint32_t gen;		/* of its span */
};

struct objects {
	uint32_t n;
	struct object o[OBJECTS_MAX];
};

struct oracle {
	const struct scene *sc;
	struct act	*a;
	int		 gain;		/* that is legal */
	bool		 at_end;	/* the call has returned */
	struct objects	 before;	/* when the call began */
	struct objects	 now;
	uint32_t	 dead;		/* slots to reclaim, by bits */
	char		 text[400];
};

void oracle_open(struct oracle *o, const struct scene *sc, struct act *a);

/* For snap.judge; arg is the oracle. */
const char *oracle_judge(struct snap *s, void *arg);

#endif
