/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mapping.h - code that a process maps from files, by /proc/PID/maps.
 */
#ifndef BPF_MAPPING_H
#define BPF_MAPPING_H

#include <stdbool.h>
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
 * that it is the same.  -errno: can't; -ENOEXEC: it is no regular file.
 */
int mapping_open(pid_t pid, const struct mapping *m);

struct object;

/*
 * The device that stat() gives a mapped file: on btrfs that of its subvolume, while
 * all of its mappings have one device, and files of two the same number.  -1: not
 * permitted to ask.
 */
dev_t mapping_dev(pid_t pid, const struct mapping *m);

/* What is kept of a file, by the numbers in its mappings. */
struct seen {
	unsigned	major, minor;
	uint64_t	ino;
	dev_t		dev;		/* stat()'s, where it takes that; else 0 */
	bool		many;		/* files, told apart by dev */
	uint32_t	scan;		/* looked into in that one */
	struct timespec changed;
	struct object  *object;		/* that it is; NULL: none */
};

/*
 * Of files mapped in the scan that goes on, and of those of the last whole one
 * that have not been met yet; all zero at first.
 */
struct seen_files {
	void *now, *before;
};

/* Of this file; NULL: no memory. */
struct seen *mapping_seen(struct seen_files *f, const struct mapping *m,
			  dev_t dev);
/* A whole scan has ended: what it has not met is forgotten. */
void mapping_scanned(struct seen_files *f);
void mapping_forget(struct seen_files *f);

#endif
