/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_looks.c - what is looked at in two words or more: something happens between
 * two of them.  (The code that looks is in here, with a place to step in.)
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>

#include "shm/span.h"

static void (*step_in)(void);

static inline void between(void)
{
	if (step_in)
		step_in();
}

/* In holders_read: before the second half. */
static const void *second_half;
static void (*step_between)(void);

static inline void before(const void *p)
{
	if (p == second_half && step_between)
		step_between();
}

#define ld_acq_plain(p)		atomic_load_explicit((p), memory_order_acquire)
#undef ld_acq
#define ld_acq(p)		(before(p), ld_acq_plain(p))

/* In held_exists: before parked, and before the second look at live. */
#define geom_parked(sg, g)	(between(), geom_parked(sg, g))
#define ld_sc_plain(p)		atomic_load_explicit((p), memory_order_seq_cst)
#undef ld_sc
#define ld_sc(p)		(between(), ld_sc_plain(p))
#include "shm/held.h"
#undef ld_sc
#undef ld_acq
#define ld_acq(p)		ld_acq_plain(p)
#undef geom_parked
#define ld_sc(p)		ld_sc_plain(p)

/* In chan_sum: before the state. */
#include "shm/chan.h"
#define place_state(seq)	(between(), place_state(seq))
#include "shm/chan.c"
#undef place_state

/* In mh_chan_open: after the daemon's answer. */
#include "libclient/client.h"
static void (*answered)(void);

static inline int call_and_then(mh_heap *h, struct call *c, bool nowait)
{
	int r = call_daemon(h, c, nowait);
	void (*f)(void) = answered;

	answered = NULL;
	if (f) {
		leave();
		f();
		if (!enter_any(h))
			return -EINVAL;
	}
	return r;
}

#define call_daemon		call_and_then
#include "libclient/chanopen.c"
#undef call_daemon

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

static struct sh_holder word;

static void changes_hands_twice(void)
{
	step_between = NULL;
	assert_true(held_hold(&word, holder_bit(5)));
	assert_int_equal(held_drop(&word, holder_bit(70), 70), HELD_BY_OTHERS);
}

/* One lets go whose bit is in one half once another one holds it in the other. */
static void both_halves(void **state)
{
	const struct holders his = holder_bit(70);

	(void)state;
	word.lo = his.lo;
	word.hi = his.hi;
	second_half = &word.hi;
	step_between = changes_hands_twice;
	assert_true(held_hold(&word, holder_bit(1)));
	assert_null(step_between);
	assert_int_equal(held_drop(&word, holder_bit(5), 5), HELD_BY_OTHERS);
	assert_int_equal(held_drop(&word, holder_bit(1), 1), HELD_BY_NONE);
	assert_false(held_hold(&word, holder_bit(1)));
}

static mh_chan *by_b;

static void made_anew(void)
{
	assert_int_equal(mh_chan_remove(b, "x"), 0);
	by_b = mh_chan_open(b, "x", 2, MH_EXCL);
}

/* One of the two who open it with MH_EXCL has made it, and the other one not. */
static void made_by_one(void **state)
{
	(void)state;
	answered = made_anew;
	errno = 0;
	assert_null(mh_chan_open(a, "x", 64, MH_EXCL));
	assert_int_equal(errno, EEXIST);
	assert_non_null(by_b);
	mh_chan_close(by_b);
	assert_int_equal(mh_chan_remove(a, "x"), 0);
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
		cmocka_unit_test(live_and_parked), cmocka_unit_test(both_halves),
		T(made_by_one), T(state_and_age),
		T(shared_meanwhile), T(gone_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
