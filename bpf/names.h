/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.h - what numbers in events mean to people: probes and their arguments
 * (from shm/probes.def), span classes, levels, operations, locks.
 */
#ifndef BPF_NAMES_H
#define BPF_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/record.h"

struct probe_name {
	const char *name, *text;
	uint32_t    nargs;
	const char *arg[PROBE_ARGS];
	bool	    lib, daemon;	/* whose probe it is */
};

extern const struct probe_name probe_names[P_COUNT];

/* P_none: no probe of this name. */
uint32_t probe_find(const char *name);

struct name {
	char s[40];
};

/* "shared 64", "owned large"; what is no class: its number. */
struct name class_name(uint32_t spc);
/* "16384 B"; "large". */
uint64_t class_size(uint32_t spc);
const char *class_life(uint32_t spc);

/* Its first bytes, at most so many, and no character cut. */
struct name name_cut(struct name n, size_t most);

/* "cache", "central", "daemon"; "" for 0. */
const char *level_name(uint32_t level);
const char *op_name(uint32_t op);

/* "stripe 3 of shared 64", "class owned 16". */
struct name lock_name(uint64_t lock);

/* What an aggregate of this probe is about: a class, an operation, or "". */
struct name sub_name(uint32_t probe, uint32_t sub);

/* "21048"; "^21048" with PID_ELSEWHERE, "ended" with PID_ENDED. */
struct name pid_text(uint32_t pid);

/* "1.23 us" */
struct name ns_text(uint64_t ns);

/* errno as text without blanks: "ENOMEM"; "" for 0. */
const char *errno_name(uint64_t status);

#endif
