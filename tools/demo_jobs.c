/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo_jobs.c - see demo_jobs.h, and demo_messages.h for why nothing gets lost.
 */
#include "tools/demo_jobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RESULTS_AT_ONCE	16

int jobs_begin(struct jobs *j, struct index *x, const struct file_list *list)
{
	*j = (struct jobs){ .x = x, .list = list, .fence = list->n };
	j->todo = mh_chan_open(x->heap, JOBS_NAME, CHANNEL_PLACES, MH_EXCL);
	if (!j->todo)
		return -1;
	j->results = mh_chan_open(x->heap, RESULTS_NAME, CHANNEL_PLACES,
				  MH_EXCL);
	j->file = calloc(list->n, sizeof(*j->file));
	return j->results && j->file ? 0 : -1;
}

static int make_job(struct jobs *j, uint32_t i)
{
	size_t bytes = strlen(j->list->path[i]) + 1;
	struct job *job = mh_alloc_flags(j->x->heap, sizeof(*job) + bytes,
					 MH_HELD);

	if (!job)
		return -1;
	atomic_init(&job->by, JOB_OPEN);
	atomic_init(&job->leash, i >= j->fence);
	job->file = i;
	memcpy(job->path, j->list->path[i], bytes);
	j->file[i] = (struct file_work){ job, FILE_DUE };
	j->due++;
	return 0;
}

/* One hold goes, one stays: 1 sent, 0 no room, -1. */
static int send_copy(struct jobs *j, struct job *job)
{
	mh_heap *h = j->x->heap;
	int why;

	if (mh_hold(h, job))
		return -1;
	if (!mh_chan_send(j->todo, job, 0))
		return 1;
	why = errno;
	if (mh_drop(h, job))
		return -1;
	/* EBUSY: it is there yet, whoever died had another. */
	return why == EBUSY ? 1 : why == ETIMEDOUT ? 0 : -1;
}

/* As send_copy; one that a living worker has got needs no sending. */
static int send_due(struct jobs *j, struct file_work *f)
{
	uint64_t by = atomic_load_explicit(&f->job->by, memory_order_acquire);
	int r = by == JOB_OPEN ? send_copy(j, f->job) : 1;

	if (r > 0) {
		f->state = FILE_SENT;
		j->due--;
	}
	return r;
}

int jobs_send(struct jobs *j)
{
	int r = 1;

	for (uint32_t i = j->low; j->due && i < j->next && r > 0; i++)
		if (j->file[i].state == FILE_DUE)
			r = send_due(j, &j->file[i]);
	while (r > 0 && j->next < j->list->n) {
		if (make_job(j, j->next))
			return -1;
		r = send_due(j, &j->file[j->next++]);
	}
	return r < 0 ? -1 : 0;
}

static int let_go(struct jobs *j, struct file_work *f)
{
	struct job *job = f->job;

	j->due -= f->state == FILE_DUE;
	*f = (struct file_work){ NULL, FILE_DONE };
	return job ? mh_drop(j->x->heap, job) : 0;
}

static int link_words(struct jobs *j, const struct result *r)
{
	const struct counted *c = r->first;

	for (uint32_t i = 0; i < r->ncounted; i++, c = counted_next(c))
		if (index_add(j->x, c, r->file))
			return -1;
	j->words += r->words;
	j->done++;
	return let_go(j, &j->file[r->file]);
}

static int take_result(struct jobs *j, struct result *r)
{
	int failed = 0;

	if (r->pause_ns > j->pause_ns)
		j->pause_ns = r->pause_ns;
	if (j->file[r->file].state != FILE_DONE)
		failed = link_words(j, r);
	while (j->low < j->next && j->file[j->low].state == FILE_DONE)
		j->low++;
	return mh_drop(j->x->heap, r) || failed ? -1 : 0;
}

int jobs_receive(struct jobs *j, int timeout_ms)
{
	void *got[RESULTS_AT_ONCE];
	size_t n = mh_chan_recv_batch(j->results, got, RESULTS_AT_ONCE,
				      timeout_ms);
	int r = n || errno == ETIMEDOUT ? 0 : -1;

	for (size_t i = 0; i < n; i++)
		if (take_result(j, got[i]))
			r = -1;
	return r;
}

int jobs_end(struct jobs *j)
{
	mh_heap *h = j->x->heap;
	int r = 0;

	for (uint32_t i = j->low; j->file && i < j->next; i++)
		if (j->file[i].job)
			r |= let_go(j, &j->file[i]);
	if (j->todo)
		r |= mh_chan_remove(h, JOBS_NAME) | mh_chan_close(j->todo);
	if (j->results)
		r |= mh_chan_remove(h, RESULTS_NAME) | mh_chan_close(j->results);
	free(j->file);
	*j = (struct jobs){ .x = j->x, .list = j->list };
	return r ? -1 : 0;
}

void jobs_fence(struct jobs *j, uint32_t fence)
{
	j->fence = fence;
	for (uint32_t i = j->low; i < j->next; i++)
		if (j->file[i].job)
			atomic_store_explicit(&j->file[i].job->leash, i >= fence,
					      memory_order_release);
}

static uint64_t by_of(const struct jobs *j, uint32_t i)
{
	/* acquire: of who has it, all is there that he did before */
	return j->file[i].job ? atomic_load_explicit(&j->file[i].job->by,
						     memory_order_acquire) :
				JOB_SENT;
}

bool jobs_reached(const struct jobs *j, uint32_t n)
{
	for (uint32_t i = n > j->low ? n : j->low; i < j->next; i++)
		if (by_of(j, i) != JOB_OPEN)
			return true;
	return n < j->low;
}

uint32_t jobs_busy(const struct jobs *j, const uint32_t *turn, uint32_t nseats,
		   uint32_t *ret_seat)
{
	uint32_t n = 0;

	for (uint32_t i = j->low; i < j->next && n < nseats; i++) {
		uint64_t by = by_of(j, i);

		if (by != JOB_OPEN && by != JOB_SENT &&
		    by == job_by(job_seat(by), turn[job_seat(by)]))
			ret_seat[n++] = job_seat(by);
	}
	return n;
}

/*
 * A job that nobody says he has may have been received by the dead one, who did
 * not get to say so, or be in the channel yet: sending it again tells.  If a
 * living one has just received it, the file is done twice, and counted once.
 */
void jobs_of_dead(struct jobs *j, uint32_t seat, uint32_t turn)
{
	for (uint32_t i = j->low; i < j->next; i++) {
		struct file_work *f = &j->file[i];
		uint64_t by = job_by(seat, turn);

		if (f->state != FILE_SENT)
			continue;
		atomic_compare_exchange_strong_explicit(
			&f->job->by, &by, JOB_OPEN, memory_order_acq_rel,
			memory_order_acquire);
		if (by_of(j, i) != JOB_OPEN)
			continue;
		f->state = FILE_DUE;
		j->due++;
	}
}
