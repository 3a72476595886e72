/* SPDX-License-Identifier: Apache-2.0 */
/*
 * noleak.c - a crash that leaks nothing.  A child makes objects of all sizes, holds
 * some twice, hands some over, names one, and is killed in the middle of it.
 * What only it held is gone a moment later; what others hold is there.
 *
 *	cc -o noleak noleak.c $(pkg-config --cflags --libs libmheap) && ./noleak
 */
#include <mheap.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HEAP	"example-noleak"

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, mh_errmsg());
	exit(1);
}

static struct mh_stats stats(mh_heap *h)
{
	struct mh_stats s;

	if (mh_stats(h, &s, sizeof(s)))
		die("stats");
	return s;
}

static void *make(mh_heap *h, size_t size)
{
	void *p = mh_alloc_flags(h, size, MH_HELD);

	return p ? memset(p, 1, size) : (die("alloc"), NULL);
}

/* Makes and makes, and says when it has enough to be worth killing. */
static void crash(mh_heap *h, int ready)
{
	mh_chan *c = mh_chan_open(h, "left", 16, 0);
	void *p;

	if (!c)
		die("channel");
	for (unsigned i = 0; ; i++) {
		p = make(h, 64 + i * 7919 % 100000);
		if (i % 3 == 0)
			mh_hold(h, p);
		if (i == 500)
			mh_name_set(h, "kept", p);
		if (i == 501 && mh_chan_send(c, p, 0))
			die("send");
		if (i % 2 && i != 501)
			mh_drop(h, p);
		if (i == 2000 && write(ready, "", 1) != 1)
			exit(1);
	}
}

int main(void)
{
	const struct timespec ms = { 0, 1000000 };
	mh_heap *h = mh_attach(HEAP, MH_START);
	int ready[2], tries = 0;
	struct mh_stats before, after;
	char byte;
	pid_t pid;

	if (!h || pipe(ready))
		die("attach");
	pid = fork();
	if (!pid)
		crash(h, ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		die("child");
	before = stats(h);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	do {				/* the daemon learns of it by itself */
		nanosleep(&ms, NULL);
		after = stats(h);
	} while (after.held_objects != 2 && ++tries < 5000);
	printf("killed while it held %llu objects (%llu KiB); %llu are left: the "
	       "named one, and the one it had sent\n",
	       (unsigned long long)before.held_objects,
	       (unsigned long long)before.held_bytes / 1024,
	       (unsigned long long)after.held_objects);
	mh_name_remove(h, "kept");
	mh_chan_remove(h, "left");
	after = stats(h);
	printf("without the name and the channel: %llu\n",
	       (unsigned long long)after.held_objects);
	return after.held_objects || mh_detach(h) ? 1 : 0;
}
