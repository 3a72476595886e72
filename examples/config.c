/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c - a configuration that is published by name and swapped under its
 * readers.  Readers get it whole: the old one or the new one, for as long as they
 * hold it.  The old one goes with its last reader; nobody waits for anybody.
 *
 *	cc -o config config.c $(pkg-config --cflags --libs libmheap)
 *	./config [VERSIONS]
 */
#include <mheap.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEAP	"example-config"
#define READERS	3
#define VALUES	1000

struct config {
	unsigned version;
	unsigned value[VALUES];		/* all of them the version's */
};

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, mh_errmsg());
	exit(1);
}

static void publish(mh_heap *h, unsigned version)
{
	struct config *c = mh_alloc_flags(h, sizeof(*c), MH_HELD);

	if (!c)
		die("alloc");
	c->version = version;
	for (int i = 0; i < VALUES; i++)
		c->value[i] = version;
	if (mh_name_set(h, "config", c))	/* the name holds it ... */
		die("publish");
	mh_drop(h, c);				/* ... we need not */
}

/* Reads until the last version; how many it saw. */
static int read_all(mh_heap *h, unsigned last)
{
	unsigned seen = 0, n = 0;

	while (seen < last) {
		struct config *c = mh_name_get(h, "config");

		if (!c)
			die("get");
		for (int i = 0; i < VALUES; i++)
			if (c->value[i] != c->version || c->version < seen) {
				fprintf(stderr, "torn: %u in version %u\n",
					c->value[i], c->version);
				return 1;
			}
		n += c->version != seen;
		seen = c->version;
		mh_drop(h, c);
	}
	printf("a reader saw %u versions of %u, each of them whole\n", n, last);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned last = argc > 1 ? (unsigned)atoi(argv[1]) : 2000;
	mh_heap *h = mh_attach(HEAP, MH_START);
	int failed = 0, status;

	if (!h)
		die("attach");
	publish(h, 1);
	for (int i = 0; i < READERS; i++) {
		fflush(stdout);
		if (!fork())
			exit(read_all(h, last));
	}
	for (unsigned v = 2; v <= last; v++)
		publish(h, v);
	while (wait(&status) > 0)
		failed |= status;
	mh_name_remove(h, "config");
	return failed || mh_detach(h) ? 1 : 0;
}
