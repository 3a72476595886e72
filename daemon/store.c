/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.c - finding, checking, making and mapping a heap; see store.h.  Runs
 * under the daemon's lock file.
 */
#include "daemon/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define NO_HEAP	1	/* a result beside 0 and -errno */

void store_init(struct store *st)
{
	memset(st, 0, sizeof(*st));
	segfiles_init(&st->files);
	st->lock.fd = -1;
	LIST_INIT(&st->jobs);
}

static void geo_bytes(const struct sh_geometry *g, uint64_t ret[SEGFILES])
{
	ret[SEG_HEAP] = g->heap_bytes;
	ret[SEG_CENTRAL] = g->central_bytes;
	ret[SEG_ARENA] = g->reserve_bytes;
}

static int store_map(struct store *st, const struct sh_geometry *g,
		     struct refusal *why)
{
	void **at[] = { &st->heap_map, &st->central_map };
	const uint64_t len[] = { g->heap_bytes, g->central_bytes };

	for (int i = 0; i < 2; i++) {
		void *p = mmap(NULL, len[i], PROT_READ | PROT_WRITE, MAP_SHARED,
			       st->files.rw[i], 0);

		if (p == MAP_FAILED)
			return refuse(why, EXIT_CANNOT, -errno, "can't map %"
				      PRIu64 " bytes: %s; is there a limit on "
				      "address space (ulimit -v)?", len[i],
				      strerror(errno));
		*at[i] = p;
	}
	st->sg.geo = *g;
	return 0;
}

static int store_view(struct store *st, const char *name, struct refusal *why)
{
	const struct sh_geometry g = st->sg.geo;
	int r = seg_view(&st->sg, st->heap_map, g.heap_bytes, st->central_map,
			 g.central_bytes, NULL);

	if (r)
		return refuse(why, EXIT_CANNOT, r, "the header of heap %s "
			      "contradicts itself: `mheap destroy %s` removes "
			      "it", name, name);
	return 0;
}

/* What must have memory before the first look at it; slots come with clients. */
static int back_fixed(struct store *st, const struct sh_geometry *g)
{
	const struct { int part; uint64_t from, to; } range[] = {
		{ SEG_HEAP, 0, g->names_off },
		{ SEG_CENTRAL, 0, g->slots_off },
	};
	int r = 0;

	for (size_t i = 0; !r && i < sizeof(range) / sizeof(*range); i++) {
		uint64_t lo = range[i].from & ~4095ull;
		uint64_t hi = round_up(range[i].to, 4096);

		r = segfile_back(st->files.rw[range[i].part], lo, hi - lo);
	}
	return r;
}

static int make_files(struct store *st, const struct options *o,
		      const struct sh_geometry *g, struct refusal *why)
{
	uint64_t bytes[SEGFILES];
	int r;

	geo_bytes(g, bytes);
	if (o->backing == BACKING_SHM)
		segfiles_unlink(o->name);	/* leavings without a heap */
	r = segfiles_new(&st->files, o->backing, o->name, bytes, why);
	if (r)
		return r;
	r = back_fixed(st, g);
	if (r)
		return refuse(why, EXIT_CANNOT, r, "no memory for the tables of "
			      "heap %s: %s; %s", o->name, strerror(-r),
			      o->backing == BACKING_SHM ?
			      "make /dev/shm larger (mount -o remount,size=), "
			      "or use --backing=memfd" :
			      "the memory limit of this control group is "
			      "reached");
	return store_map(st, g, why);
}

static int store_make(struct store *st, const struct options *o,
		      struct refusal *why)
{
	struct heap_choice ch = {
		.wish = { .reserve_bytes = o->size, .base = o->base,
			  .nclients = o->clients, .nstripes = o->stripes,
			  .nnames = o->names, .nchans = o->channels },
		.name = o->name, .uid = geteuid(), .backing = o->backing,
		.autoremove = o->autoremove,
	};
	struct sh_geometry g;
	int r = geo_plan(&ch.wish, &g);

	if (r)
		return refuse(why, EXIT_USAGE, r, "these sizes make no heap");
	r = make_files(st, o, &g, why);
	if (!r) {
		heap_layout_new(st->heap_map, &ch, &g);
		st->made = true;
		r = store_view(st, o->name, why);
	}
	if (r && o->backing == BACKING_SHM)
		segfiles_unlink(o->name);
	return r;
}

static int differs(struct refusal *why, const char *option, const char *name,
		   const char *given, const char *made)
{
	return refuse(why, EXIT_USAGE, -EINVAL, "%s %s: heap %s was made with "
		      "%s; leave the option out, or remove the heap first "
		      "(mheap destroy %s)", option, given, name, made, name);
}

static int check_number(const struct options *o, uint32_t bit,
			const char *option, uint64_t given, uint64_t made,
			struct refusal *why)
{
	char g[32], m[32];

	if (!(o->given & bit) || given == made)
		return 0;
	if (bit == GIVEN_BASE) {
		snprintf(g, sizeof(g), "0x%" PRIx64, given);
		snprintf(m, sizeof(m), "0x%" PRIx64, made);
	} else {
		bytes_text(given, g, sizeof(g));
		bytes_text(made, m, sizeof(m));
	}
	return differs(why, option, o->name, g, m);
}

/* What is chosen when a heap is made can't be chosen again. */
static int check_same(const struct options *o, const struct sh_header *hdr,
		      struct refusal *why)
{
	static const char *const backing[] = { "shm", "memfd" };
	const struct sh_geometry *g = &hdr->geo;
	int r = 0;

	if (o->given & GIVEN_BACKING && o->backing != hdr->backing)
		return differs(why, "--backing", o->name, backing[o->backing],
			       backing[hdr->backing & 1]);
	r = r ? r : check_number(o, GIVEN_SIZE, "--size", o->size,
				 g->reserve_bytes, why);
	r = r ? r : check_number(o, GIVEN_BASE, "--base", o->base, g->base,
				 why);
	r = r ? r : check_number(o, GIVEN_CLIENTS, "--clients", o->clients,
				 g->nclients, why);
	r = r ? r : check_number(o, GIVEN_STRIPES, "--stripes", o->stripes,
				 g->nstripes, why);
	r = r ? r : check_number(o, GIVEN_NAMES, "--names", o->names,
				 g->nnames, why);
	r = r ? r : check_number(o, GIVEN_CHANNELS, "--channels", o->channels,
				 g->nchans, why);
	return r;
}

/* 0: a heap of ours; NO_HEAP: made by half, or over; else not to be touched. */
static int read_header(int fd, const char *name, struct sh_header *ret_hdr,
		       struct refusal *why)
{
	ssize_t n = pread(fd, ret_hdr, sizeof(*ret_hdr), 0);

	if (n < 0)
		return refuse(why, EXIT_CANNOT, -errno, "can't read the header "
			      "of heap %s: %s", name, strerror(errno));
	if (n < 16 || !ret_hdr->magic)
		return NO_HEAP;
	if (ret_hdr->magic != SH_MAGIC)
		return refuse(why, EXIT_CANNOT, -EPROTO, "what is called heap "
			      "%s in /dev/shm is no heap; it stays untouched",
			      name);
	if (n < (ssize_t)sizeof(*ret_hdr) || ret_hdr->abi != sh_abi())
		return refuse(why, EXIT_CANNOT, -EPROTO, "heap %s is of another "
			      "layout (ABI %016" PRIx64 ", this mheapd %s has %016"
			      PRIx64 ") and stays untouched; use the version "
			      "that made it, or remove it: mheap destroy %s",
			      name, ret_hdr->abi, PACKAGE_VERSION, sh_abi(),
			      name);
	return ld_acq(&ret_hdr->status) == HEAP_DESTROYED ? NO_HEAP : 0; /* [H1] */
}

static int store_use(struct store *st, const struct options *o,
		     const struct sh_header *hdr, const int *kept,
		     struct refusal *why)
{
	uint64_t bytes[SEGFILES];
	int r = check_same(o, hdr, why);

	geo_bytes(&hdr->geo, bytes);
	if (r)
		return r;
	r = kept ? segfiles_adopt(&st->files, kept, bytes, why) :
		   segfiles_open(&st->files, o->name, bytes, why);
	if (!r)
		r = store_map(st, &hdr->geo, why);
	return r ? r : store_view(st, o->name, why);
}

static int open_kept(struct store *st, const struct options *o, const int *kept,
		     struct refusal *why)
{
	struct sh_header hdr;
	int r = read_header(kept[SEG_HEAP], o->name, &hdr, why);

	if (!r)
		r = store_use(st, o, &hdr, kept, why);
	if (st->files.rw[0] < 0)
		for (int i = 0; i < SEGFILES; i++)
			close(kept[i]);
	return r;
}

static int open_named(struct store *st, const struct options *o,
		      struct refusal *why)
{
	char path[HEAP_PATH_MAX];
	struct sh_header hdr;
	int fd, r;

	heap_shm_name(geteuid(), o->name, "lock", path, sizeof(path));
	r = lockfile_take(&st->lock, true, path, why);
	if (r)
		return r;
	r = segfile_open_heap(o->name, &fd, why);
	if (r)
		return r == -ENOENT ? NO_HEAP : r;
	r = read_header(fd, o->name, &hdr, why);
	close(fd);
	return r ? r : store_use(st, o, &hdr, NULL, why);
}

int store_open(struct store *st, const struct options *o, const int *kept,
	       struct refusal *why)
{
	int r = kept ? open_kept(st, o, kept, why) : NO_HEAP;

	if (r == NO_HEAP)
		r = open_named(st, o, why);
	if (r == NO_HEAP)
		r = store_make(st, o, why);
	if (r || st->files.backing == BACKING_MEMFD)
		lockfile_drop(&st->lock, true);
	return r;
}

void store_remove(struct store *st, const char *name)
{
	struct sh_header *hdr = st->heap_map;

	st_rel(&hdr->status, HEAP_DESTROYED);			/* [H1] */
	if (st->files.backing == BACKING_SHM) {
		segfiles_unlink(name);
		lockfile_drop(&st->lock, true);
	}
}

uint64_t store_room(const struct store *st)
{
	uint64_t used = 0;
	struct statvfs fs;
	struct stat file;

	/* No blocks: no limit, as behind a memfd. */
	if (fstatvfs(st->files.rw[0], &fs) || !fs.f_blocks)
		return UINT64_MAX;
	for (int i = 0; i < SEGFILES; i++)
		if (!fstat(st->files.rw[i], &file))
			used += (uint64_t)file.st_blocks * 512;
	return (uint64_t)fs.f_bavail * fs.f_frsize + used;
}
