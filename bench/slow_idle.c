/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slow_idle.c - clients that have allocated and freed one object of each of 20
 * size classes and then do nothing: the bytes of spans that each owns, as the
 * span table says, before and after its mh_trim.  No time is measured but the
 * trim's.
 */
#include <stdlib.h>

#include "bench/slow.h"
#include "shm/count.h"

#define CLASSES		20u

struct bench {
	struct slow_opts *o;
	mh_heap *h;
	uint64_t *trim_ns;	/* shared, one per worker */
};

/* Spread over all small classes, first and last included. */
static size_t size_of(unsigned i)
{
	return sc_size(1 + i * (SC_LAST_SMALL - 1) / (CLASSES - 1));
}

static int idle(struct crew *c, unsigned index, void *arg)
{
	const struct bench *b = arg;
	struct slow_opts o = *b->o;
	uint64_t t;

	for (unsigned i = 0; i < CLASSES; i++) {
		o.size = size_of(i);
		mh_free(b->h, slow_alloc(b->h, &o));
	}
	crew_arrive(c);
	t = now_ns();
	if (mh_trim(b->h))
		die("%s", mh_errmsg());
	b->trim_ns[index] = now_ns() - t;
	crew_arrive(c);
	return 0;
}

/* Of all clients but this one, which has used nothing. */
static void count(const struct bench *b, struct report *r, const char *bytes,
		  const char *most, const char *spans)
{
	uint32_t n = b->h->sg.geo.nclients;
	struct client_count *each = calloc(n + 1, sizeof(*each)), sum = { 0 };
	struct heap_count all;
	uint64_t max = 0;

	if (!each)
		die("no memory for %u clients", n);
	count_heap(&b->h->sg, &all, each);
	for (uint32_t i = 1; i <= n; i++) {
		if (i == b->h->r->me.slot)
			continue;
		sum.owned_bytes += each[i].owned_bytes;
		sum.spans += each[i].spans;
		max = each[i].owned_bytes > max ? each[i].owned_bytes : max;
	}
	free(each);
	report_add(r, (double)sum.owned_bytes / b->o->workers, bytes);
	report_add(r, (double)max, most);
	report_add(r, (double)sum.spans / b->o->workers, spans);
}

static void add_trims(const struct bench *b, struct report *r)
{
	float ns[SLOW_WORKERS_MAX];

	for (unsigned i = 0; i < b->o->workers; i++)
		ns[i] = (float)b->trim_ns[i];
	report_times(r, "trim", ns, b->o->workers);
}

static void once(struct bench *b, struct report *r)
{
	const struct sh_counters *c = &b->h->sg.hdr->count;
	struct crew crew;

	crew_start(&crew, b->o->workers, idle, b);
	crew_gather(&crew);
	count(b, r, "before_bytes", "before_max_bytes", "before_spans");
	report_add(r, (double)ld_rlx(&c->committed_bytes), "before_committed");
	crew_release(&crew);
	crew_gather(&crew);
	count(b, r, "after_bytes", "after_max_bytes", "after_spans");
	crew_release(&crew);
	crew_join(&crew);
	add_trims(b, r);
}

int slow_idle(struct slow_opts *o)
{
	static struct report r;
	struct bench b = { .o = o };

	o->workers = o->workers ? o->workers : 64;
	o->repeats = o->repeats ? o->repeats : 5;
	o->size = size_of(0);
	b.trim_ns = shared_room(SLOW_WORKERS_MAX * sizeof(*b.trim_ns));
	b.h = heap_start();
	for (unsigned i = 0; i < o->repeats; i++) {
		once(&b, &r);
		heap_settle(b.h);
	}
	report_print(&r, o);
	mh_detach(b.h);
	return 0;
}
