/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find.h - which files hold our probes: what processes map, now or at a later
 * scan, and files that were named.  Each file is looked at once, by inode and time
 * of change, so an upgraded library is a new one, also with the old one's number,
 * and a hard link isn't.
 *
 * Owns an open descriptor of each object, as a file may be removed or lie in
 * another mount name space; its path is one that the kernel can attach by.
 */
#ifndef BPF_FIND_H
#define BPF_FIND_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "bpf/notes.h"

struct object {
	char	     *path;		/* as its processes see it, made safe to print */
	char	      attach[64];	/* /proc/self/fd/N */
	int	      fd;
	dev_t	      dev;
	ino_t	      ino;
	struct notes  notes;
	bool	      tried;		/* the session has dealt with it */
	bool	      traced;
	int	      error;		/* errno of attaching, not said yet */
};

struct finder {
	struct object **object;
	uint32_t	n;
	void	       *seen;		/* a tree of files looked at */
	uint32_t	scan;		/* number of the scan that goes on */
	bool		barred;		/* has said that it lacks rights */
};

/* Looks for new objects in these processes; npids 0: in all.  -1: no memory. */
int find_scan(struct finder *f, const pid_t *pid, uint32_t npids);

/*
 * One file.  -1 and errno; ENOEXEC: it has no probe of ours, EFBIG: it has more
 * than NOTES_MAX bytes of notes.
 */
int find_file(struct finder *f, const char *path);

void find_end(struct finder *f);

#endif
