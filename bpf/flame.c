/* SPDX-License-Identifier: Apache-2.0 */
/* flame.c - see flame.h: the tree, and folded lines.  The picture is svg.c. */
#include "bpf/flame.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX	64

struct flame *flame_new(void)
{
	return calloc(1, sizeof(struct flame));
}

void flame_free(struct flame *n)
{
	while (n) {
		struct flame *next = n->next;

		flame_free(n->child);
		free((char *)(uintptr_t)n->name);
		free(n);
		n = next;
	}
}

struct flame *flame_step(struct flame *at, const char *name,
			 enum flame_kind kind)
{
	struct flame **p = &at->child, *n;

	while (*p && strcmp((*p)->name, name) < 0)
		p = &(*p)->next;
	if (*p && !strcmp((*p)->name, name))
		return *p;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->name = strdup(name);
	if (!n->name) {
		free(n);
		return NULL;
	}
	n->kind = kind;
	n->next = *p;
	*p = n;
	return n;
}

void flame_total(struct flame *root)
{
	root->total = root->self;
	for (struct flame *c = root->child; c; c = c->next) {
		flame_total(c);
		root->total += c->total;
	}
}

static void put_name(const char *s, FILE *f)
{
	for (; *s; s++)
		putc(*s == ';' ? '?' : *s, f);
}

static void folded(const struct flame *n, const char **path, uint32_t depth,
		   FILE *f)
{
	if (depth == DEPTH_MAX)
		return;
	path[depth] = n->name;
	if (n->self) {
		for (uint32_t i = 0; i <= depth; i++) {
			fputs(i ? ";" : "", f);
			put_name(path[i], f);
		}
		fprintf(f, " %" PRIu64 "\n", n->self);
	}
	for (const struct flame *c = n->child; c; c = c->next)
		folded(c, path, depth + 1, f);
}

void flame_folded(const struct flame *root, FILE *f)
{
	const char *path[DEPTH_MAX];

	for (const struct flame *c = root->child; c; c = c->next)
		folded(c, path, 0, f);
}
