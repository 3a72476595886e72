/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.c - see link.h.  The layout of BPF_LINK_CREATE's argument for
 * BPF_TRACE_UPROBE_MULTI is the kernel's <linux/bpf.h> of 6.6, which Debian 12's
 * headers are older than.
 */
#include "bpf/link.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

struct link_create_multi {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t cnt, multi_flags, pid, pad;
};

static bool wanted(const struct attach *a, const struct site *s)
{
	return a->probes >> s->probe & 1;
}

static int link_multi(const struct attach *a, struct hold *h)
{
	uint64_t offset[SITES_MAX], semaphore[SITES_MAX], cookie[SITES_MAX];
	struct link_create_multi c = {
		.prog_fd = (uint32_t)bpf_program__fd(a->prog),
		.attach_type = ATTACH_UPROBE_MULTI,
		.path = (uintptr_t)a->path,
		.offsets = (uintptr_t)offset,
		.ref_ctr_offsets = (uintptr_t)semaphore,
		.cookies = (uintptr_t)cookie,
		.pid = a->pid > 0 ? (uint32_t)a->pid : 0,
	};

	for (uint32_t i = 0; i < a->notes->n; i++) {
		const struct site *s = &a->notes->site[i];

		if (!wanted(a, s))
			continue;
		offset[c.cnt] = s->offset;
		semaphore[c.cnt] = s->semaphore;
		cookie[c.cnt++] = COOKIE(s->probe, s->nargs, c.pid);
	}
	if (!c.cnt)
		return 0;
	h->fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &c, sizeof(c));
	return h->fd < 0 ? -errno : 0;
}

static int link_one(const struct attach *a, const struct site *s,
		    struct hold *h)
{
	struct bpf_uprobe_opts opts = {
		.sz = sizeof(opts), .ref_ctr_offset = s->semaphore,
		.bpf_cookie = COOKIE(s->probe, s->nargs,
				     a->pid > 0 ? a->pid : 0),
	};
	struct bpf_link *l;

	l = bpf_program__attach_uprobe_opts(a->prog, a->pid, a->path, s->offset,
					    &opts);
	if (!l)
		return -errno;
	h->link[h->n++] = l;
	return 0;
}

static int link_each(const struct attach *a, struct hold *h)
{
	int r = 0;

	h->link = calloc(a->notes->n, sizeof(*h->link));
	if (!h->link)
		return -ENOMEM;
	for (uint32_t i = 0; i < a->notes->n && !r; i++)
		if (wanted(a, &a->notes->site[i]))
			r = link_one(a, &a->notes->site[i], h);
	return r;
}

/* A path that is no file: what has the link looks at it, and says so. */
bool link_has_multi(const struct bpf_program *prog)
{
	uint64_t offset = 0;
	struct link_create_multi c = {
		.prog_fd = (uint32_t)bpf_program__fd(prog),
		.attach_type = ATTACH_UPROBE_MULTI, .path = (uintptr_t)"/",
		.offsets = (uintptr_t)&offset, .cnt = 1,
	};

	return syscall(SYS_bpf, BPF_LINK_CREATE, &c, sizeof(c)) < 0 &&
	       errno == EBADF;
}

int link_sites(const struct attach *a, struct hold *ret_h)
{
	int r;

	*ret_h = HOLD_NONE;
	r = a->multi ? link_multi(a, ret_h) : link_each(a, ret_h);
	if (r)
		link_drop(ret_h);
	return r;
}

void link_drop(struct hold *h)
{
	if (h->fd >= 0)
		close(h->fd);
	for (uint32_t i = 0; i < h->n; i++)
		bpf_link__destroy(h->link[i]);
	free(h->link);
	*h = HOLD_NONE;
}
