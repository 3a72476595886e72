/* SPDX-License-Identifier: Apache-2.0 */
/*
 * atomic.h - the only atomic operations of the project; the memory order is
 * part of the name, and none is a default:
 *
 *	rlx relaxed   acq acquire   rel release   ar acquire+release
 *	sc  sequentially consistent (Dekker pairs: state word against live word)
 *
 * Each use carries the label of its row in layout.h's order table.
 */
#ifndef SHM_ATOMIC_H
#define SHM_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A lock-table fallback would be private to a process, and silently wrong. */
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2,
	       "64-bit and 32-bit atomics must be lock-free");

#define ld_rlx(p)	atomic_load_explicit((p), memory_order_relaxed)
#define ld_acq(p)	atomic_load_explicit((p), memory_order_acquire)
#define ld_sc(p)	atomic_load_explicit((p), memory_order_seq_cst)

#define st_rlx(p, v)	atomic_store_explicit((p), (v), memory_order_relaxed)
#define st_rel(p, v)	atomic_store_explicit((p), (v), memory_order_release)

#define xchg_sc(p, v)	atomic_exchange_explicit((p), (v), memory_order_seq_cst)
#define xchg_ar(p, v)	atomic_exchange_explicit((p), (v), memory_order_acq_rel)

#define or_rel(p, v)	atomic_fetch_or_explicit((p), (v), memory_order_release)
#define or_ar(p, v)	atomic_fetch_or_explicit((p), (v), memory_order_acq_rel)
#define or_sc(p, v)	atomic_fetch_or_explicit((p), (v), memory_order_seq_cst)

/* Clear the bits of v; returns the old word. */
#define andnot_sc(p, v)	atomic_fetch_and_explicit((p), ~(v), memory_order_seq_cst)
#define andnot_ar(p, v)	atomic_fetch_and_explicit((p), ~(v), memory_order_acq_rel)

#define add_rlx(p, v)	atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define add_sc(p, v)	atomic_fetch_add_explicit((p), (v), memory_order_seq_cst)
#define sub_rlx(p, v)	atomic_fetch_sub_explicit((p), (v), memory_order_relaxed)

/* On failure *old is what was found. */
#define cas_sc(p, old, v) \
	atomic_compare_exchange_strong_explicit((p), (old), (v), \
		memory_order_seq_cst, memory_order_seq_cst)
#define cas_acq(p, old, v) \
	atomic_compare_exchange_strong_explicit((p), (old), (v), \
		memory_order_acquire, memory_order_relaxed)
#define cas_ar(p, old, v) \
	atomic_compare_exchange_strong_explicit((p), (old), (v), \
		memory_order_acq_rel, memory_order_acquire)

/*
 * Keeps the compiler's order of plain and relaxed stores.  It is all that a
 * process's death needs: caches stay coherent, so what the processor has done
 * in program order is what the daemon reads once the process is gone.
 */
#define order_for_recovery()	atomic_signal_fence(memory_order_seq_cst)

#define fence_sc()	atomic_thread_fence(memory_order_seq_cst)

/*
 * 16 bytes at a multiple of 16, as two halves.  (The __atomic builtins would
 * call a library here.)
 */
__extension__ typedef unsigned __int128 u128;

static inline bool cas16_sc(_Atomic uint64_t *at, uint64_t lo, uint64_t hi,
			    uint64_t to_lo, uint64_t to_hi)
{
	u128 old = (u128)hi << 64 | lo, to = (u128)to_hi << 64 | to_lo;

	return __sync_bool_compare_and_swap((u128 *)(void *)at, old, to);
}

/* Is about to write there; of any address.  (gcc's own only reads ahead here.) */
static inline void prefetch_write(const void *p)
{
#ifdef __x86_64__
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)p));
#else
	__builtin_prefetch(p, 1);
#endif
}

static inline void cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

#endif
