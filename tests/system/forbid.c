/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forbid.c - runs a command to which the kernel refuses something:
 *
 *	forbid uring COMMAND...		io_uring, as container engines do
 *	forbid peerpidfd COMMAND...	SO_PEERPIDFD, as before Linux 6.5
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PEERPIDFD	77

#define LOAD(member)	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
				 offsetof(struct seccomp_data, member))
#define UNLESS(n, skip)	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (n), 0, (skip))
#define REFUSE(err)	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (err))
#define ALLOW		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static struct sock_filter uring[] = {
	LOAD(nr), UNLESS(SYS_io_uring_setup, 1), REFUSE(EPERM), ALLOW,
};

static struct sock_filter peerpidfd[] = {
	LOAD(nr), UNLESS(SYS_getsockopt, 3),
	LOAD(args[2]), UNLESS(PEERPIDFD, 1), REFUSE(ENOPROTOOPT), ALLOW,
};

int main(int argc, char **argv)
{
	struct sock_fprog prog = { sizeof(uring) / sizeof(*uring), uring };

	if (argc < 3)
		return 2;
	if (!strcmp(argv[1], "peerpidfd"))
		prog = (struct sock_fprog){
			sizeof(peerpidfd) / sizeof(*peerpidfd), peerpidfd
		};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog)) {
		perror("forbid");
		return 77;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
