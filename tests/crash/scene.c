/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scene.c - see scene.h: what the scenes have in common.
 */
#include "tests/crash/scene.h"

#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HUGE_BYTES	(2ull << 20)

const size_t scene_sizes[SIZES] = { 16, 64, 1024, 32768, 65536, 2u << 20 };

_Noreturn void act_fails(struct act *a, const char *file, int line,
			 const char *what)
{
	snprintf(a->say, sizeof(a->say), "%s:%d: %s", file, line, what);
	_exit(9);
}

/* Addresses for the arena: nobody but the child's application writes there. */
static char *arena_make(uint64_t bytes)
{
	char *p = mmap(NULL, bytes + HUGE_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return (char *)round_up((uint64_t)(uintptr_t)p, HUGE_BYTES);
}

void act_open(struct act *a, const struct scene *sc, uint32_t life, size_t size)
{
	struct rig_opts o = { .clients = 6, .stripes = 2, .names = 16,
			      .no_guard = true, .reserve = sc->reserve };

	/* A small table makes a daemon's start short. */
	if (!o.reserve)
		o.reserve = sc->daemon ? 4u << 20 : 16u << 20;
	memset(a, 0, sizeof(*a));
	a->r = rig_new(&o);
	a->r->sg.arena = arena_make(o.reserve);
	a->life = life;
	a->size = size;
	a->flags = life == LIFE_SHARED ? MH_SHARED :
		   life == LIFE_HELD ? MH_HELD : 0;
	a->sc = sc_of(size);
	a->spc = span_class(life, a->sc);
	a->pv = rig_join(a->r);
	a->pb = rig_join(a->r);
	if (sc->setup)
		sc->setup(a);
}

void act_close(struct act *a)
{
	/* The lead before the arena's first huge page stays mapped: harmless. */
	munmap(a->r->sg.arena, a->r->sg.geo.reserve_bytes);
	rig_free(a->r);
}

void act_attach(struct act *a)
{
	a->v = attach_view("v", 0, &a->r->sg, a->pv);
	a->b = attach_view("b", 0, &a->r->sg, a->pb);
	NEED(a, a->v && a->b);
	/* First-time work of libc and of the library is nobody's path here. */
	mh_free(a->b, mh_alloc(a->b, 512));
	mh_free(a->v, mh_alloc(a->v, 512));
	serve_now(a);
}

void *make(struct act *a, mh_heap *h)
{
	void *p = mh_alloc_flags(h, a->size, a->flags);

	NEED(a, p);
	return p;
}

static struct mcache *mcache_of(struct act *a)
{
	struct mcache *mc = tls.by_heap[a->v->index];

	NEED(a, mc);
	return mc;
}

static struct arrays *arrays_of(struct act *a)
{
	return &mcache_of(a)->a;
}

uint32_t in_array(struct act *a)
{
	return array_n(arrays_of(a), array_index(a->spc));
}

struct pclass *cache_of(struct act *a)
{
	return pclass_of(a->v, a->spc);
}

void thin(struct act *a)
{
	if (!is_run(a))
		array_set_cap(arrays_of(a), array_index(a->spc), 2);
}

void widen(struct act *a)
{
	array_set_cap(arrays_of(a), array_index(a->spc), sc_cache_max(a->sc));
}

void lends(struct act *a)
{
	mh_free(a->v, mh_alloc(a->v, 512));
	mcache_of(a)->lend[array_index(a->spc)] = LEND_FOR;
}

/* The two pops before this one come back turned round: somebody frees here. */
static void stir_up(struct act *a)
{
	if (a->n < 2 || in_array(a))
		return;
	mh_free(a->v, a->o[a->n - 2]);
	mh_free(a->v, a->o[a->n - 1]);
	a->o[a->n - 2] = make(a, a->v);
	a->o[a->n - 1] = make(a, a->v);
}

void make_until(struct act *a, bool (*enough)(struct act *a), bool stir)
{
	while (!enough(a)) {
		NEED(a, a->n < ACT_OBJECTS);
		if (!in_array(a))
			thin(a);
		a->o[a->n++] = make(a, a->v);
		if (stir)
			stir_up(a);
	}
}

void drain(struct act *a)
{
	while (in_array(a)) {
		NEED(a, a->n < ACT_OBJECTS);
		a->o[a->n++] = make(a, a->v);
	}
}

/* Whoever steps serves before each wait; this one returns at once. */
void serve_now(struct act *a)
{
	uint32_t word = 0;

	(void)a;
	syscall(SYS_futex, &word, FUTEX_WAIT, 1, NULL, NULL, 0);
}

void call_make(struct act *a)
{
	a->q = mh_alloc_flags(a->v, a->size, a->flags);
}

void call_free(struct act *a)
{
	mh_free(a->v, a->p);
}

void set_operand(struct act *a, void *p)
{
	a->p = p;
	a->operand = offset_of(a, p) + 1;
}

struct geom span_with(struct act *a, uint32_t objects, bool dispose)
{
	struct geom g = a->sc ? rig_span(a->r, a->pb, a->spc) :
			rig_run(a->r, a->pb, npages_for(a->size).n);

	for (uint32_t s = 0; s < objects; s++) {
		if (a->life == LIFE_HELD)
			rig_hold(a->r, &g, s, a->pb);
		else
			rig_share(a->r, &g, s);
	}
	if (dispose && span_dispose(&a->r->sg, &g, a->pb) == SPAN_LISTED)
		central_push(&a->r->sg, a->pb, g.spc, g.id);
	return g;
}

void list_spans(struct act *a, unsigned n)
{
	while (n--)
		span_with(a, 0, true);
}

void hold_stripe(struct act *a, uint32_t s, struct party p)
{
	if (p.slot <= a->r->sg.geo.nclients)
		slot_uses(&a->r->sg.slots[p.slot], spc_size_class(a->spc));
	st_rel(&seg_stripe(&a->r->sg, a->spc, s)->lock, span_word(1, p, 0));
}

void *slot_at(struct act *a, const struct geom *g, uint32_t slot)
{
	return a->r->sg.arena + geom_offset(g) + slot * g->elem;
}
