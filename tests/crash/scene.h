/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scene.h - what is killed, and where: a heap of a few hundred KiB is brought
 * into a state, then one call runs between two marks.
 *
 * The actors live in a forked child: v, the victim, whose call it is, and b,
 * a client that is at rest and lives on.  In a scene of the daemon the child
 * plays the daemon, and is the one that dies.
 */
#ifndef TESTS_CRASH_SCENE_H
#define TESTS_CRASH_SCENE_H

#include "libclient/lend.h"
#include "tests/heaprig.h"

#define N_OF(a)		(sizeof(a) / sizeof((a)[0]))
#define ACT_OBJECTS	4096

/* What lives is bits of scene.lives; sizes bits of scene.sizes. */
#define L_OWNED		1u
#define L_SHARED	2u
#define L_HELD		4u
#define S_16		1u
#define S_64		2u
#define S_1K		4u
#define S_32K		8u
#define S_SMALL		15u
#define S_RUN		16u	/* 64 KiB, a class of runs */
#define S_LARGE		32u	/* 2 MiB, by the daemon */
#define S_ALL		63u
#define SIZES		6

struct act {			/* in memory that parent and child share */
	struct rig	*r;
	mh_heap		*v, *b;
	struct party	 pv, pb;
	uint32_t	 life, sc, spc;
	size_t		 size;
	unsigned	 flags;		/* MH_SHARED, MH_HELD or 0 */
	void		*p, *q;		/* of the call */
	uint64_t	 operand;	/* arena offset + 1; 0: none */
	uint64_t	 before[4];	/* counters, for scene.done */
	uint64_t	 expect;	/* digest of the first recovery */
	struct geom	 g;
	struct sh_cell	*cell;
	mh_chan		*cv, *cb;	/* a channel, by v and by b */
	uint32_t	 n;
	void		*o[ACT_OBJECTS];
	char		 say[200];	/* why the child gave up */
};

struct scene {
	const char *name;
	unsigned lives, sizes;
	int	 gain;		/* shared objects that the call makes */
	bool	 daemon;	/* the child plays the daemon */
	bool	 same;		/* any recovery ends in the same state */
	bool	 raw;		/* no heap yet */
	bool	 soak;		/* long: not in a quick run */
	unsigned dead;		/* client slots (bits) dead beside the victim */
	uint64_t reserve;	/* 0: 16 MiB, a daemon's 4 */
	void	 (*setup)(struct act *a);	/* in the parent, the daemon's */
	void	 (*prepare)(struct act *a);	/* in the child */
	void	 (*call)(struct act *a);	/* between the marks */
	bool	 (*done)(struct act *a);	/* did the call go that way? */
	const char *(*look)(struct act *a);	/* at each state, untouched */
	const char *(*again)(struct act *a);	/* when the next daemon has it */
};

struct scene_list {
	const struct scene *scenes;
	unsigned n;
};

extern const struct scene_list alloc_scenes, free_scenes, client_scenes,
	lend_scenes, held_scenes, chan_scenes, recovery_scenes, daemon_scenes;

extern const size_t scene_sizes[SIZES];

/* The actor can't play: says why, and the scene fails. */
#define NEED(a, x)	do { if (!(x)) act_fails((a), __FILE__, __LINE__, #x); } \
			while (0)
_Noreturn void act_fails(struct act *a, const char *file, int line,
			 const char *what);

/* A fresh heap with the two clients in it, and the same given back. */
void act_open(struct act *a, const struct scene *sc, uint32_t life,
	      size_t size);
void act_close(struct act *a);
void act_attach(struct act *a);		/* in the child: handles */

static inline bool is_run(const struct act *a)
{
	return !sc_is_small(a->sc);
}

static inline uint64_t offset_of(const struct act *a, const void *p)
{
	return (uint64_t)((const char *)p - a->r->sg.arena);
}

/* One object of the scene's class, by a handle. */
void *make(struct act *a, mh_heap *h);
uint32_t in_array(struct act *a);	/* free slots in v's, of the class */
struct pclass *cache_of(struct act *a);	/* v's span cache, of the class */
/* Refills bring two slots from here on, so that spans end where they do. */
void thin(struct act *a);
void widen(struct act *a);		/* ... as much as it ever may */
void lends(struct act *a);		/* v borrows what it frees of the class */
/* v allocates, into a->o, until `enough`; stir: as a process that also frees. */
void make_until(struct act *a, bool (*enough)(struct act *a), bool stir);
void drain(struct act *a);		/* v's array is empty */
void serve_now(struct act *a);		/* the daemon takes a turn */

/* Calls that scenes share. */
void call_make(struct act *a);
void call_free(struct act *a);		/* of a->p, by v */
void set_operand(struct act *a, void *p);

/* In the parent: spans of the class as others may have left them. */
struct geom span_with(struct act *a, uint32_t objects, bool dispose);
void list_spans(struct act *a, unsigned n);	/* n empty ones, LISTED */
void hold_stripe(struct act *a, uint32_t s, struct party p);
void *slot_at(struct act *a, const struct geom *g, uint32_t slot);

#endif
