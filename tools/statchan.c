/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statchan.c - see statchan.h.  A channel's figures are as of the reading of each:
 * what is in it moves on meanwhile.
 */
#include "tools/statchan.h"

#include <inttypes.h>
#include <stdio.h>

#include "shm/chan.h"
#include "tools/json.h"
#include "tools/say.h"

struct chan_now {
	char	 name[64];
	uint32_t index;			/* by which probes call it */
	uint64_t capacity;
	struct chan_sum sum;
	bool	 senders_wait, receivers_wait;	/* somebody may sleep */
};

static bool chan_now(const struct seg *sg, uint32_t i, struct chan_now *ret)
{
	struct chan ch;

	uint32_t state;

	if (!chan_view(sg, i, &ch))
		return false;
	state = chan_state(&ch);
	/* False here or below: it is being made or removed. */
	if (state >> 2 != ch.version || !chan_name(sg, i, ret->name))
		return false;
	ret->index = i;
	ret->capacity = ch.order.mask + 1;
	ret->sum = chan_sum(&ch);
	ret->senders_wait = ld_sc(&ch.c->room) & 1;		/* [M3] */
	ret->receivers_wait = ld_sc(&ch.c->items) & 1;		/* [M3] */
	return chan_state(&ch) == state;
}

static const char *who_waits(const struct chan_now *c)
{
	return c->senders_wait && c->receivers_wait ? "both" :
	       c->senders_wait ? "senders" :
	       c->receivers_wait ? "receivers" : "nobody";
}

static void print_chan(const struct chan_now *c)
{
	char name[3 * 64], age[16] = "-";

	if (c->sum.full)
		snprintf(age, sizeof(age), "%u.%03u s",
			 c->sum.oldest_ms / 1000, c->sum.oldest_ms % 1000);
	printf("%5u %9" PRIu64 " %9u %9u %12s %-9s %s\n", c->index,
	       c->capacity, c->sum.full, c->sum.taking, age, who_waits(c),
	       safe_text(name, sizeof(name), c->name, sizeof(c->name),
			 SAFE_TERMINAL));
}

void print_chans(const struct seg *sg)
{
	uint32_t top = seg_chan_top(sg), n = 0;
	struct chan_now c;

	for (uint32_t i = 0; i < top; i++) {
		if (!chan_now(sg, i, &c))
			continue;
		if (!n++)
			printf("\n%5s %9s %9s %9s %12s %-9s CHANNEL\n",
			       "INDEX", "CAPACITY", "MESSAGES", "TAKING",
			       "OLDEST", "WAITING");
		print_chan(&c);
	}
}

void json_chans(struct json_object *o, const struct seg *sg)
{
	struct json_object *list = json_list(o, "channels");
	uint32_t top = seg_chan_top(sg);
	struct chan_now c;

	for (uint32_t i = 0; i < top; i++) {
		struct json_object *row;

		if (!chan_now(sg, i, &c))
			continue;
		row = json_item(list);
		json_text(row, "name", c.name, sizeof(c.name));
		json_u64(row, "index", c.index);
		json_u64(row, "capacity", c.capacity);
		json_u64(row, "messages", c.sum.full);
		json_u64(row, "taking", c.sum.taking);
		json_u64(row, "oldest_ms", c.sum.oldest_ms);
		json_flag(row, "senders_wait", c.senders_wait);
		json_flag(row, "receivers_wait", c.receivers_wait);
	}
}
