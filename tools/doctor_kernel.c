/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_kernel.c - what the kernel and the processor can do, and let us do.
 * What may be forbidden is tried, not inferred: containers filter system calls.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "tools/doctor.h"

#define KERNEL_MAJOR	6
#define KERNEL_MINOR	1

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD	77
#endif
#ifndef CAP_BPF
#define CAP_BPF		39
#endif

void check_kernel(struct diagnosis *f)
{
	unsigned major = 0, minor = 0;
	struct utsname u;

	if (uname(&u) || sscanf(u.release, "%u.%u", &major, &minor) != 2) {
		found(f, "its version can't be read");
		remedy(f, LEVEL_WARN, "mheapd needs Linux %u.%u or newer",
		       KERNEL_MAJOR, KERNEL_MINOR);
		return;
	}
	found(f, "%s %.60s", u.sysname, u.release);
	if (major < KERNEL_MAJOR ||
	    (major == KERNEL_MAJOR && minor < KERNEL_MINOR))
		remedy(f, LEVEL_FAIL, "use Linux %u.%u or newer", KERNEL_MAJOR,
		       KERNEL_MINOR);
}

void check_processor(struct diagnosis *f)
{
#if defined(__x86_64__)
	unsigned a, b, c = 0, d;
	bool has = __get_cpuid(1, &a, &b, &c, &d) && c & bit_CMPXCHG16B;

	found(f, "x86-64 %s cmpxchg16b", has ? "with" : "without");
	if (!has)
		remedy(f, LEVEL_FAIL, "a virtual machine may hide it: give it a "
		       "processor model that has it");
#elif defined(__aarch64__)
	bool has = getauxval(AT_HWCAP) & HWCAP_ATOMICS;

	found(f, "aarch64 %s LSE atomics", has ? "with" : "without");
	if (!has)
		remedy(f, LEVEL_FAIL, "mheap needs Armv8.1 or newer");
#endif
}

static int ring_open(unsigned flags)
{
	struct io_uring_params p = { .flags = flags };
	long fd = syscall(SYS_io_uring_setup, 8, &p);

	return fd < 0 ? -errno : (int)fd;
}

/* Is the operation there?  The kernel lists what it knows. */
static bool ring_has(int fd, unsigned op)
{
	size_t size = sizeof(struct io_uring_probe) +
		      256 * sizeof(struct io_uring_probe_op);
	struct io_uring_probe *p = calloc(1, size);
	bool has;

	if (!p)
		return false;
	has = !syscall(SYS_io_uring_register, fd, IORING_REGISTER_PROBE, p,
		       256) &&
	      op <= p->last_op && p->ops[op].flags & IO_URING_OP_SUPPORTED;
	free(p);
	return has;
}

static void ring_refused(struct diagnosis *f, int err, uint64_t disabled)
{
	found(f, "io_uring_setup: %s", strerror(err));
	if (disabled)
		remedy(f, LEVEL_FAIL, "kernel.io_uring_disabled is %u: sysctl "
		       "kernel.io_uring_disabled=0, or 1 with the user's group "
		       "in kernel.io_uring_group", (unsigned)disabled);
	else if (err == EPERM)
		remedy(f, LEVEL_FAIL, "a filter of system calls forbids it: in "
		       "a container, allow io_uring_setup, io_uring_enter and "
		       "io_uring_register in its seccomp profile");
	else if (err == ENOSYS)
		remedy(f, LEVEL_FAIL, "use a kernel with CONFIG_IO_URING");
	else
		remedy(f, LEVEL_FAIL, "mheapd's event loop needs it");
}

void check_io_uring(struct diagnosis *f)
{
	uint64_t disabled = 0;
	int fd = ring_open(0);
	bool all;

	read_number("/proc/sys/kernel/io_uring_disabled", &disabled);
	if (fd < 0) {
		ring_refused(f, -fd, disabled);
		return;
	}
	all = ring_has(fd, IORING_OP_FALLOCATE) && ring_has(fd, IORING_OP_ACCEPT);
	close(fd);
	found(f, "works (kernel.io_uring_disabled is %u)", (unsigned)disabled);
	if (!all)
		remedy(f, LEVEL_FAIL, "it lacks fallocate or accept: use Linux "
		       "%u.%u or newer", KERNEL_MAJOR, KERNEL_MINOR);
}

void check_pidfd(struct diagnosis *f)
{
	long fd = syscall(SYS_pidfd_open, getpid(), 0);
	struct pollfd p = { .fd = (int)fd, .events = POLLIN };

	if (fd < 0) {
		found(f, "pidfd_open: %s", strerror(errno));
		remedy(f, LEVEL_FAIL, "without it a client's death can't be "
		       "proven: allow pidfd_open in the seccomp profile");
		return;
	}
	found(f, "works");
	if (poll(&p, 1, 0))
		remedy(f, LEVEL_FAIL, "the pidfd of a living process says that "
		       "it ended");
	close((int)fd);
}

void check_peer_pidfd(struct diagnosis *f)
{
	socklen_t len = sizeof(int);
	int pair[2], fd;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		found(f, "socketpair: %s", strerror(errno));
		remedy(f, LEVEL_FAIL, "mheapd needs Unix sockets");
		return;
	}
	if (!getsockopt(pair[0], SOL_SOCKET, SO_PEERPIDFD, &fd, &len)) {
		found(f, "SO_PEERPIDFD works: clients in other PID namespaces "
		      "may attach");
		close(fd);
	} else {
		found(f, "no SO_PEERPIDFD: %s", strerror(errno));
		remedy(f, LEVEL_WARN, "clients must be in a PID namespace that "
		       "mheapd sees; Linux 6.5 or newer lifts that");
	}
	close(pair[0]);
	close(pair[1]);
}

static bool have_capability(unsigned cap)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { { 0, 0, 0 }, { 0, 0, 0 } };

	return !syscall(SYS_capget, &h, d) &&
	       d[cap / 32].effective >> cap % 32 & 1;
}

/* An array of one number: the least that observers need. */
static bool can_make_map(void)
{
	union bpf_attr a;
	long fd;

	memset(&a, 0, sizeof(a));
	a.map_type = BPF_MAP_TYPE_ARRAY;
	a.key_size = 4;
	a.value_size = 8;
	a.max_entries = 1;
	fd = syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof(a));
	if (fd >= 0)
		close((int)fd);
	return fd >= 0;
}

void check_bpf(struct diagnosis *f)
{
	bool btf = !access("/sys/kernel/btf/vmlinux", R_OK);
	bool cap = have_capability(CAP_BPF) || have_capability(CAP_SYS_ADMIN);
	bool map = can_make_map();
	uint64_t unpriv = 0;

	read_number("/proc/sys/kernel/unprivileged_bpf_disabled", &unpriv);
	found(f, "%s, CAP_BPF %s, kernel types (BTF) %s, "
	      "kernel.unprivileged_bpf_disabled is %u",
	      map ? "works" : "is refused", cap ? "yes" : "no",
	      btf ? "yes" : "no", (unsigned)unpriv);
	if (!cap || !map)
		remedy(f, LEVEL_WARN, "only observers need it, heaps do not: "
		       "run those as root, or with CAP_BPF and CAP_PERFMON");
	else if (!btf)
		remedy(f, LEVEL_WARN, "only observers need it, heaps do not: "
		       "use a kernel with CONFIG_DEBUG_INFO_BTF");
}
