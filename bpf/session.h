/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - a traced while: the program loaded with what is wished for, attached
 * to every object with our probes, now and as they appear, proven to fire, and
 * at the end the account of what was seen and what was lost.
 *
 *	session_open -> session_run(tick) -> session_account -> session_close
 *
 * Owns the kernel's objects: they go with the process, however it ends.
 */
#ifndef BPF_SESSION_H
#define BPF_SESSION_H

#include <pthread.h>

#include "bpf/find.h"
#include "bpf/link.h"
#include "bpf/trace.h"

struct mheap_bpf;
struct ring_buffer;

#define WISH_EVENTS	(1u << 0)
#define WISH_STACKS	(1u << 1)
#define WISH_STARTS	(1u << 2)	/* the *_start probes, too */
#define WISH_LOCKS	(1u << 3)	/* nothing but waits for locks */
#define WISH_FREES	(1u << 4)	/* nothing but frees of others' objects */
#define WISH_TIMES	(1u << 5)	/* nothing but what has a time */
#define WISH_NEWS	(1u << 6)	/* rows of the ended until they are shown */

/* Events come in the order of the ring. */
typedef void (*event_taker)(const struct event *e, void *arg);

/* A map whose keys have a process in them, and its rows of those that ended. */
enum table_kind { TABLE_AGG, TABLE_LOCKS, TABLE_FREES, TABLE_STACKS, TABLES };

struct table {
	size_t	 key, val;		/* bytes; the value is words that add up, */
	size_t	 max_at;		/* but for this one: the greatest; 0: none */
	size_t	 tgid_at, owner_at;	/* where PIDs are in the key; 0: no owner */
	int	 fd;
	char	*gone;
	uint32_t ngone, room;
	uint32_t sorted;		/* of the first there is one a key */
};

/* A process that ended, or (tgid 0) all of a command, or of "other" ones. */
struct gone {
	uint32_t tgid;
	uint32_t inner;			/* struct proc's */
	char	 comm[16];
};

struct session {
	const struct options *o;
	struct mheap_bpf     *skel;
	struct ring_buffer   *ring;
	struct finder	      find;
	uint32_t	      traced, unattached;	/* objects */
	uint32_t	      proven, unproven;	/* of those that are traced */
	uint32_t	      unknown, unfit;	/* sites left alone */
	uint64_t	      probes;	/* bit: wanted */
	uint64_t	      began_ns, scan_ns, drain_end;
	uint64_t	      hit_ns;	/* what one costs, measured here */
	struct table	      table[TABLES];
	struct gone	     *gone;	/* by the number in PID_ENDED */
	uint32_t	      ngone;
	uint64_t	      untold;	/* hits of rows that had no room there */
	pthread_mutex_t	      lock;	/* of rows that are gone */
	uint32_t	      wish;
	bool		      multi;
	event_taker	      take;
	void		     *take_arg;
};

/* What there was, over all CPUs. */
struct account {
	struct counts n;		/* without canaries */
	uint64_t misses;		/* the kernel didn't run the program */
	uint64_t run_ns, runs;		/* of the program, by the kernel */
	uint64_t ns;			/* since the start */
	bool	 lossy;
};

/* 0, or an exit status; it has said why. */
int session_open(struct session *s, const struct options *o, uint32_t wish);

/* Attaches a program of the session's to an object, for pid or everybody (-1). */
int session_attach(struct session *s, struct bpf_program *prog,
		   const struct object *o, pid_t pid, uint64_t probes,
		   struct hold *ret_h);

/*
 * Looks for new objects and attaches to them.  One that it can't attach to is said
 * and counted, unless nothing is traced at all.  -errno: no memory.
 */
int session_scan(struct session *s);

/*
 * Until interrupted, the time is up, or the count of intervals is reached: calls
 * tick at the end of each interval but the last, whose figures are shown when all
 * has come off.  A tick that returns other than 0 ends it.
 *
 * What waits in the ring then is for session_drain(), after session_stop().
 */
int session_run(struct session *s, int (*tick)(struct session *s, void *arg),
		void *arg);

/*
 * Takes what waits in the ring, one event at least: until it is empty, or the time
 * is up, as events may come faster than they are taken.  True: there may be more.
 */
bool session_drain(struct session *s, uint64_t until_ns);

/* Detaches; what comes later isn't seen. */
void session_stop(struct session *s);

void session_account(struct session *s, struct account *ret_a);

/* Says what was seen and lost, on stderr or as a line of JSON.  0 or EXIT_LOSS. */
int session_report(struct session *s);

void session_close(struct session *s);

/*
 * reap.c: rows of processes that have ended leave the kernel's tables, which would
 * be full some day.  Each stays a row of its own where processes are told apart,
 * else, and where those are too many, they are put together by their commands.
 */
void tables_open(struct session *s);
void tables_reap(struct session *s);
void tables_close(struct session *s);
/* Who has shown them may forget them. */
void tables_forget(struct session *s);
/* By its number as one that ended, or by the PID that it had.  NULL: unknown. */
const struct gone *gone_find(const struct session *s, uint32_t tgid);

/* The whole of a plain command: open, run, stop, `show`, report, close. */
int session_whole(const struct options *o, uint32_t wish,
		  int (*tick)(struct session *s, void *arg),
		  int (*show)(struct session *s, void *arg), void *arg);

/* watch.c: session_run() is interrupted, or its time is up: what takes long ends. */
bool watch_over(void);

uint64_t now_ns(void);
#define NEVER	UINT64_MAX

/* wanted.c: 0, or it has said what doesn't fit together. */
int probes_wanted(const struct options *o, uint32_t wish, uint64_t *ret_probes);

/* explain.c: why the kernel said no to `step`, and what to do.  Gives 3. */
int explain(int err, const char *step, bool multi);
/* What processes use can't be looked at: `what' of this one, and perhaps more. */
void explain_barred(pid_t pid, const char *what);
/* Why an object isn't traced: its error.  Gives 3. */
int explain_unattached(const struct object *o, bool multi);
/* Why a traced object isn't proven to fire: canary_ask()'s ret_why. */
void explain_unproven(const struct object *o, int why);

/* canary.c */
enum proof { PROOF_NONE, PROOF_ONCE, PROOF_TWICE };
/*
 * Attaches prog for this alone; NULL: everybody is traced, and so is the canary.
 * ret_why, of PROOF_NONE: 0: the kernel doesn't run it; else why it was not run,
 * -ENOEXEC: it has no site that may be, -EFAULT: it did not come back.
 */
enum proof canary_ask(struct session *s, const struct object *o,
		      struct bpf_program *prog, int *ret_why);
/*
 * n hits: what one costs, in ns, with all that the session does at one, and how
 * many of them weren't counted.  0: it can't be asked.
 */
uint64_t canary_count(struct session *s, const struct object *o,
		      struct bpf_program *prog, uint32_t n, uint64_t *ret_lost);

#endif
