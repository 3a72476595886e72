/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_verify.c - each invariant broken once by hand: verify must find it, and
 * say which; what living clients pass through must pass; and on a heap in use
 * only what stands still counts.
 */
#include <sys/mman.h>

#include "shm/names.h"
#include "tests/unit/rig_test.h"

/* A heap with a bit of everything, and handles on its parts. */
struct zoo {
	struct rig	*r;
	struct party	 p, q;		/* slots 1 and 2; 3 was reclaimed */
	struct geom	 leased;	/* OWNED by p, 512 slots, lease open */
	struct geom	 owned;		/* OWNED by p, objects shared from it */
	struct geom	 full;		/* FULL */
	struct geom	 listed[2];	/* LISTED, in q's first stripe, 1 -> 0 */
	struct geom	 run;		/* OWNED by q */
	span_id		 granted;	/* to q */
	uint32_t	 stripe;	/* of the listed */
};

static void zoo_make(struct zoo *z)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 4 * MIB });
	struct span_wish w = { .spc = OWNED(SC_1K) };
	uint32_t reason;

	z->r = r;
	z->p = rig_join(r);
	z->q = rig_join(r);
	reclaim_client(&r->h, rig_join(r).slot);
	z->leased = rig_span(r, z->p, SHARED(SC_64));
	lease_take(r, &z->leased, 384);
	z->owned = rig_span(r, z->p, OWNED(SC_1K));
	rig_share(r, &z->owned, 3);
	z->full = given_up(r, z->p, OWNED(SC_1K), 30);
	for (unsigned i = 0; i < 2; i++) {
		z->listed[i] = given_up(r, z->q, SHARED(SC_1K), 4);
		central_push(&r->sg, z->q, SHARED(SC_1K), z->listed[i].id);
	}
	z->run = rig_run(r, z->q, 50);
	assert_int_equal(span_new(&r->h, &w, SPAN_GRANTED, z->q, &z->granted,
				  &reason), 0);
	assert_int_equal(names_set(&r->h, "one", 1, false), 0);
	assert_int_equal(names_set(&r->h, "two", 2, false), 0);
	z->stripe = SHARED(SC_1K) * r->sg.geo.nstripes +
		    (z->q.slot & (r->sg.geo.nstripes - 1));
	assert_int_equal(r->sg.stripes[z->stripe].count, 2);
	assert_sound(r);
}

static struct sh_geom *geom_of(struct zoo *z, struct geom g)
{
	return &z->r->sg.geom[g.id.n];
}

static struct sh_span *span_of(struct zoo *z, struct geom g)
{
	return &z->r->sg.spans[g.id.n];
}

static struct sh_header *header(struct zoo *z)
{
	return z->r->h.sg.whdr;
}

static struct sh_name *name_of(struct zoo *z, const char *text)
{
	return name_find(&z->r->sg, text, NULL);
}

#define BREAK(name, stmt)						\
	static void name(struct zoo *z) { stmt; }
#define ADD(word, n)	st_rlx(&(word), ld_rlx(&(word)) + (n))
#define SET(word, n)	st_rlx(&(word), (n))

BREAK(magic, header(z)->magic ^= 1)
BREAK(abi, header(z)->abi ^= 1)
BREAK(geo, header(z)->geo.nspans--)
BREAK(page_top, SET(header(z)->page_top, z->r->sg.geo.npages + 1))
BREAK(span_top, SET(header(z)->span_top, 0))
BREAK(status, SET(header(z)->status, 9))
BREAK(count, ADD(header(z)->count.spans, 1))

BREAK(client_bad, ADD(z->r->sg.clients[1].word, 7))
BREAK(client_word, ADD(z->r->sg.clients[1].word, 1ull << 40))
BREAK(client_gen, SET(z->r->sg.clients[4].word, CLIENT_ACTIVE))
BREAK(cell_phase, SET(z->r->sg.slots[1].cells[2].word, 7))
BREAK(cell_free, SET(z->r->sg.slots[3].cells[1].word, CELL_POSTED))

BREAK(bad_state, ADD(span_of(z, z->full)->state, 7))
BREAK(odd, ADD(geom_of(z, z->owned)->seq, 1))
BREAK(no_geometry, SET(geom_of(z, z->owned)->nslots_class, 0))
BREAK(unborn, SET(z->r->sg.spans[20].state, SPAN_LISTED))
BREAK(nslots, ADD(geom_of(z, z->owned)->nslots_class, (uint32_t)-1))
BREAK(elem, ADD(geom_of(z, z->owned)->elem, 16))
BREAK(len, ADD(geom_of(z, z->owned)->len, 1))
BREAK(spc, ADD(geom_of(z, z->run)->nslots_class, 3u << 16))
BREAK(bad_class, SET(geom_of(z, z->leased)->nslots_class,
		     512u | SHARED(3) << 16))
BREAK(block_len, ADD(geom_of(z, z->owned)->block_len, 2))
BREAK(run_len, ADD(geom_of(z, z->run)->len, 3))
BREAK(beyond, SET(header(z)->page_top, z->run.start.n + 1))

BREAK(map_zero, SET(z->r->sg.pagemap[z->run.start.n + 9], 0))
BREAK(map_other, SET(z->r->sg.pagemap[z->run.start.n], z->owned.id.n))
BREAK(map_stale, SET(z->r->sg.pagemap[300], z->owned.id.n))
BREAK(map_nobody, SET(z->r->sg.pagemap[300], 65535))
BREAK(commit_bit, andnot_sc(&z->r->sg.commit[0], 1ull << z->owned.start.n))

BREAK(owner_gone, SET(z->r->sg.clients[1].word, 2ull << 8))
BREAK(owner_gen, ADD(span_of(z, z->owned)->state, 1u << 16))
BREAK(owner_slot, ADD(span_of(z, z->owned)->state, 99u << 4))
BREAK(owner_none, SET(span_of(z, z->owned)->state, SPAN_OWNED))
BREAK(owner_daemon, SET(span_of(z, z->owned)->state,
			span_word(SPAN_OWNED, (struct party){
				  SH_DAEMON_SLOT, 77 }, 1)))
BREAK(grantee, ADD(z->r->sg.spans[z->granted.n].state, 1u << 16))
BREAK(full_owner, ADD(span_of(z, z->full)->state, 1u << 4))
BREAK(listed_owner, ADD(span_of(z, z->listed[0])->state, 1u << 16))

BREAK(live_tail, or_sc(&geom_live(&z->r->sg, &z->owned)[0], 1ull << 32))
BREAK(live_pad, or_sc(&geom_live(&z->r->sg, &z->owned)[9], 1ull))
BREAK(parked_two, SET(geom_parked(&z->r->sg, &z->leased)[200], 2))
BREAK(lent_dead, SET(geom_parked(&z->r->sg, &z->listed[0])[1], 2 + 4))
BREAK(parked_listed, SET(geom_parked(&z->r->sg, &z->listed[0])[1], 1))
BREAK(freed_free, andnot_sc(&geom_live(&z->r->sg, &z->leased)[7], 2ull))
BREAK(lost_wake, andnot_sc(&geom_live(&z->r->sg, &z->full)[0], 0xffull))
BREAK(too_full, or_sc(&geom_live(&z->r->sg, &z->listed[0])[0], ~0u))

/* Two spans on one page: the map can agree with one of them only. */
BREAK(same_page, ADD(geom_of(z, z->owned)->start, (uint32_t)-1))
BREAK(overlap, SET(geom_of(z, z->listed[0])->start, z->listed[1].start.n))
BREAK(same_block, SET(geom_of(z, z->listed[0])->block, z->listed[1].block))
BREAK(block_inside, SET(geom_of(z, z->owned)->block, z->leased.block + 2))

BREAK(lock_dead, SET(z->r->sg.stripes[5].lock,
		     span_word(1, (struct party){ 3, 1 }, 0)))
BREAK(lock_nobody, SET(z->r->sg.stripes[5].lock,
		       span_word(1, (struct party){ 200, 1 }, 0)))
BREAK(head_wild, SET(z->r->sg.stripes[z->stripe].head, 99999))
BREAK(head_other, SET(z->r->sg.stripes[0].head, z->listed[0].id.n))
BREAK(cycle, SET(span_of(z, z->listed[0])->link,
		 ld_rlx(&span_of(z, z->listed[1])->link) - z->listed[0].id.n +
		 z->listed[1].id.n))
BREAK(link_none, SET(span_of(z, z->listed[0])->link, 0))
BREAK(link_wild, SET(span_of(z, z->owned)->link, 9999ull << 32))
BREAK(link_lost, SET(span_of(z, z->owned)->link, 1ull << 32))
BREAK(list_cut, SET(z->r->sg.stripes[z->stripe].head, 0);
      SET(z->r->sg.stripes[z->stripe].count, 0))
BREAK(list_count, ADD(z->r->sg.stripes[z->stripe].count, 1))
BREAK(list_tail, ADD(z->r->sg.stripes[z->stripe].tail, 1))

BREAK(name_held, ADD(name_of(z, "one")->state, 2))
BREAK(name_end, or_sc(&name_of(z, "one")->text[7], 1ull << 63))
BREAK(name_empty, SET(name_of(z, "one")->text[0], 0))
BREAK(name_hash_bad, ADD(name_of(z, "one")->hash, 1))
BREAK(name_text, SET(name_of(z, "one")->text[0], 0x78))

/* The entry behind the first one becomes a copy of it. */
static void name_twice(struct zoo *z)
{
	struct sh_name *e = name_of(z, "one");
	uint32_t i = (uint32_t)(e - z->r->sg.names) + 1;

	memcpy(&z->r->sg.names[i & 15], e, sizeof(*e));
}

/* Moved away from where its probe begins. */
static void name_away(struct zoo *z)
{
	struct sh_name *e = name_of(z, "one");
	uint32_t i = (uint32_t)(e - z->r->sg.names) + 5;

	memcpy(&z->r->sg.names[i & 15], e, sizeof(*e));
	memset((void *)e, 0, sizeof(*e));
}

static const struct {
	void (*how)(struct zoo *z);
	const char *says;
} broken[] = {
	{ magic, "magic" }, { abi, "ABI" }, { geo, "geometry has changed" },
	{ page_top, "the top page is" }, { span_top, "the top span is" },
	{ status, "status is 9" }, { count, "the counter of spans says" },
	{ client_bad, "client slot 1 has the word" },
	{ client_word, "client slot 1 has the word" },
	{ client_gen, "client slot 4 is in use and has no generation" },
	{ cell_phase, "request 2 of slot 1 is in phase 3" },
	{ cell_free, "request 1 of slot 3 is pending" },
	{ bad_state, "there is no such state" },
	{ odd, "odd or impossible" }, { no_geometry, "odd or impossible" },
	{ unborn, "span 20 (LISTED, version 0): its geometry entry is odd" },
	{ nslots, "the number of slots" }, { elem, "the size of a slot" },
	{ len, "the length is not" }, { spc, "is not its class's" },
	{ bad_class, "no span may be of its class" },
	{ block_len, "the block's length" }, { run_len, "the size of a slot" },
	{ beyond, "beyond the top page" },
	{ map_zero, "is mapped to span 0" }, { map_other, "is mapped to span 2" },
	{ map_stale, "page 300 is mapped to span 2 (OWNED by slot 1 generation"
		     " 1, version 2), which lies elsewhere" },
	{ map_nobody, "page 300 is mapped to span 65535, which there is not" },
	{ commit_bit, "has no memory by the commit bits" },
	{ owner_gone, "its owner is not alive" },
	{ owner_gen, "its owner is not alive" },
	{ owner_slot, "its owner is not alive" },
	{ owner_none, "its owner is not alive" },
	{ owner_daemon, "(OWNED by the daemon's start 77, version 1): its owner"
			" is not alive" },
	{ grantee, "GRANTED by slot 2 generation 2" },
	{ full_owner, "the word names one" },
	{ listed_owner, "the word names one" },
	{ live_tail, "the live bit of slot 32 is set, there are 32 slots" },
	{ live_pad, "the live bit of slot 576 is set" },
	{ parked_two, "the parked byte of slot 200 is 2" },
	{ lent_dead, "slot 1 is lent to client slot 4, which is free" },
	{ parked_listed, "slot 1 is parked, but no lease is open" },
	{ freed_free, "slot 449 is parked and not live" },
	{ lost_wake, "FULL, version 3): 10 of 32 slots are free, so a wake" },
	{ too_full, "too few to be LISTED" },
	{ same_page, "is mapped to" }, { overlap, "is mapped to span" },
	{ same_block, "belongs to span" }, { block_inside, "belongs to span" },
	{ lock_dead, "stripe 5 is locked by slot 3 generation 1" },
	{ lock_nobody, "stripe 5 is locked by slot 200" },
	{ head_wild, "leads to span 99999" },
	{ head_other, "but its link names stripe" }, { cycle, "twice" },
	{ link_none, "its link names stripe -1" },
	{ link_wild, "names stripe 9998, which there is not" },
	{ link_lost, "whose list does not lead to it" },
	{ list_cut, "whose list does not lead to it" },
	{ list_count, "counts 3 spans, its list has 2" },
	{ list_tail, ", its tail is" },
	{ name_held, "which no name holds" }, { name_end, "has no end" },
	{ name_empty, "is empty" }, { name_hash_bad, "another's hash" },
	{ name_text, "another's hash" }, { name_twice, "is set twice" },
	{ name_away, "cannot be found" },
};

static int check(struct zoo *z, struct verify_opts o, struct verify_report *rep)
{
	return verify_heap(&z->r->sg, &o, rep);
}

static void each_fault_is_found(void **state)
{
	struct verify_report rep;
	struct rig *pristine;
	struct zoo z;

	(void)state;
	zoo_make(&z);
	pristine = rig_copy(z.r);
	for (unsigned i = 0; i < N_OF(broken); i++) {
		struct rig *whole = rig_copy(pristine);
		struct verify_opts quiet = { .quiet_heap = true };

		broken[i].how(&z);
		assert_int_equal(check(&z, quiet, &rep), 1);
		if (!strstr(rep.text, broken[i].says))
			fail_msg("%u: \"%s\" instead of \"%s\"", i, rep.text,
				 broken[i].says);
		for (enum seg_kind s = SEG_HEAP; s <= SEG_CENTRAL; s++)
			for (uint64_t p = 0; p < z.r->piece[s].bytes; p += 4096)
				if (z.r->piece[s].backed[p / 4096])
					memcpy(z.r->piece[s].map + p,
					       whole->piece[s].map + p, 4096);
		rig_free(whole);
		assert_int_equal(check(&z, quiet, &rep), 0);
		assert_string_equal(rep.text, "");
	}
	rig_free(pristine);
	rig_free(z.r);
}

static void report_counts(void **state)
{
	struct zoo z;
	struct verify_report *rep;

	(void)state;
	zoo_make(&z);
	assert_sound(z.r);
	rep = &z.r->report;
	assert_int_equal(rep->spans_by_state[SPAN_OWNED], 3);
	assert_int_equal(rep->spans_by_state[SPAN_GRANTED], 1);
	assert_int_equal(rep->spans_by_state[SPAN_FULL], 1);
	assert_int_equal(rep->spans_by_state[SPAN_LISTED], 2);
	assert_int_equal(rep->shared_objects, 384 + 1 + 30 + 2 * 4);
	assert_int_equal(rep->shared_bytes, 384 * 64 + 39 * 1024);
	assert_int_equal(rep->used_pages, 6 * 4 + 50);
	assert_int_equal(rep->pages, 512);
	assert_int_equal(rep->committed_pages,
			 pages_committed(z.r->h.pages).n);
	assert_int_equal(rep->free_committed_pages,
			 pages_free_committed(z.r->h.pages).n);
	assert_int_equal(rep->clients, 2);
	assert_int_equal(rep->names, 2);
	assert_int_equal(rep->walks, 1);
	rig_free(z.r);
}

/* What a living client passes through is legal when it may be inside a call. */
static void transit_is_legal(void **state)
{
	static void (*const how[])(struct zoo *z) = { freed_free, lost_wake };
	struct verify_opts stopped = { .quiet_heap = true, .in_calls = true };
	struct verify_opts live = { 0 };
	struct verify_report rep;
	struct zoo z;

	(void)state;
	for (unsigned i = 0; i < N_OF(how); i++) {
		zoo_make(&z);
		how[i](&z);
		assert_int_equal(check(&z, stopped, &rep), 0);
		assert_int_equal(rep.transit, 1);
		assert_int_equal(check(&z, live, &rep), 0);
		assert_int_equal(rep.walks, 1);
		rig_free(z.r);
	}
	/* Nobody is there to be inside: then it is what it looks like. */
	zoo_make(&z);
	reclaim_client(&z.r->h, 1);
	reclaim_client(&z.r->h, 2);
	assert_int_equal(check(&z, stopped, &rep), 0);
	lost_wake(&z);
	assert_int_equal(check(&z, stopped, &rep), 1);
	assert_non_null(strstr(rep.text, "a wake was lost"));
	rig_free(z.r);
}

static void daemon_in_transit(void **state)
{
	struct verify_opts quiet = { .quiet_heap = true };
	struct verify_report rep;
	struct zoo z;

	(void)state;
	zoo_make(&z);
	SET(span_of(&z, z.owned)->state, span_word(SPAN_OWNED, z.r->h.me, 8));
	assert_int_equal(check(&z, quiet, &rep), 0);
	SET(span_of(&z, z.owned)->state, span_word(SPAN_OWNED, (struct party){
		SH_DAEMON_SLOT, z.r->h.me.gen + 1 }, 8));
	assert_int_equal(check(&z, quiet, &rep), 1);
	rig_free(z.r);
}

static unsigned paused;

/* Between the walks the fault is mended, or moves on to another version. */
static void mend(void *arg)
{
	struct zoo *z = arg;

	paused++;
	st_rlx(&geom_parked(&z->r->sg, &z->listed[0])[1], 0);
}

static void move_on(void *arg)
{
	struct zoo *z = arg;

	paused++;
	ADD(span_of(z, z->listed[0])->state, 1ull << 40);
}

static void stand_still(void *arg)
{
	(void)arg;
	paused++;
}

static void live_faults_count_twice(void **state)
{
	struct verify_opts live = { 0 };
	struct verify_report rep;
	struct zoo z;

	(void)state;
	zoo_make(&z);
	live.arg = &z;
	parked_listed(&z);

	paused = 0;
	live.pause = stand_still;
	assert_int_equal(check(&z, live, &rep), 1);
	assert_int_equal(paused, 1);
	assert_int_equal(rep.walks, 2);
	assert_non_null(strstr(rep.text, "no lease is open"));

	paused = 0;
	live.pause = move_on;
	assert_int_equal(check(&z, live, &rep), 0);
	assert_string_equal(rep.text, "");
	assert_true(paused > 5);

	paused = 0;
	live.pause = mend;
	assert_int_equal(check(&z, live, &rep), 0);
	assert_int_equal(paused, 1);
	rig_free(z.r);
}

/* The clients' view will do: nothing is written, by it or by accident. */
static void read_only_is_enough(void **state)
{
	struct verify_opts quiet = { .quiet_heap = true };
	struct verify_report rep;
	struct zoo z;

	(void)state;
	zoo_make(&z);
	for (enum seg_kind s = SEG_HEAP; s <= SEG_CENTRAL; s++)
		for (uint64_t p = 0; p < z.r->piece[s].bytes; p += 4096)
			if (z.r->piece[s].backed[p / 4096])
				assert_int_equal(mprotect(z.r->piece[s].map + p,
							  4096, PROT_READ), 0);
	assert_int_equal(check(&z, quiet, &rep), 0);
	assert_int_equal(check(&z, (struct verify_opts){ 0 }, &rep), 0);
	for (enum seg_kind s = SEG_HEAP; s <= SEG_CENTRAL; s++)
		for (uint64_t p = 0; p < z.r->piece[s].bytes; p += 4096)
			if (z.r->piece[s].backed[p / 4096])
				assert_int_equal(mprotect(z.r->piece[s].map + p,
					4096, PROT_READ | PROT_WRITE), 0);
	rig_free(z.r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fault_is_found),
		cmocka_unit_test(report_counts),
		cmocka_unit_test(transit_is_legal),
		cmocka_unit_test(daemon_in_transit),
		cmocka_unit_test(live_faults_count_twice),
		cmocka_unit_test(read_only_is_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
