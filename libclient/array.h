/* SPDX-License-Identifier: Apache-2.0 */
/*
 * array.h - a thread's arrays of free slots, one per span class: owned objects
 * up to 1 MiB, leased ones (shared at birth, held) up to 32 KiB.  Stacks: the slot freed last is handed out first.
 *
 *	 base        top         end            most
 *	  | slot slot | room      | may grow to  |
 *
 * Small owned ones may get longer than their first place has room (long.c).
 *
 * Owned arrays hold pointers, shared ones pairs {slot, its parked byte}; some of
 * those are borrowed (lend.h).  All
 * zero is empty and full at once: what every thread starts with, and what a
 * forked child finds.  A shared array's end is zero for good, so that the short
 * path of mh_free finds it full; its room ends at `limit`.
 *
 * Laid out by kind of field, so that the fast paths address them by one index.
 * Only the thread of the mcache changes them; others peek at the top and below,
 * under the class lock [A1].  The base moves under that lock only.
 */
#ifndef LIBCLIENT_ARRAY_H
#define LIBCLIENT_ARRAY_H

#include "shm/atomic.h"
#include "shm/sizeclass.h"
#include "shm/segment.h"

#define OWNED_ARRAYS	(SC_COUNT - 1)	/* run classes too */
#define SHARED_ARRAYS	(OWNED_ARRAYS + SC_LAST_SMALL)	/* the last of them */
#define ARRAYS	(1 + SHARED_ARRAYS + SC_LAST_SMALL) /* 0: no room, no slot */
#define HELD_PAGE	ARRAYS	/* nor here: where frees of held objects come */
#define ARRAY_ROWS	(ARRAYS + 1)

struct slot_ref {		/* entry of a shared array */
	void *_Atomic	 p;	/* [A1] */
	_Atomic uint8_t	*parked;
};

struct arrays {
	char *_Atomic	 top[ARRAY_ROWS];	/* [A1] past the slot freed last */
	char		*base[ARRAY_ROWS];
	char		*end[ARRAY_ROWS];	/* where plain pushes stop */
	char		*limit[ARRAY_ROWS];	/* where all do */
};

/* Index of a span class's array; 0, the dummy, of those without. */
static inline uint32_t array_index(uint32_t spc)
{
	uint32_t sc = spc_size_class(spc);

	if (spc_life(spc) == LIFE_OWNED)
		return sc;
	if (!sc_is_small(sc))
		return 0;
	return sc + (spc_life(spc) == LIFE_SHARED ? OWNED_ARRAYS :
		     SHARED_ARRAYS);
}

/* Are its slots those of leased spans? */
static inline bool array_shared(uint32_t i)
{
	return i > OWNED_ARRAYS;
}

static inline bool array_held(uint32_t i)
{
	return i > SHARED_ARRAYS;
}

static inline uint32_t array_size_class(uint32_t i)
{
	return array_held(i) ? i - SHARED_ARRAYS :
	       array_shared(i) ? i - OWNED_ARRAYS : i;
}

static inline uint32_t array_spc(uint32_t i)
{
	return span_class(array_held(i) ? LIFE_HELD :
			  array_shared(i) ? LIFE_SHARED : LIFE_OWNED,
			  array_size_class(i));
}

static inline uint32_t array_each(uint32_t i)
{
	return array_shared(i) ? sizeof(struct slot_ref) : sizeof(void *);
}

static inline uint32_t array_n(const struct arrays *a, uint32_t i)
{
	char *top = ld_acq(&a->top[i]);			/* [A1] */

	return (uint32_t)(top - a->base[i]) / array_each(i);
}

static inline uint32_t array_cap(const struct arrays *a, uint32_t i)
{
	return (uint32_t)(a->limit[i] - a->base[i]) / array_each(i);
}

static inline void array_set_n(struct arrays *a, uint32_t i, uint32_t n)
{
	st_rel(&a->top[i], a->base[i] + n * array_each(i));	/* [A1] */
}

static inline void array_set_cap(struct arrays *a, uint32_t i, uint32_t cap)
{
	a->limit[i] = a->base[i] + cap * array_each(i);
	a->end[i] = array_shared(i) ? NULL : a->limit[i];
}

static inline void *array_get(const struct arrays *a, uint32_t i, uint32_t k)
{
	char *e = a->base[i] + k * array_each(i);

	return ld_rlx((void *_Atomic *)(void *)e);		/* [A1] */
}

static inline const struct slot_ref *array_ref(const struct arrays *a,
					       uint32_t i, uint32_t k)
{
	return (const struct slot_ref *)(void *)
	       (a->base[i] + k * sizeof(struct slot_ref));
}

static inline void array_put(char *e, bool shared, void *p,
			     _Atomic uint8_t *parked)
{
	st_rlx((void *_Atomic *)(void *)e, p);			/* [A1] */
	if (shared)
		((struct slot_ref *)(void *)e)->parked = parked;
}

static inline bool pop_owned(struct arrays *a, uint32_t i, void **ret_p)
{
	char *top = ld_rlx(&a->top[i]);				/* [A1] */

	if (__builtin_expect(top == a->base[i], 0))
		return false;
	top -= sizeof(void *);
	st_rlx(&a->top[i], top);				/* [A1] */
	*ret_p = ld_rlx((void *_Atomic *)(void *)top);		/* [A1] */
	return true;
}

/* Unparked before it leaves the array: give-up looks at parked bytes. */
static inline bool pop_shared(struct arrays *a, uint32_t i, void **ret_p)
{
	char *top = ld_rlx(&a->top[i]);				/* [A1] */
	struct slot_ref *s;

	if (__builtin_expect(top == a->base[i], 0))
		return false;
	s = (struct slot_ref *)(void *)top - 1;
	st_rlx(s->parked, 0);					/* [P1] */
	order_for_recovery();
	st_rel(&a->top[i], (char *)s);				/* [A1] */
	*ret_p = ld_rlx(&s->p);					/* [A1] */
	return true;
}

#endif
