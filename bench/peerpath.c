/* SPDX-License-Identifier: Apache-2.0 */
/* peerpath.c - see peerpath.h: beside this program. */
#include "bench/peerpath.h"

#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Where this program is; libtool runs it out of a folder .libs there. */
static bool own_folder(char *buf, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", buf, size - 1);
	char *last;

	if (n < 0)
		return false;
	buf[n] = '\0';
	dirname(buf);
	last = strrchr(buf, '/');
	if (last && !strcmp(last, "/.libs"))
		*last = '\0';
	return true;
}

bool peer_path(const char *name, char *buf, size_t size)
{
	char folder[PATH_MAX];

	if (!own_folder(folder, sizeof(folder)))
		return false;
	return snprintf(buf, size, "%s/peer_%s.so", folder, name) < (int)size;
}
