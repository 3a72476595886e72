/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start.c - MH_START: a private daemon if none serves the heap.  $MHEAP_DAEMON,
 * then the compiled-in place.  mheapd itself forks twice and starts a session
 * of its own; its exit status says whether the heap is served.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libclient/client.h"

#define MHEAPD_PATH	MH_SBINDIR "/mheapd"

extern char **environ;

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errno == ECHILD ? 0 : -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* 0: somebody serves the heap now, this daemon or another that was faster. */
int start_daemon(mh_heap *h)
{
	const char *path = getenv("MHEAP_DAEMON");
	char *argv[] = { NULL, (char *)(uintptr_t)"--name", h->name,
			 (char *)(uintptr_t)"--autoremove", NULL };
	pid_t pid;
	int r;

	if (!path || !*path)
		path = MHEAPD_PATH;
	argv[0] = (char *)(uintptr_t)path;
	r = posix_spawn(&pid, path, NULL, NULL, argv, environ);
	if (r) {
		refuse(r, "heap %s: cannot start %s: %s; set MHEAP_DAEMON to the "
		     "path of mheapd", h->name, path, strerror(r));
		return -r;
	}
	r = wait_for(pid);
	if (r > 1) {
		refuse(ECONNREFUSED, "heap %s: %s ended with status %d; run it "
		     "with --foreground to see why", h->name, path, r);
		return -ECONNREFUSED;
	}
	return 0;
}
