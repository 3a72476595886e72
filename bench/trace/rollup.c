/* SPDX-License-Identifier: Apache-2.0 */
/* rollup.c - see rollup.h. */
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/exits.h"
#include "bench/trace/rollup.h"

#define ROLLUP	"/proc/self/smaps_rollup"

/* The value of a line "\nNAME:   123 kB", in bytes. */
static uint64_t bytes_of(const char *text, const char *name)
{
	const char *line = strstr(text, name);

	if (!line)
		error(EXIT_FAILED, 0, ROLLUP " has no line %s: the kernel must "
		      "be 5.4 or newer", name + 1);
	return strtoull(line + strlen(name), NULL, 10) << 10;
}

struct rollup rollup_read(void)
{
	int fd = open(ROLLUP, O_RDONLY | O_CLOEXEC);
	char text[4096];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0)
		error(EXIT_FAILED, errno, ROLLUP);
	close(fd);
	text[n] = '\0';
	return (struct rollup){ .anon = bytes_of(text, "\nAnonymous:"),
				.shmem = bytes_of(text, "\nPss_Shmem:") };
}
