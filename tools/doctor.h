/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.h - checks of `mheap doctor`.  Each looks at one thing of this system
 * and changes nothing that outlives it.
 */
#ifndef TOOLS_DOCTOR_H
#define TOOLS_DOCTOR_H

#include <stddef.h>
#include <stdint.h>

enum level { LEVEL_OK, LEVEL_WARN, LEVEL_FAIL };

struct diagnosis {
	enum level level;
	char	   value[256];		/* what is the case */
	char	   remedy[320];		/* "" if there is nothing to do */
};

typedef void doctor_check(struct diagnosis *f);

/* The first lets a check go on and find worse. */
__attribute__((format(printf, 2, 3)))
void found(struct diagnosis *f, const char *format, ...);
__attribute__((format(printf, 3, 4)))
void remedy(struct diagnosis *f, enum level level, const char *format, ...);

/* The first line of a file; 0 or -errno. */
int read_line(const char *path, char *ret_line, size_t len);
/* A file that holds one number. */
int read_number(const char *path, uint64_t *ret_n);

/* doctor_kernel.c */
doctor_check check_bpf, check_io_uring, check_kernel, check_peer_pidfd,
	check_pidfd, check_processor;

/* doctor_memory.c */
doctor_check check_cgroup, check_dev_shm, check_huge_pages, check_map_count,
	check_memfd;

/* doctor_limits.c */
doctor_check check_address_space, check_descriptors, check_file_size,
	check_memlock, check_remove_ipc, check_socket_folder;

#endif
