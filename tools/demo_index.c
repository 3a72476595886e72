/* SPDX-License-Identifier: Apache-2.0 */
/* demo_index.c - see demo_index.h: making it, opening it, adding to it. */
#include "tools/demo_index.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define BUCKETS_MIN	4096u
#define BUCKETS_MAX	(1u << 20)
#define BYTES_A_BUCKET	256u	/* of text; a guess, chains take what is more */

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void took(struct index *x, uint64_t began)
{
	uint64_t ns = now_ns() - began;

	if (ns > x->pause_ns)
		x->pause_ns = ns;
}

void *index_get(struct index *x, size_t size, unsigned flags)
{
	uint64_t began = now_ns();
	void *p = mh_alloc_flags(x->heap, size, flags);

	took(x, began);
	return p;
}

void index_put(struct index *x, void *p)
{
	uint64_t began = now_ns();

	mh_free(x->heap, p);
	took(x, began);
}

/* A shared object and its handle. */
static void *make(struct index *x, size_t size, unsigned flags,
		  mh_handle *ret_handle)
{
	void *p = index_get(x, size, MH_SHARED | flags);

	if (!p)
		return NULL;
	*ret_handle = mh_handle_of(x->heap, p);
	return *ret_handle ? p : NULL;
}

static int make_files(struct index *x, const struct file_list *list)
{
	struct index_root *root = x->root;
	uint64_t at = 0;
	char *paths;

	for (uint32_t i = 0; i < list->n; i++)
		root->paths_bytes += strlen(list->path[i]) + 1;
	paths = make(x, root->paths_bytes, 0, &root->paths);
	x->files = make(x, list->n * sizeof(*x->files), MH_ZERO, &root->files);
	if (!paths || !x->files)
		return -1;
	for (uint32_t i = 0; i < list->n; i++) {
		size_t bytes = strlen(list->path[i]) + 1;

		memcpy(paths + at, list->path[i], bytes);
		x->files[i].path = at;
		at += bytes;
	}
	x->paths = paths;
	root->nfiles = list->n;
	return 0;
}

static int make_buckets(struct index *x, uint64_t bytes)
{
	uint32_t n = BUCKETS_MIN;

	while (n < BUCKETS_MAX && (uint64_t)n * BYTES_A_BUCKET < bytes)
		n *= 2;
	x->buckets = make(x, n * sizeof(*x->buckets), MH_ZERO,
			  &x->root->buckets);
	x->root->nbuckets = n;
	return x->buckets ? 0 : -1;
}

int index_make(struct index *x, mh_heap *h, const struct file_list *list,
	       uint32_t nseats)
{
	size_t size = sizeof(*x->root) + nseats * sizeof(struct index_seat);

	memset(x, 0, sizeof(*x));
	x->heap = h;
	x->root = index_get(x, size, MH_SHARED | MH_ZERO | MH_ALIGN(6));
	if (!x->root)
		return -1;
	x->root->nseats = nseats;
	if (make_files(x, list) || make_buckets(x, list->bytes))
		return -1;
	return mh_name_set(h, INDEX_NAME, x->root);
}

int index_open(struct index *x, mh_heap *h)
{
	memset(x, 0, sizeof(*x));
	x->heap = h;
	x->root = mh_name_get(h, INDEX_NAME);
	if (!x->root)
		return -1;
	x->files = mh_deref(h, x->root->files);
	x->paths = mh_deref(h, x->root->paths);
	x->buckets = mh_deref(h, x->root->buckets);
	return x->files && x->paths && x->buckets ? 0 : -1;
}

/*
 * Looks for w from `at` on, up to `end`, which is the part that was looked at
 * before.  Words are linked at the head of a chain.
 */
static int find(struct index *x, mh_handle at, mh_handle end,
		const struct word *w, struct index_word **ret_e)
{
	struct index_word *e = NULL;

	for (; at != end; at = e->next) {
		e = mh_deref(x->heap, at);
		if (!e)
			return -1;
		if (e->hash == w->hash && e->len == w->len &&
		    !memcmp(e->text, w->text, w->len)) {
			*ret_e = e;
			return 0;
		}
	}
	*ret_e = NULL;
	return 0;
}

static struct index_word *new_word(struct index *x, const struct word *w,
				   mh_handle *ret_handle)
{
	struct index_word *e = make(x, sizeof(*e) + w->len + 1, 0, ret_handle);

	if (!e)
		return NULL;
	atomic_init(&e->postings, 0);
	e->hash = w->hash;
	e->len = w->len;
	memcpy(e->text, w->text, w->len + 1);
	return e;
}

/* The word's entry, the one that is there or a new one. */
static struct index_word *enter_word(struct index *x, const struct word *w)
{
	_Atomic mh_handle *b = &x->buckets[w->hash & (x->root->nbuckets - 1)];
	/* acquire: what is linked has been filled */
	mh_handle head = atomic_load_explicit(b, memory_order_acquire), mine;
	struct index_word *there, *e;
	mh_handle seen = 0;

	if (find(x, head, seen, w, &there))
		return NULL;
	if (there)
		return there;
	e = new_word(x, w, &mine);
	if (!e)
		return NULL;
	for (e->next = seen = head;
	     !atomic_compare_exchange_strong_explicit(b, &head, mine,
						      memory_order_acq_rel,
						      memory_order_acquire);
	     e->next = seen = head) {
		/* Others were faster; was it with the same word? */
		int r = find(x, head, seen, w, &there);

		if (r || there) {
			index_put(x, e);
			return r ? NULL : there;
		}
	}
	return e;
}

static int has_posting(struct index *x, struct index_word *e, uint32_t file)
{
	mh_handle at = atomic_load_explicit(&e->postings, memory_order_acquire);

	while (at) {
		struct index_posting *p = mh_deref(x->heap, at);

		if (!p)
			return -1;
		if (p->file == file)
			return 1;
		at = p->next;
	}
	return 0;
}

int index_add(struct index *x, const struct word *w, uint32_t file, bool again)
{
	struct index_word *e = enter_word(x, w);
	struct index_posting *p;
	mh_handle mine;
	int there;

	if (!e)
		return -1;
	there = again ? has_posting(x, e, file) : 0;
	if (there)
		return there > 0 ? 0 : -1;
	p = make(x, sizeof(*p), 0, &mine);
	if (!p)
		return -1;
	p->count = w->count;
	p->file = file;
	p->pad = 0;
	p->next = atomic_load_explicit(&e->postings, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&e->postings, &p->next,
						      mine,
						      memory_order_release,
						      memory_order_relaxed))
		;
	return 0;
}
