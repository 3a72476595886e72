/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows.h - the maps of a session, read into arrays for a command to sort and to
 * print.  Each array is the caller's to free(); rows of the ended come first.
 */
#ifndef BPF_ROWS_H
#define BPF_ROWS_H

#include "bpf/agg.h"
#include "bpf/session.h"

struct lock_row {
	struct lock_key	  key;
	struct lock_waits val;
};

struct free_row {
	struct free_key	  key;
	struct free_count val;
};

struct stack_row {
	struct stack_key   key;
	struct stack_count val;
};

/* NULL: out of memory.  Canaries are left out. */
struct agg_row *rows_agg(struct session *s, uint32_t *ret_n);
struct lock_row *rows_locks(struct session *s, uint32_t *ret_n);
struct free_row *rows_frees(struct session *s, uint32_t *ret_n);
struct stack_row *rows_stacks(struct session *s, uint32_t *ret_n);

/* Frames of a stack.  False: none of that key. */
bool rows_stack(struct session *s, uint64_t key, struct stack *ret_stack);

#endif
