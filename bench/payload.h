/* SPDX-License-Identifier: Apache-2.0 */
/*
 * payload.h - all bytes of an object, written and summed: each whole word is
 * `v`, what is left at the end its first bytes.  So whoever knows v knows the
 * sum, and an object that shares a byte with another gives a wrong one.  By 16
 * bytes at a time, that the allocator's share of a kibibyte stays visible.
 */
#ifndef BENCH_PAYLOAD_H
#define BENCH_PAYLOAD_H

#include <stdint.h>
#include <string.h>

typedef uint64_t two_words
	__attribute__((vector_size(16), aligned(8), may_alias));
typedef uint64_t one_word __attribute__((may_alias));

static inline void payload_write(void *p, size_t size, uint64_t v)
{
	char *c = p, *end = c + size;

	for (; end - c >= 16; c += 16)
		*(two_words *)c = (two_words){ v, v };
	if (end - c >= 8) {
		*(one_word *)c = v;
		c += 8;
	}
	memcpy(c, &v, (size_t)(end - c));
}

static inline uint64_t payload_sum(const void *p, size_t size)
{
	const char *c = p, *end = c + size;
	two_words sum = { 0, 0 };
	uint64_t rest = 0;

	for (; end - c >= 16; c += 16)
		sum += *(const two_words *)c;
	if (end - c >= 8) {
		sum[0] += *(const one_word *)c;
		c += 8;
	}
	memcpy(&rest, c, (size_t)(end - c));
	return sum[0] + sum[1] + rest;
}

static inline uint64_t payload_expected(size_t size, uint64_t v)
{
	uint64_t rest = 0;

	memcpy(&rest, &v, size % 8);
	return size / 8 * v + rest;
}

#endif
