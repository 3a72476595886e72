/* SPDX-License-Identifier: Apache-2.0 */
/*
 * long.c - long arrays.  A thread that allocates and frees more at a time than an
 * array holds goes through the bitmaps at each turn, batch by batch.  So an array
 * of a small owned class that is full at its most, and empty by the next time,
 * moves to a room of its own and doubles at each such turn.
 *
 *	short	behind the mcache, up to sc_cache_max entries
 *	long	in pool memory, taken once per class and mcache, which a fork wipes
 *
 * What long arrays hold beyond short ones has an allowance (take_long).  They
 * are short again after a trim, at the thread's end, and once mh_try_free, which
 * searches arrays, is used in the class.
 * Lock: the class's, under which others peek at arrays.
 */
#include <string.h>

#include "libclient/seen.h"

#define LONG_MOST	8192u		/* entries */
#define LONG_BYTES	(512u << 10)	/* of slots */
#define ENTRY_LEAST	64u		/* bytes that one counts, however small */

static uint32_t long_most(uint32_t sc)
{
	uint32_t n = LONG_BYTES / sc_size(sc);

	return n < LONG_MOST ? n : LONG_MOST;
}

static uint64_t counted(uint32_t sc, uint32_t entries)
{
	uint32_t size = sc_size(sc);

	return (uint64_t)entries * (size < ENTRY_LEAST ? ENTRY_LEAST : size);
}

/* Class lock held. */
static void move(struct arrays *a, uint32_t i, char *to, uint32_t cap)
{
	uint32_t n = array_n(a, i);

	memcpy(to, a->base[i], n * array_each(i));
	a->base[i] = to;
	array_set_cap(a, i, cap);
	array_set_n(a, i, n);
}

static bool is_long(const struct mcache *mc, uint32_t i)
{
	return i < LONG_ARRAYS && mc->a.base[i] != mc->home[i];
}

/* Class lock held. */
static char *long_room(mh_heap *h, struct mcache *mc, uint32_t i)
{
	if (!mc->room[i])
		mc->room[i] = pool_take(h, long_most(i) * array_each(i));
	return mc->room[i];
}

/* The array is empty; did it run over since it was so last? */
void array_lengthen(mh_heap *h, struct mcache *mc, uint32_t i)
{
	struct pclass *c = pclass_of(h, array_spc(i));
	uint32_t cap = array_cap(&mc->a, i), more;

	if (!mc->over[i])
		return;
	mc->over[i] = 0;
	if (i >= LONG_ARRAYS || cap < sc_cache_max(i) || cap >= long_most(i))
		return;
	more = cap * 2 < long_most(i) ? cap * 2 : long_most(i);
	class_lock(h, c);
	if (!c->searched && long_room(h, mc, i) &&
	    take_long(h, counted(i, more - cap)))
		move(&mc->a, i, mc->room[i], more);
	class_unlock(c);
}

/* A long array's upper half of a short one's entries stay.  As flush(). */
int array_shorten(mh_heap *h, struct mcache *mc, uint32_t i)
{
	struct pclass *c = pclass_of(h, array_spc(i));
	uint32_t most;
	int r;

	if (!is_long(mc, i))
		return 0;
	most = sc_cache_max(i);
	r = flush(h, mc, i, most / 2);
	class_lock(h, c);
	give_long(h, counted(i, array_cap(&mc->a, i) - most));
	move(&mc->a, i, mc->home[i], most);
	class_unlock(c);
	return r;
}

/* How many slots an empty array is refilled with. */
uint32_t refill_batch(const struct mcache *mc, uint32_t i)
{
	uint32_t cap = array_cap(&mc->a, i), n = cap / 2;

	if (is_long(mc, i))
		n = cap / 8 > sc_cache_max(i) / 2 ? cap / 8 : sc_cache_max(i) / 2;
	return n ? n : 1;
}
