/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mapping.h - code that a process maps from files, by /proc/PID/maps.
 */
#ifndef BPF_MAPPING_H
#define BPF_MAPPING_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct mapping {
	uint64_t    start, end, offset, ino;
	unsigned    major, minor;
	const char *path;		/* as the process sees it */
};

/*
 * Calls `take` for each until it gives other than 0; gives that back.  -errno: the
 * process can't be looked at.
 */
int mapping_each(pid_t pid, int (*take)(pid_t pid, const struct mapping *m,
					void *arg), void *arg);

/*
 * Opens the file.  By /proc/PID/map_files, which is right for removed files and in
 * other mount name spaces; without the right to, by its path, if the kernel says
 * that it is the same.  -errno: can't.
 */
int mapping_open(pid_t pid, const struct mapping *m);

/* What is kept of a file, by the numbers in its mappings. */
struct seen {
	unsigned	major, minor;
	uint64_t	ino;
	uint32_t	scan;
	struct timespec changed;
};

/* Of this file in the tree `seen`, all zero at first; NULL: no memory. */
struct seen *mapping_seen(void **seen, const struct mapping *m);
void mapping_forget(void **seen);

#endif
