/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flame.h - stacks put together as a tree, by name, from the root: written as
 * folded lines or as a flame graph (Brendan Gregg's picture: the width of a box
 * is its share, its callers are below it).
 */
#ifndef BPF_FLAME_H
#define BPF_FLAME_H

#include <stdint.h>
#include <stdio.h>

enum flame_kind { FLAME_PROCESS, FLAME_FRAME, FLAME_MHEAP, FLAME_EVENT };

struct flame {
	const char   *name;		/* the tree's own copy, safe_text() */
	enum flame_kind kind;		/* colours it */
	uint64_t      self, total;
	struct flame *child, *next;	/* children in the order of names */
};

struct flame *flame_new(void);
void flame_free(struct flame *root);

/* One step from `at` up; makes it if it is new.  NULL: out of memory. */
struct flame *flame_step(struct flame *at, const char *name,
			 enum flame_kind kind);

/* Gives the weight to a leaf; flame_total() then sums up to the root. */
void flame_total(struct flame *root);

/* "root;caller;leaf 12" a line; a `;' of a name's own is a `?'. */
void flame_folded(const struct flame *root, FILE *f);

/* One SVG with nothing outside it.  unit: "us", "times" ... */
void flame_svg(const struct flame *root, FILE *f, const char *title,
	       const char *unit);

#endif
