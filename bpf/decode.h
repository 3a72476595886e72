/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode.h - an event as a line: for people, or as one JSON object.  What it says
 * of arguments comes from shm/probes.def, so a probe that is added there is
 * shown by its names.
 */
#ifndef BPF_DECODE_H
#define BPF_DECODE_H

#include <stdbool.h>

#include "bpf/record.h"

struct decode {
	bool	 json;
	bool	 wall;		/* time of day, else seconds since the start */
	uint64_t	 start_ns;	/* CLOCK_MONOTONIC */
	uint64_t	 wall_ns;	/* wall_ns() of then */
};

/* CLOCK_REALTIME at CLOCK_MONOTONIC 0, as of now. */
uint64_t wall_ns(void);

void decode_title(const struct decode *d);
void decode_event(const struct decode *d, const struct event *e);

#endif
