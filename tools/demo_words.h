/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo_words.h - words of a file, counted.  A word is a maximal run of ASCII
 * letters, lower-cased, of which the first WORD_MAX bytes count.
 *
 * The table gets its memory from the caller: a worker counts in objects that it
 * owns in the heap, the check at the end in malloc.  One thread.
 */
#ifndef TOOLS_DEMO_WORDS_H
#define TOOLS_DEMO_WORDS_H

#include <stddef.h>
#include <stdint.h>

#define WORD_MAX	63

struct words_mem {
	void *(*get)(void *arg, size_t size);	/* NULL: none left */
	void (*put)(void *arg, void *p);
	void *arg;
};

struct word {
	struct word *next;
	uint64_t count;
	uint32_t hash, len;
	char text[];				/* ends in 0 */
};

struct words {
	const struct words_mem *mem;
	struct word **bucket;
	uint32_t nbuckets, distinct;
	uint64_t total;
};

uint32_t word_hash(const char *text, uint32_t len);

/* 0 or -ENOMEM; words_end of a table that was not made does nothing. */
int words_begin(struct words *w, const struct words_mem *mem);
void words_end(struct words *w);

/* Counts n more of the word of len letters: 0 or -ENOMEM. */
int words_add(struct words *w, const char *text, uint32_t len, uint64_t n);

/* Counts the words of a file, read through buf: 0 or -errno. */
int words_of_file(struct words *w, const char *path, char *buf, size_t size);

/* In no order; stops at the first visit that is not 0 and returns it. */
int words_visit(const struct words *w,
		int (*visit)(void *arg, const struct word *word), void *arg);

#endif
