/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally.h - follows a trace event by event, knows what is live, and finds the
 * first event that can't be.  Its header is what the trace's header has to say;
 * pack writes it, load compares it.
 */
#ifndef BENCH_TRACE_TALLY_H
#define BENCH_TRACE_TALLY_H

#include <stddef.h>

#include "bench/trace/format.h"

struct tally {
	struct trace_header h;		/* the part that events tell */
	uint64_t live_bytes, live_objects;
	uint64_t *size;			/* of each slot, 0: empty */
	size_t room;			/* slots there are */
};

/* NULL, or a sentence on what is wrong with the event. */
const char *tally_add(struct tally *t, uint64_t event);

void tally_free(struct tally *t);

#endif
