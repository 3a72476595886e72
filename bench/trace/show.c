/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show.c - show TRACE...: checks a packed trace and prints what is in it: how
 * many events, how much is live, and which sizes.
 */
#include <error.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/trace/load.h"

#define SIZES	(TRACE_SIZE_BITS + 1)	/* powers of two */

struct sizes {
	uint64_t objects[SIZES], bytes[SIZES];	/* allocated or resized to */
	uint64_t all_objects, all_bytes;
};

/* The power of two that it rounds up to. */
static unsigned power_of(uint64_t size)
{
	return size > 1 ? 64 - (unsigned)__builtin_clzll(size - 1) : 0;
}

static void count_sizes(struct sizes *s, const struct trace *t)
{
	for (uint64_t i = 0; i < t->header->events; i++) {
		uint64_t size = trace_size(t->event[i]);

		if (!size)
			continue;
		s->objects[power_of(size)]++;
		s->bytes[power_of(size)] += size;
		s->all_objects++;
		s->all_bytes += size;
	}
}

static void print_sizes(const struct sizes *s)
{
	printf("  %16s %12s %7s %7s\n", "up to bytes", "objects", "%",
	       "% of bytes");
	for (unsigned i = 0; i < SIZES; i++)
		if (s->objects[i])
			printf("  %16" PRIu64 " %12" PRIu64 " %7.2f %7.2f\n",
			       UINT64_C(1) << i, s->objects[i],
			       100.0 * (double)s->objects[i] /
			       (double)s->all_objects,
			       100.0 * (double)s->bytes[i] /
			       (double)s->all_bytes);
}

static void print_header(const struct trace_header *h, const char *file)
{
	uint64_t left = h->count[TRACE_ALLOC] - h->count[TRACE_FREE];

	printf("%s: %.64s, %u thread(s)\n", file, h->program, h->threads);
	printf("  %" PRIu64 " events: %" PRIu64 " allocs (%" PRIu64 " zeroed, %"
	       PRIu64 " aligned), %" PRIu64 " frees, %" PRIu64 " resizes\n",
	       h->events, h->count[TRACE_ALLOC], h->zeroed, h->aligned,
	       h->count[TRACE_FREE], h->count[TRACE_RESIZE]);
	printf("  at most %" PRIu64 " objects live, and %" PRIu64 " bytes, "
	       "after event %" PRIu64 "; the largest has %" PRIu64 " bytes\n",
	       h->slots, h->peak_bytes, h->peak_events, h->largest);
	printf("  %" PRIu64 " objects are never freed; %" PRIu64 " frees and "
	       "resizes of objects from before the recording are left out\n",
	       left, h->foreign);
}

static int show(const char *file)
{
	struct sizes s = { 0 };
	struct trace t;
	int err;

	if (trace_open(&t, file))
		return 1;
	err = trace_check(&t, file);
	if (!err) {
		count_sizes(&s, &t);
		print_header(t.header, file);
		print_sizes(&s);
	}
	trace_close(&t);
	return err ? 1 : 0;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc < 2)
		error(2, 0, "usage: show TRACE...");
	for (int i = 1; i < argc; i++)
		status |= show(argv[i]);
	return status;
}
