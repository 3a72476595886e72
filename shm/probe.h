/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.h - firing a probe of probes.def.  Off, one costs a load, a test and a
 * branch; on, a call of a function that does nothing but to hold the site
 * (probe_site.h).  Whoever has to do more than pass values looks first:
 *
 *	bool on = PROBE_ON(flush_done);
 *	uint64_t began = on ? probe_clock() : 0;
 *	...
 *	if (on)
 *		PROBE_FIRE(flush_done, class, ...);
 *
 * so that a tracer that comes in between sees no half event.  The semaphore is
 * written by the kernel, for each process.  No lock, no state of our own.  With
 * --disable-probes nothing of it is compiled.
 */
#ifndef SHM_PROBE_H
#define SHM_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define PROBE_PARAMS_3	uint64_t, uint64_t, uint64_t
#define PROBE_PARAMS_4	PROBE_PARAMS_3, uint64_t
#define PROBE_PARAMS_5	PROBE_PARAMS_4, uint64_t
#define PROBE_PARAMS_6	PROBE_PARAMS_5, uint64_t
#define PROBE_PARAMS(n)	PROBE_PARAMS_##n

#define PROBE_HIDDEN	__attribute__((visibility("hidden")))

#define PROBE_DECLARE(name, n)						\
	extern volatile unsigned short mheap_##name##_semaphore		\
		PROBE_HIDDEN;						\
	void probe_##name(PROBE_PARAMS(n)) PROBE_HIDDEN;
#define PROBE_DECLARE_LIB(name, n)	PROBE_DECLARE(name, n)
#define PROBE_DECLARE_DAEMON(name, n)	PROBE_DECLARE(name, n)
#define PROBE_DECLARE_BOTH(name, n)	/* nobody fires it */
#define PROBE(side, name, n, text, ...)	PROBE_DECLARE_##side(name, n)
#include "shm/probes.def"
#undef PROBE

#ifdef MH_PROBES
#define PROBE_ON(name)	__builtin_expect(mheap_##name##_semaphore != 0, 0)
#define PROBE_FIRE(name, ...)	probe_##name(__VA_ARGS__)
#else
#define PROBE_ON(name)	false
#define PROBE_FIRE(name, ...)	((void)sizeof((uint64_t[]){ __VA_ARGS__ }))
#endif

static inline uint64_t probe_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

#endif
