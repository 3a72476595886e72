/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refiller.c - processes that refill and flush, and say what they have counted:
 *
 *	refiller HEAP PROCESSES THREADS REFILLS [SIZE]
 *
 * Each process goes on until its arrays have been refilled so many times, then
 * prints a line for each class that it used, and ends in order:
 *
 *	PID CLASS CACHE CENTRAL DAEMON FAILED OBJECTS FLUSHES FLUSHED
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libclient/client.h"
#include "shm/count.h"

#define HELD_BYTES	(1u << 20)
#define HELD_MAX	2048u

struct work {
	mh_heap *h;
	uint64_t refills;
	size_t	 size;
	bool	 shared;
};

/* More than an array holds, so that both its ends are met. */
static int churn(const struct work *w, size_t size)
{
	static _Thread_local void *p[HELD_MAX];
	uint32_t n = HELD_BYTES / (uint32_t)size;

	if (n > HELD_MAX)
		n = HELD_MAX;
	for (uint32_t i = 0; i < n; i++) {
		p[i] = mh_alloc_flags(w->h, size, w->shared ? MH_SHARED : 0);
		if (!p[i])
			return 1;
	}
	for (uint32_t i = 0; i < n; i++)
		mh_free(w->h, p[i]);
	return 0;
}

static void *work(void *arg)
{
	static const size_t sizes[] = { 512, 4096, 2048, 16384, 1024, 8192 };
	struct work *w = arg;
	int failed = 0;

	for (uint32_t i = 0; !failed && slot_refills(my_slot(w->h)) < w->refills;
	     i++)
		failed = churn(w, w->size ? w->size : sizes[i % 6]);
	return failed ? arg : NULL;
}

static void print_tally(mh_heap *h)
{
	for (uint32_t spc = 0; spc < SPAN_CLASSES; spc++) {
		struct tally t = { .objects = 0 };

		tally_add(&t, &my_slot(h)->tally[spc]);
		if (!t.refills[0] && !t.refills[1] && !t.refills[2] &&
		    !t.failed && !t.flushes)
			continue;
		printf("%d %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %"
		       PRIu64 " %" PRIu64 " %" PRIu64 "\n", getpid(), spc,
		       t.refills[0], t.refills[1], t.refills[2], t.failed,
		       t.objects, t.flushes, t.flushed);
	}
	fflush(stdout);
}

static int process(const char *heap, struct work w, uint32_t threads)
{
	pthread_t t[64];
	void *failed = NULL, *r;

	w.h = mh_attach(heap, 0);
	if (!w.h) {
		fprintf(stderr, "%s\n", mh_errmsg());
		return 1;
	}
	mh_free(w.h, mh_alloc(w.h, 16));
	for (uint32_t i = 1; i < threads; i++)
		if (pthread_create(&t[i], NULL, work, &w))
			return 1;
	failed = work(&w);
	for (uint32_t i = 1; i < threads; i++)
		if (!pthread_join(t[i], &r) && r)
			failed = r;
	mh_trim(w.h);	/* so that leaving has nothing to flush */
	print_tally(w.h);
	return failed || mh_detach(w.h);
}

int main(int argc, char **argv)
{
	uint32_t n = argc > 4 ? (uint32_t)atoi(argv[2]) : 0, threads;
	struct work w = { .h = NULL };
	int status = 0, s;

	if (!n || n > 512)
		return 2;
	threads = (uint32_t)atoi(argv[3]);
	w.refills = strtoull(argv[4], NULL, 10);
	w.size = argc > 5 ? strtoull(argv[5], NULL, 10) : 0;
	for (uint32_t i = 0; i < n; i++) {
		w.shared = i & 1;
		if (!fork())
			_exit(process(argv[1], w, threads ? threads : 1));
	}
	while (wait(&s) > 0)
		status |= s != 0;
	return status;
}
