/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.c - see options.h.  One table: flag, value, help; one function that
 * checks ranges, so that a refusal always names value, bounds and remedy.
 */
#include "daemon/options.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/layout.h"

#ifndef PACKAGE_VERSION
#error "PACKAGE_VERSION comes from config.h"
#endif

#define MIB		(1ull << 20)
#define GIB		(1ull << 30)
#define SIZE_DEFAULT	(16 * GIB)
#define SIZE_MIN	MIB
#define SIZE_MAX_	(1024 * GIB)
#define LIMIT_MIN	MIB
#define LIMIT_MAX	(1ull << 50)
#define BASE_ALIGN	(2 * MIB)
#define BASE_MIN	(1ull << 32)
#define BASE_END	(1ull << 47)	/* of a user's addresses on x86-64 */

enum {
	KEY_NAME = 'n', KEY_SIZE = 's', KEY_LIMIT = 'l', KEY_FOREGROUND = 'f',
	KEY_BACKING = 0x100, KEY_SOCKET, KEY_BASE, KEY_GROUP, KEY_AUTOREMOVE,
	KEY_CLIENTS, KEY_STRIPES, KEY_NAMES, KEY_CHANNELS, KEY_QUOTA, KEY_KEEPER,
};

static const struct argp_option table[] = {
	{ NULL, 0, NULL, 0, "The heap:", 1 },
	{ "name", KEY_NAME, "NAME", 0, "Its name (default)", 1 },
	{ "size", KEY_SIZE, "BYTES", 0,
	  "Address range, not memory (16G; 1M to 1T)", 1 },
	{ "limit", KEY_LIMIT, "BYTES", 0,
	  "Memory it may use (the smaller of what /dev/shm has free and 80 % "
	  "of the machine's); the file NAME.limit beside the socket comes "
	  "first, and SIGHUP reads it again", 1 },
	{ "backing", KEY_BACKING, "shm|memfd", 0,
	  "Named in /dev/shm, or nameless and sealed (shm)", 1 },
	{ "base", KEY_BASE, "ADDR", 0,
	  "Where programs map it, a multiple of 2M; 0: anywhere", 1 },
	{ NULL, 0, NULL, 0, "Its service:", 2 },
	{ "socket", KEY_SOCKET, "PATH", 0, "Where to listen", 2 },
	{ "group", KEY_GROUP, "GROUP", 0,
	  "Members may attach too, beside this user and root", 2 },
	{ "foreground", KEY_FOREGROUND, NULL, 0, "Stay in the foreground", 2 },
	{ "autoremove", KEY_AUTOREMOVE, NULL, 0,
	  "End and remove a heap made so when its last client has left", 2 },
	{ "quota-spans", KEY_QUOTA, "N", 0,
	  "Spans one client may be given (no quota)", 2 },
	{ NULL, 0, NULL, 0, "Chosen when a heap is made:", 3 },
	{ "clients", KEY_CLIENTS, "N", 0, "Client slots (1024)", 3 },
	{ "stripes", KEY_STRIPES, "N", 0,
	  "Lists per span class, a power of two (as many as processors)", 3 },
	{ "names", KEY_NAMES, "N", 0, "Names, a power of two (65536)", 3 },
	{ "channels", KEY_CHANNELS, "N", 0, "Channels (4096)", 3 },
	{ "keeper", KEY_KEEPER, NULL, OPTION_HIDDEN, "", 4 },
	{ 0 },
};

struct parse {
	struct options	*o;
	struct refusal	*why;
};

bool parse_bytes(const char *text, uint64_t *ret_bytes)
{
	static const char suffixes[] = "KMGT";
	const char *at;
	uint64_t n;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return false;
	if (end[0]) {
		at = strchr(suffixes, end[0]);
		if (!at || end[1])
			return false;
		for (; at >= suffixes; at--) {
			if (n >> 54)
				return false;
			n <<= 10;
		}
	}
	*ret_bytes = n;
	return true;
}

const char *bytes_text(uint64_t bytes, char *buf, size_t len)
{
	static const char suffixes[] = "KMGT";
	int i = -1;

	while (bytes && bytes % 1024 == 0 && i < 3) {
		bytes /= 1024;
		i++;
	}
	if (i < 0)
		snprintf(buf, len, "%" PRIu64, bytes);
	else
		snprintf(buf, len, "%" PRIu64 "%c", bytes, suffixes[i]);
	return buf;
}

/*
 * 0x550000000000 and the 256 GiB from there on are free in ordinary programs on
 * x86-64 (position-independent ones begin at 0x555555554000 or above, libraries
 * and stacks far higher) and on aarch64 with 48 bits, and are application memory
 * for the address, memory and thread sanitizers too: most of what looks empty is
 * the thread sanitizer's shadow.  Other allocators have habits of their own,
 * such as mimalloc (0x020000000000 to 0x1e0000000000) and Go (0xc000000000).
 * Heaps of different names get different places, so that a program may have
 * several.  What is larger than that range goes where it is free without a
 * thread sanitizer.
 */
uint64_t default_base(const char *name, uint64_t size)
{
	const uint64_t range = 256 * GIB;
	uint64_t step = GIB, hash = 0xcbf29ce484222325ull;

	if (size > range)
		return 0x200000000000ull;
	while (step < size)
		step *= 2;
	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3ull;
	return 0x550000000000ull + (hash >> 32) % (range / step) * step;
}

static uint32_t default_stripes(void)
{
	long cores = sysconf(_SC_NPROCESSORS_CONF);
	uint32_t n = 1;

	while (n < 64 && (long)n < cores)
		n *= 2;
	return n;
}

static int bad(struct parse *p, const char *option, const char *value,
	       const char *remedy)
{
	refuse(p->why, EXIT_USAGE, -EINVAL, "%s %.60s: %s", option, value,
	       remedy);
	return EINVAL;
}

static int take_bytes(struct parse *p, const char *option, const char *text,
		      uint64_t min, uint64_t max, uint64_t *ret)
{
	char remedy[160], lo[24], hi[24];

	if (parse_bytes(text, ret) && *ret >= min && *ret <= max)
		return 0;
	snprintf(remedy, sizeof(remedy), "give bytes from %s to %s, with K, M, "
		 "G or T for powers of 1024", bytes_text(min, lo, sizeof(lo)),
		 bytes_text(max, hi, sizeof(hi)));
	return bad(p, option, text, remedy);
}

static int take_size(struct parse *p, const char *text)
{
	char remedy[96];
	int r = take_bytes(p, "--size", text, SIZE_MIN, SIZE_MAX_, &p->o->size);

	if (r || p->o->size % PAGE_BYTES == 0)
		return r;
	snprintf(remedy, sizeof(remedy), "give a multiple of %u, such as %"
		 PRIu64, PAGE_BYTES, round_up(p->o->size, PAGE_BYTES));
	return bad(p, "--size", text, remedy);
}

static int take_count(struct parse *p, const char *option, const char *text,
		      uint32_t min, uint32_t max, bool pow2, uint32_t *ret)
{
	char remedy[96];
	uint64_t n;

	if (parse_bytes(text, &n) && n >= min && n <= max &&
	    (!pow2 || !(n & (n - 1)))) {
		*ret = (uint32_t)n;
		return 0;
	}
	snprintf(remedy, sizeof(remedy), "give %s from %u to %u",
		 pow2 ? "a power of two" : "a number", min, max);
	return bad(p, option, text, remedy);
}

static int take_base(struct parse *p, const char *text)
{
	char *end;

	errno = 0;
	p->o->base = strtoull(text, &end, 0);
	if (errno || !text[0] || text[0] == '-' || *end ||
	    p->o->base % BASE_ALIGN ||
	    (p->o->base && p->o->base < BASE_MIN) || p->o->base >= BASE_END)
		return bad(p, "--base", text, "give an address from 0x100000000 "
			   "to 0x7fffffe00000 that is a multiple of 2 MiB "
			   "(0x200000), or 0 for anywhere");
	return 0;
}

static int take_backing(struct parse *p, const char *text)
{
	if (!strcmp(text, "shm"))
		p->o->backing = BACKING_SHM;
	else if (!strcmp(text, "memfd"))
		p->o->backing = BACKING_MEMFD;
	else
		return bad(p, "--backing", text, "give shm or memfd");
	return 0;
}

static int take_name(struct parse *p, const char *text)
{
	if (!heap_name_ok(text))
		return bad(p, "--name", text, "give 1 to 48 of A-Z a-z 0-9 . _ "
			   "-, not a dot first");
	strcpy(p->o->name, text);
	return 0;
}

static int take_socket(struct parse *p, const char *text)
{
	if (text[0] != '/' || strlen(text) >= HEAP_PATH_MAX)
		return bad(p, "--socket", text, "give an absolute path of at "
			   "most 107 bytes");
	p->o->socket = text;
	return 0;
}

static int take_value(struct parse *p, int key, const char *arg)
{
	struct options *o = p->o;

	switch (key) {
	case KEY_NAME:
		return take_name(p, arg);
	case KEY_SIZE:
		o->given |= GIVEN_SIZE;
		return take_size(p, arg);
	case KEY_LIMIT:
		o->given |= GIVEN_LIMIT;
		return take_bytes(p, "--limit", arg, LIMIT_MIN, LIMIT_MAX,
				  &o->limit);
	case KEY_BACKING:
		o->given |= GIVEN_BACKING;
		return take_backing(p, arg);
	case KEY_SOCKET:
		return take_socket(p, arg);
	case KEY_BASE:
		o->given |= GIVEN_BASE;
		return take_base(p, arg);
	case KEY_CLIENTS:
		o->given |= GIVEN_CLIENTS;
		return take_count(p, "--clients", arg, 1, SH_CLIENTS_MAX, false,
				  &o->clients);
	case KEY_STRIPES:
		o->given |= GIVEN_STRIPES;
		return take_count(p, "--stripes", arg, 1, 64, true, &o->stripes);
	case KEY_NAMES:
		o->given |= GIVEN_NAMES;
		return take_count(p, "--names", arg, 2, SH_NAMES_MAX, true,
				  &o->names);
	case KEY_CHANNELS:
		o->given |= GIVEN_CHANNELS;
		return take_count(p, "--channels", arg, 1, SH_CHANS_MAX, false,
				  &o->channels);
	case KEY_QUOTA:
		return take_bytes(p, "--quota-spans", arg, 1, UINT32_MAX,
				  &o->quota_spans);
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t take(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;

	switch (key) {
	case KEY_GROUP:
		p->o->group = arg;
		return 0;
	case KEY_FOREGROUND:
		p->o->foreground = true;
		return 0;
	case KEY_AUTOREMOVE:
		p->o->autoremove = true;
		return 0;
	case KEY_KEEPER:
		p->o->keeper = true;
		return 0;
	case ARGP_KEY_ARG:
		return bad(p, "argument", arg, "there are none; a heap's name "
			   "goes with --name");
	}
	return take_value(p, key, arg);
}

static int check_whole(struct parse *p)
{
	struct options *o = p->o;

	if (!(o->given & GIVEN_BASE))
		o->base = default_base(o->name, o->size);
	if (o->base + o->size <= BASE_END)
		return 0;
	return refuse(p->why, EXIT_USAGE, -EINVAL, "--base 0x%" PRIx64 ": %" PRIu64
		      " bytes from there end beyond 0x%llx: give a lower one",
		      o->base, o->size, BASE_END);
}

int options_parse(int argc, char **argv, struct options *ret_o,
		  struct refusal *why)
{
	static const struct argp parser = {
		.options = table, .parser = take,
		.doc = "Serves one heap in shared memory to many processes."
		       "\vWithout --foreground it returns 0 once it serves.  "
		       "SIGTERM ends it and leaves the heap for the next one; "
		       "`mheap destroy` removes a heap.",
	};
	struct options o = {
		.name = "default", .size = SIZE_DEFAULT, .clients = 1024,
		.stripes = default_stripes(), .names = SH_NAMES_MAX,
		.channels = SH_CHANS_MAX,
	};
	struct parse p = { &o, why };
	int r;

	argp_program_version = "mheapd (mheap) " PACKAGE_VERSION;
	argp_err_exit_status = EXIT_USAGE;
	r = argp_parse(&parser, argc, argv, 0, NULL, &p);
	if (r)
		return -r;
	r = check_whole(&p);
	if (!r)
		*ret_o = o;
	return r;
}
