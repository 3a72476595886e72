/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * mheap.bpf.c - the one program that every probe runs.  The cookie of a site says
 * which probe it is; its arguments are in the registers of a call.
 *
 * Every hit is counted, first as a hit and then as what became of it.  Sums are
 * added up atomically, as a thread may be preempted in here by another one of the
 * same CPU; so histograms and counts are exact, whatever becomes of the ring.
 * No CO-RE relocation and no BTF of the kernel: what is read is the program's
 * own context.
 */
#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/record.h"
#include "bpf/maps.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define RING_WAKE(size)	((size) / 4)
#define MAX_TRIES	4

/* Not in libbpf before 1.2. */
#ifndef PT_REGS_PARM6
#ifdef __TARGET_ARCH_x86
#define PT_REGS_PARM6(x)	((x)->r9)
#else
#define PT_REGS_PARM6(x)	(((const struct user_pt_regs *)(x))->regs[5])
#endif
#endif

const volatile struct wish wish;
volatile uint64_t token;	/* of the canary that runs now; 0: none does */

/* A hit while it is looked at; arg[0] is the argument that a probe lacks. */
struct hit {
	uint64_t arg[8];
	struct counts *n;
	uint64_t stack;
	uint32_t tgid, tid;
	uint32_t probe;
	uint16_t sub, class;
	uint8_t  level;
	uint8_t  leader;	/* the process's first thread, of its name */
};

#define ADD(word, n)	__sync_fetch_and_add(&(word), (n))

static __always_inline uint64_t arg_of(const struct hit *h, uint8_t place)
{
	return h->arg[place & 7];
}

static __always_inline uint64_t take_max(uint64_t *word, uint64_t n)
{
	uint64_t seen = *word;

	for (int i = 0; i < MAX_TRIES && seen < n; i++) {
		uint64_t was = __sync_val_compare_and_swap(word, seen, n);

		if (was == seen)
			break;
		seen = was;
	}
	return seen;
}

static __always_inline uint32_t log2_slot(uint64_t ns)
{
	uint32_t slot = 0;

	for (int shift = 32; shift; shift >>= 1) {
		if (ns >> shift) {
			ns >>= shift;
			slot += shift;
		}
	}
	return slot < HIST_SLOTS ? slot : HIST_SLOTS - 1;
}

static __always_inline bool class_wanted(const struct hit *h)
{
	if (wish.any_class)
		return true;
	return h->class < 64 * CLASS_WORDS &&
	       wish.classes[h->class >> 6 & (CLASS_WORDS - 1)] >>
	       (h->class & 63) & 1;
}

static __always_inline bool wanted(const struct hit *h,
				   const struct probe_place *at)
{
	if (h->probe == P_selftest)
		return true;
	if (wish.pids && !bpf_map_lookup_elem(&pids, &h->tgid))
		return false;
	if (wish.min_ns && arg_of(h, at->dur_ns) < wish.min_ns &&
	    arg_of(h, at->wait_ns) < wish.min_ns)
		return false;
	return class_wanted(h);
}

/* The value of a key, made of zeros by the first that needs it. */
static __always_inline void *need(void *map, const void *key, const void *zero)
{
	void *v = bpf_map_lookup_elem(map, key);

	if (v)
		return v;
	bpf_map_update_elem(map, key, zero, BPF_NOEXIST);
	return bpf_map_lookup_elem(map, key);
}

static const struct agg agg_zero;

static __always_inline void count_agg(struct hit *h,
				      const struct probe_place *at)
{
	struct agg_key key = { h->tgid, h->sub, h->level, h->probe };
	struct agg *a = need(&agg, &key, &agg_zero);
	uint64_t ns = arg_of(h, at->dur_ns ? at->dur_ns : at->wait_ns);

	if (!a) {
		ADD(h->n->map_full, 1);
		return;
	}
	ADD(a->count, 1);
	ADD(a->nobj, arg_of(h, at->nobj));
	/* A lock that was passed over is no failure: count_wait() has it. */
	ADD(a->errors, h->probe != P_lock_wait_done && arg_of(h, at->status));
	ADD(a->sum_ns, ns);
	ADD(a->wait_ns, arg_of(h, at->wait_ns));
	ADD(a->hist[log2_slot(ns)], 1);
	take_max(&a->max_ns, ns);
}

/* What is no PID could be a mark, which only we set: nobody is known. */
static __always_inline uint32_t owner_of(const struct hit *h,
					 const struct probe_place *at)
{
	uint64_t owner = arg_of(h, at->owner);

	return owner < PID_ELSEWHERE ? owner : 0;
}

static __always_inline void count_wait(struct hit *h,
				       const struct probe_place *at)
{
	struct lock_key key = { arg_of(h, at->lock), h->tgid,
				owner_of(h, at) };
	struct lock_waits zero = { 0 }, *w = need(&locks, &key, &zero);

	if (!w) {
		ADD(h->n->map_full, 1);
		return;
	}
	ADD(w->count, 1);
	ADD(w->sum_ns, arg_of(h, at->wait_ns));
	ADD(w->tries, arg_of(h, at->tries));
	ADD(w->passed, arg_of(h, at->status) != 0);
	take_max(&w->max_ns, arg_of(h, at->wait_ns));
}

static __always_inline void count_free(struct hit *h,
				       const struct probe_place *at)
{
	struct free_key key = { h->tgid, owner_of(h, at), h->sub, 0 };
	struct free_count zero = { 0 }, *f = need(&frees, &key, &zero);

	if (!f) {
		ADD(h->n->map_full, 1);
		return;
	}
	ADD(f->calls, 1);
	ADD(f->nobj, arg_of(h, at->nobj));
}

static __always_inline struct scratch *scratch_get(void)
{
	for (uint32_t i = 0; i < SCRATCHES; i++) {
		uint32_t k = i;
		struct scratch *s = bpf_map_lookup_elem(&scratches, &k);

		if (s && !__sync_lock_test_and_set(&s->busy, 1))
			return s;
	}
	return NULL;
}

static __always_inline uint64_t mix(uint64_t hash, uint64_t x)
{
	hash = (hash ^ x) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

static __always_inline uint64_t stack_hash(const struct stack *s)
{
	uint64_t hash = 1, id;

	for (int i = 0; i < STACK_FRAMES; i++) {
		const struct frame *f = &s->frame[i];

		if (f->status == FRAME_NONE)
			break;
		__builtin_memcpy(&id, f->build_id + 4, sizeof(id));
		hash = mix(mix(hash, f->at), id);
	}
	return hash ? hash : 1;
}

/* What is behind it is of an earlier stack. */
static __always_inline void stack_end(struct stack *s, uint64_t bytes)
{
	struct frame *end = (void *)s + (bytes & ~(sizeof(*end) - 1));

	end->status = FRAME_NONE;
}

static __always_inline void take_stack(struct hit *h, struct pt_regs *ctx)
{
	struct scratch *s = scratch_get();
	uint64_t hash;
	long got;

	if (!s) {
		ADD(h->n->stack_lost, 1);
		return;
	}
	got = bpf_get_stack(ctx, &s->stack, sizeof(s->stack),
			    BPF_F_USER_STACK | BPF_F_USER_BUILD_ID);
	if (got > 0) {
		stack_end(&s->stack, got);
		hash = stack_hash(&s->stack);
		if (bpf_map_lookup_elem(&stacks, &hash) ||
		    !bpf_map_update_elem(&stacks, &hash, &s->stack, BPF_ANY))
			h->stack = hash;
	}
	if (!h->stack)
		ADD(h->n->stack_lost, 1);
	__sync_lock_test_and_set(&s->busy, 0);
}

static __always_inline void count_stack(struct hit *h,
					const struct probe_place *at)
{
	struct stack_key key = { h->stack, h->tgid, h->sub, h->level, h->probe };
	struct stack_count zero = { 0 }, *c = need(&stackagg, &key, &zero);

	if (!c) {
		ADD(h->n->map_full, 1);
		return;
	}
	ADD(c->count, 1);
	ADD(c->nobj, arg_of(h, at->nobj));
	ADD(c->sum_ns, arg_of(h, at->dur_ns ? at->dur_ns : at->wait_ns));
	ADD(c->wait_ns, arg_of(h, at->wait_ns));
}

/* Woken up only when much waits: whoever reads comes by in time. */
static __always_inline uint64_t ring_flags(void)
{
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >
	       RING_WAKE(bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE)) ?
	       BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

static __always_inline void send(struct hit *h)
{
	uint64_t seq = ADD(h->n->seq, 1);
	struct event *e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);

	if (!e) {
		ADD(h->n->ring_full, 1);
		return;
	}
	e->ts_ns = bpf_ktime_get_ns();
	e->seq = seq;
	__builtin_memcpy(e->arg, &h->arg[1], sizeof(e->arg));
	e->stack = h->stack;
	e->cgroup = bpf_get_current_cgroup_id();
	e->tgid = h->tgid;
	e->tid = h->tid;
	e->cpu = bpf_get_smp_processor_id();
	e->probe = h->probe;
	e->pad = 0;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	/* What a selftest costs is measured with it, and nobody's to read. */
	if (h->probe == P_selftest)
		bpf_ringbuf_discard(e, BPF_RB_NO_WAKEUP);
	else
		bpf_ringbuf_submit(e, ring_flags());
	ADD(h->n->sent, 1);
}

/* Says that a process is new, so that its files are learnt while it lives. */
static __always_inline void announce(struct hit *h)
{
	struct event *e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);

	if (!e)
		return;
	__builtin_memset(e, 0, sizeof(*e));
	e->tgid = h->tgid;
	bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
}

/* False: the name space that the process runs in is another one. */
static __always_inline bool pid_here(struct bpf_pidns_info *ns)
{
	return !bpf_get_ns_current_pid_tgid(wish.pid_ns_dev, wish.pid_ns_ino,
					    ns, sizeof(*ns));
}

static __always_inline void know_process(struct hit *h)
{
	struct proc p = { 0 }, *known = bpf_map_lookup_elem(&procs, &h->tgid);
	struct bpf_pidns_info ns;

	if (known && !known->named && h->leader) {
		bpf_get_current_comm(known->comm, sizeof(known->comm));
		known->named = true;
	}
	if (known)
		return;
	p.first_ns = bpf_ktime_get_ns();
	p.cgroup = bpf_get_current_cgroup_id();
	p.named = h->leader;
	p.inner = !pid_here(&ns);
	bpf_get_current_comm(p.comm, sizeof(p.comm));
	if (!bpf_map_update_elem(&procs, &h->tgid, &p, BPF_NOEXIST) &&
	    wish.stacks)
		announce(h);
}

/*
 * PIDs are those of the tracer's name space.  The kernel tells them only of who runs
 * in it: a process in one below it has the PID that it is attached for, if any.
 */
static __always_inline void who(struct hit *h, uint32_t attached)
{
	uint64_t both = bpf_get_current_pid_tgid();
	struct bpf_pidns_info ns;

	h->tgid = both >> 32;
	h->tid = (uint32_t)both;
	h->leader = h->tgid == h->tid;
	if (wish.first_pid_ns)
		return;
	if (pid_here(&ns)) {
		h->tgid = ns.tgid;
		h->tid = ns.pid;
		return;
	}
	h->tgid = attached ? attached : h->tgid | PID_ELSEWHERE;
	h->tid |= PID_ELSEWHERE;
}

/* An older library gives fewer arguments: what is in the other registers isn't. */
static __always_inline void take_args(struct hit *h, struct pt_regs *ctx,
				      uint32_t n)
{
	h->arg[1] = n > 0 ? PT_REGS_PARM1(ctx) : 0;
	h->arg[2] = n > 1 ? PT_REGS_PARM2(ctx) : 0;
	h->arg[3] = n > 2 ? PT_REGS_PARM3(ctx) : 0;
	h->arg[4] = n > 3 ? PT_REGS_PARM4(ctx) : 0;
	h->arg[5] = n > 4 ? PT_REGS_PARM5(ctx) : 0;
	h->arg[6] = n > 5 ? PT_REGS_PARM6(ctx) : 0;
}

static __always_inline uint16_t class_of(const struct hit *h,
					 const struct probe_place *at)
{
	uint64_t class = at->class ? arg_of(h, at->class) :
			 at->lock ? CLASS_OF_LOCK(arg_of(h, at->lock)) :
				    CLASS_NONE;

	return class < wish.nclasses ? class : CLASS_NONE;
}

static __always_inline uint16_t op_of(const struct hit *h,
				      const struct probe_place *at)
{
	uint64_t op = arg_of(h, at->op);

	return op < wish.nops ? op : 0;
}

static __always_inline uint8_t level_of(const struct hit *h,
					const struct probe_place *at)
{
	uint64_t level = arg_of(h, at->level);

	return level <= wish.nlevels ? level : LEVEL_NONE;
}

/* Anybody can hit a probe: classes, operations and levels without a name are one. */
static __always_inline void look(struct hit *h, const struct probe_place *at)
{
	h->class = class_of(h, at);
	h->sub = at->chan ? SUB_OF_CHAN(arg_of(h, at->chan),
					arg_of(h, at->kind)) :
		 at->class ? h->class : op_of(h, at);
	h->level = level_of(h, at);
}

static __always_inline void keep(struct hit *h, struct pt_regs *ctx,
				 const struct probe_place *at)
{
	know_process(h);
	count_agg(h, at);
	if (h->probe == P_lock_wait_done)
		count_wait(h, at);
	if (h->probe == P_remote_free)
		count_free(h, at);
	if (wish.stacks) {
		take_stack(h, ctx);
		if (h->stack)
			count_stack(h, at);
	}
	if (wish.events)
		send(h);
}

/* What a hit costs at the least: selftest compares. */
SEC("uprobe")
int on_nothing(struct pt_regs *ctx)
{
	(void)ctx;
	return 0;
}

SEC("uprobe")
int on_probe(struct pt_regs *ctx)
{
	uint64_t cookie = bpf_get_attach_cookie(ctx);
	struct hit h = { .probe = COOKIE_PROBE(cookie) };
	const struct probe_place *at;

	/* Another tracer's canary isn't ours. */
	if (h.probe >= P_COUNT ||
	    (h.probe == P_selftest &&
	     (!token || PT_REGS_PARM1(ctx) != token)))
		return 0;
	at = &probe_at[h.probe];
	h.n = bpf_map_lookup_elem(&counts, &h.probe);
	if (!h.n)
		return 0;
	ADD(h.n->hits, 1);
	take_args(&h, ctx, COOKIE_NARGS(cookie));
	look(&h, at);
	who(&h, COOKIE_PID(cookie));
	if (wanted(&h, at))
		keep(&h, ctx, at);
	else
		ADD(h.n->filtered, 1);
	return 0;
}
