/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exact_test.h - two clients of an in-process heap, and a thread that plays
 * mheapd's socket: it answers a handshake just as a test wants it, while the
 * library is inside a system call.  Most of these tests fail by hanging, so
 * each has a minute.
 */
#ifndef TESTS_UNIT_EXACT_TEST_H
#define TESTS_UNIT_EXACT_TEST_H

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "shm/wire.h"
#include "tests/clientrig.h"

static const struct rig_opts opts = { .reserve = 64u << 20, .clients = 8,
				      .stripes = 2, .names = 16 };
static struct clientrig *cr;
static mh_heap *a, *b;
static int hook_err;

static inline int note_misuse(mh_heap *h, const void *p, int err, const char *s)
{
	(void)h;
	(void)p;
	(void)s;
	hook_err = err;
	return 0;
}

static inline int setup(void **state)
{
	(void)state;
	alarm(60);
	cr = clientrig_new(&opts);
	a = clientrig_attach(cr, 0);
	b = clientrig_attach(cr, 0);
	hook_err = 0;
	mh_set_error_hook(note_misuse);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	clientrig_verify(cr);
	clientrig_kill(cr, a);
	clientrig_kill(cr, b);
	clientrig_verify(cr);
	clientrig_free(cr);
	alarm(0);
	return 0;
}

static inline void refuse_with(int conn, int err)
{
	struct wire_welcome w = { .magic = WIRE_MAGIC, .type = WIRE_WELCOME,
				  .status = err };

	assert_int_equal(send(conn, &w, sizeof(w), MSG_NOSIGNAL), sizeof(w));
}

/* ... and a file, as each of the segments and the bell. */
static inline void welcome_with(int conn, const struct wire_welcome *w, int fd)
{
	union { struct cmsghdr align; char room[CMSG_SPACE(4 * sizeof(int))]; } u;
	struct wire_welcome copy = *w;
	struct iovec iov = { &copy, sizeof(copy) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &u,
			    .msg_controllen = sizeof(u) };
	int fds[4] = { fd, fd, fd, fd };

	memset(&u, 0, sizeof(u));
	CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
	CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
	CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, sizeof(fds));
	assert_int_equal(sendmsg(conn, &m, MSG_NOSIGNAL), sizeof(copy));
}

/* A socket on which `answer` is called for each connection, with its number. */
struct server {
	char	  path[64];
	int	  fd;
	pthread_t t;
	void	  (*answer)(int conn, unsigned n);
	bool	  plays;	/* the daemon, until answer resumes the rig */
	_Atomic int ready;
	struct wire_hello hello;	/* of the connection under way */
};

static inline void *serve(void *arg)
{
	struct server *s = arg;

	if (s->plays)
		clientrig_pause(cr);
	st_rel(&s->ready, 1);
	for (unsigned n = 0; ; n++) {
		int conn = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);

		if (conn < 0)
			return NULL;
		if (recv(conn, &s->hello, sizeof(s->hello), 0) ==
		    sizeof(s->hello))
			s->answer(conn, n);
		close(conn);
	}
}

static inline void server_start(struct server *s,
				void (*answer)(int, unsigned), bool plays)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(s->path, sizeof(s->path), "/tmp/mheap-exact-%d.sock",
		 (int)getpid());
	strcpy(addr.sun_path, s->path);
	unlink(s->path);
	s->answer = answer;
	s->plays = plays;
	st_rel(&s->ready, 0);
	s->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, (void *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(s->fd, 8), 0);
	assert_int_equal(pthread_create(&s->t, NULL, serve, s), 0);
	while (!ld_acq(&s->ready))
		;
}

static inline void server_stop(struct server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->t, NULL);
	close(s->fd);
	unlink(s->path);
}

#define ON_RIG(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
