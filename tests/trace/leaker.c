/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leaker.c - a client with a fault, for doc/tracing/leak.sh: of the messages that
 * it makes it forgets each tenth.
 *
 *	leaker HEAP
 *
 * Ends when it is killed.
 */
#include <stdio.h>
#include <unistd.h>

#include "include/mheap.h"

#define BATCH	100

__attribute__((noinline)) static void *make_message(mh_heap *h)
{
	void *p = mh_alloc_flags(h, 96, MH_SHARED);

	__asm__ volatile("" ::: "memory");	/* no tail call */
	return p;
}

__attribute__((noinline)) static void send_batch(mh_heap *h)
{
	void *p[BATCH];

	for (int i = 0; i < BATCH; i++)
		p[i] = make_message(h);
	for (int i = 0; i < BATCH; i++)
		if (i % 10)
			mh_free(h, p[i]);
}

int main(int argc, char **argv)
{
	mh_heap *h = argc > 1 ? mh_attach(argv[1], 0) : NULL;

	if (!h)
		return puts(mh_errmsg()), 1;
	for (;;) {
		send_batch(h);
		usleep(1000);
	}
}
