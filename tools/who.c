/* SPDX-License-Identifier: Apache-2.0 */
/*
 * who.c - `mheap who`: what a handle or an address means.  The page map leads
 * from the page to the span, its geometry to the slot, its state word to who
 * owns it.  Reads the bookkeeping, never the object.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/names.h"
#include "tools/args.h"
#include "tools/commands.h"
#include "shm/chan.h"
#include "shm/handle.h"
#include "tools/json.h"
#include "tools/object.h"
#include "tools/say.h"
#include "tools/view.h"

#define AS_HANDLE	(1u << 1)
#define AS_ADDRESS	(1u << 2)

struct finding {
	uint64_t	 value, offset, word;
	bool		 by_handle, stale;	/* stale: of another generation */
	bool		 span, in_slot;
	struct geom	 g;
	uint32_t	 slot, into;		/* bytes behind the slot's start */
	enum slot_use	 use;
	char		 name[64];		/* one of its names, or "" */
};

static bool number(const char *text, uint64_t *ret_n)
{
	char *end;

	errno = 0;
	*ret_n = strtoull(text, &end, 0);
	return text[0] >= '0' && text[0] <= '9' && !errno && !*end;
}

static bool address_fits(const struct seg *sg, uint64_t v)
{
	return sg->geo.base && v >= sg->geo.base &&
	       v - sg->geo.base < sg->geo.reserve_bytes;
}

static bool handle_fits(const struct seg *sg, uint64_t v)
{
	return v >> handle_offset_bits(sg) &&
	       handle_offset(sg, v) < sg->geo.reserve_bytes;
}

/* A number may be both; then it is a handle if it leads to an object now. */
static bool read_as(const struct seg *sg, unsigned flags, struct finding *f)
{
	bool address = address_fits(sg, f->value) && !(flags & AS_HANDLE);
	bool handle = handle_fits(sg, f->value) && !(flags & AS_ADDRESS);
	struct geom g;
	uint32_t slot;

	if (handle && address)
		handle = handle_find(sg, f->value, &g, &slot);
	f->by_handle = handle;
	f->offset = handle ? handle_offset(sg, f->value) :
			     f->value - sg->geo.base;
	return handle || address;
}

static void find_slot(const struct seg *sg, struct finding *f)
{
	uint64_t off = f->offset - geom_offset(&f->g);
	uint32_t sc = spc_size_class(f->g.spc);

	f->slot = sc_is_small(sc) ? sc_slot(sc, (uint32_t)off) : 0;
	f->in_slot = f->slot < f->g.nslots;
	if (!f->in_slot)
		return;
	f->into = (uint32_t)(off - f->slot * f->g.elem);
	f->use = slot_use(sg, &f->g, f->word, f->slot);
}

static uint64_t own_handle(const struct seg *sg, const struct finding *f)
{
	return handle_make(sg, &f->g, f->offset - f->into);
}

static void find_name(const struct seg *sg, struct finding *f)
{
	uint64_t handle, mine = own_handle(sg, f);

	for (uint32_t i = 0; i < sg->geo.nnames; i++)
		if (name_read(sg, i, f->name, &handle) && handle == mine)
			return;
	f->name[0] = 0;
}

static void find_all(const struct seg *sg, struct finding *f)
{
	pgno page = { (uint32_t)(f->offset >> PAGE_SHIFT) };

	f->span = geom_of_page(sg, page, &f->g);
	if (!f->span)
		return;
	f->word = span_load(sg, f->g.id);
	f->stale = f->by_handle &&
		   handle_make(sg, &f->g, f->offset) != f->value;
	find_slot(sg, f);
	if (f->in_slot)
		find_name(sg, f);
}

static const char *use_text(const struct finding *f)
{
	static const char *const text[] = {
		[SLOT_SHARED] = "live",
		[SLOT_PARKED] = "parked",
		[SLOT_PRIVATE] = "private",
		[SLOT_EMPTY] = "empty",
	};

	return text[f->use];
}

static const char *use_help(const struct finding *f)
{
	static const char *const text[] = {
		[SLOT_SHARED] = "an object of the heap",
		[SLOT_PARKED] = "free, leased by the owner",
		[SLOT_PRIVATE] = "an owned object or free: only the owner knows",
		[SLOT_EMPTY] = "no object",
	};

	return text[f->use];
}

static void print_owner(const struct seg *sg, uint64_t word)
{
	struct party o = span_party(word);
	const struct sh_client *c = client_of(sg, o.slot, o.gen);
	char comm[3 * sizeof(c->comm)];

	if (span_state(word) != SPAN_OWNED && span_state(word) != SPAN_GRANTED)
		printf("owner    nobody\n");
	else if (o.slot == SH_DAEMON_SLOT)
		printf("owner    the daemon\n");
	else if (!c)
		printf("owner    slot %u, whose process is gone\n", o.slot);
	else
		printf("owner    slot %u, process %u (%s)\n", o.slot, c->pid,
		       safe_text(comm, sizeof(comm), c->comm, sizeof(c->comm),
				 SAFE_TERMINAL));
}

/* Client slots that hold the object; bit 0: the name. */
static struct holders holders_now(const struct seg *sg, const struct finding *f)
{
	if (f->use != SLOT_SHARED || spc_life(f->g.spc) != LIFE_HELD)
		return (struct holders){ 0, 0 };
	return holders_read(&geom_holders(sg, &f->g)[f->slot]);
}

/* The channel that it is in, or NULL. */
static const char *channel_of(const struct seg *sg, struct holders w,
			      char *buf64)
{
	return holders_queue(w) &&
	       holders_chan(w) < seg_chan_top(sg) &&
	       chan_name(sg, holders_chan(w), buf64) ? buf64 : NULL;
}

static void print_holders(const struct seg *sg, const struct finding *f)
{
	struct holders w = holders_now(sg, f);
	char comm[3 * 64], name[64];

	if (channel_of(sg, w, name))
		printf("holder   the channel %s\n",
		       safe_text(comm, sizeof(comm), name, sizeof(name),
				 SAFE_TERMINAL));
	if (holders_has(w, HOLDER_NAME))
		printf("holder   the name\n");
	for (uint32_t s = 1; s < SH_HOLDERS && s <= sg->geo.nclients; s++) {
		const struct sh_client *c = &sg->clients[s];

		if (holders_has(w, holder_bit(s)))
			printf("holder   slot %u, process %u (%s)\n", s, c->pid,
			       safe_text(comm, sizeof(comm), c->comm,
					 sizeof(c->comm), SAFE_TERMINAL));
	}
}

static void print_slot(const struct seg *sg, const struct finding *f)
{
	char name[sizeof(f->name)];

	printf("slot     %u of %u, %u bytes into it\n", f->slot, f->g.nslots,
	       f->into);
	printf("object   %s: %s\n", use_text(f), use_help(f));
	printf("handle   0x%" PRIx64 "\n", own_handle(sg, f));
	if (sg->geo.base)
		printf("address  0x%" PRIx64 "\n",
		       sg->geo.base + f->offset - f->into);
	if (f->name[0])
		printf("name     %s\n", safe_text(name, sizeof(name), f->name,
						  sizeof(f->name),
						  SAFE_TERMINAL));
	print_holders(sg, f);
}

static void print_finding(const struct seg *sg, const struct finding *f)
{
	uint32_t sc = spc_size_class(f->g.spc);

	printf("0x%" PRIx64 " is %s, offset 0x%" PRIx64 ", page %" PRIu64 "\n",
	       f->value, f->by_handle ? "a handle" : "an address", f->offset,
	       f->offset >> PAGE_SHIFT);
	if (!f->span) {
		puts("span     none: no memory of a span there");
		return;
	}
	printf("span     %u generation %u, %u pages from page %u, %s\n",
	       f->g.id.n, f->g.gen, f->g.len.n, f->g.start.n,
	       span_state_name(span_state(f->word)));
	printf("class    %u, %" PRIu64 " bytes, %s\n", sc, f->g.elem,
	       life_name(spc_life(f->g.spc)));
	print_owner(sg, f->word);
	if (f->stale)
		puts("stale    the handle is of an object before this span");
	if (f->in_slot)
		print_slot(sg, f);
	else
		puts("slot     none: behind the last one");
}

static void json_owner(struct json_object *o, const struct seg *sg,
		       uint64_t word)
{
	struct party who = span_party(word);
	const struct sh_client *c = client_of(sg, who.slot, who.gen);

	if (span_state(word) != SPAN_OWNED && span_state(word) != SPAN_GRANTED)
		return;
	json_u64(o, "owner_slot", who.slot);
	if (!c)
		return;
	json_u64(o, "owner_pid", c->pid);
	json_text(o, "owner_command", c->comm, sizeof(c->comm));
}

static void json_holders(struct json_object *o, const struct seg *sg,
			 const struct finding *f)
{
	struct holders w = holders_now(sg, f);
	struct json_object *list;
	char name[64];

	if (channel_of(sg, w, name))
		json_text(o, "channel", name, sizeof(name));
	list = json_list(o, "holders");
	for (uint32_t s = 1; s < SH_HOLDERS && s <= sg->geo.nclients; s++) {
		struct json_object *one;

		if (!holders_has(w, holder_bit(s)))
			continue;
		one = json_item(list);
		json_u64(one, "slot", s);
		json_u64(one, "pid", sg->clients[s].pid);
	}
	json_flag(o, "held_by_name", holders_has(w, HOLDER_NAME));
}

static void json_span(struct json_object *o, const struct seg *sg,
		      const struct finding *f)
{
	json_u64(o, "span", f->g.id.n);
	json_u64(o, "generation", f->g.gen);
	json_text(o, "state", span_state_name(span_state(f->word)), 16);
	json_u64(o, "class", spc_size_class(f->g.spc));
	json_u64(o, "size", f->g.elem);
	json_text(o, "lifetime", life_name(spc_life(f->g.spc)), 8);
	json_owner(o, sg, f->word);
	if (!f->in_slot)
		return;
	json_u64(o, "slot", f->slot);
	json_u64(o, "into", f->into);
	json_text(o, "object", use_text(f), 16);
	json_u64(o, "handle", own_handle(sg, f));
	json_text(o, "name", f->name, sizeof(f->name));
	if (spc_life(f->g.spc) == LIFE_HELD)
		json_holders(o, sg, f);
}

static void json_finding(const struct seg *sg, const struct finding *f)
{
	struct json_object *o = json_new();

	json_u64(o, "value", f->value);
	json_text(o, "read_as", f->by_handle ? "handle" : "address", 8);
	json_u64(o, "offset", f->offset);
	json_u64(o, "page", f->offset >> PAGE_SHIFT);
	json_flag(o, "found", f->span && f->in_slot && !f->stale);
	json_flag(o, "stale", f->stale);
	if (f->span)
		json_span(o, sg, f);
	json_print(o);
}

/* 0, or an exit status. */
static int look_up(const struct view *v, const struct args *a,
		   struct finding *f)
{
	const struct seg *sg = &v->sg;

	if (!number(a->arg[1], &f->value))
		return refuse(EXIT_USAGE, "\"%s\" is no number: give a handle "
			      "or an address, such as 0x550000000040", a->arg[1]);
	if (read_as(sg, a->flags, f))
		return 0;
	if (!sg->geo.base)
		return refuse(EXIT_USAGE, "%s is no handle of heap %s, and "
			      "addresses mean nothing outside a process: the "
			      "heap has no base", a->arg[1], a->arg[0]);
	return refuse(EXIT_USAGE, "%s is no handle of heap %s, and no address "
		      "in it: those go from 0x%" PRIx64 " to 0x%" PRIx64,
		      a->arg[1], a->arg[0], sg->geo.base,
		      sg->geo.base + sg->geo.reserve_bytes - 1);
}

int cmd_who(int argc, char **argv)
{
	static const struct argp_option options[] = {
		ARG_OPTION_JSON,
		ARG_OPTION(1, "handle", "Read the number as a handle"),
		ARG_OPTION(2, "address", "Read the number as an address"),
		ARG_END
	};
	static const struct args_rule rule = {
		options, "NAME HANDLE|ADDRESS", "What is there in heap NAME, "
		"and whose it is.\vAn address is one of a process that has the "
		"heap at its base, as almost all have.  Exit status 1: nothing "
		"is there, or the handle is stale.", 2, true, 0,
	};
	struct finding f = { 0 };
	struct args a;
	struct place p;
	struct view v;
	int r;

	args_parse(&rule, argc, argv, &a);
	r = view_open(&v, &p, a.arg[0]);
	if (r)
		return r;
	r = look_up(&v, &a, &f);
	if (!r) {
		find_all(&v.sg, &f);
		(a.flags & ARG_JSON ? json_finding : print_finding)(&v.sg, &f);
		r = f.span && f.in_slot && !f.stale ? 0 : EXIT_FAULT;
	}
	view_close(&v);
	return r;
}
