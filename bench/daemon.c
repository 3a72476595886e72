/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.c - see daemon.h.  $MHEAP_DAEMON, or the installed mheapd, as a child
 * in the foreground, so that it can be waited for, and in a session of its own:
 * it removes the heap even when this program's whole process group is killed.
 * What it says is kept back, and shown if it doesn't serve.
 */
#include "bench/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GIB		(1ull << 30)
#define MS		1000000
#define START_MS	10000
#define ARG(text)	((char *)(uintptr_t)(text))

extern char **environ;

static pid_t pid;

static void refused(const char *path, const char *why, FILE *log)
{
	char line[256];

	rewind(log);
	while (fgets(line, sizeof(line), log))
		fputs(line, stderr);
	fprintf(stderr, "mheap: %s: %s; MHEAP_DAEMON is the path of mheapd\n",
		path, why);
}

static int spawn(const char *path, char **argv, FILE *log)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int err;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&files, fileno(log), 2);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
	err = posix_spawn(&pid, path, &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	if (err)
		refused(path, strerror(err), log);
	return err;
}

static mh_heap *await_heap(const char *path, const char *name, FILE *log)
{
	const struct timespec pause = { .tv_nsec = MS };
	int status;

	for (int i = 0; i < START_MS; i++) {
		mh_heap *heap = mh_attach(name, 0);

		if (heap)
			return heap;
		if (waitpid(pid, &status, WNOHANG) == pid) {
			refused(path, "it ended", log);
			return NULL;
		}
		nanosleep(&pause, NULL);
	}
	refused(path, mh_errmsg(), log);
	kill(pid, SIGTERM);
	return NULL;
}

/* The address range has room for what classes and spans leave unused. */
static mh_heap *serve(uint64_t bytes, FILE *log)
{
	const char *path = getenv("MHEAP_DAEMON");
	char size[24], name[48];
	char *argv[] = { ARG("mheapd"), ARG("--foreground"),
			 ARG("--autoremove"), ARG("--name"), name,
			 ARG("--size"), size, NULL };

	if (!path || !*path)
		path = MH_SBINDIR "/mheapd";
	snprintf(name, sizeof(name), "bench.%d", (int)getpid());
	snprintf(size, sizeof(size), "%lluG",
		 (unsigned long long)(16 + 2 * bytes / GIB));
	return spawn(path, argv, log) ? NULL : await_heap(path, name, log);
}

mh_heap *daemon_heap(uint64_t bytes)
{
	FILE *log = tmpfile();
	mh_heap *heap;

	if (!log) {
		fprintf(stderr, "mheap: no file for what mheapd says: %s\n",
			strerror(errno));
		return NULL;
	}
	heap = serve(bytes, log);
	fclose(log);
	return heap;
}

void daemon_end(mh_heap *heap)
{
	mh_detach(heap);
	waitpid(pid, NULL, 0);
}
