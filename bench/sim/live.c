/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live.c - see live.h.  Workers are processes, forked after the parent has
 * attached, pinned in turn to the CPUs there are; the daemon goes where it
 * likes.  The parent looks at counters and state words before and after.
 */
#include "bench/sim/live.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/sim/measure.h"
#include "bench/sim/sim.h"
#include "libclient/client.h"
#include "shm/count.h"

#define PROCS_MAX	256u
#define WARM_US		600000

struct ring {
	_Atomic uint64_t head __attribute__((aligned(128)));
	_Atomic uint64_t tail __attribute__((aligned(128)));
	void *slot[RING] __attribute__((aligned(128)));
};

struct counted {
	double ops, refills, harvests, foreign, calls, cpu;
} __attribute__((aligned(128)));

struct area {
	_Atomic uint32_t phase;
	struct counted result[PROCS_MAX];
	struct ring ring[];
};

struct worker {
	const struct live *w;
	struct area *area;
	mh_heap *h;
	struct ring *in, *out;
	double credit;
	uint64_t rng, ops;
	unsigned flags;
	void *keep[KEEP];
};

static char dummy[64];

static inline void *get(struct worker *k)
{
	void *p = k->w->null ? dummy :
		  mh_alloc_flags(k->h, k->w->size, k->flags);

	if (!p) {
		fprintf(stderr, "sim live: %s\n", mh_errmsg());
		exit(1);
	}
	return p;
}

static inline void put(struct worker *k, void *p)
{
	__asm__ volatile("" : : "r"(p));	/* it is read, by all means */
	if (!k->w->null)
		mh_free(k->h, p);
}

static inline uint32_t random32(struct worker *k)
{
	k->rng = k->rng * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(k->rng >> 33);
}

/* Frees what has come; how many that was. */
static unsigned consume(struct worker *k)
{
	uint64_t tail = ld_rlx(&k->in->tail);
	uint64_t n = ld_acq(&k->in->head) - tail;

	if (n > 2 * ROUND)
		n = 2 * ROUND;
	for (uint64_t i = 0; i < n; i++)
		put(k, k->in->slot[(tail + i) % RING]);
	st_rel(&k->in->tail, tail + n);
	return (unsigned)n;
}

static void produce(struct worker *k)
{
	uint64_t head = ld_rlx(&k->out->head);

	for (unsigned i = 0; i < ROUND; i++) {
		void *p = get(k), **keep;

		k->credit += k->w->remote;
		if (k->credit >= 1) {
			k->credit -= 1;
			k->out->slot[head++ % RING] = p;
			continue;
		}
		keep = &k->keep[random32(k) % KEEP];
		if (*keep)
			put(k, *keep);
		*keep = p;
	}
	st_rel(&k->out->head, head);
	k->ops += ROUND;
}

static void exchange(struct worker *k)
{
	unsigned freed = consume(k);

	if (ld_rlx(&k->out->head) - ld_acq(&k->out->tail) + ROUND <= RING)
		produce(k);
	else if (!freed)
		sched_yield();
}

static void wave(struct worker *k, void **p)
{
	for (unsigned i = 0; i < k->w->wave; i++)
		p[i] = get(k);
	for (unsigned i = 0; i < k->w->wave; i++)
		put(k, p[i]);
	k->ops += k->w->wave;
}

/* Seconds; what others of the machine took is not in it. */
static double own_cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct counted count(struct worker *k)
{
	struct counted c = { .ops = (double)k->ops, .cpu = own_cpu() };

	if (!k->w->null && k->h->r->me.slot) {
		struct sh_slot *s = my_slot(k->h);

		c.refills = (double)slot_refills(s);
		c.harvests = (double)ld_rlx(&s->harvests);
		c.foreign = (double)ld_rlx(&s->remote_frees);
		c.calls = (double)ld_rlx(&s->daemon_calls);
	}
	return c;
}

static void work_until(struct worker *k, enum phase end, void **p)
{
	while (ld_rlx(&k->area->phase) < end)
		if (k->w->wave)
			wave(k, p);
		else
			exchange(k);
}

static int worker_main(struct worker *k, unsigned index)
{
	void **p = calloc(k->w->wave + 1, sizeof(*p));
	struct counted from, to;

	if (!p)
		return 1;
	pin(index % cpus());
	k->rng = index + 1;
	k->in = &k->area->ring[index];
	k->out = &k->area->ring[(index + 1) % k->w->procs];
	k->flags = k->w->wave ? 0 : MH_SHARED;
	work_until(k, COUNT, p);
	from = count(k);
	work_until(k, STOP, p);
	to = count(k);
	k->area->result[index] = (struct counted){
		to.ops - from.ops, to.refills - from.refills,
		to.harvests - from.harvests, to.foreign - from.foreign,
		to.calls - from.calls, to.cpu - from.cpu };
	return 0;
}

static void start(const struct live *w, struct area *area, mh_heap *h,
		  pid_t *pid)
{
	for (unsigned i = 0; i < w->procs; i++) {
		fflush(NULL);
		pid[i] = fork();
		if (!pid[i]) {
			struct worker k = { .w = w, .area = area, .h = h };

			_exit(worker_main(&k, i));
		}
		if (pid[i] < 0) {
			perror("sim: fork");
			exit(1);
		}
	}
}

mh_heap *live_heap(void)
{
	char name[32];
	mh_heap *h;

	snprintf(name, sizeof(name), "sim-%d", (int)getpid());
	h = mh_attach(name, MH_START);
	if (h)
		return h;
	fprintf(stderr, "sim: %s (MHEAP_DAEMON names the mheapd to start)\n",
		mh_errmsg());
	exit(1);
}

static void wait_all(const pid_t *pid, unsigned n)
{
	bool failed = false;

	for (unsigned i = 0; i < n; i++) {
		int status;

		failed |= waitpid(pid[i], &status, 0) < 0 || status;
	}
	if (failed) {
		fprintf(stderr, "sim live: a worker failed\n");
		exit(1);
	}
}

static void add_up(const struct area *area, unsigned procs, double seconds,
		   struct live_result *ret)
{
	for (unsigned i = 0; i < procs; i++) {
		const struct counted *c = &area->result[i];

		ret->ops += c->ops / seconds;
		ret->refills += c->refills / seconds;
		ret->harvests += c->harvests / seconds;
		ret->foreign += c->foreign / seconds;
		ret->calls += c->calls / seconds;
		ret->cpu += c->cpu / seconds;
	}
}

void live_run(const struct live *w, struct live_result *ret)
{
	size_t bytes = sizeof(struct area) + w->procs * sizeof(struct ring);
	struct area *area = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double seconds = w->seconds;
	pid_t pid[PROCS_MAX] = { 0 };
	mh_heap *h;

	if (area == MAP_FAILED) {
		perror("sim: mmap");
		exit(1);
	}
	memset(ret, 0, sizeof(*ret));
	h = live_heap();
	start(w, area, h, pid);
	usleep(WARM_US);
	live_look(h, &area->phase, ret, &seconds);
	wait_all(pid, w->procs);
	add_up(area, w->procs, seconds, ret);
	mh_detach(h);
	munmap(area, bytes);
}

int cmd_live(int argc, char **argv)
{
	double procs = 1, remote = 0, size = 64, waves = 0, seconds = 0.5;
	double null = 0, line;
	struct live_result r;
	struct live w;

	for (int i = 0; i < argc; i++)
		if (!arg_number(argv[i], "procs", &procs) &&
		    !arg_number(argv[i], "remote", &remote) &&
		    !arg_number(argv[i], "size", &size) &&
		    !arg_number(argv[i], "wave", &waves) &&
		    !arg_number(argv[i], "null", &null) &&
		    !arg_number(argv[i], "seconds", &seconds)) {
			fprintf(stderr, "sim live: %s: procs=, remote=, size=, "
				"wave=, null= and seconds= are known\n", argv[i]);
			return 2;
		}
	if (procs < 1 || procs > PROCS_MAX) {
		fprintf(stderr, "sim live: procs=%g: 1 to %u\n", procs,
			PROCS_MAX);
		return 2;
	}
	w = (struct live){ (unsigned)procs, remote, (size_t)size,
			   (unsigned)waves, seconds, null != 0 };
	line = line_now();
	live_run(&w, &r);
	line = (line + line_now()) / 2;
	printf("procs=%u remote=%g size=%zu wave=%u ops=%.0f refills=%.0f "
	       "harvests=%.0f foreign=%.0f calls=%.1f moves=%.0f turns=%.0f "
	       "sweeps=%.0f daemon=%.4f cpu=%.3f owned=%.0f full=%.0f "
	       "listed=%.0f line=%.1f\n",
	       w.procs, w.remote, w.size, w.wave, r.ops, r.refills, r.harvests,
	       r.foreign, r.calls, r.moves, r.turns, r.sweeps, r.daemon, r.cpu,
	       r.owned, r.full, r.listed, line);
	return 0;
}
