/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.h - the sub-commands of mheap-trace and the options that they share.
 * Each command gets options that are parsed and returns an exit status.
 */
#ifndef BPF_TRACE_H
#define BPF_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/record.h"
#include "tools/commands.h"

#define EXIT_LOSS	4	/* --strict, and something was lost */

#define PIDS_MAX	64
#define LIBS_MAX	16

/* What stacks and rows are weighed and sorted by. */
enum weight { BY_COUNT, BY_TIME, BY_WAIT, BY_OBJECTS };

struct options {
	pid_t	    pid[PIDS_MAX];	/* -p; none: everybody */
	uint32_t    npids;
	const char *lib[LIBS_MAX];	/* --lib; none: what processes map */
	uint32_t    nlibs;
	uint64_t    classes[CLASS_WORDS];
	bool	    any_class;
	uint64_t    min_ns;
	uint64_t    probes;		/* bit: --probe; 0: the command's */
	double	    duration_s;		/* 0: until interrupted */
	double	    interval_s;
	uint64_t    count;		/* of intervals, 0: no end */
	uint32_t    ring_bytes;
	uint32_t    rows;
	enum weight by;
	bool	    by_process, by_class, json, timestamps, strict;
	bool	    plain, one_by_one, label_pid, starts;
	const char *svg, *listen, *output;
	const char *arg[2];
	uint32_t    nargs;
	uint32_t    interval_given;	/* 1: INTERVAL, 2: COUNT, as arguments */
};

struct command;

/* Fills it from the command line, or ends the process: 2, or 0 after --help. */
void options_parse(const struct command *c, int argc, char **argv,
		   struct options *ret_o);

/* Which options a command takes, beside --help: those that it heeds. */
#define TAKES_WHERE	(1u << 0)	/* -p --lib */
#define TAKES_WAY	(1u << 1)	/* --one-by-one */
#define TAKES_RUN	(1u << 2)	/* -c -d --strict */
#define TAKES_MIN	(1u << 3)	/* -m */
#define TAKES_PROBE	(1u << 4)	/* --probe */
#define TAKES_RING	(1u << 5)	/* --ring-size */
#define TAKES_INTERVAL	(1u << 6)	/* -i -n, [INTERVAL [COUNT]] */
#define TAKES_JSON	(1u << 7)
#define TAKES_ROWS	(1u << 8)	/* -r */
#define TAKES_BY	(1u << 9)	/* --by */
#define TAKES_BY_WAIT	(1u << 10)	/* --by, of count and wait */
#define TAKES_PROCESS	(1u << 11)	/* --by-process */
#define TAKES_CLASS	(1u << 12)	/* --by-class */
#define TAKES_PLAIN	(1u << 13)
#define TAKES_SVG	(1u << 14)
#define TAKES_EXPORT	(1u << 15)	/* --listen -o --label-pid */
#define TAKES_TIMES	(1u << 16)	/* -T */
#define TAKES_FILE	(1u << 17)	/* one FILE */
#define TAKES_STARTS	(1u << 18)
#define TAKES_APART	(1u << 19)	/* processes and classes from the start */

struct command {
	const char *name;
	const char *args;
	const char *help;		/* one line, then "\v" and the rest */
	uint32_t    takes;
	enum weight by;			/* unless --by says otherwise */
	double	    interval_s;		/* unless -i does; 0: only at the end */
	int	    (*run)(const struct options *o);
};

int trace_check(const struct options *o);
int trace_events(const struct options *o);
int trace_export(const struct options *o);
int trace_frees(const struct options *o);
int trace_hist(const struct options *o);
int trace_list(const struct options *o);
int trace_locks(const struct options *o);
int trace_record(const struct options *o);
int trace_replay(const struct options *o);
int trace_selftest(const struct options *o);
int trace_stacks(const struct options *o);
int trace_top(const struct options *o);

#endif
