/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sleeper.c - a process that sleeps at a channel so many times, for nothing:
 *
 *	sleeper HEAP RECEIVES SENDS [CHANNEL]
 *
 * first as a receiver while it is empty, then as a sender while it is full.  Two
 * messages stay in it.  Prints its PID.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "include/mheap.h"

#define ROOM		2
#define TIMEOUT_MS	60	/* who is held up for as long doesn't sleep */

static int in_vain(mh_heap *h, mh_chan *c, int receives, int sends)
{
	void *p = NULL;

	while (receives-- > 0)
		if (mh_chan_recv(c, TIMEOUT_MS) || errno != ETIMEDOUT)
			return 1;
	for (int i = 0; i < ROOM; i++) {
		p = mh_alloc_flags(h, 64, MH_HELD);
		if (!p || mh_chan_send(c, p, 0))
			return 1;
	}
	p = mh_alloc_flags(h, 64, MH_HELD);
	while (p && sends-- > 0)
		if (!mh_chan_send(c, p, TIMEOUT_MS) || errno != ETIMEDOUT)
			return 1;
	return !p || mh_drop(h, p);
}

int main(int argc, char **argv)
{
	mh_heap *h = argc > 3 ? mh_attach(argv[1], 0) : NULL;
	const char *name = argc > 4 ? argv[4] : "sleeper";
	mh_chan *c = h ? mh_chan_open(h, name, ROOM, MH_EXCL) : NULL;

	if (!c)
		return 2;
	printf("%d\n", getpid());
	return in_vain(h, c, atoi(argv[2]), atoi(argv[3])) ||
	       mh_chan_close(c) || mh_detach(h);
}
