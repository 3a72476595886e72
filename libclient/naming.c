/* SPDX-License-Identifier: Apache-2.0 */
/*
 * naming.c - names of objects.  The daemon writes the table (daemon/names.c);
 * looking a name up needs nobody.
 *
 * A held object is held before it is handed out.  Between the look at its name
 * and that, it may go, and its span too: so the span is watched, and the entry
 * looked at again, before the holder word is touched; and once more after, for
 * then the object that is held is the one that has the name.  [O3],
 * models/watch.pml.  Takes no lock.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "libclient/held.h"
#include "shm/handle.h"
#include "shm/names.h"

static int bad_name(mh_heap *h, const char *name)
{
	if (name && name_ok(name))
		return 0;
	return refuse(EINVAL, "heap %s: an object's name has 1 to %u bytes, this "
		    "one %s", h->name, SH_NAME_MAX, !name ? "is NULL" :
		    *name ? "is longer" : "is empty");
}

static bool is_held(mh_heap *h, uint64_t off)
{
	struct held_at at;

	return off < h->sg.geo.reserve_bytes && held_find(&h->sg, off, &at);
}

static int set_failed(mh_heap *h, const char *name, const void *p, int r)
{
	switch (r) {
	case -ENOSPC:
		return refuse(ENOSPC, "heap %s: its table of %u names is full",
			      h->name, h->sg.geo.nnames);
	case -EBUSY:
		return refuse(EBUSY, "heap %s: mh_name_set(%s): held object %p "
			      "has another name, which must be removed first",
			      h->name, name, p);
	case -ESTALE:
		return refuse(ESTALE, "heap %s: mh_name_set(%s): nobody holds %p "
			      "any more", h->name, name, p);
	}
	return -1;
}

int mh_name_set(mh_heap *h, const char *name, void *p)
{
	struct call c = { .op = OP_NAME_SET, .text = name };
	int r;

	if (bad_name(h, name))
		return -1;
	c.arg[0] = h->attached && is_held(h, (uint64_t)((char *)p - h->arena));
	if (!c.arg[0] && mh_share(h, p))
		return -1;
	c.value = mh_handle_of(h, p);
	if (!c.value || !enter_any(h))
		return -1;
	r = call_daemon(h, &c, false);
	leave();
	return r ? set_failed(h, name, p, r) : 0;
}

/* One of the words that say so; SH_WATCHES threads may look at once. */
static _Atomic uint32_t *watch_begin(mh_heap *h, uint32_t id)
{
	_Atomic uint32_t *word = my_slot(h)->watch;

	for (uint32_t i = 0; ; i++) {
		uint32_t none = 0;

		if (cas_sc(&word[i % SH_WATCHES], &none, id))	/* [O3] */
			return &word[i % SH_WATCHES];
		if (i % SH_WATCHES == SH_WATCHES - 1)
			sched_yield();
	}
}

static void watch_end(_Atomic uint32_t *word)
{
	st_rel(word, 0);					/* [O3] */
}

/* Is that what the handle means: this span, in this generation? */
static bool leads_to(uint64_t handle, const struct held_at *at, uint32_t id)
{
	return at->id.n == id && looked_handle() == handle;
}

/* Counting, watched: 0 held, or why not; *ret_at is what it was. */
static int hold_watched(mh_heap *h, const struct name_is *n, uint32_t id,
			struct held_at *ret_at)
{
	const struct held_at *at;
	int r = -EAGAIN;

	if (name_same(n)) {
		at = held_look(h, handle_offset(&h->sg, n->handle));
		r = at && leads_to(n->handle, at, id) ? hold_looked(h) : -ESTALE;
		if (r == HOLDS_MISSING)
			*ret_at = *at;
	}
	return r;
}

/*
 * Counting around the watch: who has one is not interrupted by a handler that waits
 * for one.  An id of 0 would watch nothing, and leave the word to another.
 */
static int hold_by_watch(mh_heap *h, const struct name_is *n, uint64_t off,
			 struct held_at *ret_at)
{
	uint32_t id = ld_acq(&h->sg.pagemap[off >> PAGE_SHIFT]); /* [G2] */
	_Atomic uint32_t *watch;
	int r;

	if (!seg_span_ok(&h->sg, (span_id){ id }))
		return -ESTALE;
	if (!counting_begin())
		return -EDEADLK;
	watch = watch_begin(h, id);
	r = hold_watched(h, n, id, ret_at);
	watch_end(watch);
	counting_end();
	return r;
}

/* 0: held.  -EAGAIN: the name has changed meanwhile. */
static int hold_named(mh_heap *h, const struct name_is *n)
{
	uint64_t off = handle_offset(&h->sg, n->handle);
	struct held_at at;
	int r = hold_by_watch(h, n, off, &at);

	if (r == HOLDS_MISSING)
		return holds_missing(h, span_slots(&at)) ? -errno : -EAGAIN;
	if (r == -ESTALE && !name_same(n))
		return -EAGAIN;
	if (r || name_same(n))
		return r;
	mh_drop(h, h->arena + off);
	return -EAGAIN;
}

static int get_failed(mh_heap *h, const char *name, int r)
{
	if (r == -EUSERS)
		return may_hold(h, DAEMON_WAIT_MS);	/* says it */
	return refuse(-r, "heap %s: mh_name_get(%s): %s", h->name, name,
		      r == -ENOENT ? "no object has this name" :
		      r == -ESTALE ? "the object is gone" :
		      r == -ENOMEM ? "no memory to count its holds" :
		      r == -EOVERFLOW ? "this process holds it two billion "
					"times (mh_drop)" :
				     "called from a signal handler");
}

/*
 * 0 and what the name stands for, held if it is a held object; or -errno.  While
 * an entry is being replaced its handle may be new already and its phase old: the
 * phase says where to begin, the object has the last word.
 */
static int get_named(mh_heap *h, const char *name, struct name_is *n,
		     bool *ret_held)
{
	int r;

	do {
		uint64_t off;

		if (!name_get(&h->sg, name, n))
			return -ENOENT;
		off = handle_offset(&h->sg, n->handle);
		*ret_held = off < h->sg.geo.reserve_bytes &&
			    ((n->state & 3) == NAME_HELD || is_held(h, off));
		r = !*ret_held ? name_same(n) ? 0 : -EAGAIN :
		    h->r->me.slot < SH_HOLDERS ? hold_named(h, n) :
		    is_held(h, off) ? -EUSERS : -ESTALE;
		if (r == -ESTALE && !is_held(h, off)) {
			*ret_held = false;
			r = 0;
		}
	} while (r == -EAGAIN);
	return r;
}

void *mh_name_get(mh_heap *h, const char *name)
{
	struct name_is n;
	bool held;
	void *p;
	int r;

	if (bad_name(h, name) || !heap_ready(h, DAEMON_WAIT_MS))
		return NULL;
	do {
		r = get_named(h, name, &n, &held);
		if (r) {
			get_failed(h, name, r);
			return NULL;
		}
		p = held ? h->arena + handle_offset(&h->sg, n.handle) :
		    deref_shared(h, n.handle);
		/* Gone, but it may be another one's name since. */
	} while (!p && !name_same(&n));
	return p;
}

int mh_name_remove(mh_heap *h, const char *name)
{
	struct call c = { .op = OP_NAME_REMOVE, .text = name };
	int r;

	if (bad_name(h, name) || !enter_any(h))
		return -1;
	r = call_daemon(h, &c, false);
	leave();
	if (r == -ENOENT)
		return refuse(ENOENT, "heap %s: no object is named %s", h->name,
			      name);
	return r ? -1 : 0;
}
