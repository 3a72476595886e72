/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find.h - which files hold our probes: what processes map, now or at a later
 * scan, and files that were named.  Each file is looked at once, by inode and time
 * of change, so an upgraded library is a new one, also with the old one's number,
 * and a hard link isn't.
 *
 * Owns an open descriptor of each object, as a file may be removed or lie in
 * another mount name space; its path is one that the kernel can attach by.  And
 * what the session has attached to it.  Who maps nothing of it any more wants its
 * file system back some day, so both are let go.
 */
#ifndef BPF_FIND_H
#define BPF_FIND_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "bpf/link.h"
#include "bpf/mapping.h"
#include "bpf/notes.h"

struct object {
	char	     *path;		/* as its processes see it, made safe to print */
	char	      attach[64];	/* /proc/self/fd/N */
	int	      fd;
	dev_t	      dev;
	ino_t	      ino;
	off_t	      size;		/* this and the next as it was found */
	struct timespec modified;
	struct notes  notes;
	struct hold  *hold;		/* the session's, with -p one for each PID */
	uint32_t      nholds;
	bool	      named;		/* by its file: it stays to the end */
	uint32_t      idle;		/* whole scans that haven't met it */
	bool	      tried;		/* the session has dealt with it */
	bool	      traced;
	int	      error;		/* errno of attaching, not said yet */
};

/*
 * Whole scans, of two seconds, without anybody who maps it, until an object is let
 * go: a file that was removed, and one that may be run again.
 */
#define IDLE_REMOVED	3u
#define IDLE_THERE	150u

struct finder {
	struct object **object;
	uint32_t	n;
	uint32_t	ever;		/* objects, with those that were let go */
	struct seen_files seen;
	uint32_t	scan;		/* number of the scan that goes on */
	uint32_t	most;		/* objects: as descriptors allow; 0: not asked yet */
	bool		whole;		/* it has met all that there is */
	bool		barred;		/* has said that it lacks rights */
	bool		crowded;	/* has said that it has no descriptor left */
};

/*
 * Looks for new objects in these processes; npids 0: in all; and lets go those that
 * nobody has mapped for long.  -1: no memory.
 */
int find_scan(struct finder *f, const pid_t *pid, uint32_t npids);

/*
 * One file.  -1 and errno; ENOEXEC: it has no probe of ours, EFBIG: it has more
 * than NOTES_MAX bytes of notes.
 */
int find_file(struct finder *f, const char *path);

/* What was attached to it comes off. */
void find_detach(struct object *o);
void find_end(struct finder *f);

#endif
