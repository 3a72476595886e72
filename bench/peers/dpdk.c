/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dpdk.c - starts and stops DPDK's environment (EAL) for its two allocators.
 *
 * Without huge pages EAL keeps its memory in one memfd, mapped shared and
 * faulted in at once; the workers inherit it by fork, at the same address.  The
 * heads of its heaps are in a file that it maps in its runtime folder, so that
 * must be shared too: hence not --in-memory, which makes them private, but a
 * folder of our own.  As all of it is there from the start, no footprint: the
 * harness counts the pages that its own process has touched.
 *
 * EAL pins the thread that starts it.  Where a worker runs is the harness's
 * choice: put back.
 */
#include <errno.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_version.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/peers/dpdk.h"
#include "bench/peers/scratch.h"

static char folder[256];

static int first_cpu(const cpu_set_t *set)
{
	int cpu = 0;

	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, set))
		cpu++;
	return cpu;
}

static int init(const char *name, uint64_t bytes)
{
	char mib[24], lcore[24];
	cpu_set_t before;
	const char *argv[] = { name, "--no-huge", "--no-pci", "--no-telemetry",
			       "--log-level=error", "-m", mib, "--lcores",
			       lcore, NULL };
	int ret;

	sched_getaffinity(0, sizeof(before), &before);
	snprintf(mib, sizeof(mib), "%llu", (unsigned long long)(bytes >> 20));
	snprintf(lcore, sizeof(lcore), "0@%d", first_cpu(&before));
	ret = rte_eal_init((int)(sizeof(argv) / sizeof(*argv)) - 1,
			   (char **)argv);
	sched_setaffinity(0, sizeof(before), &before);
	if (ret >= 0)
		return 0;
	fprintf(stderr, "%s: EAL doesn't start with %s MiB: %s\n", name, mib,
		rte_strerror(rte_errno));
	return -EIO;
}

int dpdk_start(const char *name, uint64_t bytes)
{
	int err = scratch_name(folder, sizeof(folder), scratch_tmp(), name);

	if (err)
		return err;
	if (mkdir(folder, 0700) < 0) {
		fprintf(stderr, "%s: mkdir %s: %s\n", name, folder,
			strerror(errno));
		return -errno;
	}
	setenv("RUNTIME_DIRECTORY", folder, 1);
	err = init(name, bytes);
	if (err)
		scratch_remove(folder);
	bench_backend.version = strchr(rte_version(), ' ') + 1; /* "DPDK 22" */
	return err;
}

void dpdk_stop(void)
{
	rte_eal_cleanup();
	scratch_remove(folder);
}
