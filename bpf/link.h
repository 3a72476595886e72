/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.h - attaching the program to the sites of one object: by one uprobe_multi
 * link where the kernel has it (6.6), which comes off at once; else site by
 * site through libbpf, where each takes a tenth of a second to come off.
 */
#ifndef BPF_LINK_H
#define BPF_LINK_H

#include <stdbool.h>
#include <sys/types.h>

#include "bpf/notes.h"

struct bpf_link;
struct bpf_program;

/* What keeps an object's sites attached. */
struct hold {
	int		  fd;		/* of one uprobe_multi link, or -1 */
	struct bpf_link **link;
	uint32_t	  n;
};

#define HOLD_NONE	((struct hold){ .fd = -1 })

/* The attach type that the program must be loaded with; libbpf doesn't know it. */
#define ATTACH_UPROBE_MULTI	48

struct attach {
	struct bpf_program *prog;
	const char	   *path;
	const struct notes *notes;
	pid_t		    pid;	/* -1: all processes */
	bool		    multi;
	uint64_t	    probes;	/* bit: probe that is wanted */
};

/* Of a program that was loaded for it. */
bool link_has_multi(const struct bpf_program *prog);

/* 0, or -errno: nothing is attached then. */
int link_sites(const struct attach *a, struct hold *ret_h);
void link_drop(struct hold *h);

#endif
