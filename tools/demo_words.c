/* SPDX-License-Identifier: Apache-2.0 */
/* demo_words.c - see demo_words.h.  A chained hash table that doubles. */
#include "tools/demo_words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define FIRST_BUCKETS	1024

/* A word in the making; it may begin in one block and end in another. */
struct run {
	uint32_t len;
	char text[WORD_MAX];
};

uint32_t word_hash(const char *text, uint32_t len)
{
	uint32_t h = 2166136261u;	/* FNV-1a */

	for (uint32_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)text[i]) * 16777619u;
	return h;
}

static struct word **new_buckets(const struct words_mem *mem, uint32_t n)
{
	struct word **b = mem->get(mem->arg, n * sizeof(*b));

	return b ? memset(b, 0, n * sizeof(*b)) : NULL;
}

int words_begin(struct words *w, const struct words_mem *mem)
{
	memset(w, 0, sizeof(*w));
	w->mem = mem;
	w->bucket = new_buckets(mem, FIRST_BUCKETS);
	if (!w->bucket)
		return -ENOMEM;
	w->nbuckets = FIRST_BUCKETS;
	return 0;
}

void words_end(struct words *w)
{
	for (uint32_t i = 0; i < w->nbuckets; i++) {
		struct word *next;

		for (struct word *e = w->bucket[i]; e; e = next) {
			next = e->next;
			w->mem->put(w->mem->arg, e);
		}
	}
	if (w->bucket)
		w->mem->put(w->mem->arg, w->bucket);
	memset(w, 0, sizeof(*w));
}

static void chain(struct words *w, struct word *e)
{
	struct word **b = &w->bucket[e->hash & (w->nbuckets - 1)];

	e->next = *b;
	*b = e;
}

/* Without memory for it the chains get longer, that is all. */
static void grow(struct words *w)
{
	struct words old = *w;
	struct word **b = new_buckets(w->mem, old.nbuckets * 2);
	struct word *next;

	if (!b)
		return;
	w->bucket = b;
	w->nbuckets *= 2;
	for (uint32_t i = 0; i < old.nbuckets; i++)
		for (struct word *e = old.bucket[i]; e; e = next) {
			next = e->next;
			chain(w, e);
		}
	w->mem->put(w->mem->arg, old.bucket);
}

static struct word *find(const struct words *w, const char *text, uint32_t len,
			 uint32_t hash)
{
	struct word *e = w->bucket[hash & (w->nbuckets - 1)];

	while (e && (e->hash != hash || e->len != len ||
		     memcmp(e->text, text, len)))
		e = e->next;
	return e;
}

static struct word *new_word(struct words *w, const char *text, uint32_t len,
			     uint32_t hash)
{
	struct word *e = w->mem->get(w->mem->arg, sizeof(*e) + len + 1);

	if (!e)
		return NULL;
	e->count = 0;
	e->hash = hash;
	e->len = len;
	memcpy(e->text, text, len);
	e->text[len] = 0;
	if (w->distinct++ >= w->nbuckets)
		grow(w);
	chain(w, e);
	return e;
}

int words_add(struct words *w, const char *text, uint32_t len, uint64_t n)
{
	uint32_t hash = word_hash(text, len);
	struct word *e = find(w, text, len, hash);

	if (!e)
		e = new_word(w, text, len, hash);
	if (!e)
		return -ENOMEM;
	e->count += n;
	w->total += n;
	return 0;
}

static int end_run(struct words *w, struct run *run)
{
	int r = run->len ? words_add(w, run->text, run->len, 1) : 0;

	run->len = 0;
	return r;
}

static int add_block(struct words *w, struct run *run, const char *buf,
		     size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)buf[i] | 0x20;

		if (c < 'a' || c > 'z') {
			int r = end_run(w, run);

			if (r)
				return r;
		} else if (run->len < WORD_MAX) {
			run->text[run->len++] = (char)c;
		}
	}
	return 0;
}

int words_of_file(struct words *w, const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), r = 0;
	struct run run = { 0 };
	ssize_t n;

	if (fd < 0)
		return -errno;
	for (;;) {
		n = read(fd, buf, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		r = add_block(w, &run, buf, (size_t)n);
		if (r)
			break;
	}
	if (n < 0)
		r = -errno;
	close(fd);
	return r ? r : end_run(w, &run);
}

int words_visit(const struct words *w,
		int (*visit)(void *arg, const struct word *word), void *arg)
{
	for (uint32_t i = 0; i < w->nbuckets; i++)
		for (struct word *e = w->bucket[i]; e; e = e->next) {
			int r = visit(arg, e);

			if (r)
				return r;
		}
	return 0;
}
