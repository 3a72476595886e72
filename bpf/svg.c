/* SPDX-License-Identifier: Apache-2.0 */
/*
 * svg.c - a flame graph as one SVG: no script, no font and no picture from
 * elsewhere.  Each box has its name as far as it fits, and all of it, with its
 * weight and share, as its tooltip.  Processes are green, frames of mheap's blue,
 * what happened is grey, and all else warm.
 */
#include <inttypes.h>
#include <stdbool.h>

#include "bpf/flame.h"

#define WIDTH		1200.0
#define MARGIN		10.0
#define ROW		18.0
#define TOP		52.0
#define CHAR		6.6	/* of a monospaced letter of 11 px */
#define LEAST		0.4	/* boxes that are narrower aren't drawn */

struct drawing {
	FILE	   *f;
	const char *unit;
	double	    scale, base;
	uint64_t    total;
};

/* A byte of UTF-8 that isn't the first of its letter. */
static bool is_rest(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static size_t letters(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += !is_rest(*s);
	return n;
}

/* At most n letters. */
static void put_text(FILE *f, const char *s, size_t n)
{
	for (; *s && (n || is_rest(*s)); s++) {
		n -= !is_rest(*s);
		if (*s == '<')
			fputs("&lt;", f);
		else if (*s == '>')
			fputs("&gt;", f);
		else if (*s == '&')
			fputs("&amp;", f);
		else if (*s == '"')
			fputs("&quot;", f);
		else
			putc(*s, f);
	}
}

static uint32_t depth_of(const struct flame *n)
{
	uint32_t most = 0;

	for (const struct flame *c = n->child; c; c = c->next) {
		uint32_t d = 1 + depth_of(c);

		most = d > most ? d : most;
	}
	return most;
}

static uint32_t hash(const char *s)
{
	uint32_t h = 2166136261u;

	while (*s)
		h = (h ^ (unsigned char)*s++) * 16777619u;
	return h;
}

static void put_colour(FILE *f, const struct flame *n)
{
	uint32_t h = hash(n->name);

	if (n->kind == FLAME_PROCESS)
		fprintf(f, "hsl(90,25%%,%u%%)", 76 + h % 8);
	else if (n->kind == FLAME_EVENT)
		fprintf(f, "hsl(210,12%%,%u%%)", 80 + h % 8);
	else if (n->kind == FLAME_MHEAP)
		fprintf(f, "hsl(%u,65%%,74%%)", 200 + h % 16);
	else
		fprintf(f, "hsl(%u,80%%,%u%%)", 24 + h % 26, 66 + h / 32 % 10);
}

static void box(const struct drawing *d, const struct flame *n, double x,
		uint32_t level)
{
	double w = (double)n->total * d->scale;
	double y = d->base - (level + 1) * ROW;
	size_t fits = (size_t)((w - 4) / CHAR), len = letters(n->name);

	if (w < LEAST)
		return;
	fputs("<g><title>", d->f);
	put_text(d->f, n->name, len);
	fprintf(d->f, " (%" PRIu64 " %s, %.1f%%)</title><rect x=\"%.1f\" "
		"y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"1\" fill=\"",
		n->total, d->unit, 100.0 * (double)n->total / (double)d->total,
		x, y, w - (w > 1 ? .5 : 0), ROW - 1);
	put_colour(d->f, n);
	fputs("\"/>", d->f);
	if (w > 4 && fits >= 3) {
		fprintf(d->f, "<text x=\"%.1f\" y=\"%.1f\">", x + 3,
			y + ROW - 5.5);
		put_text(d->f, n->name, fits < len ? fits - 2 : len);
		fputs(fits < len ? "..</text>" : "</text>", d->f);
	}
	fputs("</g>\n", d->f);
}

static void boxes(const struct drawing *d, const struct flame *n, double x,
		  uint32_t level)
{
	for (const struct flame *c = n->child; c; c = c->next) {
		box(d, c, x, level);
		boxes(d, c, x, level + 1);
		x += (double)c->total * d->scale;
	}
}

void flame_svg(const struct flame *root, FILE *f, const char *title,
	       const char *unit)
{
	uint64_t total = root->total ? root->total : 1;
	double height = TOP + (depth_of(root) + 1) * ROW + MARGIN;
	struct drawing d = {
		.f = f, .unit = unit, .total = total,
		.scale = (WIDTH - 2 * MARGIN) / (double)total,
		.base = height - MARGIN,
	};
	struct flame all = { .name = "all", .total = root->total,
			     .child = root->child };

	fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" "
		"height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
		"font-family=\"monospace\" font-size=\"11\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fffdf8\"/>\n"
		"<text x=\"%.0f\" y=\"22\" font-size=\"15\" "
		"font-weight=\"bold\">", WIDTH, height, WIDTH, height, MARGIN);
	put_text(f, title, SIZE_MAX);
	fprintf(f, "</text>\n<text x=\"%.0f\" y=\"40\" fill=\"#555\">%" PRIu64
		" %s in all; width is the share, callers are below; "
		"blue: in mheap, grey: what happened</text>\n",
		MARGIN, root->total, unit);
	box(&d, &all, MARGIN, 0);
	boxes(&d, root, MARGIN, 1);
	fputs("</svg>\n", f);
}
