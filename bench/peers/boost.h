/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boost.h - what boost_table.c takes from boost.cpp.  The table of functions is
 * C, as bench/bench.h is no C++; the allocator's side can only be C++.
 */
#ifndef BENCH_PEERS_BOOST_H
#define BENCH_PEERS_BOOST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* As in boost174 and 1.74. */
extern const char boost_name[], boost_version[];

/* Makes the segment `object` (a name in /dev/shm) of so many bytes. */
int boost_create(const char *object, uint64_t bytes);
void boost_destroy(const char *object);

/* Opens it once more, for this process; NULL after a message. */
void *boost_attach(const char *object);
void boost_detach(void *segment);

void *boost_alloc(void *segment, size_t size);
void boost_free(void *segment, void *p);
uint64_t boost_handle(void *segment, void *p);
void *boost_deref(void *segment, uint64_t handle);

#ifdef __cplusplus
}
#endif
#endif
