/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seen.c - waits for locks, as a tracer sees them; see seen.h.  A class lock is
 * waited for; a stripe never is: who finds it busy goes on to the next one, and
 * says whom it belonged to.
 */
#include <errno.h>

#include "libclient/seen.h"

void class_lock_wait(mh_heap *h, struct pclass *c)
{
	uint64_t lock = (uint64_t)LOCK_CLASS << 32 | (uint64_t)(c - h->r->cls);
	bool start = PROBE_ON(lock_wait_start), done = PROBE_ON(lock_wait_done);
	struct seen s = seen_begin(done || PROBE_ON(refill_done) ||
				   PROBE_ON(flush_done));
	uint32_t owner = ld_rlx(&c->holder);			/* [A1] */

	if (start)
		PROBE_FIRE(lock_wait_start, lock, LOCK_CLASS, owner);
	pthread_mutex_lock(&c->lock);
	if (!s.on)
		return;
	tls.waited_ns += seen_ns(&s);
	if (done)
		PROBE_FIRE(lock_wait_done, lock, LOCK_CLASS, seen_wait(&s),
			   owner, 1, 0);
}

void stripes_busy(mh_heap *h, uint32_t spc, uint32_t tries)
{
	uint32_t first = spc * h->sg.geo.nstripes, k = first;
	struct party p = { 0 };

	while (!p.slot && k < first + h->sg.geo.nstripes)
		p = central_holder(&h->sg, k++);
	PROBE_FIRE(lock_wait_done,
		   (uint64_t)LOCK_STRIPE << 32 | (p.slot ? k - 1 : first),
		   LOCK_STRIPE, 0, p.slot, tries, EBUSY);
}
