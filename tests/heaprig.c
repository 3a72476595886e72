/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heaprig.c - see heaprig.h.  Owns the mappings and the record of what has
 * memory; takes no locks.
 */
#include "tests/heaprig.h"
#include "tests/must.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define OS_PAGE		4096u

static uint64_t unit(enum seg_kind seg)
{
	return seg == SEG_ARENA ? PAGE_BYTES : OS_PAGE;
}

/* Memory for, or from, units [from, from + n) of a segment. */
static int set_backed(struct rig *r, enum seg_kind seg, uint64_t from,
		      uint64_t n, bool on)
{
	struct rig_piece *p = &r->piece[seg];
	uint64_t change = 0;

	for (uint64_t i = from; i < from + n; i++)
		change += p->backed[i] != on;
	if (on && r->budget != UINT64_MAX && change * unit(seg) > r->budget)
		return -ENOSPC;
	if (r->budget != UINT64_MAX)
		r->budget += (on ? -change : change) * unit(seg);
	p->nbacked += on ? change : -change;
	memset(p->backed + from, on, n);
	return 0;
}

static int rig_back(void *arg, enum seg_kind seg, uint64_t off, uint64_t len)
{
	struct rig *r = arg;
	struct rig_piece *p = &r->piece[seg];
	int err;

	MUST(seg != SEG_ARENA && len && off % OS_PAGE == 0 &&
	     len % OS_PAGE == 0 && off + len <= p->bytes);
	err = set_backed(r, seg, off / OS_PAGE, len / OS_PAGE, true);
	if (!err && r->guard)
		MUST(!mprotect(p->map + off, len, PROT_READ | PROT_WRITE));
	return err;
}

static void arena_clear(struct rig *r, const struct heap_job *job)
{
	if (r->piece[SEG_ARENA].map)
		memset(r->piece[SEG_ARENA].map + pgno_offset(job->start), 0,
		       npages_bytes(job->len));
}

/* As a tmpfs that runs full: the pages up to there have memory. */
static int work_ahead(struct rig *r, struct heap_job *job, int res)
{
	uint32_t n = res ? r->partial : job->len.n;

	MUST(n <= job->len.n);
	while (job->got.n < n) {
		if (set_backed(r, SEG_ARENA, job->start.n + job->got.n, 1, true))
			return -ENOSPC;
		job->got.n++;
	}
	r->partial = 0;
	return res;
}

/* Does what the job is for, unless it is to fail. */
static int job_work(struct rig *r, struct heap_job *job, int res)
{
	MUST(job->len.n && job->start.n + job->len.n <= r->sg.geo.npages);
	*(job->punch ? &r->punches : job->ahead ? &r->aheads : &r->commits) += 1;
	if (job->ahead)
		return work_ahead(r, job, res);
	if (job->punch && !res)
		res = r->punch_err;
	if (res)
		return res;
	if (job->punch)
		arena_clear(r, job);
	return set_backed(r, SEG_ARENA, job->start.n, job->len.n, !job->punch);
}

static int rig_start(void *arg, struct heap_job *job)
{
	struct rig *r = arg;

	if (r->no_start)
		return -ENOMEM;
	if (r->queued) {
		MUST(r->njobs < RIG_JOBS);
		r->job[r->njobs++] = job;
		return 0;
	}
	heap_job_done(&r->h, job, job_work(r, job, 0));
	return 0;
}

bool rig_end_job(struct rig *r, int res)
{
	struct heap_job *job = r->job[0];

	if (!r->njobs)
		return false;
	memmove(r->job, r->job + 1, --r->njobs * sizeof(r->job[0]));
	heap_job_done(&r->h, job, job_work(r, job, res));
	return true;
}

unsigned rig_end_jobs(struct rig *r)
{
	unsigned n = 0;

	while (rig_end_job(r, 0))
		n++;
	return n;
}

static uint64_t rig_now(void *arg)
{
	return ((struct rig *)arg)->now;
}

static void rig_wake(void *arg, _Atomic uint32_t *word)
{
	struct rig *r = arg;

	r->woken[r->nwoken++ % RIG_WAKES] = word;
}

/* Address range that begins at a multiple of 2 MiB, as every arena does. */
static void *aligned_room(uint64_t bytes)
{
	const uint64_t huge = 2u << 20;
	char *room = mmap(NULL, bytes + huge, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *p = (char *)round_up((uint64_t)(uintptr_t)room, huge);

	MUST((void *)room != MAP_FAILED);
	if (p > room)
		MUST(!munmap(room, (size_t)(p - room)));
	MUST(!munmap(p + bytes, (size_t)(room + huge - p)));
	return p;
}

static void piece_make(struct rig *r, enum seg_kind seg, uint64_t bytes)
{
	struct rig_piece *p = &r->piece[seg];

	p->bytes = bytes;
	p->backed = calloc(bytes / unit(seg), 1);
	MUST(p->backed);
	if (seg == SEG_ARENA && !r->opts.arena)
		return;
	p->map = mmap(aligned_room(bytes), bytes,
		      r->guard && seg != SEG_ARENA ? PROT_NONE :
		      PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
		      -1, 0);
	MUST(p->map != MAP_FAILED);
}

static void view(struct rig *r)
{
	MUST(!seg_view(&r->sg, r->piece[SEG_HEAP].map, r->piece[SEG_HEAP].bytes,
		       r->piece[SEG_CENTRAL].map, r->piece[SEG_CENTRAL].bytes,
		       r->piece[SEG_ARENA].map));
}

static struct rig *rig_make(const struct rig_opts *o,
			    const struct sh_geometry *geo)
{
	struct rig *r = calloc(1, sizeof(*r));

	MUST(r);
	r->opts = *o;
	r->guard = !o->no_guard;
	r->queued = o->queued;
	r->now = 1000000000;
	r->budget = o->budget ? o->budget : UINT64_MAX;
	piece_make(r, SEG_HEAP, geo->heap_bytes);
	piece_make(r, SEG_CENTRAL, geo->central_bytes);
	piece_make(r, SEG_ARENA, geo->reserve_bytes);
	return r;
}

struct rig *rig_new(const struct rig_opts *o)
{
	static const struct rig_opts none;
	struct heap_choice ch = { .name = "rig" };
	struct sh_geometry geo;
	struct rig *r;

	if (!o)
		o = &none;
	ch.wish = (struct geo_wish){
		.reserve_bytes = o->reserve ? o->reserve : 1u << 20,
		.nclients = o->clients ? o->clients : 4,
		.nstripes = o->stripes ? o->stripes : 2,
		.nnames = o->names ? o->names : 16,
		.nchans = o->chans ? o->chans : 4,
	};
	MUST(!geo_plan(&ch.wish, &geo));
	r = rig_make(o, &geo);
	for (enum seg_kind s = SEG_HEAP; s <= SEG_CENTRAL; s++)
		MUST(!rig_back(r, s, 0, heap_fixed_bytes(&geo, s)));
	heap_layout_new(r->piece[SEG_HEAP].map, &ch, &geo);
	view(r);
	MUST(!rig_open(r));
	return r;
}

void rig_kill(struct rig *r)
{
	if (r->open)
		heap_close(&r->h);
	r->open = false;
	r->njobs = 0;
}

int rig_open(struct rig *r)
{
	struct heap_io io = { .arg = r, .back = rig_back, .start = rig_start,
			      .now_ns = rig_now, .wake = rig_wake };
	int err = heap_open(&r->h, &r->sg, &io, r->opts.limit);

	r->open = !err;
	return err;
}

int rig_reopen(struct rig *r)
{
	rig_kill(r);
	return rig_open(r);
}

void rig_free(struct rig *r)
{
	rig_kill(r);
	for (enum seg_kind s = SEG_HEAP; s <= SEG_ARENA; s++) {
		if (r->piece[s].map)
			munmap(r->piece[s].map, r->piece[s].bytes);
		free(r->piece[s].backed);
	}
	free(r);
}

static void piece_copy(const struct rig *r, struct rig *dst, enum seg_kind seg)
{
	const struct rig_piece *from = &r->piece[seg];
	struct rig_piece *to = &dst->piece[seg];

	for (uint64_t i = 0; i < from->bytes / unit(seg); i++) {
		uint64_t off = i * unit(seg);

		/* What lost its memory reads as zero when it gets some again. */
		if (to->map && to->backed[i] && !from->backed[i])
			memset(to->map + off, 0, unit(seg));
		if (seg != SEG_ARENA && dst->guard &&
		    to->backed[i] != from->backed[i])
			MUST(!mprotect(to->map + off, unit(seg),
				       from->backed[i] ?
				       PROT_READ | PROT_WRITE : PROT_NONE));
		if (from->backed[i] && from->map)
			memcpy(to->map + off, from->map + off, unit(seg));
		to->backed[i] = from->backed[i];
	}
	to->nbacked = from->nbacked;
}

void rig_copy_to(const struct rig *r, struct rig *dst)
{
	rig_kill(dst);
	for (enum seg_kind s = SEG_HEAP; s <= SEG_ARENA; s++)
		piece_copy(r, dst, s);
	dst->now = r->now;
	dst->budget = r->budget;
	dst->forgetful = r->forgetful;
	view(dst);
}

struct rig *rig_copy(const struct rig *r)
{
	struct rig *dst = rig_make(&r->opts, &r->sg.geo);

	rig_copy_to(r, dst);
	return dst;
}

/* What counts starts and work done; everything else has to be equal. */
static struct sh_header header_of(const struct rig *r)
{
	struct sh_header h;

	memcpy(&h, r->piece[SEG_HEAP].map, sizeof(h));
	st_rlx(&h.epoch, 0);
	st_rlx(&h.count.reclaim_ns, 0);
	st_rlx(&h.count.sweeps, 0);
	return h;
}

static bool piece_same(const struct rig_piece *a, const struct rig_piece *b,
		       uint64_t from)
{
	for (uint64_t i = from / OS_PAGE; i < a->bytes / OS_PAGE; i++) {
		uint64_t off = i * OS_PAGE, skip = off < from ? from - off : 0;

		if (a->backed[i] != b->backed[i] ||
		    (a->backed[i] && memcmp(a->map + off + skip,
					    b->map + off + skip,
					    OS_PAGE - skip)))
			return false;
	}
	return true;
}

bool rig_same(const struct rig *a, const struct rig *b)
{
	struct sh_header ha = header_of(a), hb = header_of(b);

	return !memcmp(&ha, &hb, sizeof(ha)) &&
	       piece_same(&a->piece[SEG_HEAP], &b->piece[SEG_HEAP],
			  sizeof(ha)) &&
	       piece_same(&a->piece[SEG_CENTRAL], &b->piece[SEG_CENTRAL], 0);
}

/* Each page with a commit bit has memory, and only jobs may have more. */
static const char *check_memory(struct rig *r)
{
	uint32_t top = seg_page_top(&r->sg);
	const uint8_t *has = r->piece[SEG_ARENA].backed;

	for (uint32_t p = 0; p < r->sg.geo.npages; p++) {
		bool bit = p < top && (ld_rlx(&r->sg.commit[p / 64]) >>
				       p % 64 & 1);

		if (bit && !has[p]) {
			snprintf(r->text, sizeof(r->text), "page %u is said "
				 "to have memory and has none", p);
			return r->text;
		}
		if (!bit && has[p] && r->open && !r->njobs &&
		    !r->forgetful) {
			snprintf(r->text, sizeof(r->text), "page %u has "
				 "memory that is forgotten", p);
			return r->text;
		}
	}
	return NULL;
}

/* Walks that pass chunks of unused ids see every span. */
static const char *check_ids(const struct rig *r)
{
	for (span_id id = { 1 }; id.n < seg_span_top(&r->sg); id.n++) {
		struct geom g;

		if (span_state(span_load(&r->sg, id)) != SPAN_FREE &&
		    geom_read(&r->sg, id, &g) &&
		    !r->h.ids_used[id.n / IDS_CHUNK])
			return "a span in a chunk of ids that counts none";
	}
	return NULL;
}

const char *rig_check(struct rig *r)
{
	struct verify_opts o = { .quiet_heap = true, .in_calls = r->in_calls };
	const char *why = check_memory(r);

	if (!why && verify_heap(&r->sg, &o, &r->report))
		why = r->report.text;
	if (!why && r->open)
		why = pages_check(r->h.pages);
	if (!why && r->open)
		why = pages_check(r->h.blocks);
	if (!why && r->open)
		why = check_ids(r);
	return why;
}
