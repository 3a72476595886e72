/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop_explain.c - why there is no io_uring here, and what to do about it.
 *
 * Owns nothing, takes no locks and prints nothing: it reads the settings that
 * can forbid io_uring and makes a sentence for the log.  It does not find out
 * which of two possible culprits it was where the kernel gives both the same
 * errno; it names both.
 */
#include "daemon/loop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define SECCOMP                                                                \
	"a seccomp profile forbids io_uring, as the default ones of Docker "   \
	"and containerd do: use one that allows io_uring_setup, "              \
	"io_uring_enter and io_uring_register"

static long setting(const char *path)
{
	FILE *f = fopen(path, "re");
	long n;

	if (!f)
		return -1;
	if (fscanf(f, "%ld", &n) != 1)
		n = -1;
	fclose(f);
	return n;
}

static void explain_eperm(char *buf, size_t len)
{
	switch (setting("/proc/sys/kernel/io_uring_disabled")) {
	case 2:
		snprintf(buf, len,
			 "kernel.io_uring_disabled is 2: io_uring is off for "
			 "everybody; set it to 0, or to 1 with the daemon in "
			 "kernel.io_uring_group");
		break;
	case 1:
		snprintf(buf, len,
			 "kernel.io_uring_disabled is 1: io_uring needs "
			 "CAP_SYS_ADMIN or the group in kernel.io_uring_group "
			 "(now %ld); put the daemon into that group, or set "
			 "kernel.io_uring_disabled to 0; if it has "
			 "either, " SECCOMP,
			 setting("/proc/sys/kernel/io_uring_group"));
		break;
	case 0:
		snprintf(buf, len,
			 "kernel.io_uring_disabled is 0 and allows io_uring, "
			 "so " SECCOMP);
		break;
	default:
		snprintf(buf, len,
			 "this kernel has no kernel.io_uring_disabled, "
			 "so " SECCOMP);
	}
}

static void explain_enomem(char *buf, size_t len)
{
	struct rlimit lim = { 0 };

	getrlimit(RLIMIT_MEMLOCK, &lim);
	snprintf(
		buf, len,
		"no memory for io_uring: RLIMIT_MEMLOCK is %llu KiB for all of "
		"this user's processes (raise it: LimitMEMLOCK= in the unit, "
		"ulimit -l), or the control group's memory limit is reached",
		(unsigned long long)lim.rlim_cur / 1024);
}

static const char *fixed(int err)
{
	switch (err) {
	case -ENOSYS:
		return "this kernel was built without io_uring "
		       "(CONFIG_IO_URING), or " SECCOMP;
	case -EACCES:
		return "a security module (for SELinux: class io_uring) denies "
		       "io_uring to this daemon: allow it in the policy; "
		       "or " SECCOMP;
	case -EOPNOTSUPP:
		return "this kernel's io_uring is too old: Linux 6.1 or newer "
		       "is needed (5.19 at least)";
	case -EMFILE:
		return "no descriptor left for io_uring: raise RLIMIT_NOFILE "
		       "(LimitNOFILE= in the unit, ulimit -n)";
	case -ENFILE:
		return "no descriptor left on this machine: raise fs.file-max";
	default:
		return strerror(-err);
	}
}

const char *loop_explain(int err, char *buf, size_t len)
{
	if (err == -EPERM)
		explain_eperm(buf, len);
	else if (err == -ENOMEM)
		explain_enomem(buf, len);
	else
		snprintf(buf, len, "%s", fixed(err));
	return buf;
}
