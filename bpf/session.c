/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - see session.h: loading, attaching, proving.  The account is in
 * account.c, the loop in watch.c.
 */
#include "bpf/session.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bpf/record.h"
#include "bpf/mheap.skel.h"
#include "bpf/names.h"
#include "tools/say.h"

#define SELFTEST	(1ULL << P_selftest)
#define FIRST_PID_NS	0xeffffffcUL
#define COST_HITS	400u		/* to measure what one costs */

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* libbpf's own sentences come after ours, and only if somebody wants them. */
static int be_quiet(enum libbpf_print_level level, const char *format,
		    va_list args)
{
	(void)level;
	return getenv("MHEAP_TRACE_VERBOSE") ? vfprintf(stderr, format, args) :
	       0;
}

/*
 * A probe costs a trap at each hit, so a command attaches those that it shows.
 * remote_free fires at each free of another's object, and is seen only by who asks
 * for it or for every event.
 */
static uint64_t probes_wanted(const struct options *o, uint32_t wish)
{
	uint64_t all = 0;

	if (o->probes)
		return o->probes | SELFTEST;
	if (wish & WISH_LOCKS)
		return 1ULL << P_lock_wait_done | SELFTEST;
	if (wish & WISH_FREES)
		return 1ULL << P_remote_free | SELFTEST;
	for (uint32_t p = P_none + 1; p < P_COUNT; p++)
		if ((wish & WISH_STARTS ||
		     !strstr(probe_names[p].name, "_start")) &&
		    (wish & WISH_EVENTS || p != P_remote_free))
			all |= 1ULL << p;
	return all;
}

/*
 * PIDs in another PID name space are translated in the kernel.  The first one has
 * a number of its own (the kernel's PROC_PID_INIT_INO): /proc/1 needn't be readable.
 */
static void wish_namespace(struct wish *w)
{
	struct stat mine;

	if (stat("/proc/self/ns/pid", &mine) || mine.st_ino == FIRST_PID_NS)
		return;
	w->tgid_ns_dev = (uint32_t)mine.st_dev;
	w->tgid_ns_ino = (uint32_t)mine.st_ino;
}

static void wish_all(struct session *s)
{
	const struct options *o = s->o;
	struct wish w = {
		.min_ns = o->min_ns, .any_class = o->any_class,
		.events = !!(s->wish & WISH_EVENTS),
		.stacks = !!(s->wish & WISH_STACKS), .pids = o->npids > 0,
	};

	if (getentropy(&w.token, sizeof(w.token)))
		w.token = now_ns();
	memcpy(w.classes, o->classes, sizeof(w.classes));
	wish_namespace(&w);
	memcpy((void *)&s->skel->rodata->wish, &w, sizeof(w));
}

static int pids_all(struct session *s)
{
	uint8_t one = 1;

	for (uint32_t i = 0; i < s->o->npids; i++)
		if (bpf_map_update_elem(bpf_map__fd(s->skel->maps.pids),
					&s->o->pid[i], &one, BPF_ANY))
			return -errno;
	return 0;
}

static int load(struct session *s)
{
	int r;

	s->skel = mheap_bpf__open();
	if (!s->skel)
		return -errno;
	wish_all(s);
	if (s->multi) {
		bpf_program__set_expected_attach_type(s->skel->progs.on_probe,
						      ATTACH_UPROBE_MULTI);
		bpf_program__set_expected_attach_type(s->skel->progs.on_nothing,
						      ATTACH_UPROBE_MULTI);
	}
	bpf_map__set_max_entries(s->skel->maps.ring,
				 s->wish & (WISH_EVENTS | WISH_STACKS) ?
				 s->o->ring_bytes : 4096);
	r = mheap_bpf__load(s->skel);
	if (!r)
		r = pids_all(s);
	if (!r)
		tables_open(s);
	if (r) {
		mheap_bpf__destroy(s->skel);
		s->skel = NULL;
	}
	return r;
}

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

static int keep(struct session *s, struct hold h, bool proven)
{
	struct attached *more = realloc(s->attached,
					(s->nattached + 1) * sizeof(*more));

	if (!more) {
		link_drop(&h);
		return -ENOMEM;
	}
	s->attached = more;
	more[s->nattached++] = (struct attached){ h, proven };
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

static int attach_everybody(struct session *s, const struct object *o)
{
	enum proof p;
	struct hold h;
	int r = attach(s, o, -1, s->probes, &h), why;

	if (r)
		return r;
	p = canary_ask(s, o, for_canary(s), &why);
	if (p == PROOF_TWICE) {
		link_drop(&h);
		return 0;
	}
	count_proof(s, o, p, why);
	return keep(s, h, p == PROOF_ONCE);
}

static int attach_pids(struct session *s, const struct object *o)
{
	struct hold h;
	int why, r = 0;
	enum proof p = canary_ask(s, o, for_canary(s), &why);

	for (uint32_t i = 0; i < s->o->npids && !r; i++) {
		r = attach(s, o, s->o->pid[i], s->probes & ~SELFTEST, &h);
		r = r == -ESRCH ? 0 : r ? r : keep(s, h, p == PROOF_ONCE);
	}
	if (!r)
		count_proof(s, o, p, why);
	return r;
}

int session_scan(struct session *s)
{
	int r = 0;

	s->scan_ns = now_ns();
	if (!s->o->nlibs && find_scan(&s->find, s->o->pid, s->o->npids) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->find.n && !r; i++) {
		struct object *o = s->find.object[i];

		if (o->tried)
			continue;
		o->tried = true;
		s->unknown += o->notes.unknown;
		s->unfit += o->notes.unfit;
		r = (s->o->npids ? attach_pids : attach_everybody)(s, o);
	}
	return r;
}

/* Files by name, and the library that programs of this system would get. */
static int named_files(struct session *s)
{
	static const char *const usual[] = {
		MH_LIBDIR "/libmheap.so.0", MH_SBINDIR "/mheapd",
	};

	for (uint32_t i = 0; i < s->o->nlibs; i++)
		if (find_file(&s->find, s->o->lib[i]))
			return refuse(EXIT_USAGE, "--lib %s: %s", s->o->lib[i],
				      errno == ENOEXEC ? "it has no probe of "
				      "mheap's" : strerror(errno));
	for (uint32_t i = 0; i < 2 && !s->o->npids && !s->o->nlibs; i++)
		find_file(&s->find, usual[i]);
	return 0;
}

static int open_ring(struct session *s);

/* Loads and attaches by the way of s->multi.  -errno: that way is barred. */
static int begin(struct session *s, const char **ret_step)
{
	int r = load(s);

	*ret_step = "can't load the program into the kernel";
	if (r)
		return r;
	*ret_step = "can't attach to the probes";
	r = session_scan(s);
	return r ? r : open_ring(s);
}

static void undo(struct session *s)
{
	session_stop(s);
	mheap_bpf__destroy(s->skel);
	s->skel = NULL;
	for (uint32_t i = 0; i < s->find.n; i++)
		s->find.object[i]->tried = false;
	s->proven = s->unproven = s->unknown = s->unfit = 0;
	s->hit_ns = 0;
}

static int nothing_there(const struct session *s)
{
	if (s->o->npids)
		return refuse(EXIT_IMPOSSIBLE, "process %d maps nothing that has "
			      "mheap's probes (is it there, was its library built "
			      "with --disable-probes?)", s->o->pid[0]);
	return refuse(EXIT_IMPOSSIBLE, "no library or program with mheap's probes "
		      "was found: neither installed nor in use; --lib FILE "
		      "names one");
}

int session_open(struct session *s, const struct options *o, uint32_t wish)
{
	const char *step = "";
	int r;

	*s = (struct session){ .o = o, .wish = wish, .multi = !o->one_by_one,
			       .probes = probes_wanted(o, wish),
			       .lock = PTHREAD_MUTEX_INITIALIZER,
			       .take = s->take, .take_arg = s->take_arg };
	libbpf_set_print(be_quiet);
	r = named_files(s);
	if (r)
		return r;
	r = begin(s, &step);
	if (r == -EINVAL && s->multi) {
		undo(s);
		s->multi = false;
		r = begin(s, &step);
	}
	if (r)
		return explain(-r, step, s->multi);
	if (!s->find.n)
		return nothing_there(s);
	s->began_ns = now_ns();
	if (s->proven)
		return 0;
	return refuse(EXIT_IMPOSSIBLE, "attached, but no probe fires: the kernel "
		      "accepted them and doesn't run them; --one-by-one uses "
		      "another way");
}

static int on_event(void *arg, void *data, size_t size)
{
	struct session *s = arg;

	if (size >= sizeof(struct event) && s->take)
		s->take(data, s->take_arg);
	return now_ns() < s->drain_end ? 0 : -EAGAIN;
}

static int open_ring(struct session *s)
{
	if (!(s->wish & (WISH_EVENTS | WISH_STACKS)))
		return 0;
	s->ring = ring_buffer__new(bpf_map__fd(s->skel->maps.ring), on_event, s,
				   NULL);
	return s->ring ? 0 : -errno;
}

bool session_drain(struct session *s, uint64_t until_ns)
{
	s->drain_end = until_ns;
	return s->ring && ring_buffer__consume(s->ring) == -EAGAIN;
}

void session_stop(struct session *s)
{
	for (uint32_t i = 0; i < s->nattached; i++)
		link_drop(&s->attached[i].hold);
	free(s->attached);
	s->attached = NULL;
	s->nattached = 0;
}

void session_close(struct session *s)
{
	session_stop(s);
	tables_close(s);
	if (s->ring)
		ring_buffer__free(s->ring);
	if (s->skel)
		mheap_bpf__destroy(s->skel);
	find_end(&s->find);
}
