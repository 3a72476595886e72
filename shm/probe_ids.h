/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe_ids.h - what numbers in probes' arguments stand for.  Part of what tracers
 * rely on: values are only added.
 */
#ifndef SHM_PROBE_IDS_H
#define SHM_PROBE_IDS_H

#include <stdint.h>

/* level: who gave what a refill brought. */
#define LEVEL_CACHE	1u	/* the process's spans */
#define LEVEL_CENTRAL	2u
#define LEVEL_DAEMON	3u
#define LEVELS		3u

/* kind of a lock */
#define LOCK_CLASS	1u	/* a process's, of a span class */
#define LOCK_STRIPE	2u	/* the heap's, of a span class */

/* class: of a request that isn't for a span of one */
#define NO_CLASS	0xffffu

/* lock: which one, the same in all processes. */
static inline uint64_t lock_id(uint32_t kind, uint32_t spc, uint32_t stripe)
{
	return (uint64_t)kind << 32 | spc << 16 | stripe;
}

static inline uint32_t lock_kind(uint64_t lock)
{
	return (uint32_t)(lock >> 32);
}

static inline uint32_t lock_class(uint64_t lock)
{
	return (uint32_t)(lock >> 16) & 0xffff;
}

#endif
