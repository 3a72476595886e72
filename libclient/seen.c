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
	uint64_t lock = lock_id(LOCK_CLASS, (uint32_t)(c - h->r->cls), 0);
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

/* [R1] The registry's PID, unless the slot is another's by now. */
static uint32_t party_pid(mh_heap *h, uint32_t slot, uint32_t gen)
{
	uint64_t w;

	if (slot == SH_DAEMON_SLOT)
		return ld_rlx(&h->sg.hdr->daemon_pid);		/* [H2] */
	if (!slot || slot > h->sg.geo.nclients)
		return 0;
	w = ld_acq(&h->sg.clients[slot].word);			/* [R1] */
	return (w >> 8 & LAST_GEN_MASK) == (gen & LAST_GEN_MASK) ?
	       h->sg.clients[slot].pid : 0;
}

uint32_t span_pid(mh_heap *h, span_id id)
{
	uint32_t last = ld_rlx(&h->sg.last[id.n]);		/* [C2] */

	return party_pid(h, last & 0xfff, last >> 12);
}

void stripes_busy(mh_heap *h, uint32_t spc, uint32_t tries)
{
	uint32_t first = spc * h->sg.geo.nstripes, k = 0;
	struct party p = { 0 };

	while (!p.slot && k < h->sg.geo.nstripes)
		p = central_holder(&h->sg, first + k++);
	PROBE_FIRE(lock_wait_done,
		   lock_id(LOCK_STRIPE, spc, p.slot ? k - 1 : 0), LOCK_STRIPE,
		   0, party_pid(h, p.slot, p.gen), tries, EBUSY);
}
