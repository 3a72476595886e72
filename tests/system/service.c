/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.c - a service manager as far as mheapd can tell: owns the socket,
 * passes it by LISTEN_FDS, hears NOTIFY_SOCKET, keeps descriptors (FDSTORE), and
 * starts the daemon again when it dies by a signal.
 *
 *	service FOLDER SOCKET MHEAPD ARGUMENT...
 *
 * Prints "ready PID" at each READY=1, "kept NAME" and "dropped NAME" for the
 * store.  Ends with the daemon's exit code when it ends by itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define STORE	8
#define FIRST	3
#define HIGH	32	/* above what is passed */

static struct { int fd; char name[64]; } store[STORE];
static int nstore;
static pid_t daemon_pid;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int bound(int type, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0), high;

	if (fd < 0 || strlen(path) >= sizeof(a.sun_path))
		fail(path);
	strcpy(a.sun_path, path);
	unlink(path);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)))
		fail(path);
	high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH);
	close(fd);
	return high;
}

static void hand_over(int listen_fd, const char *notify)
{
	char names[512] = "mheapd.socket", number[16];

	dup2(listen_fd, FIRST);
	for (int i = 0; i < nstore; i++) {
		dup2(store[i].fd, FIRST + 1 + i);
		strcat(names, ":");
		strcat(names, store[i].name);
	}
	snprintf(number, sizeof(number), "%d", getpid());
	setenv("LISTEN_PID", number, 1);
	snprintf(number, sizeof(number), "%d", 1 + nstore);
	setenv("LISTEN_FDS", number, 1);
	setenv("LISTEN_FDNAMES", names, 1);
	setenv("NOTIFY_SOCKET", notify, 1);
}

static void start(int listen_fd, const char *notify, char **argv)
{
	daemon_pid = fork();
	if (daemon_pid < 0)
		fail("fork");
	if (daemon_pid)
		return;
	hand_over(listen_fd, notify);
	execv(argv[0], argv);
	fail(argv[0]);
}

static void keep(const char *name, int fd)
{
	if (nstore == STORE || fd < 0)
		return;
	store[nstore].fd = fcntl(fd, F_DUPFD_CLOEXEC, HIGH);
	snprintf(store[nstore].name, sizeof(store[0].name), "%s", name);
	nstore++;
	printf("kept %s\n", name);
}

static void drop(const char *name)
{
	for (int i = 0; i < nstore; i++)
		if (!strcmp(store[i].name, name)) {
			close(store[i].fd);
			store[i] = store[--nstore];
			printf("dropped %s\n", name);
			return;
		}
}

/* One datagram: lines of NAME=VALUE. */
static void notified(char *text, int fd)
{
	const char *name = strstr(text, "FDNAME=");
	char value[64] = "";

	if (name)
		sscanf(name, "FDNAME=%63[^\n]", value);
	if (!strncmp(text, "READY=1", 7))
		printf("ready %d\n", daemon_pid);
	if (strstr(text, "FDSTORE=1"))
		keep(value, fd);
	if (strstr(text, "FDSTOREREMOVE=1"))
		drop(value);
	fflush(stdout);
}

static void hear(int sock)
{
	union { struct cmsghdr align; char room[CMSG_SPACE(sizeof(int))]; } u;
	char text[512];
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = &u,
			      .msg_controllen = sizeof(u.room) };
	ssize_t n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c;
	int fd = -1;

	if (n < 0)
		return;
	text[n] = 0;
	c = CMSG_FIRSTHDR(&msg);
	if (c)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	notified(text, fd);
	if (fd >= 0)
		close(fd);
}

static void stop(int signo)
{
	kill(daemon_pid, signo);
}

int main(int argc, char **argv)
{
	char notify[108];
	int listen_fd, sock, status;

	if (argc < 4)
		return 2;
	snprintf(notify, sizeof(notify), "%s/notify", argv[1]);
	listen_fd = bound(SOCK_SEQPACKET, argv[2]);
	sock = bound(SOCK_DGRAM, notify);
	if (listen(listen_fd, 64))
		fail("listen");
	signal(SIGTERM, stop);
	signal(SIGHUP, stop);
	for (;;) {
		struct pollfd p = { .fd = sock, .events = POLLIN };

		if (!daemon_pid)
			start(listen_fd, notify, argv + 3);
		if (poll(&p, 1, 20) > 0)
			hear(sock);
		else if (waitpid(daemon_pid, &status, WNOHANG) == daemon_pid) {
			if (WIFEXITED(status))
				return WEXITSTATUS(status);
			daemon_pid = 0;
		}
	}
}
