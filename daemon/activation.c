/* SPDX-License-Identifier: Apache-2.0 */
/*
 * activation.c - see activation.h.  One thread; the environment is read once,
 * before any child is started.
 */
#include "daemon/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/passfds.h"

#define FIRST_FD	3
#define KEPT_PREFIX	"mheap-"

static int number_in(const char *variable)
{
	const char *text = getenv(variable);

	return text ? atoi(text) : 0;
}

static bool is_listener(int fd)
{
	int type = 0, listens = 0;
	socklen_t len = sizeof(int);

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) &&
	       type == SOCK_SEQPACKET &&
	       !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) &&
	       listens;
}

static void take_fd(struct activation *a, int fd, const char *name)
{
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	for (int i = 0; i < SEGFILES; i++)
		if (!strncmp(name, KEPT_PREFIX, strlen(KEPT_PREFIX)) &&
		    !strcmp(name + strlen(KEPT_PREFIX), segfile_part[i]) &&
		    a->kept[i] < 0) {
			a->kept[i] = fd;
			return;
		}
	if (a->listen_fd < 0 && is_listener(fd))
		a->listen_fd = fd;
	else
		close(fd);
}

void activation_take(struct activation *a)
{
	const char *given = getenv("LISTEN_FDNAMES");
	char *names = given ? strdup(given) : NULL, *rest = names, *name;
	int n = number_in("LISTEN_FDS");

	*a = (struct activation){ -1, { -1, -1, -1 } };
	if (number_in("LISTEN_PID") != getpid() || n <= 0 || n > 1024)
		n = 0;
	for (int i = 0; i < n; i++) {
		name = strsep(&rest, ":");
		take_fd(a, FIRST_FD + i, name ? name : "");
	}
	free(names);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}

bool activation_notifies(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	return path && (path[0] == '/' || path[0] == '@') && path[1];
}

static socklen_t notify_address(struct sockaddr_un *ret_a)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t n = strlen(path);

	if (n >= sizeof(ret_a->sun_path))
		return 0;
	*ret_a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret_a->sun_path, path, n);
	if (path[0] == '@')
		ret_a->sun_path[0] = 0;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

void activation_notify(const char *text, const int *fds, unsigned int nfds)
{
	struct sockaddr_un to;
	socklen_t len;
	int sock;

	if (!activation_notifies())
		return;
	len = notify_address(&to);
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (!len || sock < 0 ||
	    !passfds_send(sock, text, strlen(text), fds, nfds,
			  (struct sockaddr *)&to, len))
		log_line(LOG_WARNING, "can't tell the service manager: %s",
			 strerror(errno));
	if (sock >= 0)
		close(sock);
}

void activation_keep(const struct segfiles *f)
{
	char text[64];

	for (int i = 0; i < SEGFILES; i++) {
		snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=" KEPT_PREFIX
			 "%s", segfile_part[i]);
		activation_notify(text, &f->rw[i], 1);
	}
}

void activation_forget(void)
{
	char text[64];

	for (int i = 0; i < SEGFILES; i++) {
		snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME="
			 KEPT_PREFIX "%s", segfile_part[i]);
		activation_notify(text, NULL, 0);
	}
}
