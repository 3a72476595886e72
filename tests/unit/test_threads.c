/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_threads.c - many threads, several clients, one mapping: the program that
 * runs under the thread sanitizer.  Every object carries a pattern; a slot
 * given out twice or freed early shows as a broken pattern.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/asleep.h"
#include "tests/clientrig.h"

#define THREADS		6
#define CLIENTS		3
#define BOX		512
#define ROUNDS		20000

static const struct rig_opts opts = { .reserve = 128u << 20, .clients = 16,
				      .stripes = 2, .names = 16 };
static struct clientrig *cr;
static mh_heap *client[CLIENTS];
static _Atomic(unsigned char *) box[BOX];	/* objects passed around */
static _Atomic unsigned wrong;

struct worker {
	pthread_t t;
	mh_heap	 *h;
	uint32_t  seed;
	bool	  shared;
};

static uint32_t next(uint32_t *x)
{
	*x = *x * 1664525 + 1013904223;
	return *x >> 8;
}

static unsigned char *make(mh_heap *h, size_t n, unsigned flags)
{
	unsigned char *p = mh_alloc_flags(h, n + 8, flags);

	if (!p) {
		atomic_fetch_add(&wrong, 1);
		return NULL;
	}
	memcpy(p, &n, sizeof(n));
	memset(p + 8, (int)n, n);
	return p;
}

static void check_and_free(mh_heap *h, unsigned char *p)
{
	size_t n;

	if (!p)
		return;
	memcpy(&n, p, sizeof(n));
	for (size_t i = 0; i < n; i++)
		if (p[8 + i] != (unsigned char)n) {
			atomic_fetch_add(&wrong, 1);
			break;
		}
	mh_free(h, p);
}

/* Shared objects go through the box: freed by whoever finds them. */
static void *pass_around(void *arg)
{
	struct worker *w = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint32_t x = next(&w->seed);
		size_t n = x % 16 ? 1 + x % 300 : 1 + x % 20000;
		unsigned char *p = make(w->h, n, MH_SHARED);

		p = atomic_exchange(&box[next(&w->seed) % BOX], p);
		check_and_free(w->h, p);
	}
	return NULL;
}

/* Owned objects stay in their client, but change threads in it. */
static void *keep(void *arg)
{
	struct worker *w = arg;
	unsigned char *mine[64] = { 0 };

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint32_t x = next(&w->seed), k = x % 64;

		check_and_free(w->h, mine[k]);
		mine[k] = make(w->h, 1 + next(&w->seed) % 2000, 0);
		if (mine[k] && x % 7 == 0 && !mh_share(w->h, mine[k])) {
			mine[k] = atomic_exchange(&box[x % BOX], mine[k]);
			check_and_free(w->h, mine[k]);
			mine[k] = NULL;
		}
	}
	for (unsigned k = 0; k < 64; k++)
		check_and_free(w->h, mine[k]);
	return NULL;
}

static void run(void *(*body)(void *))
{
	struct worker w[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .h = client[i % CLIENTS],
					.seed = 77 + i };
		assert_int_equal(pthread_create(&w[i].t, NULL, body, &w[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(w[i].t, NULL);
	for (unsigned i = 0; i < BOX; i++)
		check_and_free(client[i % CLIENTS], atomic_exchange(&box[i], NULL));
	assert_int_equal(atomic_load(&wrong), 0);
}

static void nothing_is_left(void)
{
	struct mh_stats s;

	/* What each had borrowed comes home, then its owner gives it up. */
	for (unsigned i = 0; i < 2 * CLIENTS; i++)
		assert_int_equal(mh_trim(client[i % CLIENTS]), 0);
	clientrig_verify(cr);
	assert_int_equal(mh_stats(client[0], &s, sizeof(s)), 0);
	assert_int_equal(s.shared_objects, 0);
	assert_int_equal(s.owned_bytes, 0);
}

static int setup(void **state)
{
	(void)state;
	cr = clientrig_new(&opts);
	for (unsigned i = 0; i < CLIENTS; i++)
		client[i] = clientrig_attach(cr, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CLIENTS; i++)
		clientrig_kill(cr, client[i]);
	clientrig_verify(cr);
	clientrig_free(cr);
	return 0;
}

static void shared(void **state)
{
	(void)state;
	run(pass_around);
	nothing_is_left();
}

static void owned_and_shared(void **state)
{
	(void)state;
	run(keep);
	nothing_is_left();
}

static void *short_life(void *arg)
{
	mh_heap *h = arg;
	unsigned char *p[40];

	for (unsigned i = 0; i < 40; i++)
		p[i] = make(h, i * 9 + 1, i % 2 ? MH_SHARED : 0);
	for (unsigned i = 0; i < 40; i++)
		check_and_free(h, p[i]);
	return NULL;
}

/* 200 at once, and short ones in a row: what they cached comes back. */
static void many_threads(void **state)
{
	pthread_t t[200];
	(void)state;

	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(pthread_create(&t[i], NULL, short_life,
						client[i % CLIENTS]), 0);
	for (unsigned i = 0; i < 200; i++)
		pthread_join(t[i], NULL);
	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(pthread_create(&t[0], NULL, short_life,
						client[0]), 0);
		pthread_join(t[0], NULL);
	}
	assert_int_equal(atomic_load(&wrong), 0);
	nothing_is_left();
}

/* Two threads of one client: one that ends, one that detaches the heap meanwhile. */
static struct {
	_Atomic int cached, may_end, detacher, detached;
} ending;

static void *ends(void *arg)
{
	mh_free(arg, mh_alloc(arg, 64));
	st_rel(&ending.cached, (int)syscall(SYS_gettid));
	while (!ld_acq(&ending.may_end))
		;
	return NULL;
}

static void *detaches(void *arg)
{
	st_rel(&ending.detacher, (int)syscall(SYS_gettid));
	mh_detach(arg);
	st_rel(&ending.detached, 1);
	return NULL;
}

static void wait_asleep(_Atomic int *tid)
{
	while (!ld_acq(tid) || (!is_asleep(ld_acq(tid)) &&
				!ld_acq(&ending.detached)))
		sched_yield();
}

/* What a thread's end gives back is given back before the heap is unmapped. */
static void an_end_beside_a_detach(void **state)
{
	mh_heap *h = client[0];
	uint32_t slot = h->r->me.slot;
	pthread_mutex_t *lock = &pclass_of(h, span_class(LIFE_OWNED,
							  sc_of(64)))->lock;
	pthread_t t[2];

	(void)state;
	assert_int_equal(pthread_create(&t[0], NULL, ends, h), 0);
	while (!ld_acq(&ending.cached))
		;
	pthread_mutex_lock(lock);
	st_rel(&ending.may_end, 1);
	wait_asleep(&ending.cached);
	assert_int_equal(pthread_create(&t[1], NULL, detaches, h), 0);
	wait_asleep(&ending.detacher);
	assert_false(ld_acq(&ending.detached));
	pthread_mutex_unlock(lock);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	clientrig_pause(cr);
	reclaim_client(&cr->r->h, slot);
	clientrig_resume(cr);
	client[0] = clientrig_attach(cr, 0);
	nothing_is_left();
}

static _Atomic int told, told_free;

static int looks_at_the_lock(mh_heap *h, const void *p, int err, const char *sentence)
{
	(void)p;
	(void)sentence;
	add_rlx(&told, err == EALREADY);
	if (pthread_mutex_trylock(&h->ending))
		return 0;
	add_rlx(&told_free, 1);
	pthread_mutex_unlock(&h->ending);
	return 0;
}

static void *frees_twice(void *arg)
{
	void *p = mh_alloc(arg, 64), *q = mh_alloc(arg, 64);

	mh_free(arg, p);
	mh_free(arg, q);
	mh_free(arg, p);
	mh_free(arg, q);
	return NULL;
}

/* What a thread's end finds is told to a hook that may wait for who detaches. */
static void an_end_that_finds_misuse(void **state)
{
	pthread_t t;

	(void)state;
	mh_set_error_hook(looks_at_the_lock);
	assert_int_equal(pthread_create(&t, NULL, frees_twice, client[0]), 0);
	pthread_join(t, NULL);
	mh_set_error_hook(NULL);
	assert_int_equal(ld_rlx(&told), 2);
	assert_int_equal(ld_rlx(&told_free), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(shared, setup, teardown),
		cmocka_unit_test_setup_teardown(owned_and_shared, setup,
						teardown),
		cmocka_unit_test_setup_teardown(many_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(an_end_beside_a_detach, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_end_that_finds_misuse, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
