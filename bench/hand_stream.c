/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hand_stream.c - a stream of messages: written by one process, handed over, read
 * by another.  ns a message, from when all have joined.  As many are on their way as
 * SMALL_ROOM or LARGE_ROOM say, but in the kernel's queues, which have their own limits.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/barrier.h"
#include "bench/hand.h"
#include "bench/peerpath.h"

#define SMALL_ROOM	256u
#define LARGE_ROOM	16u	/* 1 MiB: stays in a cache, as a socket's does */
#define BATCH		64u

typedef int (*stream_fn)(void *s, unsigned i);

struct gate {
	_Atomic uint32_t here, open;
	double from;
};

struct stream {
	struct gate *gate;
	unsigned procs;
	stream_fn warm, body;	/* warm: before the time begins; NULL: nothing */
	mh_heap	*h;
	mh_chan	*c;
	size_t	 size;
	unsigned batch;
	long	 n;		/* messages of each sender */
	int	 fd[2];
	mqd_t	 mq;
	struct ring *ring;
	bool	 cas;
};

static unsigned room(size_t size)
{
	return size > 4096 ? LARGE_ROOM : SMALL_ROOM;
}

static long messages(size_t size)
{
	return size > 4096 ? 100000 : 400000;
}

static void write_it(void *p, long n, size_t size)
{
	memset(p, (int)n, size);
}

static volatile long sink;

static void read_it(const void *p, size_t size)
{
	const long *q = p;
	long sum = 0;

	for (size_t i = 0; i < size / sizeof(*q); i += 8)
		sum += q[i];
	sink += sum;
}

/* Who can't begin comes to the gate all the same, where the others wait. */
static int gated(void *arg, unsigned i)
{
	struct stream *s = arg;
	int failed;

	hand_pin((int)i);
	failed = s->warm ? s->warm(s, i) : 0;
	barrier_pass(&s->gate->here, &s->gate->open, s->procs, true);
	if (!i)
		s->gate->from = hand_now();
	return failed ? failed : s->body(s, i);
}

static double timed(struct stream *s, stream_fn body, unsigned pairs)
{
	size_t bytes = sizeof(*s->gate);
	double ns = -1;

	s->body = body;
	s->procs = 2 * pairs;
	s->gate = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->gate == MAP_FAILED)
		return -1;
	if (!hand_fork(s->procs, gated, s))
		ns = (hand_now() - s->gate->from) / (double)(s->n * pairs);
	munmap(s->gate, bytes);
	return ns;
}

static int send_chan(struct stream *s)
{
	void *p[BATCH];

	for (long n = 0; n < s->n; n += s->batch) {
		size_t done = 0;

		for (unsigned i = 0; i < s->batch; i++) {
			p[i] = mh_alloc_flags(s->h, s->size, MH_HELD);
			if (!p[i])
				return 1;
			write_it(p[i], n, s->size);
		}
		if (s->batch == 1 && mh_chan_send(s->c, p[0], -1))
			return 1;
		while (s->batch > 1 && done < s->batch)
			done += mh_chan_send_batch(s->c, p + done,
						   s->batch - done, -1);
	}
	return 0;
}

static int recv_chan(struct stream *s)
{
	void *p[BATCH];

	for (long n = 0; n < s->n; ) {
		size_t want = s->batch < (unsigned long)(s->n - n) ? s->batch :
			      (size_t)(s->n - n), got = 1;

		if (s->batch > 1)
			got = mh_chan_recv_batch(s->c, p, want, -1);
		else if (!(p[0] = mh_chan_recv(s->c, -1)))
			return 1;
		for (size_t i = 0; i < got; i++) {
			read_it(p[i], s->size);
			if (mh_drop(s->h, p[i]))
				return 1;
		}
		n += (long)got;
	}
	return 0;
}

static int chan_body(void *arg, unsigned i)
{
	return i % 2 ? recv_chan(arg) : send_chan(arg);
}

/* A forked child joins at its first slow path. */
static int chan_warm(void *arg, unsigned i)
{
	struct stream *s = arg;
	void *p = mh_alloc_flags(s->h, s->size, MH_HELD);

	(void)i;
	return !p || mh_drop(s->h, p);
}

static double chan(mh_heap *h, size_t size, unsigned batch, unsigned pairs)
{
	struct stream s = { .h = h, .size = size, .batch = batch,
			    .warm = chan_warm,
			    .n = messages(size) / pairs / 64 * 64 };
	double ns;

	s.c = mh_chan_open(h, "hand", room(size), 0);
	if (!s.c)
		hand_die(mh_errmsg());
	ns = timed(&s, chan_body, pairs);
	mh_chan_close(s.c);
	mh_chan_remove(h, "hand");
	return ns;
}

double hand_chan(mh_heap *h, size_t size, unsigned batch)
{
	return chan(h, size, batch, 1);
}

double hand_chan_4to4(mh_heap *h, size_t size, unsigned batch)
{
	return chan(h, size, batch, 4);
}

/* One message through the kernel, out of or into buf. */
typedef bool (*copy_fn)(struct stream *s, void *buf);

/* Process 0 writes and puts, process 1 gets and reads. */
static int copy_body(struct stream *s, unsigned i, copy_fn put, copy_fn get)
{
	void *buf = calloc(1, s->size);
	bool ok = buf;

	for (long n = 0; ok && n < s->n; n++) {
		if (i) {
			ok = get(s, buf);
			read_it(buf, s->size);
		} else {
			write_it(buf, n, s->size);
			ok = put(s, buf);
		}
	}
	free(buf);
	return !ok;
}

static bool sock_put(struct stream *s, void *buf)
{
	return write(s->fd[0], buf, s->size) == (ssize_t)s->size;
}

static bool sock_get(struct stream *s, void *buf)
{
	return read(s->fd[1], buf, s->size) == (ssize_t)s->size;
}

static int sock_body(void *arg, unsigned i)
{
	return copy_body(arg, i, sock_put, sock_get);
}

double hand_sock(mh_heap *h, size_t size, unsigned n)
{
	struct stream s = { .size = size, .n = messages(size) / 4 };
	double ns;

	(void)h;
	(void)n;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s.fd))
		hand_die("socketpair");
	ns = timed(&s, sock_body, 1);
	close(s.fd[0]);
	close(s.fd[1]);
	return ns;
}

static bool mq_put(struct stream *s, void *buf)
{
	return !mq_send(s->mq, buf, s->size, 0);
}

static bool mq_get(struct stream *s, void *buf)
{
	return mq_receive(s->mq, buf, s->size, NULL) >= 0;
}

static int mq_body(void *arg, unsigned i)
{
	return copy_body(arg, i, mq_put, mq_get);
}

/* As much room as an unprivileged process gets: 10 messages. */
double hand_mq(mh_heap *h, size_t size, unsigned n)
{
	struct mq_attr a = { .mq_maxmsg = 10, .mq_msgsize = (long)size };
	struct stream s = { .size = size, .n = messages(size) / 4 };
	char name[32];
	double ns;

	(void)h;
	(void)n;
	snprintf(name, sizeof(name), "/hand-%d", (int)getpid());
	s.mq = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &a);
	if (s.mq == (mqd_t)-1)
		return -1;
	mq_unlink(name);
	ns = timed(&s, mq_body, 1);
	mq_close(s.mq);
	return ns;
}

/* One producer, one consumer, nothing but positions; and the buffers, one each. */
struct ring {
	_Alignas(64) atomic_long head;
	_Alignas(64) atomic_long tail;
	_Alignas(64) uint32_t slot[SMALL_ROOM];
	_Alignas(64) unsigned __int128 word[SMALL_ROOM][4];
	char data[];
};

/* Two CASes on a line that the other side wrote last. */
static void two_cas(unsigned __int128 *w)
{
	for (int i = 0; i < 2; i++) {
		unsigned __int128 was = *(volatile unsigned __int128 *)w;

		if (!__sync_bool_compare_and_swap(w, was, was + 1))
			abort();
	}
}

static void ring_get(struct stream *s, long n)
{
	struct ring *r = s->ring;
	unsigned i;

	while (atomic_load_explicit(&r->tail, memory_order_acquire) <= n)
		;
	i = r->slot[n % room(s->size)];
	if (s->cas)
		two_cas(r->word[i]);
	read_it(r->data + i * s->size, s->size);
	atomic_store_explicit(&r->head, n + 1, memory_order_release);
}

static void ring_put(struct stream *s, long n)
{
	struct ring *r = s->ring;
	unsigned i = (unsigned)(n % room(s->size));

	while (n - atomic_load_explicit(&r->head, memory_order_acquire) >=
	       room(s->size))
		;
	write_it(r->data + i * s->size, n, s->size);
	if (s->cas)
		two_cas(r->word[i]);
	r->slot[i] = i;
	atomic_store_explicit(&r->tail, n + 1, memory_order_release);
}

static int ring_body(void *arg, unsigned i)
{
	struct stream *s = arg;

	for (long n = 0; n < s->n; n++)
		(i ? ring_get : ring_put)(s, n);
	return 0;
}

double hand_ring(mh_heap *h, size_t size, unsigned cas)
{
	size_t bytes = sizeof(struct ring) + room(size) * size;
	struct stream s = { .size = size, .n = messages(size), .cas = cas };
	double ns;

	(void)h;
	s.ring = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s.ring == MAP_FAILED)
		return -1;
	ns = timed(&s, ring_body, 1);
	munmap(s.ring, bytes);
	return ns;
}

double hand_iceoryx(mh_heap *h, size_t size, unsigned n)
{
	const struct hand_work w = { .n = messages(size), .size = size,
				     .room = room(size), .write = write_it,
				     .read = read_it, .pin = hand_pin };
	char path[PEER_PATH_MAX];
	hand_peer run = NULL;
	void *lib;

	(void)h;
	(void)n;
	if (!peer_path("iceoryx", path, sizeof(path)) || access(path, F_OK))
		return -1;
	lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (lib)
		*(void **)&run = dlsym(lib, "hand_peer_run");
	if (!run)
		fprintf(stderr, "hand: %s\n", dlerror());
	return run ? run(&w) : -1;
}
