/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keep.h - asking the keeper of a memfd heap whose daemon is not running.  It
 * answers the heap's owner only.
 */
#ifndef TOOLS_KEEP_H
#define TOOLS_KEEP_H

#include <stddef.h>

#include "tools/ask.h"

/* The file beside a socket: NAME.sock -> NAME.keep.  0 or -ENAMETOOLONG. */
int path_beside(const char *sock, const char *suffix, char *ret_path,
		size_t len);

/* Its three descriptors; -ENOENT: there is no keeper; else -errno. */
int keep_get(const char *path, int ret_fds[ASK_FDS]);
/* It lets go of the memory and ends. */
int keep_end(const char *path);

#endif
