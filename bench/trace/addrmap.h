/* SPDX-License-Identifier: Apache-2.0 */
/*
 * addrmap.h - from an address to the slot of the object there: a hash table
 * with linear probing, which closes the hole that a removal leaves.
 */
#ifndef BENCH_TRACE_ADDRMAP_H
#define BENCH_TRACE_ADDRMAP_H

#include <stddef.h>
#include <stdint.h>

#define ADDRMAP_NONE	UINT32_MAX

struct addrmap {
	struct addrmap_entry {
		uint64_t addr;		/* 0: empty */
		uint32_t slot;
	} *entry;
	unsigned bits;			/* 1 << bits entries; start with 0 */
	size_t used;
};

/* 0, -EEXIST if the address is in already, or -ENOMEM.  addr is not 0. */
int addrmap_put(struct addrmap *m, uint64_t addr, uint32_t slot);

/* Removes it; its slot, or ADDRMAP_NONE. */
uint32_t addrmap_take(struct addrmap *m, uint64_t addr);

void addrmap_free(struct addrmap *m);

#endif
