/* SPDX-License-Identifier: Apache-2.0 */
/* tallies.c - see tallies.h. */
#include "tools/tallies.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static void read_client(const struct seg *sg, uint32_t slot, uint32_t gen,
			struct client_tallies *c)
{
	const struct sh_client *who = &sg->clients[slot];

	memset(c, 0, sizeof(*c));
	c->slot = slot;
	c->gen = gen;
	c->pid = who->pid;
	memcpy(c->comm, who->comm, sizeof(c->comm));
	for (uint32_t spc = 0; spc < SPAN_CLASSES; spc++)
		tally_add(&c->cls[spc], &sg->slots[slot].tally[spc]);
}

bool tallies_read(const struct seg *sg, struct tallies *ret_t)
{
	struct tallies t = { .n = 0 };
	struct timespec now;

	t.client = calloc(sg->geo.nclients, sizeof(*t.client));
	if (!t.client)
		return false;
	for (uint32_t slot = 1; slot <= sg->geo.nclients; slot++) {
		uint64_t w = ld_acq(&sg->clients[slot].word);	/* [R1] */

		if ((w & 0xff) != CLIENT_FREE)
			read_client(sg, slot, (uint32_t)(w >> 8) & GEN_MASK,
				    &t.client[t.n++]);
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	t.ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	*ret_t = t;
	return true;
}

void tallies_free(struct tallies *t)
{
	free(t->client);
	*t = (struct tallies){ 0 };
}

const struct client_tallies *tallies_find(const struct tallies *t,
					  const struct client_tallies *c)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (t->client[i].slot == c->slot && t->client[i].gen == c->gen)
			return &t->client[i];
	return NULL;
}

/* Slot 0, of those who are gone, has memory since the first client came. */
void tallies_sum(const struct seg *sg, struct tally ret_sum[SPAN_CLASSES])
{
	memset(ret_sum, 0, SPAN_CLASSES * sizeof(*ret_sum));
	for (uint32_t slot = 0; slot <= sg->geo.nclients; slot++) {
		uint64_t w = ld_acq(&sg->clients[slot ? slot : 1].word); /* [R1] */

		if (slot ? (w & 0xff) == CLIENT_FREE : !w)
			continue;
		for (uint32_t spc = 0; spc < SPAN_CLASSES; spc++)
			tally_add(&ret_sum[spc], &sg->slots[slot].tally[spc]);
	}
}

uint64_t tally_refills(const struct tally *t)
{
	return t->refills[0] + t->refills[1] + t->refills[2];
}

void tally_since(struct tally *a, const struct tally *b)
{
	for (int i = 0; i < 3; i++)
		a->refills[i] -= b->refills[i];
	a->objects -= b->objects;
	a->flushes -= b->flushes;
	a->flushed -= b->flushed;
	a->failed -= b->failed;
}
