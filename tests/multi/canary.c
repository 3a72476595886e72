/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canary.c - dumps core with a canary in the arena (owned, shared and large
 * objects) and another in its own memory.  The script looks for both.  The
 * words are put together at run time, so that the program's text has neither.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mheap.h>

static void put(char *to, const char *which)
{
	snprintf(to, 64, "CANARY-%s-%d%d", which, 1234, 5678);
}

int main(void)
{
	mh_heap *h = mh_attach(NULL, 0);
	char *own = malloc(64), *p[3];

	if (!h || !own) {
		fprintf(stderr, "canary: %s\n", mh_errmsg());
		return 2;
	}
	p[0] = mh_alloc(h, 64);
	p[1] = mh_alloc_flags(h, 64, MH_SHARED);
	p[2] = mh_alloc(h, 3 << 20);
	for (int i = 0; i < 3; i++) {
		if (!p[i])
			return 2;
		put(p[i], "arena");
	}
	put(own, "private");
	abort();
}
