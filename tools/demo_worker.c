/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo_worker.c - one worker: receives a job, counts the words of the file in
 * objects that it owns, writes them into a held object and sends that.  It may be
 * killed anywhere.
 *
 * It never exits before the parent removes the channels, so that every client
 * that goes away while there is work has been killed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "tools/demo.h"
#include "tools/demo_messages.h"

#define BUFFER_BYTES	(64u << 10)
#define LEASH_NAP_NS	50000

struct worker {
	struct timed_heap heap;
	struct words_mem mem;
	mh_chan *jobs, *results;
	uint32_t seat, turn;
};

static void *owned_get(void *arg, size_t size)
{
	return timed_alloc(arg, size, 0);
}

static void owned_put(void *arg, void *p)
{
	timed_free(arg, p);
}

static int heap_fault(const struct worker *w)
{
	fprintf(stderr, "mheap demo: worker %u: %s\n", w->seat, mh_errmsg());
	return -1;
}

/* The parent has removed the channel: that is how it says that all is done. */
static int told_to_leave(const struct worker *w)
{
	return errno == EPIPE || errno == ENOENT ? 0 : heap_fault(w);
}

/*
 * On the leash a worker stands in the middle of the file until the parent has
 * killed whom it means to kill: so there is work left then, in every worker.
 */
static void stop_on_leash(const struct job *job)
{
	const struct timespec nap = { 0, LEASH_NAP_NS };

	while (atomic_load_explicit(&job->leash, memory_order_acquire))
		nanosleep(&nap, NULL);
}

/* The words are visited twice: how much room do they need, and into it. */
struct packing {
	const struct job *job;
	size_t bytes;
	struct result *r;		/* NULL the first time */
	char *at;
	uint32_t n, halt_at;
};

static int add_bytes(void *arg, const struct word *word)
{
	struct packing *p = arg;

	p->bytes += counted_bytes(word->len);
	return 0;
}

static int pack_word(void *arg, const struct word *word)
{
	struct packing *p = arg;
	struct counted *c = (void *)p->at;

	if (p->n++ == p->halt_at)
		stop_on_leash(p->job);
	c->count = word->count;
	c->hash = word->hash;
	c->len = word->len;
	memcpy(c->text, word->text, word->len + 1);
	p->at += counted_bytes(word->len);
	return 0;
}

static struct result *pack(struct worker *w, const struct words *words,
			   const struct job *job)
{
	struct packing p = { .job = job, .bytes = sizeof(*p.r) };

	words_visit(words, add_bytes, &p);
	p.r = timed_alloc(&w->heap, p.bytes, MH_HELD);
	if (!p.r)
		return NULL;
	p.at = (char *)p.r->first;
	if (words->distinct)
		p.halt_at = job->file * 2654435761u % words->distinct;
	else
		stop_on_leash(job);
	words_visit(words, pack_word, &p);
	p.r->words = words->total;
	p.r->ncounted = words->distinct;
	p.r->file = job->file;
	return p.r;
}

static int file_fault(const struct job *job, int err)
{
	fprintf(stderr, "mheap demo: %s: %s\n", job->path, strerror(err));
	return -1;
}

static int count_words(struct worker *w, const struct job *job,
		       struct words *words)
{
	char *buf = timed_alloc(&w->heap, BUFFER_BYTES, 0);
	int r;

	if (!buf)
		return heap_fault(w);
	r = words_of_file(words, job->path, buf, BUFFER_BYTES);
	timed_free(&w->heap, buf);
	if (r == -ENOMEM)
		return heap_fault(w);
	return r ? file_fault(job, -r) : 0;
}

static struct result *result_of(struct worker *w, const struct job *job)
{
	struct result *r = NULL;
	struct words words;

	if (words_begin(&words, &w->mem)) {
		heap_fault(w);
		return NULL;
	}
	if (!count_words(w, job, &words)) {
		r = pack(w, &words, job);
		if (!r)
			heap_fault(w);
	}
	words_end(&words);
	return r;
}

/* 1: done; 0: told to leave; -1: a fault, said. */
static int do_job(struct worker *w, struct job *job)
{
	struct result *r;

	/* release: the parent acts on whom it sees here */
	atomic_store_explicit(&job->by, job_by(w->seat, w->turn),
			      memory_order_release);
	r = result_of(w, job);
	if (!r)
		return -1;
	r->pause_ns = w->heap.pause_ns;
	if (mh_chan_send(w->results, r, -1)) {
		int left = told_to_leave(w);

		return timed_drop(&w->heap, r) ? heap_fault(w) : left;
	}
	/* release: the result is in the channel */
	atomic_store_explicit(&job->by, JOB_SENT, memory_order_release);
	return 1;
}

static int work(struct worker *w)
{
	int r = 1;

	while (r > 0) {
		struct job *job = mh_chan_recv(w->jobs, -1);

		if (!job)
			return told_to_leave(w);
		r = do_job(w, job);
		if (timed_drop(&w->heap, job))
			return heap_fault(w);
	}
	return r;
}

static int work_in(struct worker *w)
{
	int r;

	w->jobs = mh_chan_open(w->heap.heap, JOBS_NAME, 0, MH_EXISTING);
	if (!w->jobs)
		return told_to_leave(w);
	w->results = mh_chan_open(w->heap.heap, RESULTS_NAME, 0, MH_EXISTING);
	r = w->results ? work(w) : told_to_leave(w);
	if (w->results)
		mh_chan_close(w->results);
	mh_chan_close(w->jobs);
	return r;
}

/* argv: heap, seat, turn, pid of the parent, without whom it may not go on. */
int demo_worker(char **argv)
{
	struct worker w = { .seat = (uint32_t)strtoul(argv[1], NULL, 10),
			    .turn = (uint32_t)strtoul(argv[2], NULL, 10) };
	int r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != (pid_t)strtol(argv[3], NULL, 10))
		return 1;
	w.heap.heap = mh_attach(argv[0], 0);
	if (!w.heap.heap) {
		heap_fault(&w);
		return 1;
	}
	w.mem = (struct words_mem){ owned_get, owned_put, &w.heap };
	r = work_in(&w);
	if (mh_detach(w.heap.heap))
		r = heap_fault(&w);
	return r ? 1 : 0;
}
