/* SPDX-License-Identifier: Apache-2.0 */
/*
 * symbols.h - names for frames of user stacks, also of processes that have ended:
 * a frame says which file (by build id) and where in it.  Over elfutils' libdwfl,
 * which also finds separate debugging symbols, by build id in /usr/lib/debug.
 *
 * Files are learnt from what processes map, at their first hit; of very many only
 * the latest are kept.
 */
#ifndef BPF_SYMBOLS_H
#define BPF_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/record.h"

struct symbols;

struct symbols *symbols_new(void);
void symbols_free(struct symbols *y);

/* Learns the files that a process maps now. */
void symbols_learn(struct symbols *y, pid_t pid);
/* One file.  False: no ELF file with a build id. */
bool symbols_file(struct symbols *y, const char *path);

/*
 * The frame of a process as one of a file, if it isn't: the kernel gives an address
 * where the file's build id was not in memory yet.
 */
struct frame symbols_frame(struct symbols *y, pid_t pid, const struct frame *f);

/*
 * "function", "[library+0x12]", "[0x12]", safe to print.  What is returned lives as
 * long as y.
 */
const char *symbols_name(struct symbols *y, const struct frame *f);

/* Is it in libmheap or mheapd? */
bool symbols_of_mheap(struct symbols *y, const struct frame *f);

#endif
