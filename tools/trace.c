/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.c - `mheap trace`: runs mheap-trace, which is a program of its own because
 * it needs privileges and libraries that nothing else here does: $MHEAP_TRACE, or
 * the installed one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/commands.h"
#include "tools/say.h"

int cmd_trace(int argc, char **argv)
{
	const char *path = getenv("MHEAP_TRACE");
	char name[] = "mheap-trace";

	(void)argc;
	if (!path)
		path = MH_SBINDIR "/mheap-trace";
	argv[0] = name;
	execv(path, argv);
	return refuse(EXIT_IMPOSSIBLE, "can't run %s: %s%s", path,
		      strerror(errno), errno == ENOENT ?
		      "; was it built (configure --enable-bpf) and installed? "
		      "MHEAP_TRACE names another" : "");
}
