/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo_query.c - the process that answers from the index.  It had no part in
 * making it: all that it knows is the name of the heap.
 */
#include <stdio.h>

#include "tools/demo.h"

static int print(struct json_object *o)
{
	int r = puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));

	json_object_put(o);
	return r < 0 ? 1 : 0;
}

int demo_query(char **argv)
{
	mh_heap *h = mh_attach(argv[0], MH_READONLY);
	struct tally t = { 0 };
	struct index x;
	int64_t n;

	if (!h || index_open(&x, h)) {
		fprintf(stderr, "mheap demo: the query: %s\n", mh_errmsg());
		return 1;
	}
	n = index_tally(&x, &t);
	if (n < 0) {
		fprintf(stderr, "mheap demo: the query: %s\n", mh_errmsg());
		return 1;
	}
	t.objects = (uint64_t)n;
	if (mh_detach(h)) {
		fprintf(stderr, "mheap demo: the query: %s\n", mh_errmsg());
		return 1;
	}
	return print(tally_json(&t));
}
