/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - see session.h: what is wished for, loading, beginning and end.
 * Attaching is in attach.c, the account in account.c, the loop in watch.c.
 */
#include "bpf/session.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bpf/record.h"
#include "bpf/mheap.skel.h"
#include "shm/layout.h"
#include "shm/probe_ids.h"
#include "tools/say.h"

#define SELFTEST	(1ULL << P_selftest)
#define FIRST_PID_NS	0xeffffffcUL

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
 * PIDs in another PID name space are translated in the kernel.  The first one has
 * a number of its own (the kernel's PROC_PID_INIT_INO): /proc/1 needn't be readable.
 */
static void wish_namespace(struct wish *w)
{
	struct stat mine;

	w->first_pid_ns = true;
	if (stat("/proc/self/ns/pid", &mine))
		return;
	w->first_pid_ns = mine.st_ino == FIRST_PID_NS;
	w->pid_ns_dev = mine.st_dev;
	w->pid_ns_ino = mine.st_ino;
}

static void wish_all(struct session *s)
{
	const struct options *o = s->o;
	struct wish w = {
		.min_ns = o->min_ns, .any_class = o->any_class,
		.events = !!(s->wish & WISH_EVENTS),
		.stacks = !!(s->wish & WISH_STACKS), .pids = o->npids > 0,
		.nclasses = SPAN_CLASSES, .nops = OP_CHAN_REMOVE + 1,
		.nlevels = LEVELS,
	};

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
	if (!r && s->multi && !link_has_multi(s->skel->progs.on_probe))
		r = -EINVAL;
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

/* For one link an object where the kernel has that, else probe by probe. */
static int load_for_any(struct session *s)
{
	int r = load(s);

	if (r != -EINVAL || !s->multi)
		return r;
	s->multi = false;
	return load(s);
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

/* The kernel takes a thread's number for nobody's, and says nothing. */
static int pid_there(pid_t pid)
{
	char path[64], line[128];
	pid_t leader = pid;
	FILE *f;

	if (kill(pid, 0) && errno == ESRCH)
		return refuse(EXIT_USAGE, "-p %d: there is no such process", pid);
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Tgid: %d", &leader) == 1)
			break;
	if (f)
		fclose(f);
	if (leader == pid)
		return 0;
	return refuse(EXIT_USAGE, "-p %d: it is a thread of process %d; "
		      "-p %d traces all of its threads", pid, leader, leader);
}

static int pids_there(const struct options *o)
{
	int r = 0;

	for (uint32_t i = 0; i < o->npids && !r; i++)
		r = pid_there(o->pid[i]);
	return r;
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

/* Is there anything to see?  What was named must be traced, all of it. */
static int all_there(struct session *s)
{
	for (uint32_t i = 0; i < s->find.n; i++)
		if (s->find.object[i]->error)
			return explain_unattached(s->find.object[i], s->multi);
	if (s->o->nlibs && s->unattached)
		return EXIT_IMPOSSIBLE;
	if (!s->find.n)
		return nothing_there(s);
	if (s->proven)
		return 0;
	return refuse(EXIT_IMPOSSIBLE, "attached, but no probe fires: the kernel "
		      "accepted them and doesn't run them; --one-by-one uses "
		      "another way");
}

/* Two descriptors an object, and there may be many. */
static void more_descriptors(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l))
		return;
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
}

static int open_ring(struct session *s);

int session_open(struct session *s, const struct options *o, uint32_t wish)
{
	int r;

	*s = (struct session){ .o = o, .wish = wish, .multi = !o->one_by_one,
			       .lock = PTHREAD_MUTEX_INITIALIZER,
			       .take = s->take, .take_arg = s->take_arg };
	libbpf_set_print(be_quiet);
	more_descriptors();
	r = probes_wanted(o, wish, &s->probes);
	if (!r)
		r = named_files(s);
	if (!r)
		r = pids_there(o);
	if (r)
		return r;
	r = load_for_any(s);
	if (r)
		return explain(-r, "can't load the program into the kernel",
			       s->multi);
	r = session_scan(s);
	if (!r)
		r = open_ring(s);
	if (r)
		return explain(-r, "can't begin", s->multi);
	s->began_ns = now_ns();
	return all_there(s);
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
	for (uint32_t i = 0; i < s->find.n; i++)
		find_detach(s->find.object[i]);
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
