/* SPDX-License-Identifier: Apache-2.0 */
/*
 * space.c - reads /proc/self/status, without stdio: a buffer of its own would
 * come from the malloc under test.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/exits.h"
#include "bench/measure.h"
#include "bench/space.h"

#define LOOK_NS		10000000u
#define STILL_NS	200000000u
#define MOST_NS		5000000000u

/* The value of a line "NAME:   123 kB", in bytes. */
static uint64_t bytes_of(const char *status, const char *name)
{
	const char *line = strstr(status, name);

	if (!line) {
		fprintf(stderr, "bench: /proc/self/status has no %s: the "
			"kernel must be 4.5 or newer\n", name);
		exit(EXIT_FAILED);
	}
	return strtoull(line + strlen(name), NULL, 10) << 10;
}

uint64_t space_held(const struct backend *b)
{
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	char status[8192];
	ssize_t n = fd < 0 ? -1 : read(fd, status, sizeof(status) - 1);

	if (n < 0) {
		perror("bench: /proc/self/status");
		exit(EXIT_FAILED);
	}
	close(fd);
	status[n] = '\0';
	return bytes_of(status, "RssAnon:") +
	       (b->footprint ? b->footprint() : bytes_of(status, "RssShmem:"));
}

uint64_t space_settled(const struct backend *b, uint64_t *ret_when)
{
	const struct timespec look = { .tv_nsec = LOOK_NS };
	uint64_t start = bench_now(), fell = start, now = start;
	uint64_t least = space_held(b), held;

	while (now - fell < STILL_NS && now - start < MOST_NS) {
		nanosleep(&look, NULL);
		held = space_held(b);
		now = bench_now();
		if (held < least) {
			least = held;
			fell = now;
		}
	}
	*ret_when = fell;
	return least;
}
