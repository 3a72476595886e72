/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_exact.c - interleavings that once went wrong, each by hand: answers that
 * come at the last moment, grants that were taken back, give-ups that wait,
 * slots freed twice by two threads, spans in a list of another class.
 */
#include "tests/unit/exact_test.h"

#define SHARED_64	span_class(LIFE_SHARED, sc_of(64))

static pthread_barrier_t gate;

/*
 * The daemon, played by the server, answers the request while the client is
 * about to give up.
 */
static void late(int conn, unsigned n)
{
	if (!n)
		return;		/* away */
	requests_serve_all(&cr->r->h);
	clientrig_resume(cr);
	refuse_with(conn, -ESHUTDOWN);
}

static void answer_at_the_last_moment(void **state)
{
	struct server s;
	void *p;

	(void)state;
	server_start(&s, late, true);
	strcpy(a->socket_path, s.path);
	p = mh_alloc(a, 3 << 20);
	server_stop(&s);
	assert_non_null(p);
	a->socket_path[0] = 0;
	mh_free(a, p);
}

/* Serves one request of a with the id of a grant for another thread of a. */
static void *grant_another(void *arg)
{
	struct sh_cell *c = &cr->r->sg.slots[a->r->me.slot].cells[0];
	const struct span_wish wish = { .spc = SHARED_64 };
	uint32_t word, reason;
	span_id id;

	(void)arg;
	clientrig_pause(cr);
	pthread_barrier_wait(&gate);
	do {
		word = ld_acq(&c->word);
	} while ((word & 3) != CELL_POSTED);
	assert_int_equal(span_new(&cr->r->h, &wish, SPAN_GRANTED, a->r->me, &id,
				  &reason), 0);
	c->result = id.n;
	c->err = 0;
	assert_true(cas_ar(&c->word, &word, (word & ~3u) | CELL_DONE));
	clientrig_resume(cr);
	return NULL;
}

static void wrong_grant(size_t size)
{
	pthread_t t;
	char *p;

	pthread_barrier_init(&gate, NULL, 2);
	assert_int_equal(pthread_create(&t, NULL, grant_another, NULL), 0);
	pthread_barrier_wait(&gate);
	p = mh_alloc(a, size);
	pthread_join(t, NULL);
	pthread_barrier_destroy(&gate);
	assert_non_null(p);
	assert_true(mh_usable_size(a, p) >= size);
	memset(p, 1, size);
	mh_free(a, p);
	assert_int_equal(hook_err, 0);
}

static void grant_of_another_thread(void **state)
{
	(void)state;
	wrong_grant(1000);
	wrong_grant(100000);
	wrong_grant(3 << 20);
}

/* Has an mcache, and is at no slow path until the end. */
static void *idler(void *arg)
{
	void *p = mh_alloc_flags(arg, 64, MH_SHARED);

	assert_non_null(p);
	pthread_barrier_wait(&gate);
	pthread_barrier_wait(&gate);
	mh_free(arg, p);
	return NULL;
}

static uint64_t owned(void)
{
	struct mh_stats s;

	assert_int_equal(mh_stats(a, &s, sizeof(s)), 0);
	return s.owned_bytes;
}

/*
 * A producer gives spans up, which an idle thread holds up.  Others free what
 * is in all but the first of them: it comes back, wherever those stand.
 */
static void pending_spans_come_back(void **state)
{
	enum { SLOTS = 512, SPANS = 20, KEPT = 6 };
	struct pclass *c = pclass_of(a, SHARED_64);
	static void *p[SLOTS * SPANS];
	pthread_t t;
	uint64_t n;

	(void)state;
	pthread_barrier_init(&gate, NULL, 2);
	assert_int_equal(pthread_create(&t, NULL, idler, a), 0);
	pthread_barrier_wait(&gate);
	for (unsigned i = 0; i < SLOTS * SPANS; i++) {
		p[i] = mh_alloc_flags(a, 64, MH_SHARED);
		assert_non_null(p[i]);
	}
	assert_true(c->pending.n > KEPT);
	n = owned();
	for (unsigned i = SLOTS * KEPT; i < SLOTS * SPANS; i++)
		mh_free(b, p[i]);
	assert_int_equal(mh_trim(b), 0);
	for (unsigned i = SLOTS * KEPT; i < SLOTS * (SPANS - 1); i++)
		p[i] = mh_alloc_flags(a, 64, MH_SHARED);
	assert_true(owned() <= n);
	for (unsigned i = 0; i < SLOTS * (SPANS - 1); i++)
		mh_free(b, p[i]);
	pthread_barrier_wait(&gate);
	pthread_join(t, NULL);
	pthread_barrier_destroy(&gate);
	assert_int_equal(hook_err, 0);
}

static void *volatile twice;

static void *free_again(void *arg)
{
	mh_free(arg, twice);
	pthread_barrier_wait(&gate);
	pthread_barrier_wait(&gate);
	return NULL;		/* its array is flushed */
}

/*
 * Freed by two threads: when the second copy comes home, its page is another
 * class's.  It must not become a free slot of that one.
 */
static void freed_twice_then_another_class(void **state)
{
	enum { N = 1000 };
	static char *q[N];
	bool there = false;
	pthread_t t;
	char *p;

	(void)state;
	pthread_barrier_init(&gate, NULL, 2);
	p = twice = mh_alloc(a, 64);
	assert_int_equal(pthread_create(&t, NULL, free_again, a), 0);
	pthread_barrier_wait(&gate);
	mh_free(a, p);
	assert_int_equal(mh_trim(a), 0);	/* the span is gone */
	for (unsigned i = 0; i < N; i++) {
		q[i] = mh_alloc(a, 1024);
		there |= q[i] == p;
	}
	assert_true(there);
	pthread_barrier_wait(&gate);
	pthread_join(t, NULL);
	pthread_barrier_destroy(&gate);
	assert_int_equal(hook_err, EINVAL);
	for (unsigned i = 0; i < N; i++)
		mh_free(a, q[i]);
	assert_int_equal(mh_trim(a), 0);
}

/* A pusher came late: its span's id is of another class by now. */
static void listed_under_another_class(void **state)
{
	uint32_t spc = span_class(LIFE_OWNED, sc_of(64)), other = spc + 1;
	struct rig *r = rig_new(&(struct rig_opts){ 0 });
	struct party me = rig_join(r);
	struct geom g = rig_span(r, me, spc), got;
	unsigned busy;
	bool low;

	(void)state;
	rig_share(r, &g, 3);
	assert_int_equal(span_dispose(&r->sg, &g, me), SPAN_LISTED);
	assert_true(central_push(&r->sg, me, other, g.id));
	assert_false(central_pop(&r->sg, me, spc, &got, &low, &busy));
	sweep_all(&r->h, true);
	assert_null(rig_check(r));
	assert_true(central_pop(&r->sg, me, spc, &got, &low, &busy));
	assert_int_equal(got.id.n, g.id.n);
	assert_int_equal(span_dispose(&r->sg, &g, me), SPAN_LISTED);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(answer_at_the_last_moment),
		ON_RIG(grant_of_another_thread),
		ON_RIG(pending_spans_come_back),
		ON_RIG(freed_twice_then_another_class),
		cmocka_unit_test(listed_under_another_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
