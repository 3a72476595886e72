/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo_messages.h - what goes through the demo's channels: jobs to the workers,
 * results to the parent.  Held objects: whoever is killed had its hold, no more.
 *
 * The parent makes a job, keeps a hold of it until the file's result is in, and
 * sends another down JOBS_NAME: to whoever is free, and again if that one died.  A
 * worker says in the job that it has it, and sends all words of the file in one
 * result.  So a result is there as a whole or not at all, and a second one of the
 * same file, which a resent job may lead to, is dropped.
 */
#ifndef TOOLS_DEMO_MESSAGES_H
#define TOOLS_DEMO_MESSAGES_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define JOBS_NAME	"demo.jobs"
#define RESULTS_NAME	"demo.results"
#define CHANNEL_PLACES	64

/*
 * Who has a job: nobody, the seat of a worker and the how-manieth process there,
 * or nobody any more, as the result has been sent.
 */
#define JOB_OPEN	0u
#define JOB_SENT	UINT64_MAX

static inline uint64_t job_by(uint32_t seat, uint32_t turn)
{
	return (uint64_t)turn << 32 | (seat + 1);
}

static inline uint32_t job_seat(uint64_t by)
{
	return (uint32_t)by - 1;
}

struct job {
	_Atomic uint64_t by;	/* worker; parent, JOB_OPEN for the dead */
	_Atomic uint32_t leash;	/* parent; 1: stop in the middle of it */
	uint32_t file;		/* its number */
	char path[];		/* ends in 0 */
};

/* A word of a result; the next begins counted_bytes() later. */
struct counted {
	uint64_t count;
	uint32_t hash, len;
	char text[];		/* ends in 0 */
};

static inline size_t counted_bytes(uint32_t len)
{
	return (sizeof(struct counted) + len + 1 + 7) & ~(size_t)7;
}

static inline const struct counted *counted_next(const struct counted *c)
{
	return (const void *)((const char *)c + counted_bytes(c->len));
}

struct result {
	uint64_t words;		/* in all */
	uint64_t pause_ns;	/* longest heap call of the worker so far */
	uint32_t file;
	uint32_t ncounted;	/* distinct words, which follow */
	struct counted first[];
};

#endif
