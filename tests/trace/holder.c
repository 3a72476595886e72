/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holder.c - a client that holds every stripe of a span class, as no living one
 * does for long:
 *
 *	holder HEAP CLASS
 *
 * Prints its PID when it has them, and waits to be killed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "libclient/client.h"

int main(int argc, char **argv)
{
	mh_heap *h = argc > 2 ? mh_attach(argv[1], 0) : NULL;
	uint32_t spc = argc > 2 ? (uint32_t)atoi(argv[2]) : 0;

	if (!h || spc >= SPAN_CLASSES)
		return 2;
	mh_free(h, mh_alloc(h, 16));
	slot_uses(my_slot(h), spc_size_class(spc));
	for (uint32_t s = 0; s < h->sg.geo.nstripes; s++)	/* [K2] */
		st_rel(&seg_stripe(&h->sg, spc, s)->lock,
		       span_word(1, h->r->me, 0));
	printf("%d\n", getpid());
	fflush(stdout);
	for (;;)
		pause();
}
