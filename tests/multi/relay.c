/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay.c - senders, receivers and the daemon are killed at random while messages
 * go through a channel.  `relay --help` tells the options.
 *
 * A ledger outside the heap says of each message whether its send was begun and
 * confirmed, and how often it was received.  In the end: none was received twice;
 * of those confirmed at most one for each receiver killed was not (he held it);
 * and once all holders are gone, nothing is held.
 */
#include <argp.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libclient/client.h"
#include "shm/verify.h"

#define EACH_MAX	16u
#define MESSAGES	(1u << 26)
#define DEADLINE_MS	20000
#define KEPT		3u	/* messages that a receiver holds at once */

#define BEGUN		1u	/* in the ledger ... */
#define CONFIRMED	2u
#define RECEIVED	4u	/* counts */

struct ledger {
	_Atomic uint32_t next;		/* message */
	_Atomic uint32_t stop;		/* 1: no more sends; 2: nothing will come */
	_Atomic uint64_t received;
	_Atomic uint32_t wrong;		/* what a worker found is not its own */
	_Atomic uint8_t	 m[MESSAGES];
};

struct message {
	uint32_t id, size;
};

static struct {
	const char *name;
	unsigned    kills, daemon_kills, senders, receivers, capacity;
	uint64_t    max_size, x;
	mh_heap	   *h;
	struct ledger *l;
	pid_t	    pid[2 * EACH_MAX];
	unsigned    killed, receivers_killed, daemons_killed;
} s = { .kills = 200, .senders = 4, .receivers = 4, .capacity = 64,
	.max_size = 1 << 20, .x = 1 };

static const struct argp_option options[] = {
	{ "name", 'n', "NAME", 0, "heap (relay-PID)", 0 },
	{ "kills", 'k', "N", 0, "senders and receivers to kill (200)", 0 },
	{ "daemon-kills", 'd', "N", 0, "times to kill the daemon (0)", 0 },
	{ "each", 'e', "N", 0, "senders, and receivers (4)", 0 },
	{ "capacity", 'c', "N", 0, "places (64)", 0 },
	{ "max-size", 'm', "BYTES", 0, "biggest message (1 MiB)", 0 },
	{ "seed", 's', "N", 0, "of the random numbers (1)", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	(void)state;
	switch (key) {
	case 'n': s.name = arg; break;
	case 'k': s.kills = (unsigned)atoi(arg); break;
	case 'd': s.daemon_kills = (unsigned)atoi(arg); break;
	case 'e': s.senders = s.receivers = (unsigned)atoi(arg); break;
	case 'c': s.capacity = (unsigned)atoi(arg); break;
	case 'm': s.max_size = strtoull(arg, NULL, 0); break;
	case 's': s.x = strtoull(arg, NULL, 0); break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static uint64_t rnd(void)
{
	s.x ^= s.x << 13;
	s.x ^= s.x >> 7;
	s.x ^= s.x << 17;
	return s.x;
}

static void nap(long us)
{
	struct timespec t = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&t, NULL);
}

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "relay: %s\n", what);
	for (unsigned i = 0; i < s.senders + s.receivers; i++)
		if (s.pid[i] > 0)
			kill(s.pid[i], SIGKILL);
	exit(1);
}

/* From 16 bytes on, as many small as large. */
static uint32_t some_size(void)
{
	uint64_t n = 16ull << rnd() % 17;

	n += rnd() % n;
	return (uint32_t)(n < s.max_size ? n : s.max_size);
}

static void write_message(struct message *p, uint32_t id, uint32_t size)
{
	char *last = (char *)p + size - 1;

	p->id = id;
	p->size = size;
	if (size > sizeof(*p))
		*last = (char)id;
}

static bool is_whole(const struct message *p)
{
	const char *last = (const char *)p + p->size - 1;

	return p->id < MESSAGES && p->size <= s.max_size &&
	       (p->size <= sizeof(*p) || *last == (char)p->id);
}

/* Sends until told to stop; what it could not send any more it lets go. */
static void send_all(mh_chan *c)
{
	while (!ld_acq(&s.l->stop)) {
		uint32_t size = some_size(), id;
		struct message *p = mh_alloc_flags(s.h, size, MH_HELD);

		if (!p) {
			nap(1000);	/* no memory, or the daemon is away */
			continue;
		}
		id = add_rlx(&s.l->next, 1);
		if (id >= MESSAGES)
			return;
		write_message(p, id, size);
		or_sc(&s.l->m[id], BEGUN);
		while (mh_chan_send(c, p, 100) && !ld_acq(&s.l->stop))
			;
		if (mh_drop(s.h, p))
			or_sc(&s.l->m[id], CONFIRMED);	/* it was handed over */
	}
}

static void let_go(struct message *p)
{
	if (!p || !mh_drop(s.h, p))
		return;
	fprintf(stderr, "relay: message %u is not its receiver's: %s\n", p->id,
		mh_errmsg());
	add_rlx(&s.l->wrong, 1);
}

static void recv_all(mh_chan *c)
{
	struct message *kept[KEPT] = { NULL };

	for (unsigned i = 0; ; i = (i + 1) % KEPT) {
		struct message *p = mh_chan_recv(c, 50);

		if (!p && ld_acq(&s.l->stop) == 2)
			break;
		if (!p)
			continue;
		if (!is_whole(p)) {
			fprintf(stderr, "relay: message %u of %u bytes is not "
				"whole\n", p->id, p->size);
			add_rlx(&s.l->wrong, 1);
		} else
			add_sc(&s.l->m[p->id], RECEIVED);
		add_rlx(&s.l->received, 1);
		let_go(kept[i]);
		kept[i] = p;
	}
	for (unsigned i = 0; i < KEPT; i++)
		let_go(kept[i]);
}

static int work(unsigned i)
{
	mh_chan *c = NULL;

	for (int t = 0; t < 200 && !(c = mh_chan_open(s.h, "relay", 1, 0)); t++)
		nap(100000);
	if (!c) {
		fprintf(stderr, "relay: worker %u: %s\n", i, mh_errmsg());
		return 1;
	}
	s.x += i * 7919 + s.killed * 104729ull;
	if (i < s.senders)
		send_all(c);
	else
		recv_all(c);
	return 0;
}

static void spawn(unsigned i)
{
	fflush(NULL);
	s.pid[i] = fork();
	if (!s.pid[i])
		_exit(work(i));
}

static void start_heap_daemon(void)
{
	const char *path = getenv("MHEAP_DAEMON");
	int status;
	pid_t pid = fork();

	if (!pid) {
		execl(path, path, "--name", s.name, "--autoremove",
		      (char *)NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		give_up("mheapd doesn't start");
}

static void check_live(void)
{
	struct verify_opts o = { 0 };
	static struct verify_report rep;

	if (ld_acq(&s.l->wrong))
		give_up("a message is not whole, or not the receiver's");
	if (!verify_heap(&s.h->sg, &o, &rep))
		return;
	fprintf(stderr, "verify: %s\n", rep.text);
	give_up("verify failed");
}

/* Nobody is held up: messages come while the dead are recovered. */
static void wait_messages(uint64_t n)
{
	uint64_t from = ld_acq(&s.l->received);

	for (int ms = 0; ld_acq(&s.l->received) < from + n; ms++) {
		if (ms > DEADLINE_MS)
			give_up("no message comes any more");
		nap(1000);
	}
}

static void kill_one(void)
{
	unsigned i = (unsigned)(rnd() % (s.senders + s.receivers));
	int status;

	nap((long)(rnd() % 2000));
	kill(s.pid[i], SIGKILL);
	if (waitpid(s.pid[i], &status, 0) != s.pid[i] || !WIFSIGNALED(status))
		give_up("a worker ended by itself");
	s.killed++;
	s.receivers_killed += i >= s.senders;
	spawn(i);
	wait_messages(20);
	if (s.killed % 10 == 0)
		check_live();
}

static void kill_daemon(void)
{
	pid_t pid = (pid_t)ld_rlx(&s.h->sg.hdr->daemon_pid);
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (fd < 0 || kill(pid, SIGKILL) || poll(&p, 1, DEADLINE_MS) != 1)
		give_up("no daemon to kill");
	close(fd);
	nap((long)(rnd() % 5000));
	start_heap_daemon();
	s.daemons_killed++;
	wait_messages(20);
	check_live();
}

static void end_workers(unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		int status = 0;

		if (waitpid(s.pid[i], &status, 0) != s.pid[i] || status)
			give_up("a worker ended badly");
		s.pid[i] = 0;
	}
}

static struct mh_stats stats(void)
{
	struct mh_stats st = { 0 };

	if (mh_stats(s.h, &st, sizeof(st)))
		give_up(mh_errmsg());
	return st;
}

static void count_messages(void)
{
	uint32_t n = ld_acq(&s.l->next), twice = 0, lost = 0, sent = 0;

	for (uint32_t id = 0; id < n && id < MESSAGES; id++) {
		uint8_t m = ld_acq(&s.l->m[id]);

		twice += m >= 2 * RECEIVED;
		sent += !!(m & CONFIRMED);
		lost += (m & CONFIRMED) && m < RECEIVED;
	}
	printf("relay: %u messages, %u confirmed; %u kills (%u of receivers), %u "
	       "of the daemon; %u not received, %u twice\n", n, sent, s.killed,
	       s.receivers_killed, s.daemons_killed, lost, twice);
	if (twice)
		give_up("a message was received twice");
	if (lost > s.receivers_killed)
		give_up("messages are lost that no receiver held");
}

static void finish(void)
{
	st_rel(&s.l->stop, 1);
	end_workers(0, s.senders);
	nap(200000);
	st_rel(&s.l->stop, 2);
	end_workers(s.senders, s.senders + s.receivers);
	for (int ms = 0; stats().clients > 1 || stats().held_objects; ms++) {
		if (ms > DEADLINE_MS / 10) {
			printf("relay: %llu held objects\n",
			       (unsigned long long)stats().held_objects);
			give_up("all holders are gone, and something is held");
		}
		nap(10000);
	}
	count_messages();
	check_live();
	if (mh_chan_remove(s.h, "relay"))
		give_up(mh_errmsg());
}

int main(int argc, char **argv)
{
	static const struct argp rule = { options, parse, NULL, NULL, NULL,
					  NULL, NULL };
	char name[40];
	mh_chan *c;

	snprintf(name, sizeof(name), "relay-%d", (int)getpid());
	s.name = name;
	argp_parse(&rule, argc, argv, 0, NULL, NULL);
	s.l = mmap(NULL, sizeof(*s.l), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s.l == MAP_FAILED || s.senders > EACH_MAX || !getenv("MHEAP_DAEMON"))
		give_up("no memory, too many workers, or no MHEAP_DAEMON");
	start_heap_daemon();
	s.h = mh_attach(s.name, 0);
	c = s.h ? mh_chan_open(s.h, "relay", s.capacity, MH_EXCL) : NULL;
	if (!c)
		give_up(mh_errmsg());
	mh_chan_close(c);
	for (unsigned i = 0; i < s.senders + s.receivers; i++)
		spawn(i);
	wait_messages(100);
	while (s.killed < s.kills || s.daemons_killed < s.daemon_kills) {
		if (s.killed < s.kills)
			kill_one();
		if (s.daemons_killed < s.daemon_kills &&
		    (s.killed >= s.kills || s.killed * (uint64_t)s.daemon_kills >=
		     s.daemons_killed * (uint64_t)s.kills))
			kill_daemon();
	}
	finish();
	return 0;
}
