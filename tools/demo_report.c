/* SPDX-License-Identifier: Apache-2.0 */
/* demo_report.c - what the demo prints: a line while it runs, and the end. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "tools/demo.h"
#include "tools/say.h"

void report_progress(const struct jobs *j, uint32_t kills, uint32_t of)
{
	if (!isatty(STDOUT_FILENO))
		return;
	printf("\r%u of %u files, %" PRIu64 " words, %u of %u kills ",
	       j->done, j->list->n, j->words, kills, of);
	fflush(stdout);
}

void report_progress_end(void)
{
	if (!isatty(STDOUT_FILENO))
		return;
	printf("\r\033[K");
	fflush(stdout);
}

static void print_top(const struct tally *t)
{
	const char *before = "most frequent  ";

	for (uint32_t i = 0; i < t->ntop; i++) {
		printf("%s%s %" PRIu64, before, t->top[i].word,
		       t->top[i].count);
		before = i == 4 ? ",\n               " : ", ";
	}
	if (t->ntop)
		putchar('\n');
}

static void print_answer(const struct demo_result *res)
{
	const struct tally *t = &res->tally;

	printf("indexed        %u files, %" PRIu64 " words, %" PRIu64
	       " distinct, %" PRIu64 " postings\n", res->files, t->words,
	       t->distinct, t->postings);
	print_top(t);
}

static void print_cost(const struct demo_options *o,
		       const struct demo_result *res)
{
	printf("workers        %u; %u killed at work and replaced\n",
	       o->workers, res->kills);
	if (res->kills)
		printf("reclaimed      %s, %" PRIu64 " us after the %s\n",
		       figure_bytes(res->reclaimed_bytes).s,
		       res->reclaim_ns / 1000,
		       res->kills == 1 ? "kill" : "kill at most");
	printf("longest pause  %" PRIu64 " us in a heap call of a worker\n",
	       res->pause_ns / 1000);
}

void report_text(const struct demo_options *o, const struct demo_result *res)
{
	if (res->answered)
		print_answer(res);
	print_cost(o, res);
	if (res->answered) {
		printf("unreached      %" PRIu64 " shared objects, %" PRIu64
		       " held\n", res->unreached, res->held_left);
		printf("verify         %s\n",
		       res->verified ? "passed" : "failed");
	}
	for (uint32_t i = 0; i < res->nfaults; i++)
		printf("FAULT          %s\n", res->fault[i]);
	if (!res->nfaults)
		puts("all right      the same counts without the heap");
}

static void put(struct json_object *o, const char *key, uint64_t v)
{
	json_object_object_add(o, key, json_object_new_uint64(v));
}

static struct json_object *faults(const struct demo_result *res)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t i = 0; i < res->nfaults; i++)
		json_object_array_add(list,
				      json_object_new_string(res->fault[i]));
	return list;
}

void report_json(const struct demo_options *o, const struct demo_result *res)
{
	struct json_object *j = json_object_new_object();

	json_object_object_add(j, "ok",
			       json_object_new_boolean(!res->nfaults));
	put(j, "files", res->files);
	put(j, "workers", o->workers);
	put(j, "kills", res->kills);
	put(j, "seed", o->seed);
	put(j, "words", res->tally.words);
	put(j, "distinct", res->tally.distinct);
	put(j, "postings", res->tally.postings);
	json_object_object_add(j, "top", tally_top_json(&res->tally));
	put(j, "reclaimed_bytes", res->reclaimed_bytes);
	put(j, "reclaim_us", res->reclaim_ns / 1000);
	put(j, "unreached", res->unreached);
	put(j, "held_left", res->held_left);
	put(j, "longest_pause_us", res->pause_ns / 1000);
	json_object_object_add(j, "verify",
			       json_object_new_boolean(res->verified));
	json_object_object_add(j, "faults", faults(res));
	puts(json_object_to_json_string_ext(j, JSON_C_TO_STRING_PLAIN));
	json_object_put(j);
}
