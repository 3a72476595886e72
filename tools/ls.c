/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ls.c - `mheap ls`: the heaps of this user and of the system.  One that may not
 * be looked at is still listed, with what its files say from outside.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/args.h"
#include "tools/commands.h"
#include "tools/find.h"
#include "tools/json.h"
#include "tools/say.h"

#define NAMES_ONLY	(1u << 1)
#define LS_MS		1000

struct row {
	const struct place *p;
	bool		    seen;	/* else the figures are of the files */
	uint64_t	    reserve_bytes, committed_bytes;
	uint32_t	    clients, pid;
	const char	   *state, *backing;
};

static void from_view(struct row *r, const struct view *v)
{
	r->seen = true;
	r->reserve_bytes = v->sg.geo.reserve_bytes;
	r->committed_bytes =
		ld_rlx(&v->sg.hdr->count.committed_bytes);	/* [H2] */
	r->clients = view_clients(v);
	r->pid = view_daemon_pid(v, r->p);
	r->state = view_state(v, r->p);
	r->backing = backing_name(v->sg.hdr->backing);
}

static void from_files(struct row *r)
{
	static const char *const part[] = { "heap", "central", "arena" };
	char path[16 + HEAP_PATH_MAX];
	struct stat st;

	r->backing = "memfd";
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "/dev/shm/mheap.%u.%s.%s",
			 r->p->uid, r->p->name, part[i]);
		if (stat(path, &st))
			continue;
		r->backing = "shm";
		r->committed_bytes += (uint64_t)st.st_blocks * 512;
		if (i == 2)
			r->reserve_bytes = (uint64_t)st.st_size;
	}
}

/* Why we could not look at it is not said: `mheap stat` does. */
static void row_of(const struct place *p, struct row *r)
{
	struct view v;

	*r = (struct row){ .p = p, .state = "unknown" };
	if (view_place(&v, p, LS_MS)) {
		from_files(r);
		if (v.silent)
			r->state = "silent";
		else if (!strcmp(r->backing, "memfd"))
			r->state = "dead";
		return;
	}
	from_view(r, &v);
	view_close(&v);
}

static void print_row(const struct row *r)
{
	printf("%-24s %6u %9s %11s ", r->p->name, r->p->uid,
	       r->reserve_bytes ? figure_bytes(r->reserve_bytes).s : "-",
	       figure_bytes(r->committed_bytes).s);
	if (r->seen)
		printf("%7u ", r->clients);
	else
		printf("%7s ", "-");
	printf("%-5s   %s", r->backing, r->state);
	if (r->pid)
		printf(" (process %u)", r->pid);
	putchar('\n');
}

static void json_row(struct json_object *list, const struct row *r)
{
	struct json_object *o = json_item(list);

	json_text(o, "name", r->p->name, sizeof(r->p->name));
	json_u64(o, "uid", r->p->uid);
	json_u64(o, "reserve_bytes", r->reserve_bytes);
	json_u64(o, "committed_bytes", r->committed_bytes);
	json_u64(o, "clients", r->clients);
	json_text(o, "backing", r->backing, 8);
	json_text(o, "state", r->state, 16);
	json_u64(o, "daemon_pid", r->pid);
	json_text(o, "socket", r->p->socket, sizeof(r->p->socket));
}

static void print_all(const struct places *all)
{
	struct row r;

	if (!all->n)
		return;
	printf("%-24s %6s %9s %11s %7s %-7s %s\n", "NAME", "UID", "SIZE",
	       "MEMORY", "CLIENTS", "BACKING", "DAEMON");
	for (size_t i = 0; i < all->n; i++) {
		row_of(&all->at[i], &r);
		print_row(&r);
	}
}

static void json_all(const struct places *all)
{
	struct json_object *o = json_new(), *list = json_list(o, "heaps");
	struct row r;

	for (size_t i = 0; i < all->n; i++) {
		row_of(&all->at[i], &r);
		json_row(list, &r);
	}
	json_print(o);
}

static void names_all(const struct places *all)
{
	for (size_t i = 0; i < all->n; i++)
		puts(all->at[i].name);
}

int cmd_ls(int argc, char **argv)
{
	static const struct argp_option options[] = {
		ARG_OPTION_JSON,
		ARG_OPTION(1, "names", "Names alone, asking no daemon"),
		ARG_END
	};
	static const struct args_rule rule = {
		options, NULL, "The heaps of this user and of the system, for "
		"root those of all users.\vDAEMON: serving; silent (it does not "
		"answer); stopped (ended as it should); dead (killed: start "
		"mheapd again); destroyed; unknown (not ours to look at).",
		0, false, 0,
	};
	struct places all;
	struct args a;
	int r;

	args_parse(&rule, argc, argv, &a);
	r = places_find(&all);
	if (r)
		return refuse(EXIT_FAULT, "%s", strerror(-r));
	if (a.flags & ARG_JSON)
		json_all(&all);
	else
		(a.flags & NAMES_ONLY ? names_all : print_all)(&all);
	places_free(&all);
	return 0;
}
