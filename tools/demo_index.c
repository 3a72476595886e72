/* SPDX-License-Identifier: Apache-2.0 */
/* demo_index.c - see demo_index.h: making it, opening it, adding to it. */
#include "tools/demo_index.h"

#include <string.h>

#define BUCKETS_MIN	4096u
#define BUCKETS_MAX	(1u << 20)
#define BYTES_A_BUCKET	256u	/* of text; a guess, chains take what is more */

/* A shared object and its handle. */
static void *make(struct index *x, size_t size, unsigned flags,
		  mh_handle *ret_handle)
{
	void *p = mh_alloc_flags(x->heap, size, MH_SHARED | flags);

	if (!p)
		return NULL;
	*ret_handle = mh_handle_of(x->heap, p);
	return *ret_handle ? p : NULL;
}

static int make_files(struct index *x, const struct file_list *list)
{
	uint64_t bytes = 0, at = 0;

	for (uint32_t i = 0; i < list->n; i++)
		bytes += strlen(list->path[i]) + 1;
	x->paths = make(x, bytes, 0, &x->root->paths);
	x->files = make(x, list->n * sizeof(*x->files), 0, &x->root->files);
	if (!x->paths || !x->files)
		return -1;
	for (uint32_t i = 0; i < list->n; i++) {
		bytes = strlen(list->path[i]) + 1;
		memcpy(x->paths + at, list->path[i], bytes);
		x->files[i] = at;
		at += bytes;
	}
	x->root->nfiles = list->n;
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

int index_make(struct index *x, mh_heap *h, const struct file_list *list)
{
	memset(x, 0, sizeof(*x));
	x->heap = h;
	x->root = mh_alloc_flags(h, sizeof(*x->root), MH_SHARED | MH_ZERO);
	if (!x->root || make_files(x, list) || make_buckets(x, list->bytes))
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

/* The word's entry in a chain, NULL if it has none: 0 or -1. */
static int find(struct index *x, mh_handle at, const struct counted *w,
		struct index_word **ret_e)
{
	for (*ret_e = NULL; at; at = (*ret_e)->next) {
		struct index_word *e = *ret_e = mh_deref(x->heap, at);

		if (!e)
			return -1;
		if (e->hash == w->hash && e->len == w->len &&
		    !memcmp(e->text, w->text, w->len))
			return 0;
	}
	*ret_e = NULL;
	return 0;
}

static struct index_word *new_word(struct index *x, const struct counted *w,
				   _Atomic mh_handle *link)
{
	mh_handle mine;
	struct index_word *e = make(x, sizeof(*e) + w->len + 1, 0, &mine);

	if (!e)
		return NULL;
	e->next = atomic_load_explicit(link, memory_order_relaxed);
	atomic_init(&e->postings, 0);
	e->hash = w->hash;
	e->len = w->len;
	memcpy(e->text, w->text, w->len + 1);
	/* release: what is linked has been filled */
	atomic_store_explicit(link, mine, memory_order_release);
	return e;
}

static struct index_word *enter_word(struct index *x, const struct counted *w)
{
	_Atomic mh_handle *b = &x->buckets[w->hash & (x->root->nbuckets - 1)];
	struct index_word *e;

	if (find(x, atomic_load_explicit(b, memory_order_relaxed), w, &e))
		return NULL;
	return e ? e : new_word(x, w, b);
}

int index_add(struct index *x, const struct counted *w, uint32_t file)
{
	struct index_word *e = enter_word(x, w);
	struct index_posting *p;
	mh_handle mine;

	if (!e)
		return -1;
	p = make(x, sizeof(*p), 0, &mine);
	if (!p)
		return -1;
	p->count = w->count;
	p->file = file;
	p->pad = 0;
	p->next = atomic_load_explicit(&e->postings, memory_order_relaxed);
	/* release: as above */
	atomic_store_explicit(&e->postings, mine, memory_order_release);
	return 0;
}
