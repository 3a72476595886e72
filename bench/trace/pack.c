/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack.c - pack RECORDING TRACE: makes a packed trace (bench/trace/format.h) of
 * a file of libmhrecord.so (bench/trace/raw.h).  Addresses become slots, the two
 * halves of a realloc become one resize.
 *
 * An object that was there before the recording began is foreign: its free is
 * left out, and a realloc of it counts as an allocation.
 */
#include <errno.h>
#include <error.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/trace/addrmap.h"
#include "bench/trace/rawread.h"
#include "bench/trace/tally.h"

/* A realloc that a thread is in. */
struct pending {
	uint64_t addr;
	uint32_t slot;
};

struct pack {
	struct raw raw;
	struct addrmap map;
	struct pending *pending;	/* by thread */
	uint32_t *empty;		/* slots, the last emptied on top */
	uint32_t n_empty, n_slots, room;
	uint64_t *event;
	struct tally tally;
};

/* `room` has room for every slot, so that emptying one can't fail. */
static uint32_t new_slot(struct pack *p)
{
	if (p->n_empty)
		return p->empty[--p->n_empty];
	if (p->n_slots == TRACE_SLOTS_MAX)
		error(1, 0, "more than %u objects at one time: a trace has no "
		      "numbers for them; record less", TRACE_SLOTS_MAX);
	if (p->n_slots == p->room) {
		p->room = p->room ? 2 * p->room : 1024;
		p->empty = reallocarray(p->empty, p->room, sizeof(*p->empty));
		if (!p->empty)
			error(1, errno, "no memory for %u slots", p->room);
	}
	return p->n_slots++;
}

static void emit(struct pack *p, enum trace_op op, uint32_t slot, uint64_t size)
{
	uint64_t event = trace_event(op, slot, size);
	const char *why;

	if (size > TRACE_SIZE_MAX)
		error(1, 0, "an object of %llu bytes: a trace holds sizes up to "
		      "%llu", (unsigned long long)size, TRACE_SIZE_MAX);
	p->event[p->tally.h.events] = event;
	why = tally_add(&p->tally, event);
	if (why)
		error(1, 0, "event %llu can't be: %s",
		      (unsigned long long)p->tally.h.events, why);
}

/* The object in `slot` is now at addr. */
static void place(struct pack *p, uint64_t addr, uint32_t slot)
{
	int err = addrmap_put(&p->map, addr, slot);

	if (err)
		error(1, err == -EEXIST ? 0 : -err, "address %#llx is allocated "
		      "twice and not freed between: the recording misses calls; "
		      "record it again", (unsigned long long)addr);
}

static void on_alloc(struct pack *p, uint64_t addr, uint64_t size)
{
	uint32_t slot = new_slot(p);

	place(p, addr, slot);
	emit(p, TRACE_ALLOC, slot, size ? size : 1);
}

static void on_free(struct pack *p, uint64_t addr)
{
	uint32_t slot = addrmap_take(&p->map, addr);

	if (slot == ADDRMAP_NONE) {
		p->tally.h.foreign++;
		return;
	}
	emit(p, TRACE_FREE, slot, 0);
	p->empty[p->n_empty++] = slot;
}

static void on_take(struct pack *p, uint32_t thread, uint64_t addr)
{
	p->pending[thread] = (struct pending){
		addr, addrmap_take(&p->map, addr) };
}

static void on_put(struct pack *p, const struct raw_item *i)
{
	struct pending was = p->pending[i->thread];

	p->pending[i->thread] = (struct pending){ 0 };
	if (!was.addr)
		error(1, 0, "thread %u ends a realloc that it didn't begin; "
		      "record it again", i->thread);
	if (was.slot == ADDRMAP_NONE) {
		p->tally.h.foreign++;
		if (i->addr)
			on_alloc(p, i->addr, i->size);
		return;
	}
	place(p, i->addr ? i->addr : was.addr, was.slot);
	if (i->addr)
		emit(p, TRACE_RESIZE, was.slot, i->size);
}

static void on_item(struct pack *p, const struct raw_item *i)
{
	switch (i->op) {
	case RAW_NONE:
		break;
	case RAW_ALLOC:
	case RAW_ZALLOC:
	case RAW_ALIGNED:
		p->tally.h.zeroed += i->op == RAW_ZALLOC;
		p->tally.h.aligned += i->op == RAW_ALIGNED;
		on_alloc(p, i->addr, i->size);
		break;
	case RAW_FREE:
		on_free(p, i->addr);
		break;
	case RAW_TAKE:
		on_take(p, i->thread, i->addr);
		break;
	case RAW_PUT:
		on_put(p, i);
		break;
	}
}

static void prepare(struct pack *p, const char *recording)
{
	if (raw_open(&p->raw, recording))
		exit(1);
	p->pending = calloc(p->raw.header->threads + 1ull, sizeof(*p->pending));
	p->event = calloc(p->raw.records + 1, sizeof(*p->event));
	if (!p->pending || !p->event)
		error(1, errno, "no memory for %llu events",
		      (unsigned long long)p->raw.records);
}

static void finish_header(struct pack *p, const char *recording)
{
	struct trace_header *h = &p->tally.h;

	if (!h->events)
		error(1, 0, "%s holds no allocation", recording);
	memcpy(h->magic, TRACE_MAGIC, sizeof(h->magic));
	h->version = TRACE_VERSION;
	h->threads = p->raw.header->threads;
	memcpy(h->program, p->raw.header->program, sizeof(h->program));
}

static void save(const struct pack *p, const char *file)
{
	const struct trace_header *h = &p->tally.h;
	FILE *f = fopen(file, "we");
	bool good;

	if (!f)
		error(1, errno, "can't create %s", file);
	good = fwrite(h, sizeof(*h), 1, f) == 1 &&
		fwrite(p->event, sizeof(*p->event), h->events, f) == h->events;
	if (fclose(f) || !good) {
		unlink(file);
		error(1, errno, "can't write %s", file);
	}
}

int main(int argc, char **argv)
{
	struct pack p = { 0 };
	struct raw_item item;

	if (argc != 3)
		error(2, 0, "usage: pack RECORDING TRACE");
	prepare(&p, argv[1]);
	for (uint64_t n = 1; n <= p.raw.records; n++) {
		item = raw_item(&p.raw, n);
		on_item(&p, &item);
	}
	finish_header(&p, argv[1]);
	save(&p, argv[2]);
	raw_close(&p.raw);
	addrmap_free(&p.map);
	tally_free(&p.tally);
	free(p.pending);
	free(p.empty);
	free(p.event);
	return 0;
}
