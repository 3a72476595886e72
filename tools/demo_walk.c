/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo_walk.c - reads a whole index, and takes it apart.  Nobody adds to it
 * meanwhile, so plain order will do.
 */
#include "tools/demo_index.h"

#define FIXED_OBJECTS	4	/* the root, files, paths and buckets */

static int64_t tally_entry(struct index *x, const struct index_word *e,
			   struct tally *t)
{
	mh_handle at = atomic_load(&e->postings);
	uint64_t count = 0;
	int64_t n = 1;

	for (; at; n++) {
		const struct index_posting *p = mh_deref(x->heap, at);

		if (!p)
			return -1;
		tally_posting(t, e->hash, p->file, p->count);
		count += p->count;
		at = p->next;
	}
	tally_word(t, e->text, e->hash, count);
	return n;
}

int64_t index_tally(struct index *x, struct tally *t)
{
	int64_t n = FIXED_OBJECTS;

	for (uint32_t i = 0; i < x->root->nbuckets; i++) {
		mh_handle at = atomic_load(&x->buckets[i]);

		while (at) {
			const struct index_word *e = mh_deref(x->heap, at);
			int64_t more = e ? tally_entry(x, e, t) : -1;

			if (more < 0)
				return -1;
			n += more;
			at = e->next;
		}
	}
	return n;
}

static int64_t free_entry(struct index *x, struct index_word *e)
{
	mh_handle at = atomic_load(&e->postings);
	int64_t n = 1;

	for (; at; n++) {
		struct index_posting *p = mh_deref(x->heap, at);

		if (!p)
			return -1;
		at = p->next;
		mh_free(x->heap, p);
	}
	mh_free(x->heap, e);
	return n;
}

static int64_t free_chains(struct index *x)
{
	int64_t n = 0;

	for (uint32_t i = 0; i < x->root->nbuckets; i++) {
		mh_handle at = atomic_load(&x->buckets[i]);

		while (at) {
			struct index_word *e = mh_deref(x->heap, at);
			int64_t more;

			if (!e)
				return -1;
			at = e->next;
			more = free_entry(x, e);
			if (more < 0)
				return -1;
			n += more;
		}
	}
	return n;
}

int64_t index_free(struct index *x)
{
	int64_t n = free_chains(x);

	if (n < 0 || mh_name_remove(x->heap, INDEX_NAME))
		return -1;
	mh_free(x->heap, x->paths);
	mh_free(x->heap, (void *)x->buckets);
	mh_free(x->heap, x->files);
	mh_free(x->heap, x->root);
	return n + FIXED_OBJECTS;
}
