/* SPDX-License-Identifier: Apache-2.0 */
/*
 * paths.h - where a heap's socket, lock file and segments are.  Used by the
 * daemon, the library and the tools alike.  No state, no locks.
 */
#ifndef SHM_PATHS_H
#define SHM_PATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HEAP_NAME_MAX	48u
#define HEAP_PATH_MAX	108u		/* of a Unix socket address */

/* 1..48 of [A-Za-z0-9._-], not starting with a dot. */
bool heap_name_ok(const char *name);

/*
 * The folder of sockets and lock files of this user: /run/mheap for root, else
 * $XDG_RUNTIME_DIR/mheap, else a folder mheap-UID (0700, owner checked) under
 * the temporary directory.  create: makes it.  0 or -errno; why gets a
 * sentence on failure.
 */
int heap_dir(bool create, char *ret_dir, size_t len, char *why, size_t why_len);

/*
 * The socket of NAME: $MHEAP_SOCKET if set, else heap_dir()/NAME.sock; for a
 * user without one of his own, the system's /run/mheap/NAME.sock if it exists.
 */
int heap_socket_path(const char *name, char *ret_path, size_t len,
		     char *why, size_t why_len);

/* "/mheap.UID.NAME.PART" for shm_open; part is heap, central or arena. */
int heap_shm_name(uid_t uid, const char *name, const char *part,
		  char *ret_name, size_t len);

#endif
