/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reap.c - see session.h.  A process that has ended adds nothing any more, so what
 * is read of its rows before they are deleted is all of them.
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

#define KEY_MAX		64

void tables_open(struct session *s)
{
	s->table[TABLE_AGG] = (struct table){
		.key = sizeof(struct agg_key), .val = sizeof(struct agg),
		.tgid_at = offsetof(struct agg_key, tgid),
		.fd = bpf_map__fd(s->skel->maps.agg) };
	s->table[TABLE_LOCKS] = (struct table){
		.key = sizeof(struct lock_key), .val = sizeof(struct lock_waits),
		.tgid_at = offsetof(struct lock_key, tgid),
		.fd = bpf_map__fd(s->skel->maps.locks) };
	s->table[TABLE_FREES] = (struct table){
		.key = sizeof(struct free_key), .val = sizeof(struct free_count),
		.tgid_at = offsetof(struct free_key, tgid),
		.fd = bpf_map__fd(s->skel->maps.frees) };
	s->table[TABLE_STACKS] = (struct table){
		.key = sizeof(struct stack_key),
		.val = sizeof(struct stack_count),
		.tgid_at = offsetof(struct stack_key, tgid),
		.fd = bpf_map__fd(s->skel->maps.stackagg) };
}

void tables_close(struct session *s)
{
	for (int i = 0; i < TABLES; i++)
		free(s->table[i].gone);
	free(s->gone);
}

const char *gone_name(const struct session *s, uint32_t tgid)
{
	uint32_t i = tgid & ~GONE_COMMAND;

	if (tgid & GONE_COMMAND)
		return i < s->ngone ? s->gone[i].comm : NULL;
	for (i = s->ngone; i-- > 0;)
		if (s->gone[i].tgid == tgid)
			return s->gone[i].comm;
	return NULL;
}

/* A stack's addresses are a process's own. */
static bool tells_apart(const struct session *s)
{
	return s->o->by_process || s->wish & WISH_STACKS;
}

/* Its number as a command, or its PID where processes are told apart. */
static uint32_t remember(struct session *s, uint32_t tgid, const struct proc *p)
{
	bool apart = tells_apart(s);
	struct gone *more;

	for (uint32_t i = 0; i < s->ngone; i++)
		if (!memcmp(s->gone[i].comm, p->comm, sizeof(p->comm)) &&
		    (!apart || s->gone[i].tgid == tgid))
			return apart ? tgid : GONE_COMMAND | i;
	more = realloc(s->gone, (s->ngone + 1) * sizeof(*more));
	if (!more)
		return tgid;
	s->gone = more;
	more[s->ngone].tgid = apart ? tgid : 0;
	memcpy(more[s->ngone].comm, p->comm, sizeof(p->comm));
	s->ngone++;
	return apart ? tgid : GONE_COMMAND | (s->ngone - 1);
}

/* Copies a row out, under the name that it has from now on. */
static bool keep_row(struct table *t, const char *key, uint32_t name)
{
	size_t each = t->key + t->val;
	char *more, *row;

	if (t->ngone == t->room) {
		more = realloc(t->gone, (2 * t->room + 64) * each);
		if (!more)
			return false;
		t->gone = more;
		t->room = 2 * t->room + 64;
	}
	row = t->gone + t->ngone * each;
	memcpy(row, key, t->key);
	if (bpf_map_lookup_elem(t->fd, key, row + t->key))
		return false;
	memcpy(row + t->tgid_at, &name, sizeof(name));
	t->ngone++;
	return true;
}

/* A key is deleted only when the next one is known. */
static void reap_table(struct table *t, uint32_t tgid, uint32_t name)
{
	char key[KEY_MAX], next[KEY_MAX];
	int end = bpf_map_get_next_key(t->fd, NULL, key);

	while (!end) {
		uint32_t whose;

		end = bpf_map_get_next_key(t->fd, key, next);
		memcpy(&whose, key + t->tgid_at, sizeof(whose));
		if (whose == tgid && keep_row(t, key, name))
			bpf_map_delete_elem(t->fd, key);
		memcpy(key, next, t->key);
	}
}

/* Rows of one command become one. */
static void fold_gone(struct session *s)
{
	struct table *t = &s->table[TABLE_AGG];

	if (!tells_apart(s))
		t->ngone = rows_fold((struct agg_row *)(void *)t->gone, t->ngone,
				     true, true);
}

void tables_forget(struct session *s)
{
	for (int i = 0; i < TABLES; i++)
		s->table[i].ngone = 0;
	s->ngone = 0;
}

void tables_reap(struct session *s)
{
	int procs = bpf_map__fd(s->skel->maps.procs);
	uint32_t tgid, next;
	struct proc p;
	int end = bpf_map_get_next_key(procs, NULL, &tgid);

	pthread_mutex_lock(&s->lock);
	while (!end) {
		end = bpf_map_get_next_key(procs, &tgid, &next);
		if (kill((pid_t)tgid, 0) && errno == ESRCH &&
		    !bpf_map_lookup_elem(procs, &tgid, &p)) {
			uint32_t name = remember(s, tgid, &p);

			for (int i = 0; i < TABLES; i++)
				reap_table(&s->table[i], tgid, name);
			bpf_map_delete_elem(procs, &tgid);
		}
		tgid = next;
	}
	fold_gone(s);
	pthread_mutex_unlock(&s->lock);
}
