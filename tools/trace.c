/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.c - `mheap trace`: runs mheap-trace, which is a program of its own because
 * it needs privileges and libraries that nothing else here does.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/commands.h"
#include "tools/say.h"

/* The one beside us, so that a build folder runs its own; else the installed. */
static void beside(char *to, size_t size)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = 0;
	slash = strrchr(self, '/');
	if (slash)
		*slash = 0;
	if ((size_t)snprintf(to, size, "%s/mheap-trace", self) >= size ||
	    access(to, X_OK))
		snprintf(to, size, "%s/mheap-trace", MH_SBINDIR);
}

int cmd_trace(int argc, char **argv)
{
	char path[PATH_MAX + 16], name[] = "mheap-trace";

	(void)argc;
	beside(path, sizeof(path));
	argv[0] = name;
	execv(path, argv);
	return refuse(EXIT_IMPOSSIBLE, "can't run %s: %s%s", path,
		      strerror(errno), errno == ENOENT ?
		      "; it was built without it (configure --enable-bpf), or is "
		      "not installed" : "");
}
