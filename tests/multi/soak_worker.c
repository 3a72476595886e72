/* SPDX-License-Identifier: Apache-2.0 */
/* soak_worker.c - what each client process does under load; see soak.h. */
#include "tests/multi/soak.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OWNED		48
#define EDGE		2048	/* bytes filled at each end of an object */

struct work {
	mh_heap	   *h;
	struct box *box;
	uint64_t    x;
	uint64_t    max;
	void	   *mine[OWNED];
};

uint64_t soak_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t rnd(struct work *w)
{
	w->x ^= w->x << 13;
	w->x ^= w->x >> 7;
	w->x ^= w->x << 17;
	return w->x;
}

/* Log-uniform from 1 byte up to max. */
static size_t any_size(struct work *w)
{
	unsigned bits = (unsigned)(rnd(w) % 23);
	size_t n = ((size_t)1 << bits) + (rnd(w) & (((size_t)1 << bits) - 1));

	return n > w->max ? w->max : n;
}

static unsigned char pattern(uint64_t handle)
{
	return (unsigned char)((handle * 0x9e3779b97f4a7c15ull) >> 56 | 1);
}

void soak_fill(mh_heap *h, void *p, uint64_t handle)
{
	size_t n = mh_usable_size(h, p), edge = n < EDGE ? n : EDGE;

	memset(p, pattern(handle), edge);
	memset((char *)p + n - edge, pattern(handle), edge);
}

int soak_check(mh_heap *h, const void *p, uint64_t handle)
{
	size_t n = mh_usable_size(h, p), edge = n < EDGE ? n : EDGE;
	const unsigned char *c = p;

	for (size_t i = 0; i < edge; i++)
		if (c[i] != pattern(handle) || c[n - 1 - i] != pattern(handle))
			return -1;
	return n ? 0 : -1;
}

static void complain(struct work *w, const char *what, uint64_t handle)
{
	if (!atomic_fetch_add(&w->box->wrong, 1))
		snprintf(w->box->text, sizeof(w->box->text),
			 "%s: handle 0x%llx: %.120s", what,
			 (unsigned long long)handle, mh_errmsg());
}

static void consume(struct work *w, uint64_t handle)
{
	void *p;

	if (!handle)
		return;
	p = mh_deref(w->h, handle);
	if (!p) {
		complain(w, "a shared object is lost", handle);
		return;
	}
	if (soak_check(w->h, p, handle))
		complain(w, "a shared object's content is not its own", handle);
	memset(p, 0, mh_usable_size(w->h, p) < EDGE ? 1 : EDGE);
	mh_free(w->h, p);
}

static void exchange(struct work *w, void *p)
{
	uint64_t v = mh_handle_of(w->h, p);

	if (!v) {
		complain(w, "no handle for a live object", 0);
		return;
	}
	soak_fill(w->h, p, v);
	consume(w, atomic_exchange(&w->box->slot[rnd(w) % BOX_SLOTS], v));
}

static void no_memory(struct work *w)
{
	if (errno == ENOMEM || errno == ETIMEDOUT)
		atomic_fetch_add(&w->box->enomem, 1);
	else
		complain(w, "an allocation failed", 0);
}

static void pass_one(struct work *w)
{
	void *p = mh_alloc_flags(w->h, any_size(w), MH_SHARED);

	if (p)
		exchange(w, p);
	else
		no_memory(w);
}

static void share_one(struct work *w)
{
	void *p = mh_alloc(w->h, any_size(w));

	if (!p)
		no_memory(w);
	else if (mh_share(w->h, p))
		complain(w, "an owned object could not be shared", 0);
	else
		exchange(w, p);
}

static void churn_one(struct work *w)
{
	unsigned k = (unsigned)(rnd(w) % OWNED);

	mh_free(w->h, w->mine[k]);
	w->mine[k] = mh_alloc(w->h, any_size(w));
	if (w->mine[k])
		memset(w->mine[k], 0xee, 1);
	else
		no_memory(w);
}

static void step(struct work *w)
{
	unsigned r = (unsigned)(rnd(w) % 100);
	uint64_t began = soak_now_ns(), took;

	if (r < 35)
		pass_one(w);
	else if (r < 50)
		share_one(w);
	else if (r < 60)
		consume(w, atomic_exchange(&w->box->slot[rnd(w) % BOX_SLOTS], 0));
	else
		churn_one(w);
	took = soak_now_ns() - began;
	if (took > atomic_load(&w->box->longest_ns))
		atomic_store(&w->box->longest_ns, took);
	atomic_fetch_add(&w->box->ops, 1);
}

void soak_worker(const struct soak_opts *o, struct box *box, uint32_t seed)
{
	struct work w = { .box = box, .x = seed * 2654435761u + 1,
			  .max = o->max_size };

	w.h = mh_attach(o->name, 0);
	if (!w.h) {
		complain(&w, "attach failed", 0);
		_exit(3);
	}
	while (!atomic_load(&box->stop))
		step(&w);
	for (unsigned i = 0; i < OWNED; i++)
		mh_free(w.h, w.mine[i]);
	mh_detach(w.h);
	_exit(0);
}
