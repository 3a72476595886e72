/* SPDX-License-Identifier: Apache-2.0 */
/*
 * figures.c - measures, over a real daemon, what 1 GiB of 64-byte objects
 * costs: the space beside them, what a trim gives back, and how soon a dead
 * client's are reclaimed.  Prints a line per figure; exits 1 if one misses its
 * bar.  `figures MIB` takes another size.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "libclient/client.h"
#include "shm/paths.h"
#include "tests/procs.h"

#define OBJECT		64u

static const char *const parts[] = { "heap", "central", "arena" };
static char name[40];
static uint64_t bytes = 1ull << 30;
static int missed;

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static uint64_t blocks(int part)
{
	char shm[128], path[160];
	struct stat st;

	heap_shm_name(getuid(), name, parts[part], shm, sizeof(shm));
	snprintf(path, sizeof(path), "/dev/shm%s", shm);
	return stat(path, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

static void figure(const char *what, double value, const char *unit, double bar)
{
	printf("%-44s %10.2f %-3s (bar %g) %s\n", what, value, unit, bar,
	       value < bar ? "met" : "MISSED");
	missed |= value >= bar;
}

static void **fill(mh_heap *h, uint64_t n)
{
	void **p = malloc(n * sizeof(*p));

	for (uint64_t i = 0; i < n; i++) {
		p[i] = mh_alloc(h, OBJECT);
		if (!p[i]) {
			fprintf(stderr, "figures: %s\n", mh_errmsg());
			exit(3);
		}
		*(uint64_t *)p[i] = i;
	}
	return p;
}

static void space(mh_heap *h)
{
	struct mh_stats s;
	uint64_t meta = blocks(0) + blocks(1);

	mh_stats(h, &s, sizeof(s));
	figure("space: metadata and waste", 100.0 * ((double)(s.owned_bytes +
	       meta) / (double)bytes - 1), "%", 3);
	printf("  spans %.1f MiB, metadata %.1f MiB, free and committed ahead "
	       "%.1f MiB\n", (double)s.owned_bytes / 1048576,
	       (double)meta / 1048576, (double)s.free_bytes / 1048576);
}

static void returned(mh_heap *h, void **p, uint64_t n)
{
	uint64_t peak = blocks(2), left, was = peak;
	double began, changed;

	for (uint64_t i = 0; i < n; i++)
		mh_free(h, p[i]);
	free(p);
	began = changed = now_ms();
	mh_trim(h);
	do {		/* until nothing has changed for half a second */
		usleep(2000);
		left = blocks(2);
		if (left != was)
			changed = now_ms();
		was = left;
	} while (now_ms() - changed < 500 && now_ms() - began < 5000);
	figure("returned: blocks left after trim", 100.0 * (double)left /
	       (double)peak, "%", 2);
	printf("  peak %.1f MiB, %.0f ms after the trim\n",
	       (double)peak / 1048576, changed - began);
}

static int dying(void *arg)
{
	mh_heap *h = arg;

	fill(h, bytes / OBJECT);
	kill(getpid(), SIGKILL);
	return 0;
}

static void reclaim(mh_heap *h)
{
	const struct sh_counters *c = &h->sg.hdr->count;
	uint64_t deaths = ld_rlx(&c->deaths), ns = ld_rlx(&c->reclaim_ns);
	uint64_t was = ld_rlx(&c->reclaimed_bytes);
	pid_t pid = child_start(dying, h);
	double began;

	waitpid(pid, NULL, 0);
	began = now_ms();
	while (ld_rlx(&c->deaths) == deaths && now_ms() - began < 20000)
		usleep(50);
	figure("reclaim: death to all spans in the page heap",
	       now_ms() - began, "ms", 50);
	printf("  %.1f MiB, of it the recovery itself %.2f ms\n",
	       (double)(ld_rlx(&c->reclaimed_bytes) - was) / 1048576,
	       (double)(ld_rlx(&c->reclaim_ns) - ns) / 1e6);
}

int main(int argc, char **argv)
{
	uint64_t n;
	mh_heap *h;
	void **p;

	if (argc > 1)
		bytes = strtoull(argv[1], NULL, 0) << 20;
	n = bytes / OBJECT;
	snprintf(name, sizeof(name), "figures-%d", (int)getpid());
	h = mh_attach(name, MH_START);
	if (!h) {
		fprintf(stderr, "figures: %s\n", mh_errmsg());
		return 3;
	}
	p = fill(h, n);
	space(h);
	returned(h, p, n);
	for (int i = 0; i < 3; i++)
		reclaim(h);
	mh_detach(h);
	return missed;
}
