/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snap.h - the shared bytes of a rig (heap and central) from boundary to
 * boundary, and what becomes of each state if everything stopped there.
 *
 * A state is judged by a process of its own, forked from this one: it has the
 * running daemon's private state, as of now, and gets private copies of the
 * shared bytes at the very addresses, with PROT_NONE where there is no memory.
 * So recovery may crash or hang, and that is a finding.  Some judges run at a
 * time, beside the stepping.
 *
 * The arena isn't copied: the daemon never looks at it.
 */
#ifndef TESTS_CRASH_SNAP_H
#define TESTS_CRASH_SNAP_H

#include <sys/types.h>

#include "tests/heaprig.h"

#define SNAP_JUDGES	2
#define SNAP_SECONDS	30		/* a judge that takes longer hangs */

struct verdict {		/* in memory shared with the judge */
	bool	 done;
	char	 text[400];	/* "": nothing is wrong */
};

struct judge {
	pid_t	 pid;
	uint64_t point, rip;
};

struct snap {
	struct rig *r;
	char	 *shadow[2];	/* as of the last boundary that differed */
	uint8_t	 *backed[3];	/* of the rig, in shared memory */
	uint8_t	 *backed_own[3];	/* the rig's own, given back at the end */
	uint8_t	 *shadow_backed[3];
	bool	 heap_too;	/* clients can't write heap; a daemon can */
	/* Judges one state; returns the fault or NULL. */
	const char *(*judge)(struct snap *s, void *arg);
	void	 *arg;
	struct judge at[SNAP_JUDGES];
	struct verdict *verdict;
	uint64_t points, distinct, broken;
	uint64_t first_point, first_rip;	/* of the first broken one */
	char	 text[400];
};

void snap_open(struct snap *s, struct rig *r);
void snap_close(struct snap *s);

/* Takes the bytes as they are.  True: they differ from the last ones. */
bool snap_take(struct snap *s, bool heap_too);

/* Counts a boundary; if anything changed (or always), has the state judged. */
void snap_point(struct snap *s, uint64_t rip, bool always);
void snap_wait(struct snap *s);		/* for all judges */

/* In a judge: the shared bytes are (again) those of the snapshot. */
void snap_restore(struct snap *s);

/* In a judge: copies of heap and central, to compare with later. */
struct rig *snap_keep(struct snap *s);
/* NULL: the same, or where they begin to differ. */
const char *snap_differs(struct snap *s, const struct rig *kept);

#endif
