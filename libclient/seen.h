/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seen.h - what slow paths let a tracer see: see shm/probes.def.
 *
 * A probe is looked at once, when its path begins, and fires at its end with what
 * the path itself has measured; nothing is measured for nobody.
 */
#ifndef LIBCLIENT_SEEN_H
#define LIBCLIENT_SEEN_H

#include "libclient/client.h"
#include "shm/probe.h"
#include "shm/probe_ids.h"

/* A path that may be seen. */
struct seen {
	bool on;
	uint64_t began, waited;
};

static inline struct seen seen_begin(bool on)
{
	struct seen s = { .on = on };

	if (on) {
		s.began = probe_clock();
		s.waited = tls.waited_ns;
	}
	return s;
}

static inline uint64_t seen_ns(const struct seen *s)
{
	return probe_clock() - s->began;
}

static inline uint64_t seen_wait(const struct seen *s)
{
	return tls.waited_ns - s->waited;
}

/* The process that has or had the span; 0: nobody knows, or it is gone. */
uint32_t span_pid(mh_heap *h, span_id id);

/* Shared objects of a span that isn't ours are free from now on. */
static inline void seen_remote_free(mh_heap *h, uint32_t spc, uint32_t owner,
				    uint64_t off, uint32_t n)
{
	if (PROBE_ON(remote_free))
		PROBE_FIRE(remote_free, spc, owner, n, off,
			   h->r->me.slot, h->heap_ino);
}

/* seen.c */
void class_lock_wait(mh_heap *h, struct pclass *c);
void stripes_busy(mh_heap *h, uint32_t spc, uint32_t tries);

static inline void class_lock(mh_heap *h, struct pclass *c)
{
	if (unlikely(pthread_mutex_trylock(&c->lock)))
		class_lock_wait(h, c);
	st_rlx(&c->holder, tls.tid);				/* [A1] */
}

static inline void class_unlock(struct pclass *c)
{
	pthread_mutex_unlock(&c->lock);
}

#endif
