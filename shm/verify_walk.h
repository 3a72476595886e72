/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify_walk.h - one walk of verify_heap(), shared by the files verify*.c and
 * by nobody else.  Each check returns 0, or 1 after v_fault().
 */
#ifndef SHM_VERIFY_WALK_H
#define SHM_VERIFY_WALK_H

#include "shm/verify.h"

struct vspan {			/* a span that was not FREE when read */
	uint64_t word;
	span_id	 id;
	pgno	 start;
	npages	 len;
	uint32_t block, block_len;
};

struct verify {
	const struct seg	*sg;
	struct verify_report	*rep;
	bool			 quiet;
	bool			 transit_ok;	/* of living clients */
	struct vspan		*used;
	uint32_t		 nused, cap;
};

/* Writes the sentence; returns 1. */
int v_fault(struct verify *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* "span 7 (OWNED by slot 2 generation 5, version 9)" into a static-sized buf. */
struct vtext {
	char s[96];
};
struct vtext v_span_text(span_id id, uint64_t word);
struct vtext v_party_text(struct party p);

/* Is it the daemon, or a client whose slot is its own still? */
bool v_alive(const struct verify *v, struct party p);

int v_clients(struct verify *v);	/* verify.c */
int v_spans(struct verify *v);		/* verify_span.c; fills used */
int v_holders(struct verify *v, const struct geom *g, uint64_t w); /* verify_held.c */
int v_chans(struct verify *v);		/* verify_held.c */
int v_pages(struct verify *v);		/* verify_page.c; sorts used */
int v_blocks(struct verify *v);		/* verify_page.c; sorts used */
int v_stripes(struct verify *v);	/* verify_list.c */
int v_names(struct verify *v);		/* verify_list.c */

#endif
