/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mcache.c - a thread's arrays, refilled from the spans of the process (flush.c
 * returns what is in them).  Arrays begin small and grow with use.  Lock: the
 * class's, dropped before the daemon is called.
 */
#include <errno.h>
#include <string.h>

#include "libclient/seen.h"

#define FIRST_CAP	8u
#define FIRST_BYTES	(64u << 10)
#define SAMPLES		8u	/* entries that a body's sum looks at */
#define FEW		8u	/* slots of a new span */
#define CALM		4u	/* unchanged refills that make a producer */

void cache_note(mh_heap *h, int64_t cached, int64_t inuse)
{
	struct sh_slot *s = my_slot(h);

	if (cached)
		add_rlx(&s->cached_bytes, (uint64_t)cached);	/* [C1] */
	if (inuse)
		add_rlx(&s->inuse_bytes, (uint64_t)inuse);	/* [C1] */
}

void note_level(mh_heap *h, struct mcache *mc, uint32_t i, uint32_t was,
		uint32_t now)
{
	int64_t d = (int64_t)was - mc->noted[i];
	int64_t bytes = d * sc_size(array_size_class(i));

	cache_note(h, bytes, -bytes);
	mc->noted[i] = now;
}

static uint32_t first_cap(uint32_t size)
{
	uint32_t n = FIRST_BYTES / size;

	return n > FIRST_CAP ? FIRST_CAP : n ? n : 1;
}

static bool room_for(mh_heap *h, uint32_t sc, uint32_t cap, uint32_t more)
{
	bool first = !cap;

	if (first && sc_is_run(sc) && take_first_run(h, more * sc_size(sc)))
		return true;
	return take_room(h, (more - cap) * sc_size(sc), first && sc_is_small(sc));
}

/*
 * Does the array hold more from now on?  Not if it holds the most already, or
 * all of the process's arrays do.
 */
bool array_grow(mh_heap *h, struct arrays *a, uint32_t i)
{
	uint32_t sc = array_size_class(i), most = sc_cache_max(sc);
	uint32_t cap = array_cap(a, i);
	uint32_t more = cap ? cap * 2 : first_cap((uint32_t)sc_size(sc));

	if (cap >= most)
		return false;
	if (more > most)
		more = most;
	if (!room_for(h, sc, cap, more))
		return false;
	/* [P2] What has room may come to hold what others lend. */
	if (array_shared(i) && !array_held(i))
		or_rel(&my_slot(h)->lent[sc / 64], 1ull << sc % 64);
	array_set_cap(a, i, more);
	return true;
}

/* Of eight entries all over it: a thread that frees here changes some. */
static uint64_t body_sum(const struct arrays *a, uint32_t i, uint32_t n)
{
	uint64_t sum = 0;

	for (uint32_t k = 0; k < n; k += 1 + n / SAMPLES) {
		const void *p = array_get(a, i, k);

		sum = (sum ^ (uint64_t)(uintptr_t)p) * 0x9e3779b97f4a7c15ull;
	}
	return sum;
}

/* Does the body hold just what the last refill put there? */
static bool producer(struct mcache *mc, uint32_t i)
{
	bool same = mc->filled[i] && mc->sum[i] ==
		    body_sum(&mc->a, i, mc->filled[i]);

	mc->calm[i] = same ? (uint8_t)(mc->calm[i] + (mc->calm[i] < 255)) : 0;
	return mc->calm[i] >= CALM;
}

/* Of a word's free slots, at most `want`, downwards from `at`. */
static char *take_word(struct pspan *ps, uint32_t w, uint32_t want, char *at)
{
	uint64_t bits = ps_takeable(ps, w), taken = 0;
	char *base = ps->base + (size_t)w * 64 * ps->elem;
	bool shared = ps->parked != NULL;

	for (; bits && want; bits &= bits - 1, want--) {
		uint32_t b = (uint32_t)__builtin_ctzll(bits);

		at -= shared ? sizeof(struct slot_ref) : sizeof(void *);
		array_put(at, shared, base + (size_t)b * ps->elem,
			  shared ? &ps->parked[w * 64 + b] : NULL);
		taken |= 1ull << b;
	}
	map_del(ps->bits, w, taken);
	return at;
}

/*
 * Moves up to `want` free slots of a span into the array, the lowest on top, so
 * that they are handed out upwards.
 */
static uint32_t take_slots(mh_heap *h, struct pclass *c, struct pspan *ps,
			   struct arrays *a, uint32_t i, uint32_t want)
{
	uint32_t each = array_each(i), n = want < ps->nfree ? want : ps->nfree;
	char *top = ld_rlx(&a->top[i]);				/* [A1] */
	char *end = top + n * each, *at = end;
	uint32_t got;

	if (ps->nfree == ps->nslots)
		note_empty(h, c, -1, geom_bytes(&ps->g));
	for (uint32_t w = 0; w < live_words(ps->nslots) && at > top; w++)
		if (map_word(ps->bits, w))
			at = take_word(ps, w, (uint32_t)(at - top) / each, at);
	if (at > top)	/* some were freed by others while free: misuse */
		memmove(top, at, (size_t)(end - at));
	got = (uint32_t)(end - at) / each;
	st_rel(&a->top[i], top + got * each);			/* [A1] */
	ps->nfree -= got;
	if (got < want || !ps->nfree)
		ps_move(c, ps, PS_EXHAUSTED);
	return got;
}

/*
 * Some span with free slots, without the daemon; NULL: none to be had, or not
 * before others have made way.
 */
static struct pspan *some_span(mh_heap *h, struct pclass *c, struct mcache *mc,
			       uint32_t spc)
{
	struct pspan *ps;
	struct geom g;

	for (;;) {
		ps = c->partial.head;
		if (ps)
			return ps;
		giveup_pending(h, c, c->pending.n);
		ps = c->partial.head ? c->partial.head : harvest_some(h, c);
		if (ps)
			return ps;
		if (should_make_way(h, npages_bytes(span_length(h, spc))) ||
		    !obtain_fast(h, spc, &g))
			return NULL;
		mc->level = LEVEL_CENTRAL;
		if (!ps_adopt(h, c, &g)) {
			pass_span(h, &g);
			return NULL;
		}
	}
}

/*
 * A refill that got a new span did much already, and takes but a few slots of
 * it: the next one finds it here.
 */
static uint32_t fill(mh_heap *h, struct pclass *c, struct mcache *mc,
		     uint32_t i, uint32_t want)
{
	uint32_t got = 0;

	while (got < want) {
		struct pspan *ps = got ? c->partial.head :
				   some_span(h, c, mc, array_spc(i));

		if (!ps)
			break;
		if (mc->level != LEVEL_CACHE && want > got + FEW)
			want = got + FEW;
		got += take_slots(h, c, ps, &mc->a, i, want - got);
		if (ps->where == PS_EXHAUSTED)
			giveup_known(h, c, ps);
	}
	return got;
}

/* A span of the class that is new to the process.  Not under the class lock. */
static int more(mh_heap *h, struct mcache *mc, uint32_t spc, bool nowait)
{
	struct pclass *c = pclass_of(h, spc);
	npages len = span_length(h, spc);
	bool untried = should_make_way(h, npages_bytes(len));
	struct geom g;
	struct pspan *ps;
	int r = 0;

	make_way(h, mc, npages_bytes(len));
	mc->level = LEVEL_CENTRAL;
	if (!untried || !obtain_fast(h, spc, &g)) {
		mc->level = LEVEL_DAEMON;
		r = obtain_span(h, spc, len, (npages){ 0 }, nowait, &g);
	}
	if (r)
		return r;
	class_lock(h, c);
	ps = ps_adopt(h, c, &g);
	class_unlock(c);
	if (ps)
		return 0;
	pass_span(h, &g);
	return refuse(ENOMEM, "no memory for the process's span cache");
}

/* Class lock held. */
static void tally_refill(mh_heap *h, uint32_t spc, uint32_t level, uint32_t n)
{
	struct sh_tally *t = my_tally(h, spc);
	_Atomic uint64_t *times = &t->refills[level - 1];

	st_rlx(times, ld_rlx(times) + 1);			/* [C1] */
	st_rlx(&t->objects, ld_rlx(&t->objects) + n);		/* [C1] */
}

static uint32_t refill_array(mh_heap *h, struct mcache *mc, uint32_t i,
			     uint32_t want, bool nowait)
{
	uint32_t spc = array_spc(i), got;
	struct pclass *c = pclass_of(h, spc);
	bool calm = array_shared(i) && producer(mc, i);

	if (calm)
		want = array_cap(&mc->a, i);
	do {
		class_lock(h, c);
		note_level(h, mc, i, 0, 0);
		if (calm)
			giveup_exhausted(h, c, mc);
		got = fill(h, c, mc, i, want);
		mc->noted[i] = mc->filled[i] = got;
		if (array_shared(i))
			mc->sum[i] = body_sum(&mc->a, i, got);
		if (got)
			tally_refill(h, spc, mc->level, got);
		class_unlock(c);
	} while (!got && !more(h, mc, spc, nowait));
	if (!got)
		add_rlx(&my_tally(h, spc)->failed, 1);		/* [C1] */
	return got;
}

/* The array i is empty.  How many slots it holds then; 0: errno says why. */
uint32_t refill(mh_heap *h, struct mcache *mc, uint32_t i, bool nowait)
{
	struct seen s = seen_begin(PROBE_ON(refill_done));
	uint32_t spc = array_spc(i), want, got;

	array_grow(h, &mc->a, i);
	array_lengthen(h, mc, i);
	want = refill_batch(mc, i);
	if (PROBE_ON(refill_start))
		PROBE_FIRE(refill_start, spc, h->r->me.slot, want);
	mc->level = LEVEL_CACHE;
	got = refill_array(h, mc, i, want, nowait);
	if (s.on)
		PROBE_FIRE(refill_done, spc, mc->level, seen_ns(&s),
			   seen_wait(&s), got, got ? 0 : (uint64_t)errno);
	return got;
}
