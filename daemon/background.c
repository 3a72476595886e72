/* SPDX-License-Identifier: Apache-2.0 */
/*
 * background.c - see background.h.  Runs before there is an event loop: the
 * child makes it, and it alone may touch it.
 */
#include "daemon/background.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/server.h"

/* A log file that stderr was sent to stays; a terminal or a pipe does not. */
static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct stat st;

	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (fstat(STDERR_FILENO, &st) || !S_ISREG(st.st_mode))
		dup2(null, STDERR_FILENO);
	if (null > STDERR_FILENO)
		close(null);
}

static void tell_parent(void *arg)
{
	int *pipe_fd = arg;
	char done = 0;

	leave_terminal();
	if (write(*pipe_fd, &done, 1) != 1)
		log_line(LOG_WARNING, "whoever started this is gone");
	close(*pipe_fd);
}

int background_run(const struct options *o)
{
	int fds[2], status = 0;
	char done;
	pid_t pid;

	closefrom(STDERR_FILENO + 1);
	if (pipe2(fds, O_CLOEXEC) || (pid = fork()) < 0) {
		perror("mheapd");
		return EXIT_FAULT;
	}
	if (!pid) {
		close(fds[0]);
		setsid();
		return chdir("/") ? EXIT_FAULT :
				    server_run(o, tell_parent, &fds[1]);
	}
	close(fds[1]);
	if (read(fds[0], &done, 1) == 1)
		return EXIT_SUCCESS;
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) :
							  EXIT_FAULT;
}
