/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo.h - the parts of `mheap demo`: a parent that starts a crew of workers, sends
 * them jobs, links their results into an index, kills some, has another process
 * read the index, and compares it with what it counts itself without the heap.
 * Public API alone.
 */
#ifndef TOOLS_DEMO_H
#define TOOLS_DEMO_H

#include <mheap.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tools/demo_files.h"
#include "tools/demo_heap.h"
#include "tools/demo_index.h"
#include "tools/demo_jobs.h"
#include "tools/demo_tally.h"

#define WORKERS_MAX	64
#define FAULTS_MAX	8

struct demo_options {
	char **names;		/* ends in NULL */
	const char *heap, *backing;
	uint32_t workers, kills;
	uint64_t seed;
	bool json;
};

struct demo_result {
	uint32_t files, kills;
	struct tally tally;		/* as the other process read it */
	uint64_t reclaimed_bytes;	/* of all the killed */
	uint64_t reclaim_ns;		/* of the slowest */
	uint64_t pause_ns;
	uint64_t unreached, held_left;	/* objects: shared, held */
	bool answered;			/* by the other process */
	bool verified;
	uint32_t nfaults;
	char fault[FAULTS_MAX][256];	/* why it is not all right */
};

/* Set by SIGINT and SIGTERM: the signal. */
extern volatile sig_atomic_t demo_stopped;

/* Notes a fault; returns -1. */
int demo_fault(struct demo_result *res, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* demo_crew.c: runs workers until every file is done: 0 or -1, noted. */
int crew_run(const struct demo_options *o, struct index *x,
	     const struct file_list *list, struct demo_result *res);

/*
 * demo_self.c: runs this program again, and the daemon.  self_start gives a pid
 * or -errno; its output goes to `out` unless that is -1.  self_run gives the
 * exit status or -errno, and the first of what was printed in buf.
 */
pid_t self_start(char *const argv[], int out);
int self_run(char *const argv[], char *buf, size_t size);
int daemon_start(const char *heap, const char *backing);

/* demo_query.c: the other process.  argv: the heap; prints a tally as JSON. */
int demo_query(char **argv);

/* demo_check.c: is the index right?  What is not is noted. */
void check_all(const struct demo_options *o, struct index *x,
	       const struct file_list *list, const struct mh_stats *before,
	       struct demo_result *res);

/* demo_plain.c: the same tally from the files: 0 or -errno. */
int plain_tally(const struct file_list *list, struct tally *t);

/* demo_worker.c */
int demo_worker(char **argv);

/* demo_report.c */
void report_progress(const struct jobs *j, uint32_t kills, uint32_t of);
void report_progress_end(void);
void report_text(const struct demo_options *o, const struct demo_result *res);
void report_json(const struct demo_options *o, const struct demo_result *res);

#endif
