/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.c - `mheap names`: the named objects of a heap.  A name whose object was
 * freed stays, and is shown as stale.
 */
#include "shm/names.h"

#include <inttypes.h>
#include <stdio.h>

#include "tools/args.h"
#include "tools/commands.h"
#include "shm/handle.h"
#include "tools/json.h"
#include "tools/object.h"
#include "tools/say.h"
#include "tools/view.h"

struct named {
	char	 text[64];
	uint64_t handle;
	bool	 stale;
	uint64_t bytes;			/* 0 if stale */
};

static bool named_of(const struct seg *sg, uint32_t i, struct named *n)
{
	struct geom g;
	uint32_t slot;

	if (!name_read(sg, i, n->text, &n->handle))
		return false;
	n->stale = !handle_find(sg, n->handle, &g, &slot) ||
		   slot_use(sg, &g, span_load(sg, g.id), slot) != SLOT_SHARED;
	n->bytes = n->stale ? 0 : g.elem;
	return true;
}

static void print_names(const struct seg *sg)
{
	char text[sizeof(((struct named *)0)->text)];
	struct named n;

	for (uint32_t i = 0; i < sg->geo.nnames; i++) {
		if (!named_of(sg, i, &n))
			continue;
		safe_text(text, sizeof(text), n.text, sizeof(n.text),
			  SAFE_TERMINAL);
		printf("0x%016" PRIx64 " %11s %s\n", n.handle,
		       n.stale ? "stale" : figure_bytes(n.bytes).s, text);
	}
}

static void json_names(const struct seg *sg)
{
	struct json_object *o = json_new(), *list = json_list(o, "names");
	struct named n;

	for (uint32_t i = 0; i < sg->geo.nnames; i++) {
		struct json_object *row;

		if (!named_of(sg, i, &n))
			continue;
		row = json_item(list);
		json_text(row, "name", n.text, sizeof(n.text));
		json_u64(row, "handle", n.handle);
		json_u64(row, "bytes", n.bytes);
		json_flag(row, "stale", n.stale);
	}
	json_print(o);
}

int cmd_names(int argc, char **argv)
{
	static const struct argp_option options[] = { ARG_OPTION_JSON,
						      ARG_END };
	static const struct args_rule rule = {
		options, "NAME", "The named objects of heap NAME: handle, size, "
		"name.", 1, true, 0,
	};
	struct args a;
	struct place p;
	struct view v;
	int r;

	args_parse(&rule, argc, argv, &a);
	r = view_open(&v, &p, a.arg[0]);
	if (r)
		return r;
	(a.flags & ARG_JSON ? json_names : print_names)(&v.sg);
	view_close(&v);
	return 0;
}
