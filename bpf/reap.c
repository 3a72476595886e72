/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reap.c - see session.h.  A process that has ended adds nothing any more, so what
 * is read of its rows before they are deleted is all of them.  One pass over each
 * table, however many have ended.
 *
 * A PID that is used again is told by the start of its process, which is later than
 * the first hit: rows of then are the first one's.  Whoever runs elsewhere
 * (PID_ELSEWHERE) can't be asked whether it lives, and stays.
 *
 * What is kept has bounds, however long it traces and whoever makes up names: so many
 * processes of their own, then so many commands, then "other"; and so many rows of a
 * table, beyond which hits are counted as lost.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/record.h"
#include "bpf/mheap.skel.h"
#include "bpf/rows.h"
#include "bpf/who.h"
#include "shm/probe_ids.h"

#define KEY_MAX		64
#define APART_MAX	4096u	/* processes */
#define COMMANDS_MAX	1024u
#define ROWS_MAX	65536u	/* of a table, as in the kernel */

/* Who has ended since the last look. */
struct ended {
	uint32_t tgid, number;
};

struct reaping {
	struct session *s;
	struct ended   *ended;
	uint32_t	n, room;
};

#define WORD_AT(type, word)	(offsetof(type, word) / sizeof(uint64_t))
#define TABLE(map, k, v)						\
	.key = sizeof(k), .val = sizeof(v), .tgid_at = offsetof(k, tgid), \
	.fd = bpf_map__fd(s->skel->maps.map)

void tables_open(struct session *s)
{
	s->table[TABLE_AGG] = (struct table){
		TABLE(agg, struct agg_key, struct agg),
		.max_at = WORD_AT(struct agg, max_ns) };
	s->table[TABLE_LOCKS] = (struct table){
		TABLE(locks, struct lock_key, struct lock_waits),
		.max_at = WORD_AT(struct lock_waits, max_ns),
		.owner_at = offsetof(struct lock_key, owner) };
	s->table[TABLE_FREES] = (struct table){
		TABLE(frees, struct free_key, struct free_count),
		.owner_at = offsetof(struct free_key, owner) };
	s->table[TABLE_STACKS] = (struct table){
		TABLE(stackagg, struct stack_key, struct stack_count) };
}

void tables_close(struct session *s)
{
	for (int i = 0; i < TABLES; i++)
		free(s->table[i].gone);
	free(s->gone);
}

const struct gone *gone_find(const struct session *s, uint32_t tgid)
{
	uint32_t i = tgid & ~PID_ENDED;

	if (tgid & PID_ENDED)
		return i < s->ngone ? &s->gone[i] : NULL;
	for (i = s->ngone; tgid && i-- > 0;)
		if (s->gone[i].tgid == tgid)
			return &s->gone[i];
	return NULL;
}

/* A stack's addresses are a process's own. */
static bool tells_apart(const struct session *s)
{
	return s->o->by_process || s->wish & WISH_STACKS;
}

static uint32_t number_new(struct session *s, const struct gone *g)
{
	struct gone *more = realloc(s->gone, (s->ngone + 1) * sizeof(*more));

	if (!more)
		return 0;
	s->gone = more;
	more[s->ngone] = *g;
	return PID_ENDED | s->ngone++;
}

static uint32_t number_same(const struct session *s, const struct gone *g)
{
	for (uint32_t i = 0; i < s->ngone; i++)
		if (!memcmp(&s->gone[i], g, sizeof(*g)))
			return PID_ENDED | i;
	return 0;
}

/*
 * Its number among the ended; of its command, where processes are one.  0: no room, or
 * (WISH_NEWS) not before the others are shown, as its PID is still asked for then.
 */
static uint32_t number_of(struct session *s, uint32_t tgid, const struct proc *p)
{
	uint32_t apart = tells_apart(s) ? APART_MAX : 0, number;
	struct gone g = { .inner = p->inner };

	memcpy(g.comm, p->comm, sizeof(g.comm));
	if (s->ngone < apart) {
		g.tgid = tgid;
		return number_new(s, &g);
	}
	if (s->wish & WISH_NEWS)
		return 0;
	number = number_same(s, &g);
	if (!number && s->ngone >= apart + COMMANDS_MAX) {
		memset(g.comm, 0, sizeof(g.comm));
		strcpy(g.comm, "other");
		number = number_same(s, &g);
	}
	return number ? number : number_new(s, &g);
}

static bool lives(uint32_t tgid)
{
	return !kill((pid_t)tgid, 0) || errno != ESRCH;
}

/* What only a thread's name is known of, whom it may outlive. */
static void learn_name(int procs, uint32_t tgid, struct proc *p)
{
	if (p->named || !proc_comm(tgid, p->comm))
		return;
	p->named = true;
	bpf_map_update_elem(procs, &tgid, p, BPF_EXIST);
}

static bool has_ended(int procs, uint32_t tgid, struct proc *ret_p)
{
	if (tgid & PID_ELSEWHERE || bpf_map_lookup_elem(procs, &tgid, ret_p))
		return false;
	if (!lives(tgid) || proc_start_ns(tgid) > ret_p->first_ns)
		return true;
	learn_name(procs, tgid, ret_p);
	return false;
}

static bool note_ended(struct reaping *r, uint32_t tgid, const struct proc *p)
{
	struct ended *more = r->ended;
	uint32_t number;

	if (r->n == r->room) {
		r->room = 2 * r->room + 64;
		more = realloc(r->ended, r->room * sizeof(*more));
	}
	if (!more)
		return false;
	r->ended = more;
	number = number_of(r->s, tgid, p);
	if (number)
		more[r->n++] = (struct ended){ tgid, number };
	return number;
}

static int by_tgid(const void *a, const void *b)
{
	const struct ended *x = a, *y = b;

	return x->tgid == y->tgid ? 0 : x->tgid < y->tgid ? -1 : 1;
}

static void find_ended(struct reaping *r, int procs)
{
	uint32_t tgid, next;
	struct proc p;
	int end = bpf_map_get_next_key(procs, NULL, &tgid);

	while (!end) {
		end = bpf_map_get_next_key(procs, &tgid, &next);
		if (has_ended(procs, tgid, &p) && !note_ended(r, tgid, &p))
			break;
		tgid = next;
	}
	if (r->n)
		qsort(r->ended, r->n, sizeof(*r->ended), by_tgid);
}

/* 0: it hasn't, as far as is known. */
static uint32_t number_found(const struct reaping *r, uint32_t tgid)
{
	struct ended key = { .tgid = tgid }, *e;

	e = r->n ? bsearch(&key, r->ended, r->n, sizeof(key), by_tgid) : NULL;
	return e ? e->number : 0;
}

static uint32_t get_pid(const char *key, size_t at)
{
	uint32_t pid;

	memcpy(&pid, key + at, sizeof(pid));
	return pid;
}

/* Whose was it, or who held it, if that process has ended, too.  0: as it is. */
static uint32_t owner_number(const struct reaping *r, const struct table *t,
			     const char *key, uint32_t whose)
{
	static const struct proc nobody;
	uint32_t owner = t->owner_at ? get_pid(key, t->owner_at) : 0, number;
	uint64_t lock;

	if (!owner || owner & PID_ENDED || tells_apart(r->s))
		return 0;
	memcpy(&lock, key, sizeof(lock));
	if (t == &r->s->table[TABLE_LOCKS] && lock_kind(lock) == LOCK_CLASS)
		return whose & PID_ENDED ? whose : 0;	/* a thread of its own */
	if (!proc_sure(r->s, whose, owner) || lives(owner))
		return 0;
	number = number_found(r, owner);
	return number ? number : number_of(r->s, owner, &nobody);
}

/* Names the row as it is called from now on.  False: as ever. */
static bool rename_row(const struct reaping *r, const struct table *t, char *key)
{
	uint32_t whose = get_pid(key, t->tgid_at), owner;
	uint32_t number = number_found(r, whose);

	if (number)
		memcpy(key + t->tgid_at, &number, sizeof(number));
	owner = owner_number(r, t, key, number ? number : whose);
	if (owner)
		memcpy(key + t->owner_at, &owner, sizeof(owner));
	return number || owner;
}

static void add_row(const struct table *t, char *row, const char *more)
{
	uint64_t *a = (void *)(row + t->key);
	const uint64_t *b = (const void *)(more + t->key);

	for (size_t i = 0; i < t->val / sizeof(*a); i++)
		if (i && i == t->max_at)
			a[i] = a[i] > b[i] ? a[i] : b[i];
		else
			a[i] += b[i];
}

struct called {
	const struct table *t;
	const char	   *name;
};

static int by_name(const void *called, const void *row)
{
	const struct called *c = called;

	return memcmp(c->name, row, c->t->key);
}

static char *row_same(const struct table *t, const char *name)
{
	struct called c = { t, name };

	return t->sorted ? bsearch(&c, t->gone, t->sorted, t->key + t->val,
				   by_name) : NULL;
}

static bool row_new(struct table *t, const char *row)
{
	size_t each = t->key + t->val;
	char *more;

	if (t->ngone == ROWS_MAX)
		return false;
	if (t->ngone == t->room) {
		more = realloc(t->gone, (2 * t->room + 64) * each);
		if (!more)
			return false;
		t->gone = more;
		t->room = 2 * t->room + 64;
	}
	memcpy(t->gone + t->ngone++ * each, row, each);
	return true;
}

/* Takes a row out of the kernel, under its new name. */
static void keep_row(struct session *s, struct table *t, const char *key,
		     const char *name)
{
	uint64_t room[sizeof(struct agg_row) / sizeof(uint64_t)], hits;
	char *row = (char *)room, *same;

	if (bpf_map_lookup_and_delete_elem(t->fd, key, row + t->key))
		return;
	memcpy(row, name, t->key);
	same = row_same(t, name);
	if (same) {
		add_row(t, same, row);
	} else if (!row_new(t, row)) {
		memcpy(&hits, row + t->key, sizeof(hits));
		s->untold += hits;
	}
}

/* A key is deleted only when the next one is known. */
static void reap_table(const struct reaping *r, struct table *t)
{
	char key[KEY_MAX], next[KEY_MAX], name[KEY_MAX];
	int end = bpf_map_get_next_key(t->fd, NULL, key);

	while (!end) {
		end = bpf_map_get_next_key(t->fd, key, next);
		memcpy(name, key, t->key);
		if (rename_row(r, t, name))
			keep_row(r->s, t, key, name);
		memcpy(key, next, t->key);
	}
}

static int by_key(const void *a, const void *b, void *t)
{
	return memcmp(a, b, ((const struct table *)t)->key);
}

/* Rows of one command become one, also of those that were kept before. */
static void fold_gone(const struct reaping *r, struct table *t)
{
	size_t each = t->key + t->val;
	char *last = t->gone, *row;
	uint32_t n = t->ngone;

	if (!n || (n == t->sorted && !t->owner_at))
		return;
	for (uint32_t i = 0; i < n; i++)
		rename_row(r, t, t->gone + i * each);
	qsort_r(t->gone, n, each, by_key, t);
	for (uint32_t i = 1; i < n; i++) {
		row = t->gone + i * each;
		if (!by_key(last, row, t)) {
			add_row(t, last, row);
			t->ngone--;
		} else {
			last += each;
			memmove(last, row, each);
		}
	}
	t->sorted = t->ngone;
}

void tables_forget(struct session *s)
{
	for (int i = 0; i < TABLES; i++)
		s->table[i].ngone = s->table[i].sorted = 0;
	s->ngone = 0;
}

void tables_reap(struct session *s)
{
	int procs = bpf_map__fd(s->skel->maps.procs);
	struct reaping r = { .s = s };

	pthread_mutex_lock(&s->lock);
	find_ended(&r, procs);
	for (int i = 0; i < TABLES; i++) {
		if (r.n || s->table[i].owner_at)
			reap_table(&r, &s->table[i]);
		fold_gone(&r, &s->table[i]);
	}
	for (uint32_t i = 0; i < r.n; i++)
		bpf_map_delete_elem(procs, &r.ended[i].tgid);
	free(r.ended);
	pthread_mutex_unlock(&s->lock);
}
