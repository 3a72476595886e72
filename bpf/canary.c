/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canary.c - does an attached probe fire?  A successful attach proves nothing: so
 * we map the object's own selftest site, run it, and look whether the hit was
 * counted.  Its site is the first instruction of a function that only returns,
 * so that nothing of the object needs to be loaded or relocated: libraries of
 * other systems and programs are proven like our own.
 *
 * Counted twice, one file is attached to by two ways in (two overlays of one
 * file): the later one must go.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bpf/record.h"
#include "bpf/mheap.skel.h"
#include "bpf/session.h"
#include "shm/layout.h"

#define TOKEN		0x6d686561702d3f21ULL

typedef void (*selftest)(uint64_t token, uint64_t abi);

struct canary {
	void	*map;
	size_t	 len;
	selftest run;
};

static bool canary_map(const struct object *o, struct canary *ret_c)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), at = 0;

	for (uint32_t i = 0; i < o->notes.n; i++)
		if (o->notes.site[i].probe == P_selftest)
			at = o->notes.site[i].offset;
	if (!at)
		return false;
	ret_c->len = 2 * page;
	ret_c->map = mmap(NULL, ret_c->len, PROT_READ | PROT_EXEC, MAP_PRIVATE,
			  o->fd, (off_t)(at & ~(page - 1)));
	if (ret_c->map == MAP_FAILED)
		return false;
	ret_c->run = (selftest)((uintptr_t)ret_c->map + (at & (page - 1)));
	return true;
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

enum proof canary_ask(struct session *s, const struct object *o)
{
	uint64_t before = canary_hits(s), came;
	struct canary c;

	if (!canary_map(o, &c))
		return PROOF_NO_SITE;
	c.run(TOKEN, sh_abi());
	munmap(c.map, c.len);
	came = canary_hits(s) - before;
	s->canaries += came;
	return !came ? PROOF_NONE : came == 1 ? PROOF_ONCE : PROOF_TWICE;
}

/* Of this thread: others may be using the CPU meanwhile. */
static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t canary_count(struct session *s, const struct object *o, uint32_t n,
		      uint64_t *ret_lost)
{
	uint64_t before = canary_hits(s), began, ns;
	struct canary c;

	if (!canary_map(o, &c))
		return 0;
	began = cpu_ns();
	for (uint32_t i = 0; i < n; i++)
		c.run(TOKEN, sh_abi());
	ns = cpu_ns() - began;
	munmap(c.map, c.len);
	s->canaries += n;
	*ret_lost = n - (canary_hits(s) - before);
	return n ? ns / n : 0;
}
