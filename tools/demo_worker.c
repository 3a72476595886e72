/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo_worker.c - one worker: takes files, counts the words of each in objects
 * that it owns, adds them to the shared index.  It may be killed anywhere.
 *
 * It never exits before the parent says so, so that every client that goes
 * away while there is work has been killed.
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
#include "tools/demo_index.h"

#define BUFFER_BYTES	(64u << 10)

struct worker {
	struct index x;
	struct words_mem mem;
	uint32_t seat, turn;
	/* the file in work */
	uint32_t file, added, halt_at;
	bool again;
};

static void *owned_get(void *arg, size_t size)
{
	return index_get(arg, size, 0);
}

static void owned_put(void *arg, void *p)
{
	index_put(arg, p);
}

static void nap(long us)
{
	struct timespec t = { 0, us * 1000 };

	nanosleep(&t, NULL);
}

static bool quitting(struct worker *w)
{
	return atomic_load_explicit(&w->x.root->quit, memory_order_acquire);
}

static bool take(struct worker *w, uint32_t i)
{
	_Atomic uint64_t *word = &w->x.files[i].state;
	uint64_t old = atomic_load_explicit(word, memory_order_acquire);
	uint32_t what = state_what(old);

	if (what != FILE_TODO && what != FILE_AGAIN)
		return false;
	w->file = i;
	w->again = what == FILE_AGAIN;
	return atomic_compare_exchange_strong_explicit(
		word, &old, file_state(w->again ? FILE_TAKEN_AGAIN : FILE_TAKEN,
				       w->seat, w->turn),
		memory_order_acq_rel, memory_order_relaxed);
}

/* The next new file, or one that a dead worker left. */
static bool take_any(struct worker *w)
{
	struct index_root *root = w->x.root;

	while (atomic_load_explicit(&root->cursor, memory_order_relaxed) <
	       root->nfiles) {
		uint64_t i = atomic_fetch_add_explicit(&root->cursor, 1,
						       memory_order_relaxed);

		if (i < root->nfiles && take(w, (uint32_t)i))
			return true;
	}
	for (uint32_t i = 0; i < root->nfiles; i++)
		if (take(w, i))
			return true;
	return false;
}

/*
 * Files beyond the fence stop somewhere in their middle until the parent has
 * killed whom it means to kill: there is work left then, in every worker.
 */
static void stop_at_fence(struct worker *w)
{
	if (w->added != w->halt_at)
		return;
	while (w->file >= atomic_load_explicit(&w->x.root->fence,
					       memory_order_acquire) &&
	       !quitting(w))
		nap(50);
}

static int add_word(void *arg, const struct word *word)
{
	struct worker *w = arg;

	stop_at_fence(w);
	w->added++;
	return index_add(&w->x, word, w->file, w->again);
}

static void publish(struct worker *w, uint64_t words)
{
	struct index_seat *s = &w->x.root->seats[w->seat];

	/* A killed predecessor's longest call stays, too. */
	if (w->x.pause_ns > atomic_load_explicit(&s->pause_ns,
						 memory_order_relaxed))
		atomic_store_explicit(&s->pause_ns, w->x.pause_ns,
				      memory_order_relaxed);
	atomic_fetch_add_explicit(&s->words, words, memory_order_relaxed);
	/* release: the last posting is in */
	atomic_store_explicit(&w->x.files[w->file].state,
			      file_state(FILE_DONE, w->seat, w->turn),
			      memory_order_release);
}

static int file_fault(struct worker *w, int err)
{
	fprintf(stderr, "mheap demo: %s: %s\n",
		w->x.paths + w->x.files[w->file].path, strerror(err));
	return -1;
}

static int heap_fault(struct worker *w)
{
	fprintf(stderr, "mheap demo: worker %u: %s\n", w->seat, mh_errmsg());
	return -1;
}

static int count_words(struct worker *w, struct words *words)
{
	const char *path = w->x.paths + w->x.files[w->file].path;
	char *buf = index_get(&w->x, BUFFER_BYTES, 0);
	int r;

	if (!buf)
		return heap_fault(w);
	r = words_of_file(words, path, buf, BUFFER_BYTES);
	index_put(&w->x, buf);
	if (r == -ENOMEM)
		return heap_fault(w);
	return r ? file_fault(w, -r) : 0;
}

static int do_file(struct worker *w)
{
	struct words words;
	int r;

	if (words_begin(&words, &w->mem))
		return heap_fault(w);
	r = count_words(w, &words);
	if (!r) {
		w->added = 0;
		w->halt_at = words.distinct ? w->file * 2654435761u %
			     words.distinct : 0;
		if (!words.distinct)
			stop_at_fence(w);
		r = words_visit(&words, add_word, w);
		if (r)
			heap_fault(w);
	}
	if (!r)
		publish(w, words.total);
	words_end(&words);
	return r;
}

static int work(struct worker *w)
{
	for (;;) {
		if (take_any(w)) {
			if (do_file(w))
				return -1;
		} else if (quitting(w)) {
			return 0;
		} else {
			nap(500);
		}
	}
}

/* argv: heap, seat, turn, pid of the parent, without whom it may not go on. */
int demo_worker(char **argv)
{
	struct worker w = { .seat = (uint32_t)strtoul(argv[1], NULL, 10),
			    .turn = (uint32_t)strtoul(argv[2], NULL, 10) };
	mh_heap *h;
	int r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != (pid_t)strtol(argv[3], NULL, 10))
		return 1;
	h = mh_attach(argv[0], 0);
	if (!h || index_open(&w.x, h)) {
		heap_fault(&w);
		return 1;
	}
	w.mem = (struct words_mem){ owned_get, owned_put, &w.x };
	r = work(&w);
	if (mh_detach(h))
		r = heap_fault(&w);
	return r ? 1 : 0;
}
