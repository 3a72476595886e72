/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_names.c - the table of names: look-ups, a full table, entries that come
 * and go, memory that is not there, a reader beside the writer; and a random
 * walk against a plain list.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "shm/names.h"
#include "tests/unit/rig_test.h"

static uint64_t get(struct rig *r, const char *name)
{
	struct sh_name *e = name_find(&r->sg, name, NULL);

	return e ? ld_acq(&e->handle) : 0;
}

static uint32_t count_phase(struct rig *r, uint32_t phase)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->sg.geo.nnames; i++)
		n += name_phase(&r->sg, i) == phase;
	return n;
}

static void texts(void **state)
{
	char longest[65];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[64] = 0;
	assert_false(name_ok(""));
	assert_true(name_ok("a"));
	assert_true(name_ok("any / thing \xff goes"));
	assert_false(name_ok(longest));
	longest[63] = 0;
	assert_true(name_ok(longest));
	assert_int_equal(name_hash("foobar"), 0xbf9cf968);	/* FNV-1a */
}

static void set_get_remove(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	char longest[64] = { 0 }, text[64];
	uint64_t handle;

	(void)state;
	memset(longest, 'y', 63);
	assert_int_equal(get(r, "a"), 0);
	assert_int_equal(names_remove(&r->h, "a"), -ENOENT);
	assert_int_equal(names_set(&r->h, "", 1, false), -EINVAL);
	assert_int_equal(names_set(&r->h, "a", 1, false), 0);
	assert_int_equal(names_set(&r->h, longest, 2, false), 0);
	assert_int_equal(names_set(&r->h, "a", 3, false), 0);		/* replaces */
	assert_int_equal(get(r, "a"), 3);
	assert_int_equal(get(r, longest), 2);
	assert_sound(r);
	assert_int_equal(r->report.names, 2);
	for (uint32_t i = 0; i < r->sg.geo.nnames; i++)
		if (name_read(&r->sg, i, text, &handle))
			assert_int_equal(get(r, text), handle);
	assert_int_equal(names_remove(&r->h, "a"), 0);
	assert_int_equal(names_remove(&r->h, "a"), -ENOENT);
	assert_int_equal(get(r, "a"), 0);
	assert_int_equal(get(r, longest), 2);
	assert_sound(r);
	rig_free(r);
}

static void full_table(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .names = 16 });
	char text[8];

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		snprintf(text, sizeof(text), "n%u", i);
		assert_int_equal(names_set(&r->h, text, i + 1, false), 0);
	}
	assert_int_equal(names_set(&r->h, "more", 1, false), -ENOSPC);
	assert_int_equal(get(r, "more"), 0);	/* the probe ends */
	assert_int_equal(names_set(&r->h, "n7", 77, false), 0);
	for (unsigned i = 0; i < 16; i++) {
		snprintf(text, sizeof(text), "n%u", i);
		assert_int_equal(get(r, text), i == 7 ? 77 : i + 1);
	}
	assert_sound(r);
	assert_int_equal(names_remove(&r->h, "n3"), 0);
	assert_int_equal(names_set(&r->h, "more", 1, false), 0);
	assert_int_equal(get(r, "more"), 1);
	assert_sound(r);
	rig_free(r);
}

/* The n-th name that a table of so many sends to a place. */
static void nth_name(char *text, unsigned n, uint32_t names, uint32_t place)
{
	for (unsigned i = 0; n; i++) {
		snprintf(text, 16, "c%u", i);
		n -= (name_hash(text) & (names - 1)) == place;
	}
}

/* Names that are all sent to the same place of a table of 16. */
static void colliding(char text[][16], unsigned n, uint32_t place)
{
	for (unsigned i = 0; i < n; i++)
		nth_name(text[i], i + 1, 16, place);
}

/* Across the table's end; what is GONE keeps a probe going. */
static void probes_go_on(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .names = 16 });
	char text[5][16];

	(void)state;
	colliding(text, 5, 14);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(names_set(&r->h, text[i], i + 1, false), 0);
	assert_int_equal(names_remove(&r->h, text[0]), 0);
	assert_int_equal(names_remove(&r->h, text[2]), 0);
	assert_int_equal(count_phase(r, NAME_GONE), 2);
	assert_int_equal(get(r, text[1]), 2);
	assert_int_equal(get(r, text[4]), 5);
	assert_sound(r);
	/* A name that is there is not set a second time in the gap before. */
	assert_int_equal(names_set(&r->h, text[4], 55, false), 0);
	assert_int_equal(names_set(&r->h, text[0], 11, false), 0);
	assert_int_equal(get(r, text[0]), 11);
	assert_int_equal(count_phase(r, NAME_GONE), 1);
	assert_sound(r);
	assert_int_equal(r->report.names, 4);
	rig_free(r);
}

/* From the end of a run on, GONE becomes EMPTY. */
static void gone_becomes_empty(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .names = 16 });
	char text[5][16];
	static const struct {
		unsigned remove, gone;
	} step[] = { { 1, 1 }, { 3, 2 }, { 4, 1 }, { 0, 2 }, { 2, 0 } };

	(void)state;
	colliding(text, 5, 13);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(names_set(&r->h, text[i], i + 1, false), 0);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(names_remove(&r->h, text[step[i].remove]), 0);
		assert_int_equal(count_phase(r, NAME_GONE), step[i].gone);
		assert_sound(r);
	}
	assert_int_equal(count_phase(r, NAME_EMPTY), 16);
	rig_free(r);
}

static void memory_on_use(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .names = 1024 });
	unsigned set = 0;
	char text[16];

	(void)state;
	r->budget = 0;
	assert_int_equal(names_set(&r->h, "a", 1, false), -ENOMEM);
	assert_int_equal(get(r, "a"), 0);
	assert_sound(r);
	for (unsigned i = 0; i < 700; i++) {
		snprintf(text, sizeof(text), "name%u", i);
		r->budget = 4096;	/* an entry may lie on two pages */
		set += !names_set(&r->h, text, i + 1, false);
	}
	assert_in_range(set, 690, 700);
	assert_sound(r);
	assert_int_equal(r->report.names, set);
	assert_int_equal(rig_reopen(r), 0);
	r->budget = UINT64_MAX;
	for (unsigned i = 0; i < 700; i++) {
		snprintf(text, sizeof(text), "name%u", i);
		assert_int_equal(names_set(&r->h, text, i + 1, false), 0);
	}
	assert_sound(r);
	assert_int_equal(r->report.names, 700);
	rig_free(r);
}

/*
 * Entry 51's state lies at the end of a page, its text on the next.  That one
 * is closed, so that the reader faults in between; then the entry changes.
 */
#define STRADDLING	51u

static struct rig *faulting;
static char old_name[16], new_name[16];

static char *text_page(struct rig *r)
{
	return (char *)r->sg.names + 4096;
}

static void change_the_entry(int sig)
{
	(void)sig;
	if (!faulting || mprotect(text_page(faulting), 4096,
				  PROT_READ | PROT_WRITE))
		abort();
	if (names_remove(&faulting->h, old_name) ||
	    (new_name[0] && names_set(&faulting->h, new_name, 2, false)))
		abort();
	faulting = NULL;
}

static bool read_while_it_changes(struct rig *r, char *text, uint64_t *handle)
{
	struct sigaction act = { .sa_handler = change_the_entry }, was;
	bool got;

	assert_int_equal(names_set(&r->h, old_name, 1, false), 0);
	assert_ptr_equal(&r->sg.names[STRADDLING].text[0], text_page(r));
	assert_int_equal(sigaction(SIGSEGV, &act, &was), 0);
	assert_int_equal(mprotect(text_page(r), 4096, PROT_NONE), 0);
	faulting = r;
	got = name_read(&r->sg, STRADDLING, text, handle);
	assert_int_equal(sigaction(SIGSEGV, &was, NULL), 0);
	assert_null(faulting);
	return got;
}

static void changed_under_the_reader(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .names = 64 });
	char text[64];
	uint64_t handle;

	(void)state;
	nth_name(old_name, 1, 64, STRADDLING);
	new_name[0] = 0;	/* removed: there is nothing to read */
	assert_false(read_while_it_changes(r, text, &handle));
	nth_name(new_name, 2, 64, STRADDLING);
	assert_true(read_while_it_changes(r, text, &handle));
	assert_string_equal(text, new_name);
	assert_int_equal(handle, 2);
	assert_sound(r);
	rig_free(r);
}

static _Atomic int stop;
static _Atomic uint32_t reads;

/* Two names share one entry in turn; each has a handle of its own. */
static void *reader(void *arg)
{
	struct rig *r = arg;
	char text[64];
	uint64_t handle;

	while (!ld_acq(&stop))
		for (uint32_t i = 0; i < r->sg.geo.nnames; i++) {
			if (!name_read(&r->sg, i, text, &handle))
				continue;
			if (strcmp(text, handle & 1 ? "the first of two" :
				   "2nd"))
				abort();
			add_rlx(&reads, 1);
		}
	return NULL;
}

static void reader_beside_writer(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .names = 2 });
	pthread_t t;

	(void)state;
	st_rel(&stop, 0);
	assert_int_equal(pthread_create(&t, NULL, reader, r), 0);
	for (unsigned i = 0; i < 20000 || ld_rlx(&reads) < 20000; i++) {
		const char *name = i & 1 ? "the first of two" : "2nd";

		assert_int_equal(names_set(&r->h, name, i, false), 0);
		assert_int_equal(names_remove(&r->h, name), 0);
	}
	st_rel(&stop, 1);
	pthread_join(t, NULL);
	assert_sound(r);
	rig_free(r);
}

#define SEED	0x4a3e5001u
#define NAMES	24u

static void random_walk(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .names = 32 });
	uint64_t model[NAMES] = { 0 };
	uint32_t rng = SEED;
	char text[16];

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		uint32_t k = next_random(&rng) % NAMES;
		bool set = next_random(&rng) % 2;

		snprintf(text, sizeof(text), "name %u", k);
		if (set)
			assert_int_equal(names_set(&r->h, text, i + 1, false), 0);
		else
			assert_int_equal(names_remove(&r->h, text),
					 model[k] ? 0 : -ENOENT);
		model[k] = set ? i + 1 : 0;
		for (k = 0; k < NAMES; k++) {
			snprintf(text, sizeof(text), "name %u", k);
			if (get(r, text) != model[k])
				fail_msg("step %u, seed %x: %s", i, SEED, text);
		}
		if (rig_check(r))
			fail_msg("step %u, seed %x: %s", i, SEED, rig_check(r));
	}
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(set_get_remove),
		cmocka_unit_test(full_table),
		cmocka_unit_test(probes_go_on),
		cmocka_unit_test(gone_becomes_empty),
		cmocka_unit_test(memory_on_use),
		cmocka_unit_test(changed_under_the_reader),
		cmocka_unit_test(reader_beside_writer),
		cmocka_unit_test(random_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
