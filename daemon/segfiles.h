/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segfiles.h - the three files behind a heap: named in /dev/shm, or memfds.
 * For each a descriptor of the daemon's own and a read-only one to hand out.
 *
 * Owns the descriptors.  Knows sizes, not what is in the files.
 */
#ifndef DAEMON_SEGFILES_H
#define DAEMON_SEGFILES_H

#include <stdint.h>

#include "daemon/log.h"
#include "shm/paths.h"

#define SEGFILES	3	/* in the order of enum seg_kind */

struct segfiles {
	int	 rw[SEGFILES];
	int	 ro[SEGFILES];
	uint32_t backing;
};

extern const char *const segfile_part[SEGFILES];

void segfiles_init(struct segfiles *f);		/* none open */
void segfiles_close(struct segfiles *f);

/* New, empty, of these sizes; those of a name must not exist. */
int segfiles_new(struct segfiles *f, uint32_t backing, const char *name,
		 const uint64_t bytes[SEGFILES], struct refusal *why);

/* The heap's own file, to look into; -ENOENT: there is none of this name. */
int segfile_open_heap(const char *name, int *ret_fd, struct refusal *why);

/* Those in /dev/shm, at least of these sizes. */
int segfiles_open(struct segfiles *f, const char *name,
		  const uint64_t bytes[SEGFILES], struct refusal *why);

/* Memfds that were kept for us; takes them over, even when it fails. */
int segfiles_adopt(struct segfiles *f, const int fds[SEGFILES],
		   const uint64_t bytes[SEGFILES], struct refusal *why);

/* The heap's file goes first: without it the rest is rubbish to be removed. */
void segfiles_unlink(const char *name);

/* Memory behind a range; 0 or -errno, -ENOSPC when there is none. */
int segfile_back(int fd, uint64_t off, uint64_t len);

#endif
