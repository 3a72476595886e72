/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.c - see metrics.h.  A heap's name needs no escape: it is of letters,
 * digits and . _ - only.
 */
#include "tools/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shm/count.h"
#include "tools/tallies.h"

/* Those of mh_stats that only grow. */
static bool is_counter(const char *key)
{
	static const char *const grow[] = { "deaths", "reclaimed_bytes",
					    "returned_bytes", "enomem" };

	for (size_t i = 0; i < sizeof(grow) / sizeof(grow[0]); i++)
		if (!strcmp(key, grow[i]))
			return true;
	return false;
}

void metric_total(const char *heap, const char *key, uint64_t n)
{
	bool counter = is_counter(key);

	printf("# TYPE mheap_%s %s\n# HELP mheap_%s See mh_stats(3).\n"
	       "mheap_%s%s{heap=\"%s\"} %" PRIu64 "\n", key,
	       counter ? "counter" : "gauge", key, key,
	       counter ? "_total" : "", heap, n);
}

static void labels(const char *heap, uint32_t spc)
{
	printf("{heap=\"%s\",class=\"%u\",lifetime=\"%s\"", heap,
	       sc_size(spc_size_class(spc)), life_name(spc_life(spc)));
}

static void gauges(const char *heap, const struct heap_count *n,
		   const char *name, const char *help, size_t field)
{
	printf("# TYPE mheap_class_%s gauge\n# HELP mheap_class_%s %s\n", name,
	       name, help);
	for (uint32_t spc = 0; spc < SPAN_CLASSES; spc++) {
		uint64_t v;

		if (!n->cls[spc].spans)
			continue;
		memcpy(&v, (const char *)&n->cls[spc] + field, sizeof(v));
		printf("mheap_class_%s", name);
		labels(heap, spc);
		printf("} %" PRIu64 "\n", v);
	}
}

static bool used(const struct tally *t)
{
	return tally_refills(t) || t->flushes || t->failed;
}

static void counters(const char *heap, const struct tally *t, const char *name,
		     const char *help, size_t field)
{
	printf("# TYPE mheap_%s counter\n# HELP mheap_%s %s\n", name, name, help);
	for (uint32_t spc = 0; spc < SPAN_CLASSES; spc++) {
		uint64_t v;

		if (!used(&t[spc]))
			continue;
		memcpy(&v, (const char *)&t[spc] + field, sizeof(v));
		printf("mheap_%s_total", name);
		labels(heap, spc);
		printf("} %" PRIu64 "\n", v);
	}
}

static void refills(const char *heap, const struct tally *t)
{
	static const char *const level[] = { "cache", "central", "daemon" };

	puts("# TYPE mheap_class_refills counter\n"
	     "# HELP mheap_class_refills Refills of arrays, by who gave.");
	for (uint32_t spc = 0; spc < SPAN_CLASSES; spc++)
		for (int l = 0; l < 3 && used(&t[spc]); l++) {
			printf("mheap_class_refills_total");
			labels(heap, spc);
			printf(",level=\"%s\"} %" PRIu64 "\n", level[l],
			       t[spc].refills[l]);
		}
}

void metric_classes(const struct view *v, const char *heap,
		    const struct heap_count *n)
{
	struct tally t[SPAN_CLASSES];

	tallies_sum(&v->sg, t);
	gauges(heap, n, "spans", "Spans.", offsetof(struct class_count, spans));
	gauges(heap, n, "bytes", "Bytes of spans.",
	       offsetof(struct class_count, bytes));
	gauges(heap, n, "live", "Shared objects.",
	       offsetof(struct class_count, live));
	refills(heap, t);
	counters(heap, t, "class_refill_objects", "Objects that refills brought.",
		 offsetof(struct tally, objects));
	counters(heap, t, "class_flushes", "Flushes of arrays.",
		 offsetof(struct tally, flushes));
	counters(heap, t, "class_flush_objects", "Objects that flushes took home.",
		 offsetof(struct tally, flushed));
	counters(heap, t, "class_refills_failed", "Refills that brought nothing.",
		 offsetof(struct tally, failed));
	puts("# EOF");
}
