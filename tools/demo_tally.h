/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo_tally.h - what an index says: totals, the most frequent words, and a sum
 * over every word's total and every posting that doesn't depend on the order in
 * which they come.  Two indexes with equal tallies are taken for equal.
 */
#ifndef TOOLS_DEMO_TALLY_H
#define TOOLS_DEMO_TALLY_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/demo_words.h"

#define TALLY_TOP	10

struct tally_top {
	char word[WORD_MAX + 1];
	uint64_t count;
};

struct tally {
	uint64_t words, distinct, postings;
	uint64_t sum;
	uint64_t objects;	/* of the heap that were reached; not compared */
	uint32_t ntop;
	struct tally_top top[TALLY_TOP];	/* equal counts: by the word */
};

void tally_posting(struct tally *t, uint32_t hash, uint32_t file,
		   uint64_t count);
/* Once for each word, with its count in all files. */
void tally_word(struct tally *t, const char *text, uint32_t hash,
		uint64_t count);

/* A sentence on the first difference in buf, or NULL. */
const char *tally_difference(const struct tally *heap,
			     const struct tally *plain, char *buf, size_t size);

struct json_object *tally_json(const struct tally *t);
struct json_object *tally_top_json(const struct tally *t);
int tally_from_json(struct tally *t, struct json_object *o);	/* or -EINVAL */

#endif
