/* SPDX-License-Identifier: Apache-2.0 */
/* demo_self.c - runs this program with other arguments, and the daemon. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/demo.h"

extern char **environ;

static int start(const char *path, char *const argv[], int out, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r)
		return -r;
	if (out >= 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, 1);
	if (!r)
		r = posix_spawn(ret_pid, path, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* By its own path, so that it shows under its name; the link serves if that
 * file has been replaced. */
pid_t self_start(char *const argv[], int out)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	int r = -ENOENT;
	pid_t pid = -1;

	if (n > 0) {
		path[n] = 0;
		r = start(path, argv, out, &pid);
	}
	if (r)
		r = start("/proc/self/exe", argv, out, &pid);
	return r ? r : pid;
}

static int await(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	       128 + WTERMSIG(status);
}

/* To the end, though no more than fits is kept: the writer must not stop. */
static void read_all(int fd, char *buf, size_t size)
{
	char rest[512];
	size_t have = 0;

	for (;;) {
		bool full = have + 1 >= size;
		ssize_t n = full ? read(fd, rest, sizeof(rest)) :
			    read(fd, buf + have, size - 1 - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (!full)
			have += (size_t)n;
	}
	buf[have] = 0;
}

int self_run(char *const argv[], char *buf, size_t size)
{
	int fds[2];
	pid_t pid = -1;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = self_start(argv, fds[1]);
	close(fds[1]);
	if (pid > 0)
		read_all(fds[0], buf, size);
	close(fds[0]);
	return pid > 0 ? await(pid) : pid;
}

/* As MH_START does, with a backing of our choice. */
int daemon_start(const char *heap, const char *backing)
{
	const char *path = getenv("MHEAP_DAEMON");
	char *argv[] = { NULL, (char *)(uintptr_t)"--name",
			 (char *)(uintptr_t)heap,
			 (char *)(uintptr_t)"--backing",
			 (char *)(uintptr_t)backing,
			 (char *)(uintptr_t)"--autoremove", NULL };
	pid_t pid = -1;
	int r;

	if (!path || !*path)
		path = MH_SBINDIR "/mheapd";
	argv[0] = (char *)(uintptr_t)path;
	r = start(path, argv, -1, &pid);
	return r ? r : await(pid);
}
