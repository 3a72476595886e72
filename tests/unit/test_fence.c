/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_fence.c - a client that went wild writes state words: the daemon fences
 * the span off, keeps its pages out of use, and the rest goes on.
 */
#include "tests/unit/rig_test.h"

#define SPC	span_class(LIFE_OWNED, sc_of(64))

static void scribble(struct rig *r, span_id id, uint64_t w)
{
	st_rel(&r->sg.spans[id.n].state, w);
}

static uint64_t fenced(struct rig *r)
{
	return ld_rlx(&r->sg.hdr->count.quarantined_spans);
}

static void wild_words_are_fenced(void **state)
{
	struct rig *r = rig_new(&(struct rig_opts){ 0 });
	struct party p = rig_join(r), gone = { p.slot, p.gen + 1 };
	const uint64_t words[] = {
		span_word(SPAN_FREE, NOBODY, 7), span_word(9, p, 7), ~0ull,
		span_word(SPAN_OWNED, NOBODY, 7),
		span_word(SPAN_OWNED, gone, 7),
		span_word(SPAN_GRANTED, (struct party){ 4000, 1 }, 7),
		span_word(SPAN_OWNED, (struct party){ SH_DAEMON_SLOT,
						      r->h.me.gen + 1 }, 7),
	};
	unsigned n = sizeof(words) / sizeof(*words);

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		struct geom g = rig_span(r, p, SPC), other;

		scribble(r, g.id, words[i]);
		sweep_all(&r->h, false);
		assert_int_equal(rig_state(r, g.id), SPAN_QUARANTINED);
		assert_int_equal(fenced(r), i + 1);
		/* Its pages are nobody else's. */
		other = rig_span(r, p, SPC);
		assert_true(other.start.n >= g.start.n + g.len.n ||
			    g.start.n >= other.start.n + other.len.n);
		assert_null(rig_check(r));
	}
	/* They stay fenced over a restart, and once is enough. */
	assert_int_equal(rig_reopen(r), 0);
	sweep_all(&r->h, false);
	assert_int_equal(fenced(r), n);
	assert_null(rig_check(r));
	rig_free(r);
}

static void sound_words_are_left_alone(void **state)
{
	struct rig *r = rig_new(&(struct rig_opts){ 0 });
	struct party p = rig_join(r), q = rig_join(r);
	struct geom a = rig_span(r, p, SPC), b = rig_span(r, q, SPC);

	(void)state;
	client_set_state(&r->h, q.slot, CLIENT_AWAY);
	sweep_all(&r->h, false);
	assert_int_equal(rig_state(r, a.id), SPAN_OWNED);
	assert_int_equal(rig_state(r, b.id), SPAN_OWNED);
	assert_int_equal(fenced(r), 0);
	rig_free(r);
}

static void a_word_without_a_span_becomes_free(void **state)
{
	struct rig *r = rig_new(&(struct rig_opts){ 0 });
	struct party p = rig_join(r);
	struct geom g = rig_span(r, p, SPC);
	span_id unused = { g.id.n + 5 };

	(void)state;
	scribble(r, unused, span_word(SPAN_LISTED, NOBODY, 3));
	sweep_all(&r->h, false);
	assert_int_equal(rig_state(r, unused), SPAN_FREE);
	assert_int_equal(fenced(r), 0);
	assert_null(rig_check(r));
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wild_words_are_fenced),
		cmocka_unit_test(sound_words_are_left_alone),
		cmocka_unit_test(a_word_without_a_span_becomes_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
