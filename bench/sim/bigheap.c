/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bigheap.c - `sim restart`: makes a heap in /dev/shm whose tables say that it
 * is full, with no memory behind the arena (the daemon never touches it), and
 * measures how long it takes to take over: the rebuild in this process, then a
 * real mheapd from its start to the first client.  So a heap of 1 TiB takes the
 * memory of its metadata alone.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/sim/measure.h"
#include "bench/sim/sim.h"
#include "daemon/heap.h"
#include "daemon/options.h"
#include "daemon/segfiles.h"
#include "include/mheap.h"
#include "shm/paths.h"

#define START_MS	600000		/* the longest start that is waited for */

struct big {
	char name[40];
	struct sh_geometry geo;
	void *map[2];			/* heap, central */
	struct seg sg;
	struct heap h;
	double build_ms, rebuild_ms, start_ms, attach_ms;
};

static int no_back(void *arg, enum seg_kind seg, uint64_t off, uint64_t len)
{
	(void)arg, (void)seg, (void)off, (void)len;
	return 0;	/* a sparse file gets memory when it is touched */
}

static int done_at_once(void *arg, struct heap_job *job)
{
	heap_job_done(arg, job, 0);
	return 0;
}

static uint64_t clock_of(void *arg)
{
	(void)arg;
	return (uint64_t)now_ns();
}

static void wake_nobody(void *arg, _Atomic uint32_t *word)
{
	(void)arg, (void)word;
}

static void give_up(struct big *b, const char *what)
{
	perror(what);
	segfiles_unlink(b->name);
	exit(1);
}

static void *segment(struct big *b, int part, uint64_t bytes)
{
	char path[HEAP_PATH_MAX];
	void *p = MAP_FAILED;
	int fd;

	heap_shm_name(geteuid(), b->name, segfile_part[part], path,
		      sizeof(path));
	fd = shm_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)bytes))
		give_up(b, "sim restart: a segment in /dev/shm");
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		give_up(b, "sim restart: mapping a segment");
	return p;
}

static void open_heap(struct big *b)
{
	struct heap_io io = { .arg = &b->h, .back = no_back,
			      .start = done_at_once, .now_ns = clock_of,
			      .wake = wake_nobody };

	if (heap_open(&b->h, &b->sg, &io, 0)) {
		fprintf(stderr, "sim restart: the heap just made is damaged\n");
		segfiles_unlink(b->name);
		exit(1);
	}
}

static void make(struct big *b, uint64_t bytes)
{
	/* The last client that leaves takes it along. */
	struct heap_choice ch = { .name = b->name, .uid = geteuid(),
				  .autoremove = 1 };

	ch.wish = (struct geo_wish){ .reserve_bytes = bytes, .nclients = 1024,
				     .base = default_base(b->name, bytes),
				     .nstripes = 64, .nnames = SH_NAMES_MAX };
	if (geo_plan(&ch.wish, &b->geo)) {
		fprintf(stderr, "sim restart: no heap has %" PRIu64 " bytes\n",
			bytes);
		exit(2);
	}
	b->map[0] = segment(b, SEG_HEAP, b->geo.heap_bytes);
	b->map[1] = segment(b, SEG_CENTRAL, b->geo.central_bytes);
	munmap(segment(b, SEG_ARENA, b->geo.reserve_bytes),
	       b->geo.reserve_bytes);
	heap_layout_new(b->map[0], &ch, &b->geo);
	if (seg_view(&b->sg, b->map[0], b->geo.heap_bytes, b->map[1],
		     b->geo.central_bytes, NULL)) {
		fprintf(stderr, "sim restart: no view of the heap\n");
		exit(1);
	}
	open_heap(b);
}

/* FULL spans whose objects are all shared, until there are no more pages. */
static uint64_t fill(struct big *b, uint32_t sc)
{
	struct span_wish w = { .spc = span_class(LIFE_OWNED, sc) };
	struct party nobody = { 0, 0 };
	uint32_t reason;
	uint64_t n = 0;
	struct geom g;
	span_id id;

	while (!span_new(&b->h, &w, SPAN_FULL, nobody, &id, &reason)) {
		if (!geom_read(&b->sg, id, &g))
			abort();
		for (uint32_t i = 0; i < live_words(g.nslots); i++)
			st_rlx(&geom_live(&b->sg, &g)[i],
			       slot_mask(g.nslots, i));
		n++;
	}
	return n;
}

/* The kernel's clearing of fresh memory is not what is measured. */
static double rebuild(struct big *b, int times)
{
	double began, best = 0;

	for (int i = 0; i < times; i++) {
		heap_close(&b->h);
		began = now_ns();
		open_heap(b);
		if (!i || now_ns() - began < best)
			best = now_ns() - began;
	}
	return best / 1e6;
}

static pid_t spawn(struct big *b)
{
	const char *program = getenv("MHEAP_DAEMON");
	pid_t pid;

	if (!program)
		program = "mheapd";
	fflush(NULL);
	pid = fork();
	if (!pid) {
		execlp(program, program, "--name", b->name, "--foreground",
		       NULL);
		fprintf(stderr, "sim restart: can't run %s: set MHEAP_DAEMON\n",
			program);
		_exit(127);
	}
	return pid;
}

/* A daemon's start, and its first client's attach beside it. */
static void start(struct big *b)
{
	double began = now_ns(), tried = began;
	pid_t pid = spawn(b);
	mh_heap *h = NULL;
	int status;

	while (!h && now_ns() - began < START_MS * 1e6) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			give_up(b, "sim restart: mheapd did not serve");
		tried = now_ns();
		h = mh_attach(b->name, 0);
		if (!h)
			usleep(200);
	}
	if (!h)
		give_up(b, "sim restart: mheapd did not come up");
	b->start_ms = (now_ns() - began) / 1e6;
	b->attach_ms = (now_ns() - tried) / 1e6;
	mh_detach(h);
	waitpid(pid, &status, 0);
}

int cmd_restart(int argc, char **argv)
{
	double gib = 16, size = 64, began;
	struct big b;
	uint64_t spans;

	for (int i = 0; i < argc; i++)
		if (!arg_number(argv[i], "gib", &gib) &&
		    !arg_number(argv[i], "size", &size)) {
			fprintf(stderr, "sim restart: %s: gib= and size= are "
				"known\n", argv[i]);
			return 2;
		}
	if (!sc_of((size_t)size)) {
		fprintf(stderr, "sim restart: size=%g: 1 to %u\n", size,
			SC_RUN_MAX);
		return 2;
	}
	memset(&b, 0, sizeof(b));
	snprintf(b.name, sizeof(b.name), "sim-big-%d", (int)getpid());
	began = now_ns();
	make(&b, (uint64_t)(gib * (1u << 30)));
	spans = fill(&b, sc_of((size_t)size));
	b.build_ms = (now_ns() - began) / 1e6;
	b.rebuild_ms = rebuild(&b, spans > 4000000 ? 1 : 3);
	printf("gib=%g size=%.0f spans=%" PRIu64 " pages=%u meta=%" PRIu64
	       " build_ms=%.1f rebuild_ms=%.2f", gib, size, spans,
	       pages_in_use(b.h.pages).n, heap_meta_bytes(&b.h), b.build_ms,
	       b.rebuild_ms);
	heap_close(&b.h);
	munmap(b.map[0], b.geo.heap_bytes);
	munmap(b.map[1], b.geo.central_bytes);
	start(&b);
	printf(" start_ms=%.1f attach_ms=%.2f\n", b.start_ms, b.attach_ms);
	return 0;
}
