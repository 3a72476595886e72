/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attach.c - see session.h: each object that is found is attached to, for everybody
 * or for the processes of -p, and proven to fire.  What can't be attached to
 * leaves the others alone.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "bpf/record.h"
#include "bpf/mheap.skel.h"
#include "bpf/session.h"
#include "tools/say.h"

#define SELFTEST	(1ULL << P_selftest)
/*
 * To measure what one costs.  Events that are thrown away take room in the ring until
 * it is read: less than what wakes up who reads the smallest.
 */
#define COST_HITS	100u

int session_attach(struct session *s, struct bpf_program *prog,
		   const struct object *o, pid_t pid, uint64_t probes,
		   struct hold *ret_h)
{
	struct attach a = {
		.prog = prog, .path = o->attach, .notes = &o->notes,
		.pid = pid, .multi = s->multi, .probes = probes,
	};

	return link_sites(&a, ret_h);
}

static int attach(struct session *s, const struct object *o, pid_t pid,
		  uint64_t probes, struct hold *ret_h)
{
	return session_attach(s, s->skel->progs.on_probe, o, pid, probes, ret_h);
}

static int keep(struct object *o, struct hold h)
{
	struct hold *more = realloc(o->hold, (o->nholds + 1) * sizeof(*more));

	if (!more) {
		link_drop(&h);
		return -ENOMEM;
	}
	o->hold = more;
	more[o->nholds++] = h;
	return 0;
}

/* With -p the probes don't fire in here: the canary attaches for itself. */
static struct bpf_program *for_canary(const struct session *s)
{
	return s->o->npids ? s->skel->progs.on_probe : NULL;
}

static void count_proof(struct session *s, const struct object *o, enum proof p,
			int why)
{
	uint64_t lost;

	if (p == PROOF_NONE) {
		s->unproven++;
		explain_unproven(o, why);
		return;
	}
	s->proven++;
	if (!s->hit_ns)
		s->hit_ns = canary_count(s, o, for_canary(s), COST_HITS, &lost);
}

static int attach_everybody(struct session *s, struct object *o,
			    bool *ret_again)
{
	enum proof p;
	struct hold h;
	int r = attach(s, o, -1, s->probes, &h), why;

	if (r)
		return r;
	p = canary_ask(s, o, for_canary(s), &why);
	*ret_again = p == PROOF_TWICE;
	if (*ret_again) {
		link_drop(&h);
		return 0;
	}
	count_proof(s, o, p, why);
	return keep(o, h);
}

static bool named_before(const struct options *o, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++)
		if (o->pid[k] == o->pid[i])
			return true;
	return false;
}

static int attach_pids(struct session *s, struct object *o,
		       bool *ret_again)
{
	struct hold h;
	int why, r = 0;
	enum proof p = canary_ask(s, o, for_canary(s), &why);

	*ret_again = p == PROOF_TWICE;
	if (*ret_again)
		return 0;
	for (uint32_t i = 0; i < s->o->npids && !r; i++) {
		if (named_before(s->o, i))
			continue;
		r = attach(s, o, s->o->pid[i], s->probes & ~SELFTEST, &h);
		r = r == -ESRCH ? 0 : r ? r : keep(o, h);
	}
	if (!r)
		count_proof(s, o, p, why);
	return r;
}

/* By another overlay: it has its own device, and shows the rest of the file's own. */
static bool same_file(const struct object *a, const struct object *b)
{
	return a->ino == b->ino && a->size == b->size &&
	       a->modified.tv_sec == b->modified.tv_sec &&
	       a->modified.tv_nsec == b->modified.tv_nsec;
}

/* A harmless one is traced already; else it might have been made to look so. */
static void left_out(struct session *s, const struct object *o)
{
	for (uint32_t i = 0; i < s->find.n; i++)
		if (s->find.object[i]->traced && same_file(s->find.object[i], o))
			return;
	refuse(0, "%s: left out: its selftest probe fires twice, and no file that "
	       "is traced looks like it; another mapping of a traced file, or "
	       "somebody has made it", o->path);
	s->unattached++;
}

static void deal_with(struct session *s, struct object *o)
{
	bool again = false;
	int r = (s->o->npids ? attach_pids : attach_everybody)(s, o, &again);

	o->tried = true;
	o->error = -r;
	if (!r && again)
		left_out(s, o);
	o->traced = !r && !again;
	s->traced += o->traced;
	s->unknown += o->notes.unknown;
	s->unfit += o->notes.unfit;
}

static void say_unattached(struct session *s, struct object *o)
{
	explain_unattached(o, s->multi);
	o->error = 0;
	s->unattached++;
}

int session_scan(struct session *s)
{
	bool crowded = s->find.crowded;

	s->scan_ns = now_ns();
	if (!s->o->nlibs && find_scan(&s->find, s->o->pid, s->o->npids) < 0)
		return -ENOMEM;
	/* Of how many files it is can't be known. */
	s->unattached += !crowded && s->find.crowded;
	for (uint32_t i = 0; i < s->find.n && !watch_over(); i++)
		if (!s->find.object[i]->tried)
			deal_with(s, s->find.object[i]);
	for (uint32_t i = 0; i < s->find.n && s->traced; i++)
		if (s->find.object[i]->error)
			say_unattached(s, s->find.object[i]);
	return 0;
}
