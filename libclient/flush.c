/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flush.c - what is in a thread's arrays comes home: to the bitmaps of the
 * process's spans, or borrowed ones to whose they are (lend.c).  Every batch
 * checks alignment and double free.  Lock: the class's, dropped before misuse is
 * reported.
 */
#include <errno.h>
#include <string.h>

#include "libclient/lend.h"
#include "libclient/pageword.h"
#include "libclient/seen.h"

#define BAD_MAX		8

struct bad {
	const void *p[BAD_MAX];
	int err[BAD_MAX], n;
};

/* Under the class lock: a run of slots of one bitmap word comes home. */
static void put_bits(mh_heap *h, struct pclass *c, struct pspan *ps,
		     uint32_t w, uint64_t bits)
{
	if (!bits)
		return;
	map_add(ps->bits, w, bits);
	ps->nfree += count_bits(bits);
	if (ps->nfree == ps->g.nslots) {
		if (ps->where == PS_PENDING)
			ps_map(h, ps, true);
		ps_move(c, ps, PS_PARTIAL);
		note_empty(h, c, 1, geom_bytes(&ps->g));
	} else if (ps->where == PS_EXHAUSTED) {
		ps_move(c, ps, PS_PARTIAL);
	}
}

static void note_bad(struct bad *bad, const void *p, int err)
{
	if (bad->n < BAD_MAX) {
		bad->p[bad->n] = p;
		bad->err[bad->n++] = err;
	}
}

/* Where entries come home: a span, and the slots of one word of its bitmap. */
struct home {
	struct pspan *ps;
	char *base;
	uint64_t bytes, bits;
	uint32_t w;
	bool run;		/* the last entry was of the word of the one before */
};

static bool home_of(mh_heap *h, struct pclass *c, struct home *to, void *p,
		    uint32_t spc)
{
	uint64_t page = (uint64_t)((char *)p - h->arena) >> PAGE_SHIFT;
	struct pspan *ps = pt_pspan(pt_load(h, page));

	/* Freed twice, its page may be another class's by now. */
	if (!ps || ps->spc != spc)
		return false;
	if (to->bits)
		put_bits(h, c, to->ps, to->w, to->bits);
	*to = (struct home){ .ps = ps, .base = ps->base,
			     .bytes = geom_bytes(&ps->g) };
	return true;
}

/* One entry: 0, or what is wrong with it. */
static inline int put_entry(mh_heap *h, struct pclass *c, struct home *to,
			    void *p, uint32_t spc)
{
	uint32_t slot;

	if ((!to->ps || (uint64_t)((char *)p - to->base) >= to->bytes) &&
	    !home_of(h, c, to, p, spc))
		return EINVAL;
	if (!ps_slot(to->ps, p, &slot))
		return EINVAL;
	to->run = slot / 64 == to->w;
	if (!to->run) {
		put_bits(h, c, to->ps, to->w, to->bits);
		to->w = slot / 64;
		to->bits = 0;
	}
	if ((map_word(to->ps->bits, to->w) | to->bits) >> slot % 64 & 1)
		return EALREADY;
	to->bits |= 1ull << slot % 64;
	return 0;
}

/*
 * Of the entries from k on, how many are slots of the word at hand and not yet
 * free?  The short way of put_entry, which looks at what stops it.
 */
static APART uint32_t put_alike(struct home *to, const struct arrays *a,
				uint32_t i, uint32_t k, uint32_t n)
{
	const struct pspan *ps = to->ps;
	uint64_t was = map_word(ps->bits, to->w) | to->bits, now = was;
	char *first = to->base + (uint64_t)to->w * 64 * ps->elem;
	uint32_t left = ps->nslots - to->w * 64, magic = ps->magic;
	uint64_t bytes = (uint64_t)(left < 64 ? left : 64) * ps->elem;
	size_t each = array_each(i);
	const char *from = a->base[i] + k * each, *at = from;
	const char *end = a->base[i] + n * each;

	for (; at < end; at += each) {
		void *p = ld_rlx((void *const _Atomic *)(const void *)at); /* [A1] */
		uint64_t off = (uint64_t)((char *)p - first);
		uint64_t x = (off + 1) * magic, bit = 1ull << (x >> 32) % 64;

		if (off >= bytes || (uint32_t)x > magic || now & bit)
			break;
		now |= bit;
	}
	to->bits |= now & ~was;
	return (uint32_t)((size_t)(at - from) / each);
}

/*
 * Returns entries [0, n) to their bitmaps, a store per run of one word; borrowed
 * ones to whose they are, an atomic per run.
 */
static void put_entries(mh_heap *h, struct pclass *c, const struct arrays *a,
			uint32_t i, uint32_t n, struct bad *bad)
{
	uint32_t spc = array_spc(i);
	struct home to = { .ps = NULL };	/* before the first */
	struct loans loans = { .bits = 0 };

	for (uint32_t k = 0; k < n; k++) {
		const struct slot_ref *e;
		void *p;
		int err;

		if (to.run)
			k += put_alike(&to, a, i, k, n);
		if (k == n)
			break;
		e = array_ref(a, i, k);
		p = array_get(a, i, k);
		if (array_shared(i) && loan_of(&loans, e))
			err = loan_add(h, &loans, e);
		else
			err = put_entry(h, c, &to, p, spc);
		if (err == EINVAL && array_shared(i) && !array_held(i))
			err = loan_first(h, &loans, e, spc);
		if (err)
			note_bad(bad, p, err);
	}
	if (to.bits)
		put_bits(h, c, to.ps, to.w, to.bits);
	loans_home(h, &loans);
}

static void keep_top(struct arrays *a, uint32_t i, uint32_t gone, uint32_t n)
{
	size_t each = array_each(i);

	memmove(a->base[i], a->base[i] + gone * each, (n - gone) * each);
	array_set_n(a, i, n - gone);
}

/* Class lock held. */
static void tally_flush(mh_heap *h, uint32_t spc, uint32_t n)
{
	struct sh_tally *t = my_tally(h, spc);

	st_rlx(&t->flushes, ld_rlx(&t->flushes) + 1);		/* [C1] */
	st_rlx(&t->flushed, ld_rlx(&t->flushed) + n);		/* [C1] */
}

/* Leaves the `keep` entries pushed last.  -1: misuse was found and reported. */
int flush(mh_heap *h, struct mcache *mc, uint32_t i, uint32_t keep)
{
	struct pclass *c = pclass_of(h, array_spc(i));
	uint32_t n = array_n(&mc->a, i);
	struct bad bad = { .n = 0 };
	struct seen s;

	if (n <= keep)
		return 0;
	s = seen_begin(PROBE_ON(flush_done));
	class_lock(h, c);
	put_entries(h, c, &mc->a, i, n - keep, &bad);
	keep_top(&mc->a, i, n - keep, n);
	note_level(h, mc, i, n, keep);
	tally_flush(h, array_spc(i), n - keep);
	trim_empty(h, c);
	class_unlock(c);
	mc->filled[i] = 0;
	if (s.on)
		PROBE_FIRE(flush_done, array_spc(i), LEVEL_CACHE, seen_ns(&s),
			   seen_wait(&s), n - keep, bad.n ? bad.err[0] : 0);
	for (int k = 0; k < bad.n; k++)
		misuse(h, bad.p[k], bad.err[k]);
	return bad.n ? -1 : 0;
}

void flush_all(mh_heap *h, struct mcache *mc)
{
	for (uint32_t i = 1; i < ARRAYS; i++) {
		flush(h, mc, i, 0);
		array_shorten(h, mc, i);
	}
	kept_pass(h, &mc->kept);
}
