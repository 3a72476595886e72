/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chan.h - a channel that this process has opened.
 */
#ifndef LIBCLIENT_CHAN_H
#define LIBCLIENT_CHAN_H

#include "libclient/held.h"
#include "shm/chan.h"

struct mh_chan {
	mh_heap		*h;
	struct chan	 ch;
	uint32_t	 serial;	/* of the attach it belongs to */
	_Atomic uint64_t mine;		/* [A1] positions below are not for us */
	struct chan_watch *_Atomic watch; /* [A1] chanfd.c; NULL: none */
};

/* Is it there, is the heap attached, may we hold?  0, or refused. */
int chan_usable(mh_chan *c);

/* Says that one is about to sleep there: then looks again, then sleeps. */
uint32_t chan_drowsy(_Atomic uint32_t *word);
/* Sleeps unless somebody was woken since; ms: at most. */
void chan_sleep(_Atomic uint32_t *word, uint32_t seen, int64_t ms);
/* n messages, or places: wakes as many who sleep there, if anybody may. */
void chan_wake(_Atomic uint32_t *word, uint32_t n);

/* chanfd.c */
void chan_fd_clear(mh_chan *c);	/* a receive found nothing */
void chan_fd_close(mh_chan *c);

/* In milliseconds: till when, -1 for ever; how long yet, a turn at most. */
int64_t chan_deadline(int timeout_ms);
int64_t chan_left(int64_t deadline);

#endif
