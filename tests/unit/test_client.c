/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_client.c - libmheap over an in-process heap: one thread, two clients.
 * What is checked by content carries a pattern of its address and serial.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "tests/clientrig.h"

static const struct rig_opts opts = { .reserve = 64u << 20, .clients = 8,
				      .stripes = 2, .names = 16 };
static int hook_err;
static const void *hook_p;

static int note_misuse(mh_heap *h, const void *p, int err, const char *s)
{
	(void)h;
	(void)s;
	hook_err = err;
	hook_p = p;
	return 0;
}

static struct clientrig *cr;
static mh_heap *a, *b;

static int setup(void **state)
{
	(void)state;
	cr = clientrig_new(&opts);
	a = clientrig_attach(cr, 0);
	b = clientrig_attach(cr, 0);
	hook_err = 0;
	mh_set_error_hook(note_misuse);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	clientrig_verify(cr);
	clientrig_kill(cr, a);
	clientrig_kill(cr, b);
	clientrig_verify(cr);
	clientrig_free(cr);
	return 0;
}

static void every_size(void **state)
{
	static const size_t more[] = { 32769, 40960, 65536, 100000, 1 << 20,
				       (1 << 20) + 1, 3 << 20 };
	(void)state;
	for (size_t n = 0; n <= 33000; n += n < 1100 ? 1 : 97) {
		char *p = mh_alloc(a, n);

		assert_non_null(p);
		assert_true(mh_usable_size(a, p) >= n);
		if (n >= 16)
			assert_int_equal((uintptr_t)p % 16, 0);
		memset(p, 0x5a, n);
		mh_free(a, p);
	}
	for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++) {
		char *p = mh_alloc(a, more[i]), *q = mh_alloc_flags(a, more[i],
								    MH_SHARED);

		assert_non_null(p);
		assert_non_null(q);
		memset(p, 1, more[i]);
		memset(q, 2, more[i]);
		mh_free(b, q);
		mh_free(a, p);
	}
	assert_int_equal(hook_err, 0);
}

/* No two live objects overlap, and contents stay. */
static void churn(unsigned flags, size_t max, unsigned rounds)
{
	enum { N = 3000 };
	static struct { unsigned char *p; size_t n; unsigned char c; } o[N];
	uint32_t x = 12345;

	memset(o, 0, sizeof(o));
	for (unsigned r = 0; r < rounds; r++) {
		unsigned i;

		x = x * 1664525 + 1013904223;
		i = (x >> 8) % N;
		if (o[i].p) {
			assert_int_equal(o[i].p[0], o[i].c);
			assert_int_equal(o[i].p[o[i].n - 1], o[i].c);
			mh_free(x >> 30 == 3 && flags & MH_SHARED ? b : a,
				o[i].p);
		}
		o[i].n = 1 + (x >> 4) % max;
		o[i].c = (unsigned char)(x >> 16);
		o[i].p = mh_alloc_flags(a, o[i].n, flags);
		assert_non_null(o[i].p);
		memset(o[i].p, o[i].c, o[i].n);
	}
	clientrig_verify(cr);
	for (unsigned i = 0; i < N; i++)
		if (o[i].p)
			mh_free(i % 2 && flags & MH_SHARED ? b : a, o[i].p);
	assert_int_equal(hook_err, 0);
	/* What b had borrowed comes home, then a is rid of it. */
	assert_int_equal(mh_trim(b), 0);
	assert_int_equal(mh_trim(a), 0);
}

static void churn_owned(void **state)
{
	struct mh_stats s;

	(void)state;
	churn(0, 1024, 60000);
	churn(0, 9000, 20000);
	assert_int_equal(mh_stats(a, &s, sizeof(s)), 0);
	assert_int_equal(s.owned_bytes, 0);
}

static void churn_shared(void **state)
{
	struct mh_stats s;

	(void)state;
	churn(MH_SHARED, 1024, 60000);
	churn(MH_SHARED, 9000, 20000);
	assert_int_equal(mh_stats(a, &s, sizeof(s)), 0);
	assert_int_equal(s.shared_objects, 0);
	assert_int_equal(s.owned_bytes, 0);
}

/* A pure producer and a pure consumer: spans recirculate, memory is bounded. */
static void pass(void **state)
{
	enum { RING = 4096 };
	static void *ring[RING];
	struct mh_stats s;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		if (ring[i % RING])
			mh_free(b, ring[i % RING]);
		ring[i % RING] = mh_alloc_flags(a, 64, MH_SHARED);
		assert_non_null(ring[i % RING]);
	}
	assert_int_equal(mh_stats(a, &s, sizeof(s)), 0);
	assert_true(s.shared_objects >= RING);
	assert_true(s.spans < 64);
	for (unsigned i = 0; i < RING; i++)
		mh_free(b, ring[i]);
	assert_int_equal(hook_err, 0);
}

static void share_and_handles(void **state)
{
	char *p = mh_alloc(a, 100), *q;
	mh_handle v = mh_handle_of(a, p);

	(void)state;
	assert_int_not_equal(v, 0);
	assert_ptr_equal(mh_deref(a, v), p);
	assert_null(mh_deref(b, v));
	assert_int_equal(errno, ESTALE);
	assert_int_equal(mh_share(b, p), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(mh_try_free(b, p), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(mh_share(a, p), 0);
	assert_int_equal(mh_share(a, p), 0);
	assert_ptr_equal(mh_deref(b, v), p);
	mh_free(b, p);
	assert_null(mh_deref(a, v));	/* of whose span it is */
	assert_int_equal(errno, ESTALE);
	assert_int_equal(mh_try_free(b, p), -1);
	assert_int_equal(mh_try_free(a, p), -1);
	assert_int_equal(errno, EALREADY);
	assert_null(mh_deref(b, v));
	q = mh_alloc(a, 5000);
	assert_int_equal(mh_share(a, q), 0);
	mh_free(a, q);		/* by its old owner */
	assert_int_equal(mh_try_free(a, q), -1);
	q = mh_alloc(a, 100000);
	assert_int_equal(mh_share(a, q), 0);
	mh_free(b, q);
	assert_int_equal(hook_err, 0);
}

/* What a process freed in a span of its own, once it's in no thread's array. */
static void freed_handles(void **state)
{
	char *keeps_the_span = mh_alloc(a, 100), *p = mh_alloc(a, 100);
	mh_handle v = mh_handle_of(a, p);

	(void)state;
	mh_free(a, p);
	assert_int_equal(mh_trim(a), 0);
	assert_ptr_equal(mh_deref(a, mh_handle_of(a, keeps_the_span)),
			 keeps_the_span);
	assert_null(mh_deref(a, v));
	assert_int_equal(errno, ESTALE);
	mh_free(a, keeps_the_span);
}

static void names(void **state)
{
	char *p = mh_alloc(a, 64), *q;

	(void)state;
	assert_null(mh_name_get(a, "root"));
	assert_int_equal(errno, ENOENT);
	assert_int_equal(mh_name_set(a, "root", p), 0);
	assert_ptr_equal(mh_name_get(b, "root"), p);
	q = mh_alloc_flags(b, 64, MH_SHARED);
	assert_int_equal(mh_name_set(b, "root", q), 0);
	assert_ptr_equal(mh_name_get(a, "root"), q);
	mh_free(a, p);
	mh_free(a, q);
	assert_null(mh_name_get(a, "root"));
	assert_int_equal(errno, ESTALE);
	/* Freed by the process whose span it is: there for nobody. */
	p = mh_alloc(a, 64);
	assert_int_equal(mh_name_set(a, "root", p), 0);
	mh_free(a, p);
	assert_null(mh_name_get(b, "root"));
	assert_null(mh_name_get(a, "root"));
	assert_int_equal(errno, ESTALE);
	assert_int_equal(mh_name_remove(a, "root"), 0);
	assert_int_equal(mh_name_remove(a, "root"), -1);
	assert_int_equal(errno, ENOENT);
}

static void misuse_found(void **state)
{
	char *p = mh_alloc(a, 64), *s = mh_alloc_flags(a, 64, MH_SHARED);
	int x;

	(void)state;
	mh_free(a, &x);
	assert_int_equal(hook_err, EINVAL);
	mh_free(b, p);
	assert_int_equal(hook_err, EPERM);
	hook_err = 0;
	mh_free(a, s + 8);
	assert_int_equal(hook_err, EINVAL);
	mh_free(a, s);
	hook_err = 0;
	mh_free(a, s);
	assert_int_equal(hook_err, EALREADY);
	assert_int_equal(mh_try_free(a, p + 1), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(mh_try_free(a, p), 0);
	assert_int_equal(mh_try_free(a, p), -1);
	assert_int_equal(errno, EALREADY);
	/* A double free of an owned object is found at the next batch. */
	hook_err = 0;
	p = mh_alloc(a, 64);
	mh_free(a, p);
	mh_free(a, p);
	assert_int_equal(hook_err, 0);
	assert_int_equal(mh_trim(a), 0);
	assert_int_equal(hook_err, EALREADY);
	hook_err = 0;
}

/* Frees all of the row but the one at `hole`, and `bad` in its place. */
static void free_row(char *const *p, unsigned n, unsigned hole, char *bad)
{
	for (unsigned i = 0; i < n; i++)
		mh_free(a, i == hole ? bad : p[i]);
	assert_int_equal(mh_trim(a), 0);
}

/*
 * In the middle of a row of frees, which come home word by word: one freed twice,
 * or one freed inside.  That is found, and nothing else is free or lost by it.
 */
static void misuse_in_a_row(void **state)
{
	static const size_t sizes[] = { 16, 48, 96, 1024, 4096 };
	enum { N = 900, ROW = 100, HOLE = 50 };
	static char *p[N];

	(void)state;
	for (unsigned s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		size_t size = sizes[s];

		for (unsigned i = 0; i < N; i++)
			p[i] = mh_alloc(a, size);
		for (unsigned at = 1; at < N - ROW; at += 37) {
			bool twice = at % 2;

			hook_err = 0;
			free_row(p + at, ROW, HOLE, twice ? p[at + HOLE - 1] :
				 p[at + HOLE] + size / 2);
			assert_int_equal(hook_err, twice ? EALREADY : EINVAL);
			for (unsigned i = at; i < at + ROW; i++)
				if (i != at + HOLE)
					p[i] = mh_alloc(a, size);
			for (unsigned i = 0; i < N; i++)
				memset(p[i], (int)i, size);
			for (unsigned i = 0; i < N; i++)
				assert_int_equal((unsigned char)p[i][0], i & 255);
		}
		for (unsigned i = 0; i < N; i++)
			mh_free(a, p[i]);
	}
	hook_err = 0;
}

static void checked(void **state)
{
	mh_heap *c = clientrig_attach(cr, MH_CHECKED);
	char *p = mh_alloc(c, 64), *q = mh_alloc(c, 64);
	char *s = mh_alloc_flags(c, 64, MH_SHARED);

	(void)state;
	assert_non_null(p);
	assert_ptr_not_equal(p, q);
	mh_free(c, p);
	mh_free(c, p);
	assert_int_equal(hook_err, EALREADY);
	hook_err = 0;
	mh_free(c, q + 3);
	assert_int_equal(hook_err, EINVAL);
	hook_err = 0;
	mh_free(b, s);
	assert_int_equal(hook_err, 0);
	mh_free(c, s);
	assert_int_equal(hook_err, EALREADY);
	/* Freed by its owner, who has it at hand. */
	hook_err = 0;
	s = mh_alloc_flags(a, 64, MH_SHARED);
	mh_free(c, mh_alloc(c, 64));
	mh_free(a, s);
	assert_int_equal(hook_err, 0);
	mh_free(c, s);
	assert_int_equal(hook_err, EALREADY);
	hook_err = 0;
	clientrig_kill(cr, c);
}

static void bad_arguments(void **state)
{
	(void)state;
	assert_null(mh_alloc(a, SIZE_MAX));
	assert_int_equal(errno, ENOMEM);
	assert_null(mh_alloc(a, SIZE_MAX / 2));
	assert_null(mh_aligned_alloc(a, 0, 8));
	assert_int_equal(errno, EINVAL);
	assert_null(mh_aligned_alloc(a, 3, 8));
	assert_int_equal(errno, EINVAL);
	assert_null(mh_aligned_alloc(a, 1ull << 40, 8));
	assert_int_equal(errno, EINVAL);
	assert_null(mh_alloc_flags(a, 8, 1u << 30));
	assert_int_equal(errno, EINVAL);
	assert_null(mh_deref(a, 12345));
	assert_int_equal(errno, EINVAL);
	assert_null(mh_deref(a, ~0ull));
	for (unsigned l = 0; l <= 21; l++)
		for (size_t n = 1; n < 300000; n = n * 3 + 1) {
			void *p = mh_aligned_alloc(a, 1ul << l, n);

			assert_non_null(p);
			assert_int_equal((uintptr_t)p & ((1ul << l) - 1), 0);
			mh_free(a, p);
		}
	assert_int_equal(hook_err, 0);
}

/* A handle of a heap that was left: refused, whatever is called. */
static void detached(void **state)
{
	mh_heap *c = clientrig_attach(cr, 0);
	mh_handle v = mh_handle_of(c, mh_alloc(c, 64));

	(void)state;
	clientrig_kill(cr, c);
	assert_null(mh_deref(c, v));
	assert_int_equal(errno, EINVAL);
	for (unsigned flags = 0; flags <= MH_HELD; flags++) {
		errno = 0;
		if (flags & ~(unsigned)(MH_SHARED | MH_HELD))
			continue;
		assert_null(mh_alloc_flags(c, 64, flags));
		assert_int_equal(errno, EINVAL);
	}
	assert_int_equal(mh_handle_of(c, &v), 0);
	assert_int_equal(mh_try_free(c, &v), -1);
	assert_int_equal(errno, EINVAL);
}

static void realloc_keeps(void **state)
{
	char *p = mh_realloc(a, NULL, 10), *s;

	(void)state;
	strcpy(p, "content");
	for (size_t n = 20; n < 3000000; n = n * 5 / 2) {
		p = mh_realloc(a, p, n);
		assert_non_null(p);
		assert_string_equal(p, "content");
	}
	p = mh_realloc(a, p, 8);
	assert_string_equal(p, "content");
	mh_free(a, p);
	s = mh_alloc_flags(a, 100, MH_SHARED);
	assert_ptr_equal(mh_realloc(a, s, 50), s);
	assert_null(mh_realloc(a, s, 5000));
	assert_int_equal(errno, EINVAL);
	mh_free(a, s);
}

/* What a dead client owned is back; what it shared stays, content and all. */
static void death(void **state)
{
	mh_heap *c = clientrig_attach(cr, 0);
	char *shared[1000];
	struct mh_stats s;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		memset(mh_alloc(c, 10 + i * 40), 1, 10);
		shared[i] = mh_alloc_flags(c, 16 + i, MH_SHARED);
		memset(shared[i], (int)i, 16 + i);
	}
	clientrig_kill(cr, c);
	clientrig_verify(cr);
	assert_int_equal(mh_stats(a, &s, sizeof(s)), 0);
	assert_int_equal(s.owned_bytes, 0);
	assert_int_equal(s.shared_objects, 1000);
	for (unsigned i = 0; i < 1000; i++) {
		for (unsigned k = 0; k < 16 + i; k++)
			assert_int_equal((unsigned char)shared[i][k], i & 255);
		mh_free(a, shared[i]);
	}
	assert_int_equal(hook_err, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_size, setup, teardown),
		cmocka_unit_test_setup_teardown(churn_owned, setup, teardown),
		cmocka_unit_test_setup_teardown(churn_shared, setup, teardown),
		cmocka_unit_test_setup_teardown(pass, setup, teardown),
		cmocka_unit_test_setup_teardown(share_and_handles, setup,
						teardown),
		cmocka_unit_test_setup_teardown(freed_handles, setup, teardown),
		cmocka_unit_test_setup_teardown(names, setup, teardown),
		cmocka_unit_test_setup_teardown(misuse_found, setup, teardown),
		cmocka_unit_test_setup_teardown(misuse_in_a_row, setup,
						teardown),
		cmocka_unit_test_setup_teardown(checked, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_arguments, setup, teardown),
		cmocka_unit_test_setup_teardown(detached, setup, teardown),
		cmocka_unit_test_setup_teardown(realloc_keeps, setup, teardown),
		cmocka_unit_test_setup_teardown(death, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
