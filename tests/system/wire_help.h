/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_help.h - a client of mheapd without the library, for tests of the
 * daemon: the messages of shm/wire.h and requests through cells, nothing more.
 * Waits have a deadline; what goes wrong ends the program with a sentence.
 */
#ifndef TESTS_WIRE_HELP_H
#define TESTS_WIRE_HELP_H

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "shm/central.h"
#include "shm/wire.h"

#define PATIENCE_MS	20000

struct wire {
	const char	*path;
	int		 sock;
	int		 fds[WIRE_FDS], nfds;
	struct wire_welcome w;
	struct seg	 sg;
	struct party	 me;
	void		*maps[3];
	bool		 mapped;
};

__attribute__((format(printf, 1, 2), noreturn))
static inline void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static inline uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static inline void short_nap(void)
{
	struct timespec t = { .tv_nsec = 2000000 };

	nanosleep(&t, NULL);
}

/* -errno if nobody listens. */
static inline int wire_connect(const char *path)
{
	struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(a.sun_path))
		return -EINVAL;
	strcpy(a.sun_path, path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (!connect(fd, (struct sockaddr *)&a, sizeof(a)))
		return fd;
	close(fd);
	return -errno;
}

static inline struct wire_hello wire_hello_new(uint32_t flags)
{
	struct wire_hello h = { .magic = WIRE_MAGIC, .type = WIRE_HELLO,
				.version = WIRE_VERSION, .flags = flags,
				.abi = sh_abi(), .lib_version = "test" };
	return h;
}

/* Receives a WELCOME with its descriptors; false: end of file. */
static inline bool wire_recv_welcome(struct wire *c)
{
	union { struct cmsghdr align; char room[CMSG_SPACE(sizeof(c->fds))]; } u;
	struct iovec iov = { &c->w, sizeof(c->w) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = &u,
			      .msg_controllen = sizeof(u.room) };
	ssize_t n = recvmsg(c->sock, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *h;

	if (n < 0 && errno == ECONNRESET)	/* told once, then the packet */
		n = recvmsg(c->sock, &msg, MSG_CMSG_CLOEXEC);
	h = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (n <= 0)
		return false;
	if (n != sizeof(c->w) || c->w.magic != WIRE_MAGIC ||
	    c->w.type != WIRE_WELCOME)
		fail("%zd bytes that are no WELCOME", n);
	c->nfds = h ? (int)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int)) : 0;
	if (c->nfds)
		memcpy(c->fds, CMSG_DATA(h), (size_t)c->nfds * sizeof(int));
	return true;
}

static inline void *wire_map(int fd, uint64_t bytes, bool readonly)
{
	void *p = mmap(NULL, bytes, readonly ? PROT_READ : PROT_READ | PROT_WRITE,
		       MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		fail("mmap of %llu bytes: %s", (unsigned long long)bytes,
		     strerror(errno));
	return p;
}

static inline void wire_map_all(struct wire *c, uint32_t flags)
{
	bool looks = flags & WIRE_OBSERVE;

	if (c->mapped)
		return;
	c->maps[0] = wire_map(c->fds[0], c->w.heap_bytes, true);
	c->maps[1] = wire_map(c->fds[1], c->w.central_bytes, looks);
	c->maps[2] = wire_map(c->fds[2], c->w.arena_bytes,
			      looks || flags & WIRE_READONLY);
	if (seg_view(&c->sg, c->maps[0], c->w.heap_bytes, c->maps[1],
		     c->w.central_bytes, c->maps[2]))
		fail("the segments are no heap");
	c->mapped = true;
}

static inline void wire_unmap(struct wire *c)
{
	const uint64_t bytes[] = { c->w.heap_bytes, c->w.central_bytes,
				   c->w.arena_bytes };

	for (int i = 0; c->mapped && i < 3; i++)
		munmap(c->maps[i], bytes[i]);
	for (int i = 0; i < c->nfds; i++)
		close(c->fds[i]);
	c->mapped = false;
	c->nfds = 0;
}

/* READY and its GO; false: the daemon closed instead. */
static inline bool wire_ready_go(struct wire *c)
{
	struct wire_ready m = { .magic = WIRE_MAGIC, .type = WIRE_READY,
				.nonce = c->w.nonce };

	if (send(c->sock, &m, sizeof(m), MSG_NOSIGNAL) != sizeof(m))
		return false;
	if (recv(c->sock, &m, sizeof(m), 0) != sizeof(m))
		return false;
	return m.type == WIRE_GO && m.nonce == c->w.nonce;
}

static inline void wire_ring(struct wire *c)
{
	uint32_t slot = c->me.slot;
	uint64_t one = 1;

	or_rel(&c->sg.ctl->bell[slot / 64], 1ull << slot % 64);	/* [Q2] */
	if (write(c->fds[WIRE_FD_BELL], &one, sizeof(one)) != sizeof(one))
		fail("the doorbell: %s", strerror(errno));
}

/* One request through cell 0; its err.  Polls: the daemon's wake is a hint. */
static inline int wire_request(struct wire *c, uint32_t op,
			       const uint32_t arg[4], uint64_t value,
			       const char *text, uint32_t *ret_result)
{
	struct sh_cell *cell = &c->sg.slots[c->me.slot].cells[0];
	uint64_t end = now_ms() + PATIENCE_MS;

	cell->op = op;
	memcpy(cell->arg, arg, sizeof(cell->arg));
	cell->value = value;
	snprintf(cell->text, sizeof(cell->text), "%s", text);
	st_rel(&cell->word, CELL_POSTED);		/* [Q1] */
	wire_ring(c);
	while ((ld_acq(&cell->word) & 3) != CELL_DONE) {	/* [Q1] */
		if (now_ms() > end)
			fail("a request was not answered");
		short_nap();
	}
	*ret_result = cell->result;
	st_rel(&cell->word, CELL_IDLE);			/* [Q1] */
	return cell->err;
}

#endif
