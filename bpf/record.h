/* SPDX-License-Identifier: Apache-2.0 OR BSD-2-Clause OR GPL-2.0-only */
/*
 * record.h - what the program in the kernel and mheap-trace tell each other:
 * probes by number, the event, and keys and values of the maps.
 *
 *	probe hit -> counts (each hit, by what became of it)
 *	          -> agg    (tgid, class, level, probe)    histograms, exact
 *	          -> locks  (lock, tgid, owner)            who waited for whom
 *	          -> frees  (freer, owner, class)          who frees whose
 *	          -> stacks, stackagg                      only if asked for
 *	          -> ring   (struct event)                 only if asked for
 *
 * Only numbers, no pointers; all is zeroed before it is filled, as keys are
 * compared as bytes.
 */
#ifndef BPF_RECORD_H
#define BPF_RECORD_H

#ifdef __bpf__		/* clang's <stdint.h> wants a C library of its machine */
#include <linux/types.h>
typedef __u64 uint64_t;
typedef __u32 uint32_t;
typedef __u16 uint16_t;
typedef __u8 uint8_t;
typedef __s32 int32_t;
#else
#include <stdint.h>
#endif

#define PROBE(side, name, n, text, ...)	P_##name,
enum probe_id {
	P_none,
#include "shm/probes.def"
	P_COUNT
};
#undef PROBE

#define PROBE_ARGS	6
#define HIST_SLOTS	40	/* of log2 ns: up to nine minutes */
#define STACK_FRAMES	48
#define CLASS_WORDS	8	/* bits of span classes */

/*
 * At which place an argument of this name is, from 1; 0: the probe has none.
 * probe_at[] below is made from the names in probes.def.
 */
struct probe_place {
	uint8_t class, level, dur_ns, wait_ns, nobj, status;
	uint8_t op, lock, kind, owner, tries, client, heap;
	uint8_t want, npages, offset, state, cell, value, result, reason;
	uint8_t used_bytes, limit_bytes, abi, flags, pid, spans, bytes, cause;
	uint8_t total_bytes, ahead, pages, forced, token;
	uint8_t chan, depth, age_ns;
};

#define PLACES_2(a, b)			.a = 1, .b = 2
#define PLACES_3(a, b, c)		PLACES_2(a, b), .c = 3
#define PLACES_4(a, b, c, d)		PLACES_3(a, b, c), .d = 4
#define PLACES_5(a, b, c, d, e)		PLACES_4(a, b, c, d), .e = 5
#define PLACES_6(a, b, c, d, e, f)	PLACES_5(a, b, c, d, e), .f = 6

#define PROBE(side, name, n, text, ...)	\
	[P_##name] = { PLACES_##n(__VA_ARGS__) },
static const struct probe_place probe_at[P_COUNT] = {
#include "shm/probes.def"
};
#undef PROBE

/*
 * The cookie of a site: which probe, how many arguments its object gives, and the
 * process that it is attached for (0: all).
 */
#define COOKIE(probe, nargs, pid) \
	((uint64_t)(pid) << 32 | (uint64_t)(nargs) << 16 | (probe))
#define COOKIE_PROBE(cookie)	((cookie) & 0xffff)
#define COOKIE_NARGS(cookie)	((cookie) >> 16 & 0xf)
#define COOKIE_PID(cookie)	((uint32_t)((cookie) >> 32))

/*
 * In the place of a PID: that of the first name space, of a process that has none in
 * the tracer's, or none that the kernel tells.  And no PID, but the number of a row's
 * owner among those that have ended (reap.c).
 */
#define PID_ELSEWHERE	0x40000000u
#define PID_ENDED	0x80000000u

/* NO_CLASS and lock_class() of shm/probe_ids.h, for the kernel. */
#define CLASS_NONE		0xffffu
#define LEVEL_NONE		0xffu	/* one that there is not */
#define CLASS_OF_LOCK(lock)	((lock) >> 16 & 0xffff)

/* What waits at a channel are told apart by, in the place of a class. */
#define SUB_OF_CHAN(chan, kind)	((chan) << 1 | ((kind) & 1))

/* One hit, in the ring and in a recording. */
struct event {
	uint64_t ts_ns;		/* CLOCK_MONOTONIC */
	uint64_t seq;		/* of its probe on its CPU: a gap is a loss */
	uint64_t arg[PROBE_ARGS];
	uint64_t stack;		/* key of stacks, 0: none */
	uint64_t cgroup;
	uint32_t tgid, tid;
	uint32_t cpu;
	uint16_t probe;
	uint16_t pad;
	char  comm[16];
};

/* What became of the hits of a probe, for each CPU. */
struct counts {
	uint64_t hits;		/* filtered + kept */
	uint64_t filtered;		/* by process, class or duration */
	uint64_t sent;		/* events in the ring */
	uint64_t ring_full;	/* events that are lost */
	uint64_t map_full;		/* hits that an aggregate lacks */
	uint64_t stack_lost;	/* stacks that are lost */
	uint64_t seq;		/* sent + ring_full */
};

struct agg_key {
	uint32_t tgid;
	uint16_t sub;		/* span class or CLASS_NONE; else op, or channel and kind */
	uint8_t  level;
	uint8_t  probe;
};

struct agg {
	uint64_t count, nobj, errors, sum_ns, wait_ns, max_ns;
	uint64_t hist[HIST_SLOTS];	/* [i]: 2^i <= ns < 2^(i + 1); [0]: and 0 */
};

struct lock_key {
	uint64_t lock;
	uint32_t tgid;
	uint32_t owner;
};

struct lock_waits {
	uint64_t count, sum_ns, max_ns, tries;
	uint64_t passed;		/* busy, and another one was taken */
};

struct free_key {
	uint32_t tgid;		/* who frees */
	uint32_t owner;		/* PID of whose it was, 0: unknown */
	uint32_t class;
	uint32_t pad;
};

struct free_count {
	uint64_t calls, nobj;
};

struct stack_key {
	uint64_t stack;
	uint32_t tgid;
	uint16_t sub;
	uint8_t  level;
	uint8_t  probe;
};

struct stack_count {
	uint64_t count, nobj, sum_ns, wait_ns;
};

/* A frame as bpf_get_stack gives it, struct bpf_stack_build_id. */
struct frame {
	int32_t status;		/* FRAME_... */
	uint8_t  build_id[20];
	uint64_t at;		/* offset in the file, or address */
};

#define FRAME_NONE	0
#define FRAME_FILE	1
#define FRAME_ADDRESS	2

struct stack {
	struct frame frame[STACK_FRAMES];
};

/* Who a process was, as of its first hit. */
struct proc {
	uint64_t first_ns;
	uint64_t cgroup;
	char  comm[16];
	uint8_t  named;		/* comm is the process's, not one thread's */
	uint8_t  inner;		/* the PID name space it runs in isn't the tracer's */
	uint8_t  pad[6];
};

/* What is asked for; constant once the program is loaded. */
struct wish {
	uint64_t min_ns;
	uint64_t classes[CLASS_WORDS];	/* all bits: any */
	uint64_t pid_ns_dev, pid_ns_ino;	/* the tracer's */
	uint8_t  events, stacks, pids, any_class;
	uint8_t  first_pid_ns;		/* and it is the first one */
	uint8_t  nlevels;		/* above 0 */
	uint16_t nclasses, nops;
	uint8_t  pad[6];
};

_Static_assert(sizeof(struct event) == 112, "read by older mheap-trace");
_Static_assert(sizeof(struct agg_key) == 8, "no holes: compared as bytes");
_Static_assert(sizeof(struct lock_key) == 16, "no holes: compared as bytes");
_Static_assert(sizeof(struct free_key) == 16, "no holes: compared as bytes");
_Static_assert(sizeof(struct stack_key) == 16, "no holes: compared as bytes");
_Static_assert(sizeof(struct frame) == 32, "the kernel's");

#endif
