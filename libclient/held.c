/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held.c - held objects: their allocation and their end, and the memory of the
 * counts.  In spans of our own slots are leased and go through this thread's
 * arrays like those of objects shared at birth; the holder word is written before
 * the slot is unparked, and is FREEING before it is parked again.  Hold and drop
 * are in hold.c.
 *
 * Locks: none, but for the pool's where the counts of a span are made.
 */
#include <errno.h>

#include "libclient/held.h"
#include "libclient/pageword.h"
#include "libclient/seen.h"
#include "shm/parked.h"

APART const struct held_at *look_anew(mh_heap *h, uint64_t off)
{
	const uint64_t joined = ld_acq(&h->r->joined);		/* [A1] */
	struct held_looked *l = &tls.looked;

	l->joined = JOINED_NEVER;
	if (unlikely(!h->attached || off >= h->sg.geo.reserve_bytes ||
		     !held_find(&h->sg, off, &l->at)))
		return NULL;
	l->holds = NULL;
	l->handles = handles_of(&h->sg, l->at.gen2 >> 1);
	/* Who has not joined has nothing to remember it for. */
	if (likely(joined))
		l->joined = joined;
	return &l->at;
}

APART struct holds *holds_found(mh_heap *h)
{
	struct holds *t = holds_of(h, &tls.looked.at);

	if (t)
		note_held(h, tls.looked.at.spc);
	return tls.looked.holds = t;
}

/* Under rights.pool, so that of two threads at once one makes it. */
struct holds *holds_make(mh_heap *h, span_id id, uint32_t slots)
{
	const struct held_at at = { .id = id, .slots = slots };
	struct holds *t;

	pthread_mutex_lock(&h->r->pool);
	t = holds_of(h, &at);
	if (!t)
		t = pool_carve(h, sizeof(*t) + slots * sizeof(t->n[0]));
	if (t && !t->slots) {
		t->slots = slots;
		t->next = ld_rlx(&h->holds[id.n]);		/* [A1] */
		st_rel(&h->holds[id.n], t);			/* [A1] */
	}
	pthread_mutex_unlock(&h->r->pool);
	return t;
}

/* A slow path's door, as the pool has a lock. */
COLD int holds_missing(mh_heap *h, struct span_slots s)
{
	struct holds *t;

	if (!enter_any(h))
		return -1;
	t = holds_make(h, s.id, s.slots);
	leave();
	return t ? 0 : refuse(ENOMEM, "heap %s: no memory to count holds",
			      h->name);
}

int may_hold(mh_heap *h, unsigned wait_ms)
{
	/* A forked child joins first; another thread may be about to. */
	if (unlikely(holders_none(my_bit(h))) && !heap_ready(h, wait_ms))
		return -1;
	if (likely(!holders_none(my_bit(h))))
		return 0;
	return refuse(EUSERS, "heap %s: this process has client slot %u; only "
		      "the first %u clients may hold objects (share them "
		      "instead, or let others detach)", h->name,
		      h->r->me.slot, SH_HOLDERS - 1);
}

static COLD void settle(mh_heap *h, span_id id)
{
	int err = errno;

	if (enter_any(h)) {
		freed_elsewhere(h, id);
		leave();
	} else {	/* a signal handler: the daemon does it */
		hint_sweep(h);
	}
	errno = err;
}

/* Room for one more in this thread's array. */
static COLD bool room_made(mh_heap *h, uint32_t i)
{
	struct mcache *mc = enter(h);

	if (!mc)
		return false;
	make_room(h, mc, i);
	leave();
	return true;
}

/* A slot of a span of ours, FREEING by us, goes on this thread's array. */
static bool push_held(mh_heap *h, void *p, const struct held_at *at)
{
	_Atomic uint8_t *parked;
	uint32_t i;
	char *top;

	for (bool again = false; ; again = true) {
		uint64_t w = pt_load(h, at->off >> PAGE_SHIFT);

		if (tls.heap != h || (uint16_t)w != HELD_PAGE * sizeof(char *))
			return false;
		i = array_index(at->spc);
		parked = &pt_pspan(w)->parked[at->slot];
		top = ld_rlx(&tls.mc->a.top[i]);		/* [A1] */
		if (likely(top < tls.mc->a.limit[i]))
			break;
		if (again || !room_made(h, i))
			return false;
	}
	st_rlx(parked, PARKED_OWNER);				/* [P1] */
	order_for_recovery();
	array_put(top, true, p, parked);
	st_rel(&tls.mc->a.top[i], top + sizeof(struct slot_ref)); /* [A1] */
	return true;
}

/*
 * For people, at once: who receives and drops comes to no slow path that would sum
 * up.  A process with one thread needs no atomic for it.
 */
static inline void count_one(_Atomic uint64_t *n)
{
	if (likely(__libc_single_threaded))
		st_rlx(n, ld_rlx(n) + 1);			/* [C1] */
	else
		add_rlx(n, 1);					/* [C1] */
}

void free_held(mh_heap *h, const struct held_at *at)
{
	void *p = h->arena + at->off;
	uint32_t owner;

	if (push_held(h, p, at))
		return;
	owner = PROBE_ON(remote_free) ? span_pid(h, at->id) : 0;
	andnot_sc(&at->live[at->slot / 64], 1ull << at->slot % 64); /* [L1] */
	count_one(&my_slot(h)->remote_frees);
	seen_remote_free(h, at->spc, owner, at->off, 1);
	if (span_state(span_load(&h->sg, at->id)) == SPAN_FULL)
		settle(h, at->id);
}

/* The slot that will be next: its lines, which somebody else has written last. */
static inline void fetch_next(const struct mcache *mc, uint32_t i,
			      const struct pspan *ps, const struct slot_ref *e)
{
	uintptr_t slot;

	if ((const char *)e == mc->a.base[i])
		return;
	prefetch_write(ld_rlx(&(e - 1)->p));			/* [A1] */
	slot = (uintptr_t)(e - 1)->parked - (uintptr_t)ps->parked;
	if (slot < ps->nslots)
		prefetch_write(&ps->holders[slot]);
}

/* Unparked before it leaves the array, as any slot; the word is there before. */
static inline void *pop_held(mh_heap *h, struct mcache *mc, uint32_t i)
{
	char *top = ld_rlx(&mc->a.top[i]);			/* [A1] */
	const struct holders bit = my_bit(h);
	struct sh_holder *word;
	uint32_t slot, was;
	_Atomic uint32_t *n;
	struct slot_ref *e;
	struct pspan *ps;
	void *p;

	if (unlikely(top == mc->a.base[i]))
		return NULL;
	e = (struct slot_ref *)(void *)top - 1;
	p = ld_rlx(&e->p);					/* [A1] */
	ps = pt_pspan(pt_load(h, (uint64_t)((char *)p - h->arena) >>
				 PAGE_SHIFT));
	slot = (uint32_t)(e->parked - ps->parked);
	n = &ps->holds->n[slot];
	fetch_next(mc, i, ps, e);
	if (unlikely(count_begin(n, &was)))
		return refuse_null(EDEADLK, "called from a signal handler that "
				   "interrupted the like");
	word = &ps->holders[slot];
	held_born(word, bit, h->r->me.slot);
	st_rel(e->parked, 0);		/* [P1] ps may be another span's from here on */
	held_open(word, bit);
	st_rel(&mc->a.top[i], (char *)e);			/* [A1] */
	count_end(n, 1);
	return p;
}

/* Of the thread's heap h, from the array; NULL: it takes more than that. */
HOT void *alloc_held_fast(mh_heap *h, size_t size)
{
	return pop_held(h, tls.mc, SHARED_ARRAYS + sc_of(size));
}

static COLD void *alloc_held_slow(mh_heap *h, uint32_t spc, bool nowait)
{
	uint32_t i = array_index(spc);
	struct mcache *mc;
	void *p = NULL;

	if (may_hold(h, nowait ? 0 : DAEMON_WAIT_MS) ||
	    !(mc = enter_to(h, nowait)))
		return NULL;
	note_held(h, spc);
	if (array_n(&mc->a, i) || refill(h, mc, i, nowait))
		p = pop_held(h, mc, i);
	if (h->flags & MH_CHECKED)
		flush(h, mc, i, 0);
	leave();
	return p;
}

void *alloc_held(mh_heap *h, uint32_t spc, size_t size, size_t align,
		 bool nowait)
{
	void *p = NULL;

	if (unlikely(!array_index(spc)))
		return alloc_run(h, spc, size, align, nowait);
	if (likely(tls.heap == h))
		p = pop_held(h, tls.mc, array_index(spc));
	return likely(p != NULL) ? p : alloc_held_slow(h, spc, nowait);
}
