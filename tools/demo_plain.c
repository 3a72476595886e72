/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo_plain.c - the same counts without the heap: one thread, malloc.  Keeps
 * nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/demo.h"

#define BUFFER_BYTES	(64u << 10)

struct plain {
	struct words all, one;		/* of all files, of one */
	struct tally *t;
	uint32_t file;
};

static void *plain_get(void *arg, size_t size)
{
	(void)arg;
	return malloc(size);
}

static void plain_put(void *arg, void *p)
{
	(void)arg;
	free(p);
}

static const struct words_mem plain_mem = { plain_get, plain_put, NULL };

static int plain_posting(void *arg, const struct word *w)
{
	struct plain *p = arg;

	tally_posting(p->t, w->hash, p->file, w->count);
	return words_add(&p->all, w->text, w->len, w->count);
}

static int plain_word(void *arg, const struct word *w)
{
	struct plain *p = arg;

	tally_word(p->t, w->text, w->hash, w->count);
	return 0;
}

static int plain_file(struct plain *p, const char *path, char *buf)
{
	int r = words_begin(&p->one, &plain_mem);

	if (!r)
		r = words_of_file(&p->one, path, buf, BUFFER_BYTES);
	if (!r)
		r = words_visit(&p->one, plain_posting, p);
	words_end(&p->one);
	return r;
}

int plain_tally(const struct file_list *list, struct tally *t)
{
	struct plain p = { .t = t };
	char *buf = malloc(BUFFER_BYTES);
	int r = buf ? words_begin(&p.all, &plain_mem) : -ENOMEM;

	for (; !r && p.file < list->n; p.file++)
		r = demo_stopped ? -EINTR :
		    plain_file(&p, list->path[p.file], buf);
	if (!r)
		r = words_visit(&p.all, plain_word, &p);
	words_end(&p.all);
	free(buf);
	return r;
}
