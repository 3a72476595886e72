/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frag.c - see frag.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/exits.h"
#include "bench/frag.h"
#include "bench/measure.h"
#include "bench/space.h"

struct mix frag_rows = { .kind = {
	{ "row", 32, 4, 40 },			/* 32..512 B */
	{ "node", 4096, 0, 20 },		/* of an index */
	{ "page", 8192, 0, 15 },
	{ "double page", 16384, 0, 10 },
	{ "blob", 1024, 8, 15 },		/* 1..256 KiB */
} };

struct mix frag_documents = { .kind = {
	{ "wide row", 192, 3, 35 },		/* 192..1536 B */
	{ "node", 4096, 0, 10 },
	{ "page", 8192, 0, 5 },
	{ "double page", 16384, 0, 20 },
	{ "blob", 8192, 5, 30 },		/* 8..256 KiB */
} };

static double mean_size(const struct kind *k)
{
	double powers = (double)((1u << k->octaves) - 1);

	return k->octaves ? 1.5 * k->min * powers / k->octaves : k->min;
}

void mix_prepare(struct mix *m)
{
	double all = 0, sum = 0;

	for (unsigned i = 0; i < N_KINDS; i++)
		all += m->kind[i].percent / mean_size(&m->kind[i]);
	for (unsigned i = 0; i < N_KINDS; i++) {
		sum += m->kind[i].percent / mean_size(&m->kind[i]);
		m->upto[i] = (uint32_t)(sum / all * UINT32_MAX);
	}
	m->upto[N_KINDS - 1] = UINT32_MAX;
}

const struct kind *mix_kind(const struct mix *m, uint32_t random)
{
	unsigned i = 0;

	while (random > m->upto[i])
		i++;
	return &m->kind[i];
}

uint32_t kind_size(const struct kind *k, uint64_t random)
{
	uint64_t low;

	if (!k->octaves)
		return k->min;
	low = (uint64_t)k->min << (random >> 32) % k->octaves;
	return (uint32_t)(low + (low * (random & UINT32_MAX) >> 32));
}

void space_log_start(struct space_log *l, const struct backend *b)
{
	l->b = b;
	l->before = space_held(b);
}

static uint64_t above(const struct space_log *l, uint64_t held)
{
	return held > l->before ? held - l->before : 0;
}

uint64_t space_log_held(const struct space_log *l)
{
	return above(l, space_held(l->b));
}

uint64_t space_log_settled(const struct space_log *l)
{
	uint64_t when;

	return above(l, space_settled(l->b, &when));
}

uint64_t space_log_sample(struct space_log *l, uint64_t live)
{
	uint64_t start = bench_now(), held = space_log_held(l);

	if (held > l->peak)
		l->peak = held;
	if (live > l->peak_live)
		l->peak_live = live;
	l->sum += held;
	l->sum_live += live;
	l->held[l->n] = held;
	l->live[l->n++] = live;
	l->sampling_ns += bench_now() - start;
	return held;
}

void space_log_write(const struct space_log *l, const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		goto failed;
	fprintf(f, "# step, bytes asked for, bytes held\n");
	for (unsigned i = 0; i < l->n; i++)
		fprintf(f, "%u %" PRIu64 " %" PRIu64 "\n", i, l->live[i],
			l->held[i]);
	if (!fclose(f))
		return;
failed:
	fprintf(stderr, "frag: --file %s: %s\n", path, strerror(errno));
	exit(EXIT_FAILED);
}
