/* SPDX-License-Identifier: Apache-2.0 */
/*
 * soak.c - kills clients and the daemon at random under load, and checks the
 * heap after each.  `soak --help` tells the options; script/soak runs the full
 * figures, the test suite a few hundred kills.
 *
 * Not random in what it checks: after every kill the dead client's spans must
 * be gone, verify clean on the live heap; at the end every object in the box is
 * there with its own content, and the heap holds no others but those that a
 * kill may leave (one each).
 */
#include "tests/multi/soak.h"

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
#include <unistd.h>

#include "libclient/client.h"
#include "shm/count.h"
#include "shm/verify.h"

#define WORKERS_MAX	64
#define DEADLINE_NS	20000000000ull

struct soak {
	struct soak_opts o;
	const char *backing, *daemon;
	unsigned    workers, idle, kills, daemon_kills, limit_mb;
	mh_heap	   *h;
	struct box *box;
	pid_t	    pid[WORKERS_MAX], idler[WORKERS_MAX];
	unsigned    born, killed, daemons_killed;
	uint64_t    x, worst_reclaim_ns, worst_restart_ns;
	uint64_t    restart_ns[1024];
	uint64_t    ops_while_down;
};

static struct soak s = { .o = { .name = "soak", .max_size = 4 << 20,
				.seed = 1 }, .backing = "shm", .workers = 4,
			 .kills = 200 };

static const struct argp_option options[] = {
	{ "name", 'n', "NAME", 0, "heap (soak-PID)", 0 },
	{ "kills", 'k', "N", 0, "clients to kill (200)", 0 },
	{ "daemon-kills", 'd', "N", 0, "times to kill the daemon (0)", 0 },
	{ "workers", 'w', "N", 0, "processes under load (4)", 0 },
	{ "idle", 'i', "N", 0, "clients beside them that do nothing (0)", 0 },
	{ "backing", 'b', "shm|memfd", 0, "", 0 },
	{ "max-size", 'm', "BYTES", 0, "biggest object (4 MiB)", 0 },
	{ "limit", 'l', "MIB", 0, "the daemon's --limit", 0 },
	{ "seed", 's', "N", 0, "of the random numbers (1)", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	(void)state;
	switch (key) {
	case 'n': s.o.name = arg; break;
	case 'k': s.kills = (unsigned)atoi(arg); break;
	case 'd': s.daemon_kills = (unsigned)atoi(arg); break;
	case 'w': s.workers = (unsigned)atoi(arg); break;
	case 'i': s.idle = (unsigned)atoi(arg); break;
	case 'b': s.backing = arg; break;
	case 'm': s.o.max_size = strtoull(arg, NULL, 0); break;
	case 'l': s.limit_mb = (unsigned)atoi(arg); break;
	case 's': s.o.seed = (uint32_t)atoi(arg); break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static uint64_t rnd(void)
{
	s.x = s.x * 6364136223846793005ull + 1442695040888963407ull;
	return s.x >> 24;
}

static void give_up(const char *what)
{
	fprintf(stderr, "soak: %s (after %u client and %u daemon kills, seed "
		"%u)\n", what, s.killed, s.daemons_killed, s.o.seed);
	if (s.box && s.box->text[0])
		fprintf(stderr, "soak: first complaint of a worker: %s\n",
			s.box->text);
	for (unsigned i = 0; i < s.workers; i++)
		if (s.pid[i] > 0)
			kill(s.pid[i], SIGKILL);
	exit(1);
}

static void start_heap_daemon(void)
{
	char limit[32];
	const char *argv[] = { s.daemon, "--name", s.o.name, "--backing",
			       s.backing, "--autoremove", NULL, NULL, NULL };
	int status;
	pid_t pid = fork();

	snprintf(limit, sizeof(limit), "%uM", s.limit_mb);
	if (s.limit_mb) {
		argv[6] = "--limit";
		argv[7] = limit;
	}
	if (!pid) {
		execv(s.daemon, (char **)(uintptr_t)argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		give_up("mheapd did not start");
}

static void spawn(unsigned i)
{
	uint32_t seed = s.o.seed * 7919 + ++s.born;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		soak_worker(&s.o, s.box, seed);
		_exit(9);
	}
	s.pid[i] = pid;
}


/* The slot whose registry entry names the process; 0: none (yet). */
static struct party slot_of(pid_t pid)
{
	for (uint32_t i = 1; i <= s.h->sg.geo.nclients; i++) {
		uint64_t w = ld_acq(&s.h->sg.clients[i].word);

		if (s.h->sg.clients[i].pid == (uint32_t)pid &&
		    (w & 0xff) != CLIENT_FREE)
			return (struct party){ i, (uint32_t)(w >> 8) & GEN_MASK };
	}
	return NOBODY;
}

/* Attached, with a little memory of its own, and asleep. */
static void spawn_idle(unsigned i)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (!mh_alloc(s.h, 64))
			_exit(1);
		atomic_fetch_add(&s.box->idle, 1);
		for (;;)
			pause();
	}
	s.idler[i] = pid;
}

static void start_idle(void)
{
	for (unsigned i = 0; i < s.idle; i++)
		spawn_idle(i);
	for (int i = 0; atomic_load(&s.box->idle) < s.idle; i++) {
		if (i > 20000)
			give_up("the idle clients did not come up");
		usleep(1000);
	}
}

static void wait_gone(struct party p)
{
	uint64_t end = soak_now_ns() + DEADLINE_NS;

	for (;;) {
		uint64_t w = ld_acq(&s.h->sg.clients[p.slot].word);

		if ((w >> 8 & GEN_MASK) != p.gen || (w & 0xff) == CLIENT_FREE)
			return;
		if (soak_now_ns() > end)
			give_up("a dead client was not reclaimed in 20 s");
		usleep(100);
	}
}

static void stop_idle(void)
{
	for (unsigned i = 0; i < s.idle; i++) {
		struct party p = slot_of(s.idler[i]);

		kill(s.idler[i], SIGKILL);
		waitpid(s.idler[i], NULL, 0);
		if (p.slot)
			wait_gone(p);
	}
}

static void check_owns_nothing(struct party p)
{
	uint32_t top = seg_span_top(&s.h->sg);

	for (span_id id = { 1 }; id.n < top; id.n++) {
		uint64_t w = span_load(&s.h->sg, id);

		if ((span_state(w) == SPAN_OWNED ||
		     span_state(w) == SPAN_GRANTED) &&
		    party_eq(span_party(w), p))
			give_up("a dead client still owns a span");
	}
}

static void check_live(void)
{
	struct verify_opts o = { 0 };
	static struct verify_report rep;

	if (!verify_heap(&s.h->sg, &o, &rep))
		return;
	fprintf(stderr, "verify: %s\n", rep.text);
	give_up("verify failed");
}

static void check_workers(void)
{
	int status;
	pid_t pid = waitpid(-1, &status, WNOHANG);

	if (pid > 0)
		give_up("a worker ended by itself");
	if (atomic_load(&s.box->wrong))
		give_up("a worker found something wrong");
}

static void kill_one(void)
{
	unsigned i = (unsigned)(rnd() % s.workers);
	struct party p;
	uint64_t t;

	usleep((useconds_t)(rnd() % 4000));
	check_workers();
	p = slot_of(s.pid[i]);
	t = soak_now_ns();
	kill(s.pid[i], SIGKILL);
	if (waitpid(s.pid[i], NULL, 0) != s.pid[i])
		give_up("waitpid");
	if (!p.slot)
		p = slot_of(s.pid[i]);
	s.killed++;
	if (p.slot) {
		wait_gone(p);
		check_owns_nothing(p);
	}
	t = soak_now_ns() - t;
	if (t > s.worst_reclaim_ns)
		s.worst_reclaim_ns = t;
	check_live();
	spawn(i);
}

/* A zombie is dead; whoever its parent is takes its time to reap it. */
static void kill_and_wait(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (fd < 0 || kill(pid, SIGKILL) || poll(&p, 1, 20000) != 1)
		give_up("no daemon to kill");
	close(fd);
}

/* First served request: one that needs the new daemon's answer. */
static void kill_daemon(void)
{
	pid_t pid = (pid_t)ld_rlx(&s.h->sg.hdr->daemon_pid);
	uint64_t ops = atomic_load(&s.box->ops), t;
	unsigned n = s.daemons_killed % 1024;

	usleep((useconds_t)(rnd() % 20000));
	kill_and_wait(pid);
	usleep((useconds_t)(rnd() % 5000));
	s.ops_while_down += atomic_load(&s.box->ops) - ops;
	t = soak_now_ns();
	start_heap_daemon();
	if (!mh_name_remove(s.h, "nobody") || errno != ENOENT)
		give_up(mh_errmsg());
	s.restart_ns[n] = soak_now_ns() - t;
	if (s.restart_ns[n] > s.worst_restart_ns)
		s.worst_restart_ns = s.restart_ns[n];
	s.daemons_killed++;
	check_live();
	check_workers();
}

static void stop_workers(void)
{
	atomic_store(&s.box->stop, 1);
	for (unsigned i = 0; i < s.workers; i++) {
		int status = 0;
		struct party p = slot_of(s.pid[i]);

		if (waitpid(s.pid[i], &status, 0) != s.pid[i] || status)
			give_up("a worker ended badly");
		s.pid[i] = 0;
		if (p.slot)
			wait_gone(p);
	}
}

static uint64_t check_box(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < BOX_SLOTS; i++) {
		uint64_t v = atomic_load(&s.box->slot[i]);
		void *p = v ? mh_deref(s.h, v) : NULL;

		if (v && !p)
			give_up("an object of the box is lost");
		if (p && soak_check(s.h, p, v))
			give_up("an object's content is not its own");
		n += p != NULL;
	}
	return n;
}

static uint64_t check_end(void)
{
	struct verify_opts o = { .quiet_heap = true };
	struct mh_stats st;
	static struct verify_report rep;
	uint64_t reached;

	mh_trim(s.h);
	reached = check_box();
	if (mh_stats(s.h, &st, sizeof(st)))
		give_up(mh_errmsg());
	if (verify_heap(&s.h->sg, &o, &rep)) {
		fprintf(stderr, "verify: %s\n", rep.text);
		give_up("verify of the quiet heap failed");
	}
	if (st.owned_bytes)
		give_up("bytes are owned, but every worker is gone");
	if (st.shared_objects < reached ||
	    st.shared_objects - reached > s.killed)
		give_up("more objects are unreached than were kills");
	return st.shared_objects - reached;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void report(uint64_t unreached)
{
	unsigned n = s.daemons_killed < 1024 ? s.daemons_killed : 1024;

	qsort(s.restart_ns, n, sizeof(*s.restart_ns), by_value);
	printf("kills %u, daemon kills %u, operations %llu, refused for memory "
	       "%llu\n", s.killed, s.daemons_killed,
	       (unsigned long long)atomic_load(&s.box->ops),
	       (unsigned long long)atomic_load(&s.box->enomem));
	printf("unreached shared objects %llu (at most %u)\n",
	       (unsigned long long)unreached, s.killed);
	printf("kill to reclaimed, worst %.2f ms; longest operation %.2f ms\n",
	       (double)s.worst_reclaim_ns / 1e6,
	       (double)atomic_load(&s.box->longest_ns) / 1e6);
	if (n)
		printf("daemon restart to first request: median %.1f ms, worst "
		       "%.1f ms; operations while it was down %llu\n",
		       (double)s.restart_ns[n / 2] / 1e6,
		       (double)s.worst_restart_ns / 1e6,
		       (unsigned long long)s.ops_while_down);
	printf("verify clean after each, and at the end\n");
}

int main(int argc, char **argv)
{
	static const struct argp argp = { options, parse, NULL,
		"Kills clients and the daemon of a heap under load.",
		NULL, NULL, NULL };
	char name[32];

	snprintf(name, sizeof(name), "soak-%d", (int)getpid());
	s.o.name = name;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (s.workers < 1 || s.workers > WORKERS_MAX || s.idle > WORKERS_MAX)
		give_up("1 to 64 workers, 0 to 64 idle clients");
	s.x = s.o.seed;
	s.daemon = getenv("MHEAP_DAEMON");
	if (!s.daemon)
		give_up("set MHEAP_DAEMON to the path of mheapd");
	s.box = mmap(NULL, sizeof(*s.box), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	start_heap_daemon();
	s.h = mh_attach(s.o.name, 0);
	if (!s.h)
		give_up(mh_errmsg());
	start_idle();
	for (unsigned i = 0; i < s.workers; i++)
		spawn(i);
	while (s.killed < s.kills || s.daemons_killed < s.daemon_kills) {
		if (s.killed < s.kills)
			kill_one();
		if (s.daemons_killed < s.daemon_kills)
			kill_daemon();
	}
	stop_workers();
	stop_idle();
	report(check_end());
	return mh_detach(s.h);	/* the last one: the heap is removed */
}
