/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clientrig.h - clients of an in-process heap: handles of libmheap over a
 * heaprig, each with a client slot of its own, and a thread that plays the
 * daemon.  Two handles in one process stand for two processes.
 */
#ifndef TESTS_CLIENTRIG_H
#define TESTS_CLIENTRIG_H

#include <pthread.h>

#include "libclient/client.h"
#include "tests/heaprig.h"

struct clientrig {
	struct rig	*r;
	pthread_mutex_t	 lock;		/* the daemon's state */
	pthread_t	 daemon;
	_Atomic int	 stop;
	unsigned	 named;
};

struct clientrig *clientrig_new(const struct rig_opts *opts);
void clientrig_free(struct clientrig *cr);
mh_heap *clientrig_attach(struct clientrig *cr, unsigned flags);
/* The client's process is gone: reclaimed as the daemon would. */
void clientrig_kill(struct clientrig *cr, mh_heap *h);
/* Aborts with the sentence if the heap is not as it must be. */
void clientrig_verify(struct clientrig *cr);
/* Runs a piece of the daemon while its thread is kept out. */
void clientrig_pause(struct clientrig *cr);
void clientrig_resume(struct clientrig *cr);

#endif
