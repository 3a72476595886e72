/* SPDX-License-Identifier: Apache-2.0 */
/* demo_tally.c - see demo_tally.h. */
#include "tools/demo_tally.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Every bit of v changes half of the bits. */
static uint64_t mix(uint64_t v)
{
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
	v = (v ^ v >> 27) * 0x94d049bb133111ebu;
	return v ^ v >> 31;
}

void tally_posting(struct tally *t, uint32_t hash, uint32_t file,
		   uint64_t count)
{
	t->postings++;
	t->sum += mix(mix((uint64_t)hash << 32 | file) + count);
}

static int before(const struct tally_top *a, const char *text, uint64_t count)
{
	if (a->count != count)
		return a->count > count;
	return strcmp(a->word, text) < 0;
}

static void rank(struct tally *t, const char *text, uint64_t count)
{
	uint32_t i = t->ntop;

	while (i && !before(&t->top[i - 1], text, count))
		i--;
	if (i == TALLY_TOP)
		return;
	if (t->ntop < TALLY_TOP)
		t->ntop++;
	memmove(&t->top[i + 1], &t->top[i],
		(t->ntop - 1 - i) * sizeof(t->top[0]));
	snprintf(t->top[i].word, sizeof(t->top[i].word), "%s", text);
	t->top[i].count = count;
}

void tally_word(struct tally *t, const char *text, uint32_t hash,
		uint64_t count)
{
	uint64_t h = hash;

	for (const char *c = text; *c; c++)
		h = mix(h + (unsigned char)*c);
	t->words += count;
	t->distinct++;
	t->sum += mix(h + count);
	rank(t, text, count);
}

static const char *differ(char *buf, size_t size, const char *what,
			  uint64_t heap, uint64_t plain)
{
	snprintf(buf, size, "%s: %" PRIu64 " in the index, %" PRIu64
		 " without the heap", what, heap, plain);
	return buf;
}

static const char *top_difference(const struct tally *heap,
				  const struct tally *plain, char *buf,
				  size_t size)
{
	for (uint32_t i = 0; i < plain->ntop; i++) {
		const struct tally_top *a = &heap->top[i], *b = &plain->top[i];

		if (a->count == b->count && !strcmp(a->word, b->word))
			continue;
		snprintf(buf, size, "frequent word %u: %s %" PRIu64
			 " in the index, %s %" PRIu64 " without the heap",
			 i + 1, a->word, a->count, b->word, b->count);
		return buf;
	}
	return NULL;
}

const char *tally_difference(const struct tally *heap,
			     const struct tally *plain, char *buf, size_t size)
{
	if (heap->words != plain->words)
		return differ(buf, size, "words", heap->words, plain->words);
	if (heap->distinct != plain->distinct)
		return differ(buf, size, "distinct words", heap->distinct,
			      plain->distinct);
	if (heap->postings != plain->postings)
		return differ(buf, size, "postings", heap->postings,
			      plain->postings);
	if (heap->ntop != plain->ntop)
		return differ(buf, size, "frequent words", heap->ntop,
			      plain->ntop);
	if (heap->sum != plain->sum)
		return differ(buf, size, "sum over words and postings",
			      heap->sum, plain->sum);
	return top_difference(heap, plain, buf, size);
}

static void put(struct json_object *o, const char *key, uint64_t v)
{
	json_object_object_add(o, key, json_object_new_uint64(v));
}

struct json_object *tally_top_json(const struct tally *t)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t i = 0; i < t->ntop; i++) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "word",
				       json_object_new_string(t->top[i].word));
		put(o, "count", t->top[i].count);
		json_object_array_add(list, o);
	}
	return list;
}

struct json_object *tally_json(const struct tally *t)
{
	struct json_object *o = json_object_new_object();

	put(o, "words", t->words);
	put(o, "distinct", t->distinct);
	put(o, "postings", t->postings);
	put(o, "sum", t->sum);
	put(o, "objects", t->objects);
	json_object_object_add(o, "top", tally_top_json(t));
	return o;
}

static uint64_t get(struct json_object *o, const char *key)
{
	return json_object_get_uint64(json_object_object_get(o, key));
}

int tally_from_json(struct tally *t, struct json_object *o)
{
	struct json_object *top = json_object_object_get(o, "top");

	memset(t, 0, sizeof(*t));
	if (!json_object_is_type(top, json_type_array) ||
	    json_object_array_length(top) > TALLY_TOP)
		return -EINVAL;
	t->words = get(o, "words");
	t->distinct = get(o, "distinct");
	t->postings = get(o, "postings");
	t->sum = get(o, "sum");
	t->objects = get(o, "objects");
	t->ntop = (uint32_t)json_object_array_length(top);
	for (uint32_t i = 0; i < t->ntop; i++) {
		struct json_object *e = json_object_array_get_idx(top, i);
		const char *word = json_object_get_string(
			json_object_object_get(e, "word"));

		snprintf(t->top[i].word, sizeof(t->top[i].word), "%s",
			 word ? word : "");
		t->top[i].count = get(e, "count");
	}
	return 0;
}
