/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find.h - which heaps this machine has, as far as this user is concerned: his
 * own and the system's; all of them for root.
 */
#ifndef TOOLS_FIND_H
#define TOOLS_FIND_H

#include "tools/view.h"

struct places {
	struct place *at;
	size_t	      n;
};

/*
 * By the names in /dev/shm and the sockets in the folders of sockets, ordered
 * by user and name.  A heap that has neither can't be found.  0 or -errno.
 */
int places_find(struct places *ret_p);
void places_free(struct places *p);

#endif
