/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_chan_late.c - who comes late: to a channel that was removed, to a place that was
 * raised, to a name that was changed; and what a sender leaves who is killed there.  (The
 * code that comes late is in here, with a place to step in.)
 */
#include <unistd.h>

#include "libclient/client.h"
#include "libclient/chan.h"
#include "shm/names.h"
#include "tests/unit/step_in.h"

#define chan_fill(...)		(between(), chan_fill(__VA_ARGS__))
#include "libclient/chansend.c"
#undef chan_fill

static inline bool and_then(bool yes)
{
	between();
	return yes;
}

#define name_same(n)		and_then(name_same(n))
static void (*step_on)(void);

static inline void before_deref(void)
{
	void (*f)(void) = step_on;

	step_on = NULL;
	if (f)
		f();
}

#define deref_shared(h, v)	(before_deref(), deref_shared((h), (v)))
#include "libclient/naming.c"
#undef deref_shared
#undef name_same

#include "daemon/heap.h"
#define heap_back(...)		(between(), heap_back(__VA_ARGS__))
#define make			make_chan
#include "daemon/chans.c"
#undef make
#undef heap_back

#include "tests/unit/chan_test.h"

static void is_removed(void)
{
	assert_int_equal(mh_chan_remove(b, "c"), 0);
}

/* A batch is about to fill its first place: all of it is its sender's as before. */
static void batch_into_a_removed_one(void **state)
{
	void *batch[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		batch[i] = make(a, i);
	step_in = is_removed;
	assert_int_equal(mh_chan_send_batch(out, batch, 3, 0), 0);
	assert_int_equal(errno, EPIPE);
	assert_null(step_in);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(mh_drop(a, batch[i]), 0);
	assert_int_equal(objects(), 0);
}

/* As a sender leaves it between the word and the place. */
static void queue_for(void *p, uint64_t pos)
{
	struct held_at at;
	struct holders w;

	note_chan(out);
	assert_true(held_find(&a->sg, (uint64_t)((char *)p - a->arena), &at));
	w = holders_read(at.word);
	assert_true(holders_cas(at.word, w, holders_queued(
		holders_without(w, my_bit(a)), &out->ch, pos, a->r->me.slot)));
}

static void a_is_killed(void)
{
	clientrig_kill(cr, a);
	a = clientrig_attach(cr, 0);
}

/* He filled a place of a removed channel, and was killed before he looked. */
static void killed_when_it_was_removed(void **state)
{
	void *p = make(a, 1);
	uint64_t pos = ld_rlx(&out->ch.c->tail);
	mh_handle v = mh_handle_of(a, p);
	mh_chan *other;

	(void)state;
	queue_for(p, pos);
	assert_int_equal(mh_chan_remove(b, "c"), 0);
	assert_true(chan_fill(&out->ch, chan_place(&out->ch, pos), pos, v,
			      a->r->me.slot, 0));
	a_is_killed();
	assert_int_equal(objects(), 0);
	other = open_chan(a, "d", CAPACITY);
	assert_int_equal(other->ch.index, out->ch.index);	/* it is free again */
	mh_chan_close(other);
	assert_int_equal(mh_chan_remove(a, "d"), 0);
}

/* Another thread of his has filled the place of which his word says that it's in there. */
static void killed_when_his_place_was_taken(void **state)
{
	void *p = make(a, 1), *q = make(a, 2);
	uint64_t pos = ld_rlx(&out->ch.c->tail);

	(void)state;
	queue_for(p, pos);
	queue_for(q, pos);
	assert_true(chan_fill(&out->ch, chan_place(&out->ch, pos), pos,
			      mh_handle_of(a, q), a->r->me.slot, 0));
	a_is_killed();
	assert_int_equal(objects(), 1);
	expect(in, 2);
	nothing(in, ETIMEDOUT);
	assert_int_equal(objects(), 0);
}

static struct sh_place *raised;
static uint64_t far;

static void is_raised(void)
{
	far = place_pos(ld_acq(&raised->seq)) + 16 * SH_PLACES_MAX;
	st_rel(&raised->seq, place_empty(far));
}

/* Somebody raises a place when the index is about to be used again: never lowered. */
static void place_raised_meanwhile(void **state)
{
	uint32_t index = out->ch.index;
	mh_chan *other;

	(void)state;
	raised = out->ch.places;
	assert_int_equal(mh_chan_remove(a, "c"), 0);
	clientrig_pause(cr);
	step_in = is_raised;		/* more places take memory */
	assert_int_equal(chan_open(&cr->r->h, "d", 8 * CAPACITY, 0, &index), 0);
	clientrig_resume(cr);
	assert_null(step_in);
	assert_int_equal(ld_acq(&raised->seq), place_empty(far));
	assert_int_not_equal(index, out->ch.index);
	other = open_chan(b, "d", 1);
	mh_chan_close(other);
	assert_int_equal(mh_chan_remove(a, "d"), 0);
}

static unsigned *named;

/* The object goes, and another one is made in its place. */
static void *makes_another(void *arg)
{
	/* What the thread drops, it has at hand for the next. */
	if (mh_drop(a, make(a, 3)) || mh_name_remove(b, "n") ||
	    mh_drop(a, named) || make(a, 3) != arg)
		abort();
	return NULL;
}

static void is_another(void)
{
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, makes_another, named), 0);
	pthread_join(t, NULL);
}

/* What the name stood for is not what is there now. */
static void name_of_another_object(void **state)
{
	(void)state;
	named = make(a, 3);
	assert_int_equal(mh_name_set(a, "n", named), 0);
	assert_ptr_equal(mh_name_get(b, "n"), named);	/* counts them from now on */
	assert_int_equal(mh_drop(b, named), 0);
	step_in = is_another;
	assert_null(mh_name_get(b, "n"));
	assert_int_equal(errno, ENOENT);
	assert_null(step_in);
	assert_int_equal(mh_drop(a, named), 0);
	assert_int_equal(objects(), 0);
}

static unsigned *next;

static void is_the_next(void)
{
	assert_int_equal(mh_name_set(a, "n", next), 0);
	mh_free(a, named);
}

/* A name of a shared object leads to one all the time, be it another one by now. */
static void name_of_the_next_object(void **state)
{
	(void)state;
	named = mh_alloc_shared(a, 64);
	next = mh_alloc_shared(a, 64);
	assert_int_equal(mh_name_set(a, "n", named), 0);
	step_on = is_the_next;
	assert_ptr_equal(mh_name_get(b, "n"), next);
	assert_null(step_on);
	assert_int_equal(mh_name_remove(a, "n"), 0);
	mh_free(a, next);
}

int main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(batch_into_a_removed_one), T(killed_when_it_was_removed),
		T(killed_when_his_place_was_taken), T(place_raised_meanwhile),
		T(name_of_another_object), T(name_of_the_next_object),
	};

	alarm(20);		/* what is wrong waits for ever */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
