/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notes.h - the probes of provider "mheap" in an ELF object, from its notes in
 * SystemTap's format (version 3), over libelf; and its build id.
 */
#ifndef BPF_NOTES_H
#define BPF_NOTES_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/record.h"

struct site {
	uint32_t probe;
	uint32_t nargs;			/* that this object gives */
	uint64_t offset;		/* of the instruction in the file */
	uint64_t semaphore;		/* its offset, 0: none */
};

#define SITES_MAX	(2 * P_COUNT)	/* a compiler may copy a site */

/* Ours are 2 KiB; no program has so many of other providers. */
#define NOTES_MAX	(1u << 20)

struct notes {
	struct site site[SITES_MAX];
	uint32_t    n;
	uint32_t    unknown;		/* probes that are newer than we are */
	uint32_t    unfit;		/* sites that the kernel can't use safely */
};

/*
 * 0; -ENOEXEC: no ELF of this machine, or no probe of ours in it; -EFBIG: its notes
 * are longer than the most that is read, NOTES_MAX.
 */
int notes_read(int fd, struct notes *ret_n);

/* An ELF of this machine, and not one whose headers alone would fill the memory. */
bool notes_is_ours(int fd, Elf64_Ehdr *ret_h);

/* Cut to `size` bytes, or filled up with zeros; false: it has none. */
bool notes_build_id(int fd, uint8_t *to, size_t size);

#endif
