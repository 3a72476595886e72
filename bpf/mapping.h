/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mapping.h - code that a process maps from files, by /proc/PID/maps.
 */
#ifndef BPF_MAPPING_H
#define BPF_MAPPING_H

#include <stdint.h>
#include <sys/types.h>

struct mapping {
	uint64_t    start, end, offset, ino;
	unsigned    major, minor;
	const char *path;		/* as the process sees it */
};

/* Calls `take` for each until it gives other than 0; gives that back. */
int mapping_each(pid_t pid, int (*take)(pid_t pid, const struct mapping *m,
					void *arg), void *arg);

/*
 * Opens the file.  By /proc/PID/map_files, which is right for removed files and in
 * other mount name spaces; without the right to, by its path, if that still is
 * the same inode.  -1: can't.
 */
int mapping_open(pid_t pid, const struct mapping *m);

/* 1: this file wasn't seen before in `seen`, a tree; 0: it was; -1: no memory. */
int mapping_first_time(void **seen, const struct mapping *m);
void mapping_forget(void **seen);

#endif
