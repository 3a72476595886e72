/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lines.c - cache lines that several cores write.  A core that has a line pays
 * nothing; else it comes from the core that wrote it last, which takes the time
 * that lies between the two, and one after the other if several want it.
 */
#include <math.h>
#include <string.h>

#include "bench/sim/model.h"

uint32_t line_words(uint32_t span)
{
	return L_STRIPE + STRIPES_MAX + span / 4;
}

uint32_t line_live(uint32_t span)
{
	return L_STRIPE + STRIPES_MAX + SPANS_MAX / 4 + span;
}

double line_distance(const struct config *c, unsigned a, unsigned b)
{
	if (a == b)
		return 0;
	if (a / c->complex == b / c->complex)
		return c->near;
	return a / c->socket == b / c->socket ? c->far : c->across;
}

static enum line_kind kind_of(uint32_t line)
{
	if (line < L_STRIPE)
		return line == L_WANT ? K_WANT : K_BELL;
	if (line < line_words(0))
		return K_STRIPE;
	return line < line_live(0) ? K_WORDS : K_LIVE;
}

/* What it costs to get the line here, after those who want it, too. */
static double fetch(struct world *w, uint32_t line, unsigned core)
{
	struct line *l = &w->line[line];
	double ns;

	if (!l->last)
		return 0;	/* nobody has it: as any miss */
	ns = fmax(0, l->busy - w->now) +
	     line_distance(&w->c, l->last - 1u, core);
	w->r.lines[kind_of(line)] += ns;
	return ns;
}

static bool has(const struct line *l, unsigned core)
{
	return l->has[core / 64] >> core % 64 & 1;
}

static bool has_alone(const struct line *l, unsigned core)
{
	for (unsigned i = 0; i < CORES_MAX / 64; i++)
		if (l->has[i] != (i == core / 64 ? 1ull << core % 64 : 0))
			return false;
	return true;
}

double line_write(struct world *w, uint32_t line, unsigned core)
{
	struct line *l = &w->line[line];
	double ns = 0;

	/* A line that others have read must be taken from them, too. */
	if (!has_alone(l, core)) {
		ns = fetch(w, line, core);
		if (l->last == core + 1u)
			ns = fmax(ns, w->c.near);
		l->busy = w->now + ns;
	}
	memset(l->has, 0, sizeof(l->has));
	l->has[core / 64] = 1ull << core % 64;
	l->last = (uint16_t)(core + 1);
	return ns;
}

double line_read(struct world *w, uint32_t line, unsigned core)
{
	struct line *l = &w->line[line];
	double ns = 0;

	if (!has(l, core))
		ns = fetch(w, line, core);	/* readers don't hinder each other */
	l->has[core / 64] |= 1ull << core % 64;
	return ns;
}
