/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ps.c - `mheap ps`: the clients of a heap.  What they own is as of now; what
 * they cache is as of each one's last slow path.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "shm/count.h"
#include "tools/args.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/say.h"
#include "tools/view.h"

struct row {
	uint32_t slot, state;
	const struct sh_client *who;
	struct client_count n;
	uint64_t cached_bytes, inuse_bytes, waits, wait_ns;
};

static bool row_of(const struct view *v, uint32_t slot,
		   const struct client_count *n, struct row *ret_r)
{
	const struct sh_slot *c = &v->sg.slots[slot];
	uint64_t w = ld_acq(&v->sg.clients[slot].word);	/* [R1] */

	/* The slot of one that never was has no memory behind it. */
	if ((w & 0xff) == CLIENT_FREE)
		return false;
	*ret_r = (struct row){
		.slot = slot, .state = w & 0xff, .who = &v->sg.clients[slot],
		.n = n[slot],
		.cached_bytes = ld_rlx(&c->cached_bytes),	/* [C1] */
		.inuse_bytes = ld_rlx(&c->inuse_bytes),		/* [C1] */
		.waits = ld_rlx(&c->waits),			/* [C1] */
		.wait_ns = ld_rlx(&c->wait_ns),			/* [C1] */
	};
	return true;
}

static void print_row(const struct row *r)
{
	char comm[3 * sizeof(r->who->comm)];

	printf("%4u %8u %-15s %-7s %8" PRIu64 " %11s %11s %11s %8" PRIu64 "\n",
	       r->slot, r->who->pid, safe_text(comm, sizeof(comm), r->who->comm,
					       sizeof(r->who->comm),
					       SAFE_TERMINAL),
	       client_state_name(r->state), r->n.spans,
	       figure_bytes(r->n.owned_bytes).s,
	       figure_bytes(r->n.shared_bytes).s,
	       figure_bytes(r->cached_bytes).s, r->waits);
}

static void json_row(struct json_object *list, const struct row *r)
{
	struct json_object *o = json_item(list);

	json_u64(o, "slot", r->slot);
	json_u64(o, "pid", r->who->pid);
	json_text(o, "command", r->who->comm, sizeof(r->who->comm));
	json_text(o, "state", client_state_name(r->state), 16);
	json_u64(o, "uid", r->who->uid);
	json_u64(o, "spans", r->n.spans);
	json_u64(o, "owned_bytes", r->n.owned_bytes);
	json_u64(o, "shared_bytes", r->n.shared_bytes);
	json_u64(o, "inuse_bytes", r->inuse_bytes);
	json_u64(o, "cached_bytes", r->cached_bytes);
	json_u64(o, "waits", r->waits);
	json_u64(o, "wait_ns", r->wait_ns);
}

static void print_all(const struct view *v, const struct client_count *n)
{
	struct row r;

	printf("%4s %8s %-15s %-7s %8s %11s %11s %11s %8s\n", "SLOT", "PID",
	       "COMMAND", "STATE", "SPANS", "OWNED", "SHARED", "CACHED",
	       "WAITS");
	for (uint32_t i = 1; i <= v->sg.geo.nclients; i++)
		if (row_of(v, i, n, &r))
			print_row(&r);
}

static void json_all(const struct view *v, const struct client_count *n)
{
	struct json_object *o = json_new(), *list = json_list(o, "clients");
	struct row r;

	for (uint32_t i = 1; i <= v->sg.geo.nclients; i++)
		if (row_of(v, i, n, &r))
			json_row(list, &r);
	json_print(o);
}

int cmd_ps(int argc, char **argv)
{
	static const struct argp_option options[] = { ARG_OPTION_JSON,
						      ARG_END };
	static const struct args_rule rule = {
		options, "NAME", "The clients of heap NAME."
		"\vOWNED are the spans that the client owns, SHARED the shared "
		"objects in them, CACHED its free slots as of its last slow "
		"path.  PID 0 is a process that the daemon can't see.", 1, true, 0,
	};
	struct client_count *n;
	struct heap_count all;
	struct args a;
	struct place p;
	struct view v;
	int r;

	args_parse(&rule, argc, argv, &a);
	r = view_open(&v, &p, a.arg[0]);
	if (r)
		return r;
	n = calloc(v.sg.geo.nclients + 1, sizeof(*n));
	if (!n) {
		view_close(&v);
		return refuse(EXIT_FAULT, "out of memory");
	}
	count_heap(&v.sg, &all, n);
	(a.flags & ARG_JSON ? json_all : print_all)(&v, n);
	free(n);
	view_close(&v);
	return 0;
}
