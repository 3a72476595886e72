/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_io.c - the kernel's side of a heap: memory behind pages, now or by a
 * job of the event loop, and waking clients.  See store.h.
 *
 * A job that is under way when the daemon ends runs to its end in the kernel,
 * or as far as it comes; its pages are then taken for pages without memory,
 * which is safe.
 */
#include "daemon/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PUNCH	(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

struct store_job {
	struct store	*st;
	struct heap_job	*job;
	LIST_ENTRY(store_job) link;
};

static int io_back(void *arg, enum seg_kind seg, uint64_t off, uint64_t len)
{
	struct store *st = arg;

	return segfile_back(st->files.rw[seg], off, len);
}

static void job_done(void *arg, int res)
{
	struct store_job *sj = arg;
	struct store *st = sj->st;
	struct heap_job *job = sj->job;

	LIST_REMOVE(sj, link);
	free(sj);
	heap_job_done(st->heap, job, res);
	if (st->job_ended)
		st->job_ended(st->arg);
}

/* So many bytes have zeros: whole pages count, the rest goes back. */
static void job_zeroed(void *arg, int res)
{
	struct store_job *sj = arg;
	uint64_t got = res < 0 ? 0 : (uint64_t)res & ~(PAGE_BYTES - 1ull);

	if (res > 0 && (uint64_t)res > got)
		fallocate(sj->st->files.rw[SEG_ARENA], PUNCH,
			  (off_t)(pgno_offset(sj->job->start) + got),
			  (off_t)((uint64_t)res - got));
	sj->job->got.n = (uint32_t)(got >> PAGE_SHIFT);
	job_done(arg, sj->job->got.n == sj->job->len.n ? 0 :
		      res < 0 ? res : -ENOSPC);
}

static bool start_job(struct store *st, struct store_job *sj)
{
	struct heap_job *job = sj->job;
	uint64_t off = pgno_offset(job->start), len = npages_bytes(job->len);
	int fd = st->files.rw[SEG_ARENA];

	return job->ahead ? loop_zero(st->loop, fd, off, len, job_zeroed, sj) :
	       loop_fallocate(st->loop, fd, job->punch ? PUNCH : 0, off, len,
			      job_done, sj);
}

static int io_start(void *arg, struct heap_job *job)
{
	struct store *st = arg;
	struct store_job *sj = malloc(sizeof(*sj));

	if (!sj)
		return -ENOMEM;
	sj->st = st;
	sj->job = job;
	LIST_INSERT_HEAD(&st->jobs, sj, link);
	if (start_job(st, sj))
		return 0;
	LIST_REMOVE(sj, link);
	free(sj);
	return -ENOMEM;
}

static uint64_t io_now_ns(void *arg)
{
	struct timespec t;

	(void)arg;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Shared: the word is known by file and offset, whoever maps it where. */
static void io_wake(void *arg, _Atomic uint32_t *word)
{
	(void)arg;
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

struct heap_io store_io(struct store *st, struct loop *loop, struct heap *h)
{
	st->loop = loop;
	st->heap = h;
	return (struct heap_io){ .arg = st, .back = io_back, .start = io_start,
				 .now_ns = io_now_ns, .wake = io_wake };
}

/* The loop is gone, and its callbacks with it. */
void store_close(struct store *st)
{
	struct store_job *sj;

	while ((sj = LIST_FIRST(&st->jobs))) {
		LIST_REMOVE(sj, link);
		free(sj);
	}
	if (st->heap_map)
		munmap(st->heap_map, st->sg.geo.heap_bytes);
	if (st->central_map)
		munmap(st->central_map, st->sg.geo.central_bytes);
	st->heap_map = st->central_map = NULL;
	segfiles_close(&st->files);
	lockfile_drop(&st->lock, false);
}
