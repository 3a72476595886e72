/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queues.c - queues of spans, and of chunks: a process's array, and what is on
 * its way to it.  See model.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/sim/model.h"

void queue_add(struct world *w, struct spans *q, uint32_t span)
{
	w->span[span].behind = NONE;
	if (q->head)
		w->span[q->tail].behind = span;
	else
		q->head = span;
	q->tail = span;
	q->n++;
}

uint32_t queue_take(struct world *w, struct spans *q)
{
	uint32_t span = q->head;

	if (!span)
		return NONE;
	q->head = w->span[span].behind;
	q->n--;
	return span;
}

void fifo_add(struct chunk *c, uint32_t head, uint32_t *n, struct chunk x)
{
	struct chunk *last = &c[(head + *n - 1) % RING_OBJECTS];

	if (*n && last->span == x.span) {
		last->n += x.n;
		return;
	}
	if (*n == RING_OBJECTS) {
		fprintf(stderr, "sim run: more chunks than a queue holds\n");
		exit(1);
	}
	c[(head + (*n)++) % RING_OBJECTS] = x;
}

/* Up to `most` objects of the first chunk. */
struct chunk fifo_take(struct chunk *c, uint32_t *head, uint32_t *n,
		       uint32_t most)
{
	struct chunk *first = &c[*head], out = *first;

	if (out.n > most) {
		out.n = most;
		first->n -= most;
	} else {
		*head = (*head + 1) % RING_OBJECTS;
		--*n;
	}
	return out;
}

void array_add(struct proc *p, uint32_t span, uint32_t n)
{
	fifo_add(p->array, p->a_head, &p->a_n, (struct chunk){ span, n });
	p->a_objects += n;
}

struct chunk array_take(struct proc *p, uint32_t most)
{
	struct chunk c = fifo_take(p->array, &p->a_head, &p->a_n, most);

	p->a_objects -= c.n;
	return c;
}
