/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scratch.h - what a peer has in a file system while it runs: a name for it,
 * and its removal, also after a kill.
 */
#ifndef BENCH_PEERS_SCRATCH_H
#define BENCH_PEERS_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SCRATCH_SHM "/dev/shm"

/* Where temporary folders go: $TMPDIR, or /tmp. */
const char *scratch_tmp(void);

/*
 * Writes DIR/mheap-bench-TAG-PID with our pid into path, after it has removed
 * the entries of that form that are ours and whose process is gone.  What has
 * that name at the end of this process and its workers, however it comes, is
 * removed.
 */
int scratch_name(char *path, size_t size, const char *dir, const char *tag);

/* Removes a file, or a folder with all that is in it, right now. */
void scratch_remove(const char *path);

/* 0 if dir has room for `need` bytes; else says so and gives -ENOSPC. */
int scratch_room(const char *dir, uint64_t need, const char *who);

#ifdef __cplusplus
}
#endif
#endif
