/* SPDX-License-Identifier: Apache-2.0 */
/* addrmap.c - see addrmap.h. */
#include <errno.h>
#include <stdlib.h>

#include "bench/trace/addrmap.h"

#define FIRST_BITS	12

static size_t mask(const struct addrmap *m)
{
	return ((size_t)1 << m->bits) - 1;
}

static size_t home(const struct addrmap *m, uint64_t addr)
{
	return addr * 0x9e3779b97f4a7c15ull >> (64 - m->bits);
}

/* Where it is, or the empty place where it would be. */
static size_t look_up(const struct addrmap *m, uint64_t addr)
{
	size_t i = home(m, addr);

	while (m->entry[i].addr && m->entry[i].addr != addr)
		i = (i + 1) & mask(m);
	return i;
}

static int grow(struct addrmap *m)
{
	struct addrmap bigger = { .bits = m->bits ? m->bits + 1 : FIRST_BITS,
				  .used = m->used };

	bigger.entry = calloc(mask(&bigger) + 1, sizeof(*bigger.entry));
	if (!bigger.entry)
		return -ENOMEM;
	for (size_t i = 0; m->entry && i <= mask(m); i++)
		if (m->entry[i].addr)
			bigger.entry[look_up(&bigger, m->entry[i].addr)] =
				m->entry[i];
	free(m->entry);
	*m = bigger;
	return 0;
}

int addrmap_put(struct addrmap *m, uint64_t addr, uint32_t slot)
{
	size_t i;

	if ((!m->entry || m->used > mask(m) / 2) && grow(m))
		return -ENOMEM;
	i = look_up(m, addr);
	if (m->entry[i].addr)
		return -EEXIST;
	m->entry[i] = (struct addrmap_entry){ addr, slot };
	m->used++;
	return 0;
}

/* Moves up what lies behind the hole, unless its home lies behind it too. */
static void close_hole(struct addrmap *m, size_t hole)
{
	for (size_t i = (hole + 1) & mask(m); m->entry[i].addr;
	     i = (i + 1) & mask(m)) {
		size_t at_home = home(m, m->entry[i].addr);

		if (((i - at_home) & mask(m)) < ((i - hole) & mask(m)))
			continue;
		m->entry[hole] = m->entry[i];
		hole = i;
	}
	m->entry[hole].addr = 0;
}

uint32_t addrmap_take(struct addrmap *m, uint64_t addr)
{
	size_t i;
	uint32_t slot;

	if (!m->entry)
		return ADDRMAP_NONE;
	i = look_up(m, addr);
	if (!m->entry[i].addr)
		return ADDRMAP_NONE;
	slot = m->entry[i].slot;
	close_hole(m, i);
	m->used--;
	return slot;
}

void addrmap_free(struct addrmap *m)
{
	free(m->entry);
	*m = (struct addrmap){ 0 };
}
