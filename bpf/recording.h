/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recording.h - events in a file:
 *
 *	| head | name of each probe, 24 bytes | events ... | tail |
 *
 * The tail is an event of probe 0 that says what was lost; a file without one is
 * of a recording that was cut off.  In the byte order of the machine.  Probes are
 * known by their names, so a file may be older or newer than its reader.
 */
#ifndef BPF_RECORDING_H
#define BPF_RECORDING_H

#include "bpf/record.h"

#define RECORDING_MAGIC	0x3172746d70616d68ULL	/* "hmapmtr1" */
#define PROBE_NAME_MAX	24
#define RECORDING_PROBES_MAX	1024

struct recording_head {
	uint64_t magic;
	uint32_t event_bytes;	/* of each */
	uint32_t nprobes;		/* names that follow */
	uint64_t start_ns;		/* CLOCK_MONOTONIC */
	uint64_t wall_ns;		/* CLOCK_REALTIME at CLOCK_MONOTONIC 0 */
};

/* arg[] of the tail. */
enum { TAIL_HITS, TAIL_FILTERED, TAIL_EVENTS, TAIL_LOST, TAIL_MISSED };

#endif
