/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step.c - see step.h.  ptrace requests must come from the thread that forked
 * the child; takes no locks.
 */
#include "tests/crash/step.h"

#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)

#include <linux/futex.h>
#include <sys/syscall.h>
#include <sys/user.h>

#define INT3		0xcc
#define SYSCALL_STOP	(SIGTRAP | 0x80)

bool step_works(void)
{
	return true;
}

__attribute__((noinline)) void step_mark(void)
{
	__asm__ volatile("int3" : : : "memory");
}

static uint64_t reg(const struct victim *v, size_t off)
{
	return (uint64_t)ptrace(PTRACE_PEEKUSER, v->pid, off, 0);
}

#define REG(v, name)	reg((v), offsetof(struct user_regs_struct, name))

/* Our own copy of the child's code. */
static const uint8_t *code_at(uint64_t rip)
{
	return (const uint8_t *)(uintptr_t)rip;
}

/* A string instruction under a rep prefix; F3 stands before others as well. */
static bool is_rep(uint64_t rip)
{
	const uint8_t *c = code_at(rip);

	if (c[0] != 0xf2 && c[0] != 0xf3)
		return false;
	c++;
	if (*c == 0x66)
		c++;
	if ((*c & 0xf0) == 0x40)	/* REX */
		c++;
	return (*c >= 0x6c && *c <= 0x6f) || (*c >= 0xa4 && *c <= 0xa7) ||
	       (*c >= 0xaa && *c <= 0xaf);
}

static bool is_syscall(uint64_t rip)
{
	const uint8_t *c = code_at(rip);

	return c[0] == 0x0f && c[1] == 0x05;
}

static bool is_wait(uint64_t nr, uint64_t op)
{
	return nr == SYS_futex && (op & 0x7f) == FUTEX_WAIT;
}

/* Waits for the next stop.  False: it has ended. */
static bool stopped(struct victim *v, int *ret_sig)
{
	int r;

	do
		r = waitpid(v->pid, &v->status, 0);
	while (r < 0 && errno == EINTR);
	if (r < 0 || !WIFSTOPPED(v->status))
		return false;
	*ret_sig = WSTOPSIG(v->status);
	return true;
}

/* A signal that isn't ours to see: delivered, and the child is gone by it. */
static enum step_got fatal(struct victim *v, int sig)
{
	v->status = sig;
	kill(v->pid, SIGKILL);
	waitpid(v->pid, NULL, 0);
	v->pid = 0;
	return STEP_ENDED;
}

bool step_spawn(struct victim *v, void (*body)(void *arg), void *arg)
{
	int sig;

	v->insns = 0;
	v->pid = fork();
	if (v->pid < 0)
		return false;
	if (!v->pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		body(arg);
		_exit(0);
	}
	if (!stopped(v, &sig))
		return false;
	return !ptrace(PTRACE_SETOPTIONS, v->pid, 0,
		       PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
}

/* RIP is behind an int3 that was executed: back onto it. */
static enum step_got at_mark(struct victim *v)
{
	v->rip = REG(v, rip) - 1;
	ptrace(PTRACE_POKEUSER, v->pid, offsetof(struct user_regs_struct, rip),
	       v->rip);
	return STEP_MARK;
}

enum step_got step_run(struct victim *v)
{
	bool inside = false;
	int sig;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, v->pid, 0, 0) || !stopped(v, &sig))
			return STEP_ENDED;
		if (sig == SYSCALL_STOP) {
			inside = !inside;
			if (inside && v->serve &&
			    is_wait(REG(v, orig_rax), REG(v, rsi)))
				v->serve(v->arg);
			continue;
		}
		if (sig == SIGTRAP && *code_at(REG(v, rip) - 1) == INT3)
			return at_mark(v);
		return fatal(v, sig);
	}
}

static enum step_got single(struct victim *v)
{
	int sig;

	if (is_syscall(v->rip) && v->serve &&
	    is_wait(REG(v, rax), REG(v, rsi)))
		v->serve(v->arg);
	if (ptrace(PTRACE_SINGLESTEP, v->pid, 0, 0) || !stopped(v, &sig))
		return STEP_ENDED;
	if (sig != SIGTRAP)
		return fatal(v, sig);
	v->insns++;
	v->rip = REG(v, rip);
	return *code_at(v->rip) == INT3 ? STEP_MARK : STEP_AT;
}

enum step_got step_one(struct victim *v)
{
	static uint64_t rep;		/* the one it is in, and how far */
	static unsigned turns;
	enum step_got got;

	if (!is_rep(v->rip)) {
		rep = 0;
		return single(v);
	}
	turns = v->rip == rep ? turns : 0;
	rep = v->rip;
	do
		got = single(v);
	while (got == STEP_AT && v->rip == rep && ++turns > 2);
	return got;
}

void step_over_mark(struct victim *v)
{
	v->rip++;
	ptrace(PTRACE_POKEUSER, v->pid, offsetof(struct user_regs_struct, rip),
	       v->rip);
}

#else /* another machine: compiled, never used */

bool step_works(void)
{
	return false;
}

void step_mark(void)
{
}

bool step_spawn(struct victim *v, void (*body)(void *arg), void *arg)
{
	(void)v;
	(void)body;
	(void)arg;
	return false;
}

enum step_got step_run(struct victim *v)
{
	(void)v;
	return STEP_ENDED;
}

enum step_got step_one(struct victim *v)
{
	(void)v;
	return STEP_ENDED;
}

void step_over_mark(struct victim *v)
{
	(void)v;
}

#endif

void step_end(struct victim *v)
{
	if (v->pid <= 0)
		return;
	kill(v->pid, SIGKILL);
	waitpid(v->pid, NULL, 0);
	v->pid = 0;
}

void step_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (cpu < 0 || i == cpu)
			CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static bool ask_addr2line(const char *file, uint64_t off, char *buf, size_t n)
{
	char cmd[4200], fn[128] = "", at[256] = "";
	FILE *f;

	snprintf(cmd, sizeof(cmd), "addr2line -f -e '%s' 0x%llx 2>/dev/null",
		 file, (unsigned long long)off);
	f = popen(cmd, "r");
	if (!f)
		return false;
	if (fgets(fn, sizeof(fn), f) && fgets(at, sizeof(at), f)) {
		const char *base = strrchr(at, '/');

		fn[strcspn(fn, "\n")] = at[strcspn(at, "\n")] = 0;
		snprintf(buf, n, "%s (%.100s)", fn, base ? base + 1 : at);
	}
	pclose(f);
	return fn[0] && fn[0] != '?';
}

const char *step_where(uint64_t rip, char *buf, unsigned long n)
{
	Dl_info info = { .dli_fname = NULL };
	void *p = (void *)(uintptr_t)rip;

	snprintf(buf, n, "0x%llx", (unsigned long long)rip);
	if (!dladdr(p, &info) || !info.dli_fname)
		return buf;
	if (ask_addr2line(info.dli_fname, rip - (uintptr_t)info.dli_fbase,
			  buf, n))
		return buf;
	snprintf(buf, n, "%s+0x%llx", info.dli_sname ? info.dli_sname :
		 info.dli_fname, (unsigned long long)(rip -
		 (uintptr_t)(info.dli_saddr ? info.dli_saddr :
			     info.dli_fbase)));
	return buf;
}
