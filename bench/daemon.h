/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.h - a heap for one run, with a daemon of its own.
 */
#ifndef BENCH_DAEMON_H
#define BENCH_DAEMON_H

#include <mheap.h>

#include <stdint.h>

/* Attached; NULL: said why.  bytes: how much will be live at most. */
mh_heap *daemon_heap(uint64_t bytes);

/* Detaches, and waits until daemon and heap are gone: the next run is alone. */
void daemon_end(mh_heap *heap);

#endif
