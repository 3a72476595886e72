/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fire.c - fires probes with known values, for the tests of mheap-trace.  It has
 * the library's sites in itself.
 *
 *	fire args	each probe of the library once, argument i of probe p is
 *			p * 1000 + i, but the last one, which is the greatest number
 *	fire burst N	N hits of refill_done
 *	fire chain	one hit, from outer -> middle -> inner
 *	fire preserve	1 if the hit of a probe changes a register, a flag or what is
 *			below the stack pointer
 *	fire state	at each line of input: the sum of semaphores, and a sum of the
 *			code of a probe; ends at the end of input
 *	fire pairs N	N hits of each of two classes by each of two threads
 *	fire thread N	N hits by a thread called "worker"; ends at the end of input
 *	fire owner PID	of a lock of its class 5, and of a stripe of that, which PID
 *			holds; three frees of objects of PID and one of nobody's;
 *			ends at the end of input
 *	fire odd N	N refills each of classes and by levels, and N requests, that
 *			don't exist
 *	fire names N	N processes, each of a name of its own, that wait for a lock
 *			and refill
 *	fire locks N	waits for N locks that no other process waits for
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/layout.h"
#include "shm/probe_ids.h"
#include "shm/probe_site.h"

static int fire_args(void)
{
	uint64_t p = 0;

#define CALL_3(name) probe_##name(p * 1000, p * 1000 + 1, UINT64_MAX)
#define CALL_4(name) probe_##name(p * 1000, p * 1000 + 1, p * 1000 + 2, \
				  UINT64_MAX)
#define CALL_5(name) probe_##name(p * 1000, p * 1000 + 1, p * 1000 + 2, \
				  p * 1000 + 3, UINT64_MAX)
#define CALL_6(name) probe_##name(p * 1000, p * 1000 + 1, p * 1000 + 2, \
				  p * 1000 + 3, p * 1000 + 4, UINT64_MAX)
#define CALL_LIB(name, n)	do { p++; CALL_##n(name); } while (0);
#define CALL_BOTH(name, n)	p++;
#define CALL_DAEMON(name, n)	p++;
#define PROBE(side, name, n, text, ...)	CALL_##side(name, n)
#include "shm/probes.def"
#undef PROBE
	return 0;
}

static int fire_burst(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		probe_refill_done(5, 1, 1000, 0, 8, 0);
	return 0;
}

static void *pair(void *n)
{
	for (uint64_t i = 0; i < *(uint64_t *)n; i++) {
		probe_refill_done(5, 1, 1000, 10, 8, 0);
		probe_refill_done(SC_COUNT + 5, 2, 2000, 0, 4, 12);
	}
	return NULL;
}

static int fire_pairs(uint64_t n)
{
	pthread_t t;

	if (pthread_create(&t, NULL, pair, &n))
		return 1;
	pair(&n);
	return pthread_join(t, NULL) != 0;
}

static void *worker(void *n)
{
	pthread_setname_np(pthread_self(), "worker");
	fire_burst(*(uint64_t *)n);
	return NULL;
}

static int fired(void)
{
	puts("fired");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}

static int fire_thread(uint64_t n)
{
	pthread_t t;

	if (pthread_create(&t, NULL, worker, &n) || pthread_join(t, NULL))
		return 1;
	return fired();
}

static int fire_owner(uint64_t pid)
{
	probe_lock_wait_done(lock_id(LOCK_CLASS, 5, 0), LOCK_CLASS, 1000, pid, 1,
			     0);
	probe_lock_wait_done(lock_id(LOCK_STRIPE, 5, 1), LOCK_STRIPE, 0, pid, 2,
			     EBUSY);
	for (int i = 0; i < 3; i++)
		probe_remote_free(5, pid, 1, 0, 1, 77);
	probe_remote_free(5, 0, 1, 0, 1, 77);
	return fired();
}

static int fire_odd(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		probe_refill_done(1000 + i, 1, 1000, 0, 8, 0);
		probe_refill_done(70000 + i, 9 + i, 1000, 0, 8, 0);
		probe_call_done(900 + i, 1000, 0, 0, 0, 0);
	}
	return 0;
}

static int fire_names(uint64_t n)
{
	char name[16];

	for (uint64_t i = 0; i < n; i++) {
		pid_t child = fork();

		if (!child) {
			snprintf(name, sizeof(name), "n%" PRIu32, (uint32_t)i);
			prctl(PR_SET_NAME, name);
			probe_lock_wait_done(lock_id(LOCK_STRIPE, 5, 1),
					     LOCK_STRIPE, 0, 0, 2, EBUSY);
			_exit(fire_burst(1));
		}
		if (child < 0 || waitpid(child, NULL, 0) != child)
			return 1;
	}
	return 0;
}

static int fire_locks(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		probe_lock_wait_done((uint64_t)getpid() << 32 | i, LOCK_STRIPE,
				     0, 0, 2, EBUSY);
	return 0;
}

/* Each keeps its frame: no tail call, nothing put in line. */
#define KEPT	__attribute__((noinline, noclone, optimize("no-optimize-sibling-calls")))
#ifdef __clang__
#undef KEPT
#define KEPT	__attribute__((noinline, disable_tail_calls))
#endif

KEPT void inner(void);
KEPT void middle(void);
KEPT void outer(void);

KEPT void inner(void)
{
	probe_refill_done(5, 1, 1000, 0, 8, 0);
	__asm__ volatile("" ::: "memory");
}

KEPT void middle(void)
{
	inner();
	__asm__ volatile("" ::: "memory");
}

KEPT void outer(void)
{
	middle();
	__asm__ volatile("" ::: "memory");
}

static int fire_chain(void)
{
	outer();
	return 0;
}

#if defined(__x86_64__)
#define RED	0x5aa55aa55aa55aa5ull

/*
 * A leaf function with a site in it: loads registers from in[], sets the carry
 * flag, writes below its stack pointer, and stores into out[] what is there
 * after the hit.
 */
void hit_with(const uint64_t in[15], uint64_t out[19]);

__asm__(".pushsection .text\n"
	".globl hit_with\n"
	"hit_with:\n"
	"	pushq %rbx\n	pushq %rbp\n	pushq %r12\n"
	"	pushq %r13\n	pushq %r14\n	pushq %r15\n	pushq %rsi\n"
	"	movabsq $0x5aa55aa55aa55aa5, %rax\n"
	"	movq %rax, -8(%rsp)\n	movq %rax, -64(%rsp)\n"
	"	movq %rax, -128(%rsp)\n"
	"	movq (%rdi), %rax\n	movq 8(%rdi), %rbx\n"
	"	movq 16(%rdi), %rcx\n	movq 24(%rdi), %rdx\n"
	"	movq 32(%rdi), %rsi\n	movq 48(%rdi), %r8\n"
	"	movq 56(%rdi), %r9\n	movq 64(%rdi), %r10\n"
	"	movq 72(%rdi), %r11\n	movq 80(%rdi), %r12\n"
	"	movq 88(%rdi), %r13\n	movq 96(%rdi), %r14\n"
	"	movq 104(%rdi), %r15\n	movq 112(%rdi), %rbp\n"
	"	movq 40(%rdi), %rdi\n	stc\n"
	PROBE_NOTE(refill_done, "8@%rdi 8@%rsi 8@%rdx 8@%rcx 8@%r8 8@%r9")
	"	xchgq %rax, (%rsp)\n	setc 120(%rax)\n"
	"	movq %rbx, 8(%rax)\n	movq %rcx, 16(%rax)\n"
	"	movq %rdx, 24(%rax)\n	movq %rsi, 32(%rax)\n"
	"	movq %rdi, 40(%rax)\n	movq %r8, 48(%rax)\n"
	"	movq %r9, 56(%rax)\n	movq %r10, 64(%rax)\n"
	"	movq %r11, 72(%rax)\n	movq %r12, 80(%rax)\n"
	"	movq %r13, 88(%rax)\n	movq %r14, 96(%rax)\n"
	"	movq %r15, 104(%rax)\n	movq %rbp, 112(%rax)\n"
	"	movq -8(%rsp), %rbx\n	movq %rbx, 128(%rax)\n"
	"	movq -64(%rsp), %rbx\n	movq %rbx, 136(%rax)\n"
	"	movq -128(%rsp), %rbx\n	movq %rbx, 144(%rax)\n"
	"	popq %rbx\n	movq %rbx, (%rax)\n"
	"	popq %r15\n	popq %r14\n	popq %r13\n"
	"	popq %r12\n	popq %rbp\n	popq %rbx\n	ret\n"
	".popsection\n");

static int fire_preserve(void)
{
	uint64_t in[15], out[19] = { 0 };

	for (uint64_t i = 0; i < 15; i++)
		in[i] = 0x0123456789abcdefull * (i + 1);
	hit_with(in, out);
	for (int i = 0; i < 15; i++)
		if (out[i] != in[i])
			return 1;
	return out[15] != 1 || out[16] != RED || out[17] != RED ||
	       out[18] != RED;
}
#else
static int fire_preserve(void)
{
	return 77;
}
#endif

static uint64_t semaphores(void)
{
	uint64_t sum = 0;

#define SUM_LIB(name)	sum += mheap_##name##_semaphore;
#define SUM_BOTH(name)
#define SUM_DAEMON(name)
#define PROBE(side, name, n, text, ...)	SUM_##side(name)
#include "shm/probes.def"
#undef PROBE
	return sum;
}

/* Of the code of a probe, its site in it. */
static uint32_t sum_of_code(void)
{
	const unsigned char *p = (const unsigned char *)(uintptr_t)
				 probe_refill_start;
	uint32_t h = 2166136261u;

	for (int i = 0; i < 64; i++)
		h = (h ^ ((const volatile unsigned char *)p)[i]) * 16777619u;
	return h;
}

static int fire_state(void)
{
	char line[16];

	while (fgets(line, sizeof(line), stdin)) {
		printf("semaphores %" PRIu64 " code %08x\n", semaphores(),
		       sum_of_code());
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;

	if (!strcmp(what, "args"))
		return fire_args();
	if (!strcmp(what, "burst"))
		return fire_burst(n);
	if (!strcmp(what, "pairs"))
		return fire_pairs(n);
	if (!strcmp(what, "thread"))
		return fire_thread(n);
	if (!strcmp(what, "owner"))
		return fire_owner(n);
	if (!strcmp(what, "odd"))
		return fire_odd(n);
	if (!strcmp(what, "names"))
		return fire_names(n);
	if (!strcmp(what, "locks"))
		return fire_locks(n);
	if (!strcmp(what, "chain"))
		return fire_chain();
	if (!strcmp(what, "preserve"))
		return fire_preserve();
	if (!strcmp(what, "state"))
		return fire_state();
	return 2;
}
