/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect.c - the socket: handshake, descriptors, reconnecting and leaving.
 * Before a descriptor is used it is compared with what it was at attach
 * (applications close what they don't know).  Lock: rights.join, held by the
 * callers.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "libclient/seen.h"
#include "shm/text.h"
#include "shm/wire.h"

#define REPLY_MS	10000

static struct fd_id fd_note(int fd)
{
	struct fd_id id = { .fd = fd };
	struct stat st;

	if (fd >= 0 && !fstat(fd, &st)) {
		id.dev = st.st_dev;
		id.ino = st.st_ino;
	}
	return id;
}

bool fd_is_ours(const struct fd_id *f)
{
	struct stat st;

	return f->fd >= 0 && !fstat(f->fd, &st) && st.st_dev == f->dev &&
	       st.st_ino == f->ino;
}

/*
 * The new one gets the old one's number, in one step: another thread may be
 * about to use that, and must not find a file of the application there.
 */
static void fd_replace(struct fd_id *f, int fd)
{
	if (fd_is_ours(f) && dup3(fd, f->fd, O_CLOEXEC) == f->fd) {
		close(fd);
		fd = f->fd;
	}
	*f = fd_note(fd);
}

static void fd_close(struct fd_id *f)
{
	if (fd_is_ours(f))
		close(f->fd);
	f->fd = -1;
}

void close_heap_fds(mh_heap *h)
{
	fd_close(&h->sock);
	fd_close(&h->bell);
}

/* A daemon that stands still, and a full backlog: it would wait for ever. */
static int connect_in_time(int fd, const struct sockaddr_un *a, unsigned ms)
{
	uint64_t end = mono_ms() + ms, now;
	struct timeval t;

	do {
		now = mono_ms();
		if (now >= end)
			return -ETIMEDOUT;
		t.tv_sec = (time_t)((end - now) / 1000);
		t.tv_usec = (suseconds_t)((end - now) % 1000 * 1000);
		if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)))
			return -errno;
		if (!connect(fd, (const struct sockaddr *)a, sizeof(*a)))
			return 0;
	} while (errno == EINTR);
	return errno == EAGAIN ? -ETIMEDOUT : -errno;
}

static int dial(mh_heap *h, int *ret_fd)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	copy_text(a.sun_path, sizeof(a.sun_path), h->socket_path);
	r = connect_in_time(fd, &a, h->reply_ms);
	if (r) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

/* However often signals come. */
static int wait_reply(int fd, unsigned ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t end = mono_ms() + ms, now;
	int r;

	do {
		now = mono_ms();
		r = poll(&p, 1, now < end ? (int)(end - now) : 0);
	} while (r < 0 && errno == EINTR);
	return r > 0 ? 0 : r < 0 ? -errno : -ETIMEDOUT;
}

static int take_fds(struct msghdr *m, int fds[WIRE_FDS])
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	size_t n = 0;

	for (int i = 0; i < WIRE_FDS; i++)
		fds[i] = -1;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	if (n > WIRE_FDS)
		n = WIRE_FDS;
	if (n)
		memcpy(fds, CMSG_DATA(c), n * sizeof(int));
	return m->msg_flags & MSG_CTRUNC ? -EMFILE : 0;
}

static int recv_welcome(int fd, unsigned ms, struct wire_welcome *w,
			int fds[WIRE_FDS])
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(WIRE_FDS * sizeof(int))];
	} c;
	struct iovec io = { w, sizeof(*w) };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1,
			    .msg_control = c.buf,
			    .msg_controllen = sizeof(c.buf) };
	ssize_t n;
	int r = wait_reply(fd, ms);

	if (r)
		return r;
	n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	if (!n)
		return -ECONNRESET;
	r = take_fds(&m, fds);
	if (n != sizeof(*w) || w->magic != WIRE_MAGIC)
		return -EPROTO;
	w->text[sizeof(w->text) - 1] = 0;
	return r;
}

static void close_all(int fds[WIRE_FDS])
{
	for (int i = 0; i < WIRE_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static int greet(mh_heap *h, int fd, uint32_t flags, struct wire_welcome *w,
		 int fds[WIRE_FDS])
{
	struct party who = h->r->me.slot ? h->r->me : h->r->offered;
	struct wire_hello hello = {
		.magic = WIRE_MAGIC, .type = WIRE_HELLO,
		.version = WIRE_VERSION, .abi = sh_abi(),
		.flags = flags | (h->flags & MH_READONLY ? WIRE_READONLY : 0),
		.slot = who.slot, .gen = who.gen,
		.nonce = h->r->nonce, .lib_version = PACKAGE_VERSION };

	/* Turned away at once it cannot be sent, but why is there to be read. */
	if (send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) != sizeof(hello) &&
	    errno != EPIPE && errno != ECONNRESET)
		return -errno;
	return recv_welcome(fd, h->reply_ms, w, fds);
}

static int confirm(int fd, unsigned ms, uint32_t type, uint32_t reply,
		   uint64_t nonce)
{
	struct wire_ready m = { .magic = WIRE_MAGIC, .type = type,
				.nonce = nonce };
	ssize_t n;
	int r;

	if (send(fd, &m, sizeof(m), MSG_NOSIGNAL) != sizeof(m))
		return -errno;
	r = wait_reply(fd, ms);
	if (r)
		return r;
	n = recv(fd, &m, sizeof(m), 0);
	if (n <= 0)
		return n ? -errno : -ECONNRESET;
	if (n != sizeof(m) || m.magic != WIRE_MAGIC || m.type != reply)
		return -EPROTO;
	return m.status;
}

static int refused(mh_heap *h, int r, const struct wire_welcome *w)
{
	switch (-r) {
	case ENOENT:
		refuse(ENOENT, "no heap %s: there is no socket %s; start one with "
		     "`mheapd --name %s`, or attach with MH_START", h->name,
		     h->socket_path, h->name);
		break;
	case ECONNREFUSED:
		refuse(ECONNREFUSED, "heap %s: nobody listens on %s; its mheapd "
		     "is not running", h->name, h->socket_path);
		break;
	case EACCES:
		refuse(EACCES, "heap %s: no permission for %s; the same user, root "
		     "and the daemon's --group may attach", h->name,
		     h->socket_path);
		break;
	case EPROTO:
		refuse(EPROTO, "heap %s: %s", h->name, w->text[0] ? w->text :
		     "its mheapd speaks another protocol");
		break;
	case EMFILE:
		refuse(EMFILE, "heap %s: %s", h->name, w->text[0] ? w->text :
		       "this process has no file descriptors left (ulimit -n)");
		break;
	default:
		refuse(-r, "heap %s: %s", h->name, w->text[0] ? w->text :
		     strerror(-r));
	}
	return -errno;
}

/* The welcome is in: map (first time), then confirm. */
static int settle(mh_heap *h, int fd, const struct wire_welcome *w,
		  const int fds[WIRE_FDS])
{
	int r = h->heap_map ? 0 : map_heap(h, w, fds);

	if (!r)
		r = rights_make(h);
	if (r)
		return r;
	h->r->offered = (struct party){ w->slot, w->gen };
	h->r->nonce = w->nonce;
	r = confirm(fd, h->reply_ms, WIRE_READY, WIRE_GO, w->nonce);
	if (r)
		return r;
	if (!h->r->me.slot)	/* resumed: the same, and others read it */
		set_me(h, (struct party){ w->slot, w->gen });
	h->r->epoch = w->epoch;
	memcpy(h->daemon_version, w->daemon_version, sizeof(h->daemon_version));
	fd_replace(&h->sock, fd);
	fd_replace(&h->bell, fds[WIRE_FD_BELL]);
	return 0;
}

static int same_heap(mh_heap *h, const struct wire_welcome *w,
		     const int fds[WIRE_FDS])
{
	struct stat st;

	if (!h->heap_map)
		return 0;
	if (fstat(fds[WIRE_FD_HEAP], &st) || st.st_ino != h->heap_ino ||
	    w->heap_bytes != h->sg.geo.heap_bytes)
		return -ESHUTDOWN;
	return 0;
}

static int handshake(mh_heap *h, uint32_t flags, struct wire_welcome *w)
{
	int fds[WIRE_FDS] = { -1, -1, -1, -1 }, fd = -1;
	int r = dial(h, &fd);
	struct stat st;

	if (r)
		return r;
	r = greet(h, fd, flags, w, fds);
	if (!r)
		r = w->status;
	if (!r)
		r = same_heap(h, w, fds);
	if (!r && !fstat(fds[WIRE_FD_HEAP], &st))
		h->heap_ino = st.st_ino;
	if (!r)
		r = settle(h, fd, w, fds);
	if (r) {
		close(fd);
		close_all(fds);
		return r;
	}
	close(fds[WIRE_FD_HEAP]);
	close(fds[WIRE_FD_CENTRAL]);
	close(fds[WIRE_FD_ARENA]);
	return 0;
}

/*
 * A daemon that died before its GO may have made the slot ours all the same, and we
 * map the heap, so that it would never be another's: it is asked for first.
 */
static int ask_for_slot(mh_heap *h, struct wire_welcome *w)
{
	int r = h->r->offered.slot ? handshake(h, WIRE_RESUME, w) : -ESTALE;

	if (r != -ESTALE)
		return r;
	h->r->offered = NOBODY;
	*w = (struct wire_welcome){ 0 };
	return handshake(h, 0, w);
}

/* 0, or -errno with the sentence said. */
int join_heap(mh_heap *h, unsigned wait_ms)
{
	struct wire_welcome w = { 0 };
	int r;

	h->reply_ms = wait_ms < JOIN_ANSWER_MS ? JOIN_ANSWER_MS :
		      wait_ms < REPLY_MS ? wait_ms : REPLY_MS;
	r = ask_for_slot(h, &w);

	if (r == -ECONNRESET || r == -EPIPE)
		r = -ECONNREFUSED;	/* it died while we talked */
	if (r)
		return refused(h, r, &w);
	st_rel(&h->r->live, h->serial);				/* [A1] */
	if (PROBE_ON(client_attach))
		PROBE_FIRE(client_attach, h->r->me.slot, h->heap_ino, sh_abi(),
			   h->flags);
	return 0;
}

static bool hung_up(mh_heap *h)
{
	struct pollfd p = { .fd = h->sock.fd, .events = POLLIN };

	if (!fd_is_ours(&h->sock))
		return true;
	return poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR | POLLIN);
}

unsigned daemon_away(mh_heap *h)
{
	return hung_up(h) ? 1 : 0;
}

/* If the daemon was restarted: tells the new one who we are. */
int reconnect(mh_heap *h)
{
	struct wire_welcome w = { 0 };
	int r;

	if (!hung_up(h) && h->r->epoch == ld_acq(&h->sg.hdr->epoch)) /* [H1] */
		return 0;
	h->reply_ms = REPLY_MS;
	r = handshake(h, WIRE_RESUME, &w);
	if ((r == -ENOENT || r == -ECONNREFUSED) && h->flags & MH_START)
		start_daemon(h);
	return r;
}

/* Before it is left: one that was restarted since knows us by another connection. */
void meet_daemon(mh_heap *h)
{
	struct wire_welcome w = { 0 };

	pthread_mutex_lock(&h->r->join);
	h->reply_ms = REPLY_MS;
	if (hung_up(h))
		handshake(h, WIRE_RESUME, &w);
	pthread_mutex_unlock(&h->r->join);
}

int part_heap(mh_heap *h)
{
	int r = hung_up(h) ? -ETIMEDOUT :
		confirm(h->sock.fd, REPLY_MS, WIRE_BYE, WIRE_GONE, h->r->nonce);

	close_heap_fds(h);
	if (PROBE_ON(client_detach))
		PROBE_FIRE(client_detach, h->r->me.slot, h->heap_ino, sh_abi(),
			   (uint64_t)-r);
	return r;
}
