/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_held_stale.c - held objects and names that change, or go, while somebody is about
 * to hold them; and the limits of counts and watches.  (held.c is in here, so that something
 * can happen in the middle of it.)
 */
#include <unistd.h>

#include "shm/held.h"

struct pspan;
static void elsewhere(struct pspan *ps);
static inline void opens(struct sh_holder *word, struct holders bit)
{
	held_open(word, bit);
}
/* In pop_held, after the slot is unparked. */
#define held_open(word, bit)	do { elsewhere(ps); opens((word), (bit)); } while (0)
#include "libclient/held.c"
#undef held_open

#include "libclient/chan.h"
#include "shm/names.h"
#include "tests/unit/held_test.h"

static struct sh_holder dummy[4096];
static bool moves;

/* Another thread has given the span up, and its descriptor is another span's. */
static void elsewhere(struct pspan *ps)
{
	if (moves)
		ps->holders = dummy;
}

static void born_while_its_span_goes(void **state)
{
	struct sh_holder *words;
	struct held_at at;
	struct pspan *ps;
	void *p = make(a, 64), *q;

	(void)state;
	ps = pt_pspan(pt_load(a, (uint64_t)((char *)p - a->arena) >> PAGE_SHIFT));
	words = ps->holders;
	moves = true;
	q = make(a, 64);
	moves = false;
	ps->holders = words;
	assert_true(held_find(&a->sg, (uint64_t)((char *)q - a->arena), &at));
	assert_true(holders_same(holders_read(at.word), my_bit(a)));
	assert_int_equal(mh_drop(a, p), 0);
	assert_int_equal(mh_drop(a, q), 0);
	assert_int_equal(objects(), 0);
}

/* Who never comes back doesn't keep the daemon. */
static void watched_when_it_is_to_go(void **state)
{
	void *p = make(a, 3u << 20);
	struct held_at at;

	(void)state;
	assert_true(held_find(&b->sg, (uint64_t)((char *)p - b->arena), &at));
	st_rel(&my_slot(b)->watch[0], at.id.n);
	alarm(60);
	assert_int_equal(mh_drop(a, p), 0);
	clientrig_pause(cr);
	requests_serve_all(&cr->r->h);
	assert_true(span_state(span_load(&cr->r->sg, at.id)) != SPAN_FREE);
	clientrig_resume(cr);
	alarm(0);
	st_rel(&my_slot(b)->watch[0], 0);
}

/* All of b's words say that they watch something. */
static void watch_all(uint32_t id)
{
	for (uint32_t i = 0; i < SH_WATCHES; i++)
		st_rel(&my_slot(b)->watch[i], id);
}

/* Where no span is, nothing is watched, and no word is taken. */
static void name_of_no_span(void **state)
{
	void *p = make(a, 3u << 20);
	_Atomic uint32_t *page;
	uint32_t id;

	(void)state;
	assert_int_equal(mh_name_set(a, "n", p), 0);
	page = &cr->r->sg.pagemap[(uint64_t)((char *)p - a->arena) >> PAGE_SHIFT];
	id = ld_acq(page);
	clientrig_pause(cr);
	watch_all(id);
	st_rel(page, 0);
	alarm(60);
	errno = 0;
	assert_null(mh_name_get(b, "n"));
	assert_int_equal(errno, ESTALE);
	alarm(0);
	st_rel(page, id);
	watch_all(0);
	clientrig_resume(cr);
	assert_int_equal(mh_name_remove(a, "n"), 0);
	assert_int_equal(mh_drop(a, p), 0);
}

/* A handler, while what it interrupted has a watch, or a count. */
static void name_by_a_handler(void **state)
{
	void *p = make(a, 64);

	(void)state;
	assert_int_equal(mh_name_set(a, "n", p), 0);
	watch_all(1);
	assert_true(counting_begin());
	alarm(60);
	errno = 0;
	assert_null(mh_name_get(b, "n"));
	assert_int_equal(errno, EDEADLK);
	alarm(0);
	counting_end();
	watch_all(0);
	assert_int_equal(mh_name_remove(a, "n"), 0);
	assert_int_equal(mh_drop(a, p), 0);
}

/* Between the client's look and the daemon's: the name keeps what it has. */
static void named_when_it_is_gone(void **state)
{
	void *old = make(a, 64), *p = make(a, 3u << 20);
	uint64_t handle = mh_handle_of(a, p);
	int r;

	(void)state;
	assert_int_equal(mh_name_set(a, "n", old), 0);
	assert_int_equal(mh_drop(a, old), 0);
	assert_int_equal(mh_drop(a, p), 0);
	clientrig_pause(cr);
	requests_serve_all(&cr->r->h);
	sweep_all(&cr->r->h, true);
	r = names_set(&cr->r->h, "n", handle, true);
	clientrig_resume(cr);
	assert_int_equal(r, -ESTALE);
	assert_ptr_equal(mh_name_get(b, "n"), old);
	assert_int_equal(mh_drop(b, old), 0);
	assert_int_equal(mh_name_remove(a, "n"), 0);
	assert_int_equal(objects(), 0);
}

static void count_has_a_limit(void **state)
{
	mh_chan *c = mh_chan_open(a, "c", 2, 0), *d = mh_chan_open(b, "c", 2, 0);
	void *p = make(a, 64);
	struct held_at at;
	_Atomic uint32_t *n;

	(void)state;
	assert_true(c && d);
	assert_int_equal(mh_hold(b, p), 0);
	assert_true(held_find(&a->sg, (uint64_t)((char *)p - a->arena), &at));
	n = &holds_of(b, &at)->n[at.slot];
	assert_int_equal(*n, 1);
	st_rel(n, COUNT_MOST);
	refused(EOVERFLOW, mh_hold(b, p));
	assert_int_equal(*n, COUNT_MOST);
	assert_int_equal(mh_chan_send(c, p, 0), 0);
	errno = 0;
	assert_null(mh_chan_recv(d, 0));
	assert_int_equal(errno, EOVERFLOW);
	assert_int_equal(mh_drop(b, p), 0);
	assert_ptr_equal(mh_chan_recv(d, 0), p);
	assert_int_equal(*n, COUNT_MOST);
	st_rel(n, 1);
	assert_int_equal(mh_drop(b, p), 0);
	mh_chan_close(c);
	mh_chan_close(d);
	assert_int_equal(mh_chan_remove(a, "c"), 0);
	assert_int_equal(objects(), 0);
}

int main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(born_while_its_span_goes), T(watched_when_it_is_to_go),
		T(name_of_no_span), T(name_by_a_handler),
		T(named_when_it_is_gone),
		T(count_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
