/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canary.c - does an attached probe fire?  A successful attach proves nothing: so
 * a child maps the object's own selftest site and runs it, and we look whether
 * the hit was counted.  Its site is the first instruction of a function that only
 * returns (notes.c has looked), so that nothing of the object needs to be loaded or
 * relocated: libraries of other systems and programs are proven like our own.
 * Anybody may own the file and change it meanwhile, so the child is confined.
 *
 * The kernel's program counts hits with this canary's own token alone, so the
 * canaries of another tracer are nothing to us.  Counted twice, one file is
 * attached to by two ways in (two overlays of one file): the later one must go.
 * One that did not come back was changed after it was looked at, and proves nothing.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bpf/confine.h"
#include "bpf/record.h"
#include "bpf/mheap.skel.h"
#include "bpf/session.h"
#include "shm/layout.h"

#define SELFTEST	(1ULL << P_selftest)
#define SITE_BYTES	8u		/* at most: two instructions */

typedef void (*selftest)(uint64_t token, uint64_t abi);

struct canary {
	struct session	    *s;
	const struct object *o;
	struct bpf_program  *prog;	/* for the child alone; NULL: as it is */
	uint32_t	     n;
	selftest	     run;
};

static int canary_map(struct canary *c)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), at = 0;
	const struct notes *n = &c->o->notes;
	void *map;

	for (uint32_t i = 0; i < n->n; i++)
		if (n->site[i].probe == P_selftest)
			at = n->site[i].offset;
	if (!at)
		return -ENOEXEC;
	map = mmap(NULL, (at & (page - 1)) + SITE_BYTES, PROT_READ | PROT_EXEC,
		   MAP_PRIVATE, c->o->fd, (off_t)(at & ~(page - 1)));
	if (map == MAP_FAILED)
		return -errno;
	c->run = (selftest)((uintptr_t)map + (at & (page - 1)));
	return 0;
}

/*
 * With -p nothing that is attached fires in here: the child attaches for itself,
 * also to what is traced already, which may be the same file by another way.
 */
static int canary_attach(const struct canary *c)
{
	const struct finder *f = &c->s->find;
	struct hold h;

	for (uint32_t i = 0; i < f->n && c->s->o->npids; i++)
		if (f->object[i] != c->o && f->object[i]->traced)
			session_attach(c->s, c->prog, f->object[i], getpid(),
				       SELFTEST, &h);
	return session_attach(c->s, c->prog, c->o, getpid(), SELFTEST, &h);
}

/* The ring is memory that we share with the kernel and our parent. */
static int canary_ready(void *arg)
{
	struct canary *c = arg;
	int r = c->prog ? canary_attach(c) : 0;

	if (c->s->ring)
		ring_buffer__free(c->s->ring);
	return r ? r : canary_map(c);
}

/* Of this thread: others may be using the CPU meanwhile. */
static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t canary_run(void *arg)
{
	const struct canary *c = arg;
	uint64_t token = c->s->skel->bss->token, began = cpu_ns();

	for (uint32_t i = 0; i < c->n; i++)
		c->run(token, sh_abi());
	return cpu_ns() - began;
}

static uint64_t canary_hits(struct session *s)
{
	int n = libbpf_num_possible_cpus();
	struct counts *c = calloc((size_t)n, sizeof(*c));
	uint32_t key = P_selftest;
	uint64_t hits = 0;

	if (c && !bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.counts), &key,
				      c))
		for (int i = 0; i < n; i++)
			hits += c[i].hits;
	free(c);
	return hits;
}

/* The code that is run gets to know it, so each canary has its own. */
static int canary_go(struct canary *c, uint64_t *ret_came, uint64_t *ret_ns)
{
	uint64_t before = canary_hits(c->s), token;
	int r;

	if (getentropy(&token, sizeof(token)))
		token = now_ns();
	c->s->skel->bss->token = token | 1;
	r = confined(canary_ready, canary_run, c, ret_ns);
	c->s->skel->bss->token = 0;
	*ret_came = canary_hits(c->s) - before;
	return r;
}

enum proof canary_ask(struct session *s, const struct object *o,
		      struct bpf_program *prog, int *ret_why)
{
	struct canary c = { .s = s, .o = o, .prog = prog, .n = 1 };
	uint64_t came, ns;

	*ret_why = canary_go(&c, &came, &ns);
	if (*ret_why || !came)
		return PROOF_NONE;
	return came > 1 ? PROOF_TWICE : PROOF_ONCE;
}

uint64_t canary_count(struct session *s, const struct object *o,
		      struct bpf_program *prog, uint32_t n, uint64_t *ret_lost)
{
	struct canary c = { .s = s, .o = o, .prog = prog, .n = n };
	uint64_t came, ns;

	*ret_lost = 0;
	if (!n || canary_go(&c, &came, &ns))
		return 0;
	*ret_lost = n - came;
	return ns / n;
}
