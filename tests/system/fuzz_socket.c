/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_socket.c - random packets for a running mheapd: good messages with bits
 * changed, cut, prolonged, repeated and out of order, and plain rubbish, on
 * connections that come and go.  Never a DESTROY, which would be obeyed.
 *
 *	fuzz_socket SOCKET PACKETS [SEED]
 *
 * The seed is printed first.  Ends with 0 if the daemon still answers a proper
 * HELLO afterwards.  What the daemon did wrong else shows in its own end.
 */
#include "tests/system/wire_help.h"

#define CONNECTIONS	16

struct guest {
	int	 fd;
	struct wire_welcome w;	/* the last it got: its nonce opens more doors */
};

static uint64_t seed;
static struct wire_welcome before;	/* of any guest, for a RESUME */

/* splitmix64 */
static uint64_t dice(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

union packet {
	struct { uint32_t magic, type; } head;
	struct wire_hello	hello;
	struct wire_ready	ready;
	struct wire_control	control;
	struct wire_welcome	welcome;
	unsigned char		room[4096];
};

static size_t proper(const struct guest *g, union packet *p)
{
	switch (dice() % 6) {
	case 0:
		p->hello = wire_hello_new(dice() & 7);
		p->hello.slot = dice() % 40;
		p->hello.gen = dice() % 4;
		return sizeof(p->hello);
	case 4:
		p->hello = wire_hello_new(WIRE_RESUME);
		p->hello.slot = before.slot;
		p->hello.gen = before.gen;
		p->hello.nonce = before.nonce;
		return sizeof(p->hello);
	case 1:
		p->control = (struct wire_control){ WIRE_MAGIC, WIRE_CONTROL,
						    WIRE_TRIM, 0, 0, 0, "" };
		return sizeof(p->control);
	case 2:
		p->ready = (struct wire_ready){ WIRE_MAGIC, WIRE_BYE, dice(), 0,
						0 };
		return sizeof(p->ready);
	case 3:
		p->ready = (struct wire_ready){ WIRE_MAGIC, WIRE_READY,
						g->w.nonce, 0, 0 };
		return sizeof(p->ready);
	default:
		for (size_t i = 0; i < sizeof(p->room); i++)
			p->room[i] = (unsigned char)dice();
		p->head.magic = WIRE_MAGIC;
		p->head.type = (uint32_t)(dice() % 9);
		return dice() % sizeof(p->room);
	}
}

static size_t spoiled(union packet *p, size_t len)
{
	switch (dice() % 4) {
	case 0:
		for (uint64_t n = dice() % 4; len && n; n--)
			p->room[dice() % len] ^= (unsigned char)(1 << dice() % 8);
		return len;
	case 1:
		return dice() % (len + 1);
	case 2:
		len += dice() % 64;
		return len < sizeof(p->room) ? len : sizeof(p->room);
	}
	return len;
}

static bool is_destroy(const union packet *p)
{
	return p->head.type == WIRE_CONTROL &&
	       p->control.command == WIRE_DESTROY;
}

/* Takes what the daemon says, and lets go of what comes along. */
static void drain(struct guest *g)
{
	union { struct cmsghdr align; char room[256]; } u;
	union { struct wire_welcome w; char room[512]; } p;
	struct iovec iov = { &p, sizeof(p) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = &u,
			      .msg_controllen = sizeof(u) };

	while (recvmsg(g->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) > 0) {
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		int fds[32], n = c ? (int)((c->cmsg_len - CMSG_LEN(0)) /
					   sizeof(int)) : 0;

		if (n)
			memcpy(fds, CMSG_DATA(c), (size_t)n * sizeof(int));
		while (n--)
			close(fds[n]);
		msg.msg_controllen = sizeof(u);
		if (p.w.type == WIRE_WELCOME && !p.w.status)
			g->w = before = p.w;
	}
}

/* How many packets it sent. */
static long one(const char *path, struct guest *g)
{
	union packet p;
	size_t len;

	if (g->fd < 0)
		g->fd = wire_connect(path);
	if (g->fd < 0) {		/* busy with what came before */
		short_nap();
		return 0;
	}
	memset(&p, 0, sizeof(p));
	len = spoiled(&p, proper(g, &p));
	if (is_destroy(&p))
		return 0;
	if (send(g->fd, &p, len, MSG_NOSIGNAL) < 0) {
		close(g->fd);
		g->fd = -1;
		return 0;
	}
	drain(g);
	if (dice() % 16 == 0) {
		close(g->fd);
		g->fd = -1;
	}
	return 1;
}

static void still_there(const char *path)
{
	struct wire_hello h = wire_hello_new(WIRE_OBSERVE);
	uint64_t end = now_ms() + PATIENCE_MS;
	struct wire c = { .path = path };

	do {
		c.sock = wire_connect(path);
		if (c.sock >= 0 &&
		    send(c.sock, &h, sizeof(h), MSG_NOSIGNAL) == sizeof(h) &&
		    wire_recv_welcome(&c) && !c.w.status)
			return;
		close(c.sock);
		short_nap();
	} while (now_ms() < end);
	fail("no WELCOME any more");
}

int main(int argc, char **argv)
{
	struct guest all[CONNECTIONS];
	long n;

	if (argc < 3)
		fail("fuzz_socket SOCKET PACKETS [SEED]");
	n = atol(argv[2]);
	seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 20240229;
	printf("seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	memset(all, 0, sizeof(all));
	for (int i = 0; i < CONNECTIONS; i++)
		all[i].fd = -1;
	while (n > 0)
		n -= one(argv[1], &all[dice() % CONNECTIONS]);
	for (int i = 0; i < CONNECTIONS; i++)
		if (all[i].fd >= 0)
			close(all[i].fd);
	still_there(argv[1]);
	puts("still there");
	return 0;
}
