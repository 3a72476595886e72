/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_memory.c - where a heap's memory comes from, and who may say no. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "tools/doctor.h"
#include "tools/say.h"

#define TMPFS		0x01021994
#define MIB		(1ull << 20)
#define SHM_LEAST	(16 * MIB)
#define SHM_ENOUGH	(1024 * MIB)
#define CGROUP_ENOUGH	(256 * MIB)
#define CGROUP_ROOT	"/sys/fs/cgroup"
#define MAPS_LEAST	1024u

static void shm_room(struct diagnosis *f, uint64_t size, uint64_t left)
{
	static const char *const larger = "mount -o remount,size=... /dev/shm "
		"(docker run --shm-size=...), or use mheapd --backing memfd";

	found(f, "%s, %s free", figure_bytes(size).s, figure_bytes(left).s);
	if (access("/dev/shm", W_OK))
		remedy(f, LEVEL_FAIL, "this user may not write to it: chmod "
		       "1777 /dev/shm, or use mheapd --backing memfd");
	else if (left < SHM_LEAST)
		remedy(f, LEVEL_FAIL, "too little for a heap: %s", larger);
	else if (left < SHM_ENOUGH)
		remedy(f, LEVEL_WARN, "heaps together may use no more than "
		       "that: %s", larger);
}

void check_dev_shm(struct diagnosis *f)
{
	struct statfs fs;

	if (statfs("/dev/shm", &fs)) {
		found(f, "/dev/shm: %s", strerror(errno));
		remedy(f, LEVEL_FAIL, "mount -t tmpfs -o mode=1777 shm "
		       "/dev/shm, or use mheapd --backing memfd");
		return;
	}
	if (fs.f_type != TMPFS) {
		found(f, "/dev/shm is no tmpfs");
		remedy(f, LEVEL_FAIL, "mount -t tmpfs -o mode=1777 shm "
		       "/dev/shm, or use mheapd --backing memfd");
		return;
	}
	if (!fs.f_blocks) {
		found(f, "without a limit");
		return;
	}
	shm_room(f, (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize,
		 (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize);
}

void check_memfd(struct diagnosis *f)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int fd = memfd_create("mheap.doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || fcntl(fd, F_ADD_SEALS, seals)) {
		found(f, "memfd_create with seals: %s", strerror(errno));
		remedy(f, LEVEL_WARN, "mheapd --backing memfd does not work "
		       "here; --backing shm does not need it");
	} else {
		found(f, "works, with seals");
	}
	if (fd >= 0)
		close(fd);
}

void check_map_count(struct diagnosis *f)
{
	uint64_t n;

	if (read_number("/proc/sys/vm/max_map_count", &n)) {
		found(f, "vm.max_map_count can't be read");
		return;
	}
	found(f, "vm.max_map_count is %" PRIu64, n);
	if (n < MAPS_LEAST)
		remedy(f, LEVEL_WARN, "a client has a mapping per segment and a "
		       "few more: sysctl vm.max_map_count=65530");
}

/* "always within_size [never] ...": the word in brackets. */
void check_huge_pages(struct diagnosis *f)
{
	static const char path[] =
		"/sys/kernel/mm/transparent_hugepage/shmem_enabled";
	char line[128], *at, *end;

	if (read_line(path, line, sizeof(line))) {
		found(f, "this kernel has none for shared memory");
		return;
	}
	at = strchr(line, '[');
	end = at ? strchr(at, ']') : NULL;
	if (!end) {
		found(f, "%.100s", line);
		return;
	}
	*end = 0;
	found(f, "shmem_enabled is %.32s", at + 1);
	if (!strcmp(at + 1, "never") || !strcmp(at + 1, "deny"))
		remedy(f, LEVEL_WARN, "first touch of memory costs several "
		       "times more without: echo within_size > %s", path);
}

/* The least memory.max from this group up; UINT64_MAX: none. */
static uint64_t limit_above(const char *group, char *ret_group, size_t len)
{
	char path[640], file[sizeof(path) + 16];
	uint64_t least = UINT64_MAX, n;
	char *slash;

	snprintf(path, sizeof(path), "%s%s", CGROUP_ROOT, group);
	while (strlen(path) > strlen(CGROUP_ROOT)) {
		snprintf(file, sizeof(file), "%s/memory.max", path);
		if (!read_number(file, &n) && n < least) {
			least = n;
			snprintf(ret_group, len, "%.100s",
				 path + strlen(CGROUP_ROOT));
		}
		slash = strrchr(path, '/');
		*slash = 0;
	}
	return least;
}

/* "0::/user.slice/..." is the line of the unified hierarchy. */
static int own_group(char *ret_group, size_t len)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[512];
	int r = -ENOENT;

	if (!f)
		return -errno;
	while (r && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "0::/", 4))
			continue;
		line[strcspn(line, "\n")] = 0;
		snprintf(ret_group, len, "%s", line + 3);
		r = 0;
	}
	fclose(f);
	return r;
}

/* A container sees its own limit at the root of its hierarchy. */
void check_cgroup(struct diagnosis *f)
{
	char group[512], whose[128] = "";
	uint64_t n = UINT64_MAX, root;

	if (!own_group(group, sizeof(group)))
		n = limit_above(group, whose, sizeof(whose));
	if (!read_number(CGROUP_ROOT "/memory.max", &root) && root < n)
		n = root;
	if (n == UINT64_MAX) {
		found(f, "no control group limits memory");
		return;
	}
	found(f, "control group %s may use %s", whose[0] ? whose : "/",
	      figure_bytes(n).s);
	if (n < CGROUP_ENOUGH)
		remedy(f, LEVEL_WARN, "a heap counts as memory of its daemon's "
		       "control group: raise memory.max (MemoryMax= in the "
		       "unit), or give mheapd a lower --limit");
}
