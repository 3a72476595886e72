/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dpdk.h - DPDK's environment, started in the parent before the fork; its two
 * allocators are back ends of their own: dpdk_malloc.c, dpdk_mempool.c.
 */
#ifndef BENCH_PEERS_DPDK_H
#define BENCH_PEERS_DPDK_H

#include <stdint.h>

/* Starts it with so much memory and sets version; -errno after a message. */
int dpdk_start(const char *name, uint64_t bytes);
void dpdk_stop(void);

#endif
