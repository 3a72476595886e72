/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine.c - see confine.h.  Looking at code before it is run is not enough, as
 * who owns its file may change it in between.  A private copy of the page doesn't
 * help: when the file is made shorter, the kernel takes private copies away,
 * too, and what is read then is what has been written since.
 */
#include "bpf/confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_ARCH	AUDIT_ARCH_X86_64
#else
#define OUR_ARCH	AUDIT_ARCH_AARCH64
#endif

#define LOAD(field)	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
				 offsetof(struct seccomp_data, field))
#define SKIP_IF(n, jump)	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (n), (jump), 0)

/* A filter, not the strict mode: that can't be had inside of another filter. */
static int give_up_calls(void)
{
	struct sock_filter only[] = {
		LOAD(arch),
		SKIP_IF(OUR_ARCH, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		SKIP_IF(SYS_clock_gettime, 2),
		SKIP_IF(SYS_exit_group, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog all = { sizeof(only) / sizeof(only[0]), only };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all) ? -errno : 0;
}

/*
 * No handler of ours may run in it, no core of our memory may be left; and the
 * end of its time is the kernel's to tell.
 */
static int give_up(void)
{
	sigset_t all;

	sigfillset(&all);
	sigdelset(&all, SIGALRM);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGALRM, SIG_DFL);
	alarm(CONFINED_SECONDS);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return -errno;
	return give_up_calls();
}

static int wait_for(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) != child)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EFAULT;
}

int confined(int (*ready)(void *arg), uint64_t (*run)(void *arg), void *arg,
	     uint64_t *ret_word)
{
	volatile uint64_t *word = mmap(NULL, sizeof(*word),
				       PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child;
	int r;

	if (word == MAP_FAILED)
		return -errno;
	child = fork();
	if (!child) {
		r = ready(arg);
		if (!r)
			r = give_up();
		if (!r)
			*word = run(arg);
		/* Not _exit(): that of a sanitizer does more. */
		syscall(SYS_exit_group, -r);
	}
	r = child < 0 ? -errno : wait_for(child);
	if (!r)
		*ret_word = *word;
	munmap((void *)(uintptr_t)word, sizeof(*word));
	return r;
}
