/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_looks.c - what is looked at in two words or more: something happens between
 * two of them.  (The code that looks is in here, with a place to step in.)
 */
#include <stdarg.h>
#include <stddef.h>

#include "shm/span.h"

static void (*step_in)(void);

static inline void between(void)
{
	if (step_in)
		step_in();
}

/* In held_exists: before parked, and before the second look at live. */
#define geom_parked(sg, g)	(between(), geom_parked(sg, g))
#define ld_sc_plain(p)		atomic_load_explicit((p), memory_order_seq_cst)
#undef ld_sc
#define ld_sc(p)		(between(), ld_sc_plain(p))
#include "shm/held.h"
#undef ld_sc
#undef geom_parked
#define ld_sc(p)		ld_sc_plain(p)

/* In chan_sum: before the state. */
#include "shm/chan.h"
#define place_state(seq)	(between(), place_state(seq))
#include "shm/chan.c"
#undef place_state

/* In owned_there: before the page's word, and after it. */
#include "libclient/pageword.h"
static void (*step_on)(void);

static inline void after(void)
{
	if (step_on)
		step_on();
}

#define pt_load(h, page)	(between(), pt_load(h, page))
#define ps_known(ps, slot)	(after(), ps_known(ps, slot))
#include "libclient/share.c"
#undef pt_load
#undef ps_known

#include "shm/parked.h"
#include "tests/unit/chan_test.h"
#include "tests/unit/rig_test.h"

static struct rig *rig;
static struct geom g;
static unsigned steps;

static void set_slot(unsigned parked, uint64_t live)
{
	st_rel(&geom_parked(&rig->sg, &g)[0], (uint8_t)parked);
	st_rel(&geom_live(&rig->sg, &g)[0], live);
}

/* The owner closes its lease, and another one opens his: the slot is free throughout. */
static void changes_hands(void)
{
	uint64_t w = span_load(&rig->sg, g.id);

	steps++;
	if (steps == 2)
		set_slot(0, 0);
	if (steps != 3)
		return;
	set_slot(PARKED_OWNER, 1);
	assert_true(span_move(&rig->sg, g.id, &w, SPAN_OWNED, rig->h.me));
	step_in = NULL;
}

static void live_and_parked(void **state)
{
	struct party p;

	(void)state;
	rig = rig_new(&(struct rig_opts){ .reserve = 8 * MIB });
	p = rig_join(rig);
	g = rig_span(rig, p, HELD(SC_1K));
	set_slot(PARKED_OWNER, 1);
	steps = 0;
	step_in = changes_hands;
	assert_false(held_exists(&rig->sg, &g, 0));
	assert_int_equal(steps, 3);
	set_slot(0, 0);
	rig_free(rig);
}

static void arrives(void)
{
	step_in = NULL;
	send(out, 1);
}

/* The place was empty, of a message of long ago: its age is none of the next one's. */
static void state_and_age(void **state)
{
	struct chan_sum sum;

	(void)state;
	for (unsigned i = 0; i < CAPACITY; i++)
		st_rlx(&in->ch.since[i], chan_clock() - 100000);
	step_in = arrives;
	sum = chan_sum(&in->ch);
	assert_int_equal(sum.full, 1);
	assert_true(sum.oldest_ms < 50000);
	expect(in, 1);
}

static void *owned;

static void is_shared(void)
{
	step_in = NULL;
	assert_int_equal(mh_share(a, owned), 0);
}

/* It is there all the time, be it owned or shared. */
static void shared_meanwhile(void **state)
{
	mh_handle v;

	(void)state;
	owned = mh_alloc(a, 64);
	v = mh_handle_of(a, owned);
	step_in = is_shared;
	assert_ptr_equal(mh_deref(a, v), owned);
	assert_null(step_in);
	mh_free(a, owned);
}

/* As far as ps_release() goes before the state. */
static void is_given_up(void)
{
	struct pspan *ps = pt_pspan(pt_load(a, (uint64_t)((char *)owned - a->arena) >>
					       PAGE_SHIFT));

	step_on = NULL;
	ps_unmap(a, ps);
	for (uint32_t w = 0; w < live_words(ps->nslots); w++) {
		map_set(ps->bits, w, 0);
		map_set(ps_knowns(ps), w, 0);
	}
}

/* Freed by another process, then its span goes: it was never there. */
static void gone_meanwhile(void **state)
{
	struct pspan *ps, was;
	uint64_t bits[64], known[64];
	mh_handle v;

	(void)state;
	owned = mh_alloc(a, 64);
	v = mh_handle_of(a, owned);
	assert_int_equal(mh_share(a, owned), 0);
	mh_free(b, owned);
	ps = pt_pspan(pt_load(a, (uint64_t)((char *)owned - a->arena) >> PAGE_SHIFT));
	was = *ps;
	for (uint32_t w = 0; w < live_words(ps->nslots); w++) {
		bits[w] = map_word(ps->bits, w);
		known[w] = map_word(ps_knowns(ps), w);
	}
	step_on = is_given_up;
	assert_null(mh_deref(a, v));
	assert_int_equal(errno, ESTALE);
	assert_null(step_on);
	for (uint32_t w = 0; w < live_words(was.nslots); w++) {
		map_set(ps->bits, w, bits[w]);
		map_set(ps_knowns(ps), w, known[w]);
	}
	ps_map(a, ps, false);
}

int main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(live_and_parked), T(state_and_age),
		T(shared_meanwhile), T(gone_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
