/* SPDX-License-Identifier: Apache-2.0 */
/* asleep.h - does a thread of this process wait?  For tests that need one to. */
#ifndef TESTS_ASLEEP_H
#define TESTS_ASLEEP_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

/* Sleeps in the kernel by a futex. */
static inline bool is_asleep(int tid)
{
	char path[64], line[64];
	long nr = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	f = fopen(path, "r");
	if (f && fgets(line, sizeof(line), f))
		nr = strtol(line, NULL, 10);	/* "running" is 0, a read */
	if (f)
		fclose(f);
	return nr == SYS_futex;
}

#endif
