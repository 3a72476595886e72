/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine.h - running code that nobody vouches for: in a child that can't ask the
 * kernel for anything but the time and its own end, that shares one word with
 * its parent, and that is killed if it takes too long.
 */
#ifndef BPF_CONFINE_H
#define BPF_CONFINE_H

#include <stdint.h>

#define CONFINED_SECONDS	2u	/* on a clock: it may also wait for a page */

/*
 * Forks.  The child calls `ready`, still with all rights, then gives them up and
 * calls `run`, each with arg; what `run` gives back is *ret_word.  0, or -errno:
 * of `ready`, of giving up, or -EFAULT: it ended in another way.  Whatever
 * comes back may have been made up by the code that was run.
 */
int confined(int (*ready)(void *arg), uint64_t (*run)(void *arg), void *arg,
	     uint64_t *ret_word);

#endif
