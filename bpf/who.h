/* SPDX-License-Identifier: Apache-2.0 */
/*
 * who.h - what the numbers are called by which tables tell processes apart: PIDs, or
 * PID_ELSEWHERE and PID_ENDED of record.h.
 */
#ifndef BPF_WHO_H
#define BPF_WHO_H

#include "bpf/names.h"
#include "bpf/session.h"

struct json_object;

/* Of /proc.  False: it isn't there. */
bool proc_comm(uint32_t pid, char comm[16]);

/*
 * When it started, by CLOCK_MONOTONIC: rounded down to one of the kernel's ticks of 10
 * ms.  0: not known.
 */
uint64_t proc_start_ns(uint32_t pid);

/* The command of a process, "?" if nothing is known of it. */
struct name proc_name(struct session *s, uint32_t tgid);

/* What it had as a PID, without marks; 0: none of its own, it has ended. */
uint32_t proc_pid(const struct session *s, uint32_t tgid);

/* "21048", "^21048" elsewhere, "ended". */
struct name proc_number(const struct session *s, uint32_t tgid);

/* "mheap[21048]", of at most `len` bytes of the command; "mheap (ended)". */
struct name proc_text(struct session *s, uint32_t tgid, int len);

/*
 * Under `key` its PID, or KEY_ended, and KEY_elsewhere; its command under `command`
 * unless that is NULL.
 */
void proc_json(struct json_object *o, const char *key, const char *command,
	       struct session *s, uint32_t tgid);

/*
 * A process that the process `by` told the PID of: has it that one here, too?  What it
 * tells is of its own PID name space.
 */
bool proc_sure(struct session *s, uint32_t by, uint32_t tgid);
/* As proc_text(), but "?[21048]" if that isn't sure. */
struct name proc_told(struct session *s, uint32_t by, uint32_t tgid, int len);

#endif
