/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stop.c - a client is stopped at each instruction at which it holds a stripe's
 * lock, and stays so while eight others do their slow paths in its class, with
 * the daemon there and with the daemon away.  Nobody may be stuck; the longest
 * that an operation took is reported.
 *
 * The victim is a stepped child, the others are threads of this process, each
 * a client of its own.  Objects carry a pattern: memory that is handed out twice
 * breaks one.  MH_SOAK=1: each does 10,000 operations at each boundary of one
 * victim; else 30, and there are four victims.
 */
#include "tests/clientrig.h"
#include "tests/crash/step.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define OTHERS		8
#define BOXES		24
#define SPANS		(BOXES + 3 * OTHERS)	/* enough for all at once */
#define DEADLINE_S	60

#define MUST(x)	do {							\
	if (!(x)) {							\
		printf("not ok - %s:%d: %s\n", __FILE__, __LINE__, #x);	\
		exit(1);						\
	}								\
} while (0)

struct other {
	pthread_t	 t;
	struct crowd	*c;
	mh_heap		*h;
	uint32_t	 seed;
	uint64_t	 worst_ns, done, refused;
};

struct crowd {
	struct clientrig *cr;
	struct other	 o[OTHERS];
	pthread_mutex_t	 lock;		/* turn, left */
	pthread_cond_t	 begin, end;
	uint64_t	 turn;
	unsigned	 left;
	bool		 over, away;	/* away: no daemon */
	unsigned	 ops;
	size_t		 size;
	_Atomic(char *)	 box[BOXES];
	_Atomic unsigned wrong;
};

struct sum {
	uint64_t points, held, ops, refused, worst_ns[2];
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void put_away(struct other *o, char *p)
{
	if (!p)
		return;
	if (memcmp(p, &p, sizeof(char *)))
		atomic_fetch_add(&o->c->wrong, 1);
	p[0] ^= 1;		/* whoever has it as well will see it */
	mh_free(o->h, p);
}

/* One allocation, and one free of what somebody else allocated. */
static void operate(struct other *o)
{
	unsigned flags = MH_SHARED | (o->c->away ? MH_NOWAIT : 0);
	uint64_t from = now_ns(), took;
	char *p = mh_alloc_flags(o->h, o->c->size, flags);

	if (p)
		memcpy(p, &p, sizeof(char *));
	else
		o->refused++;
	o->seed = o->seed * 1664525 + 1013904223;
	p = atomic_exchange(&o->c->box[(o->seed >> 8) % BOXES], p);
	put_away(o, p);
	took = now_ns() - from;
	if (took > o->worst_ns)
		o->worst_ns = took;
	o->done++;
}

static void *live(void *arg)
{
	struct other *o = arg;
	struct crowd *c = o->c;
	uint64_t turn = 0;

	pthread_mutex_lock(&c->lock);
	for (;;) {
		while (c->turn == turn && !c->over)
			pthread_cond_wait(&c->begin, &c->lock);
		if (c->over)
			break;
		turn = c->turn;
		pthread_mutex_unlock(&c->lock);
		for (unsigned i = 0; i < c->ops; i++)
			operate(o);
		pthread_mutex_lock(&c->lock);
		if (!--c->left)
			pthread_cond_signal(&c->end);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* All others take their turn.  False: somebody is stuck. */
static bool turn(struct crowd *c)
{
	struct timespec end;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += DEADLINE_S;
	pthread_mutex_lock(&c->lock);
	c->turn++;
	c->left = OTHERS;
	pthread_cond_broadcast(&c->begin);
	while (c->left && !r)
		r = pthread_cond_timedwait(&c->end, &c->lock, &end);
	pthread_mutex_unlock(&c->lock);
	return !r;
}

static uint64_t take_worst(struct crowd *c)
{
	uint64_t worst = 0;

	for (unsigned i = 0; i < OTHERS; i++) {
		if (c->o[i].worst_ns > worst)
			worst = c->o[i].worst_ns;
		c->o[i].worst_ns = 0;
	}
	return worst;
}

static void both_turns(struct crowd *c, struct sum *s)
{
	for (unsigned away = 0; away < 2; away++) {
		uint64_t worst;

		if (away)
			clientrig_pause(c->cr);
		c->away = away;
		if (!turn(c)) {
			printf("not ok - somebody is stuck, the daemon being "
			       "%s\n", away ? "away" : "there");
			_exit(1);
		}
		worst = take_worst(c);
		if (worst > s->worst_ns[away])
			s->worst_ns[away] = worst;
		if (away)
			clientrig_resume(c->cr);
	}
}

/* Spans of the class, so that nobody has to ask a daemon that is away. */
static void list_spans(struct crowd *c, uint32_t spc)
{
	struct span_wish w = { .spc = spc };
	struct heap *h = &c->cr->r->h;
	uint32_t reason;
	span_id id;

	clientrig_pause(c->cr);
	for (unsigned i = 0; i < SPANS; i++) {
		MUST(!span_new(h, &w, SPAN_LISTED, NOBODY, &id, &reason));
		MUST(central_push(&h->sg, h->me, spc, id));
	}
	clientrig_resume(c->cr);
}

struct part {
	struct crowd	*c;
	struct party	 me;
};

static void be_victim(void *arg)
{
	struct part *v = arg;
	mh_heap *h = attach_view("victim", 0, &v->c->cr->r->sg, v->me);
	void *p;

	if (!h)
		_exit(1);
	mh_free(h, mh_alloc(h, 512));
	step_mark();
	p = mh_alloc_flags(h, v->c->size, MH_SHARED);
	mh_free(h, p);
	step_mark();
}

static bool holds(struct crowd *c, struct party p)
{
	const struct seg *sg = &c->cr->r->sg;

	for (uint32_t k = 0; k < central_stripes(sg); k++)
		if (party_eq(central_holder(sg, k), p))
			return true;
	return false;
}

static void step_victim(struct crowd *c, struct sum *s)
{
	struct part part = { .c = c };
	struct victim v = { .serve = NULL };
	enum step_got got;

	clientrig_pause(c->cr);
	part.me = rig_join(c->cr->r);
	clientrig_resume(c->cr);
	MUST(step_spawn(&v, be_victim, &part));
	MUST(step_run(&v) == STEP_MARK);
	for (step_over_mark(&v); (got = step_one(&v)) == STEP_AT; ) {
		s->points++;
		if (!holds(c, part.me))
			continue;
		s->held++;
		both_turns(c, s);
	}
	MUST(got == STEP_MARK);
	step_end(&v);
	clientrig_verify(c->cr);	/* it has just let go of the last stripe */
	clientrig_pause(c->cr);
	reclaim_client(&c->cr->r->h, part.me.slot);
	clientrig_resume(c->cr);
}

static void crowd_begin(struct crowd *c)
{
	for (unsigned i = 0; i < OTHERS; i++) {
		c->o[i] = (struct other){ .c = c, .seed = 99 + i,
					  .h = clientrig_attach(c->cr, 0) };
		MUST(!pthread_create(&c->o[i].t, NULL, live, &c->o[i]));
	}
}

static void crowd_end(struct crowd *c, struct sum *s)
{
	pthread_mutex_lock(&c->lock);
	c->over = true;
	pthread_cond_broadcast(&c->begin);
	pthread_mutex_unlock(&c->lock);
	for (unsigned i = 0; i < OTHERS; i++) {
		pthread_join(c->o[i].t, NULL);
		s->ops += c->o[i].done;
		s->refused += c->o[i].refused;
	}
	for (unsigned i = 0; i < BOXES; i++)
		put_away(&c->o[0], c->box[i]);
	clientrig_verify(c->cr);
	for (unsigned i = 0; i < OTHERS; i++)
		clientrig_kill(c->cr, c->o[i].h);
}

/* Nothing is left once everybody is gone. */
static void nothing_left(struct crowd *c)
{
	struct rig *r = c->cr->r;
	const char *wrong;

	clientrig_pause(c->cr);
	sweep_all(&r->h, false);
	sweep_all(&r->h, false);
	wrong = rig_check(r);
	if (!wrong && r->report.used_pages)
		wrong = "everybody is gone, and pages are in use";
	clientrig_resume(c->cr);
	if (!wrong)
		return;
	printf("not ok - %s\n", wrong);
	exit(1);
}

static void run(unsigned n, uint32_t stripes, size_t size, bool soak)
{
	struct rig_opts o = { .reserve = 64u << 20, .clients = 12,
			      .stripes = stripes, .names = 16 };
	struct crowd *c = calloc(1, sizeof(*c));
	struct sum s = { 0 };

	MUST(c);
	c->cr = clientrig_new(&o);
	c->ops = soak ? 10000 : 30;
	c->size = size;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->begin, NULL);
	pthread_cond_init(&c->end, NULL);
	list_spans(c, span_class(LIFE_SHARED, sc_of(size)));
	crowd_begin(c);
	for (unsigned i = 0; i < (soak ? 1 : 4); i++)
		step_victim(c, &s);
	MUST(s.held);
	crowd_end(c, &s);
	nothing_left(c);
	printf("%s %u - %zu bytes, %u stripes: stopped at %llu of %llu points, "
	       "%llu operations, %llu refused, longest %llu us, daemon away "
	       "%llu us\n", c->wrong ? "not ok" : "ok", n, size, stripes,
	       (unsigned long long)s.held, (unsigned long long)s.points,
	       (unsigned long long)s.ops, (unsigned long long)s.refused,
	       (unsigned long long)s.worst_ns[0] / 1000,
	       (unsigned long long)s.worst_ns[1] / 1000);
	fflush(stdout);
	if (c->wrong)
		exit(1);
	clientrig_free(c->cr);
	free(c);
}

int main(void)
{
	const char *env = getenv("MH_SOAK");
	bool soak = env && *env == '1';

	if (!step_works()) {
		puts("1..0 # SKIP no single steps on this machine");
		return 0;
	}
	puts("1..3");
	run(1, 2, 65536, soak);
	run(2, 1, 65536, soak);
	run(3, 1, 40960, soak);
	return 0;
}
