/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kill.c - kill at every instruction.  Each scene's call is stepped through; at
 * each boundary where the shared bytes differ from the last one's, the heap is
 * judged as if its actor, and its actor and the daemon, had been killed there.
 *
 *	kill [-a] [-l] [-x] [PATTERN]
 *	-a  all scenes, as MH_SOAK=1 does: else a quick choice; -l lists them;
 *	-x  stops at the first broken one; PATTERN: those that contain it
 *
 * A line per scene: points tried, how many were distinct, how many broken, and
 * of the first broken one where it is and what is wrong.
 */
#include "tests/crash/oracle.h"
#include "tests/crash/step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOBS_MAX	512

/* Twice to four times the instructions, and judges that are slow. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOW_BUILD	true
#elif defined(__has_feature)
#define SLOW_BUILD	(__has_feature(address_sanitizer) || \
			 __has_feature(thread_sanitizer))
#else
#define SLOW_BUILD	false
#endif

static const struct scene_list *const lists[] = {
	&alloc_scenes, &free_scenes, &lend_scenes, &held_scenes, &chan_scenes,
	&client_scenes, &recovery_scenes, &daemon_scenes,
};

struct run {
	const struct scene *sc;
	struct act	*a;
	struct oracle	*o;
	struct snap	 s;
	struct victim	 v;
	char		 why[600];
};

struct totals {
	unsigned n, bad;
	uint64_t points, distinct, broken;
};

static void play(void *arg)
{
	struct run *u = arg;
	struct act *a = u->a;

	if (!u->sc->daemon)
		act_attach(a);
	if (u->sc->prepare)
		u->sc->prepare(a);
	step_mark();
	u->sc->call(a);
	step_mark();
	if (u->sc->done)
		NEED(a, u->sc->done(a));
	step_mark();
}

/* The daemon's part, while the actor stands still. */
static void serve(void *arg)
{
	struct run *u = arg;

	requests_serve(&u->a->r->h);
	u->s.heap_too = true;
}

static bool fails(struct run *u, const char *why)
{
	snprintf(u->why, sizeof(u->why), "%s%s%s", why, u->a->say[0] ? ": " : "",
		 u->a->say);
	return false;
}

static void boundary(struct run *u, bool always)
{
	snap_point(&u->s, u->v.rip, always);
	u->s.heap_too = u->sc->daemon;
}

static bool step_through(struct run *u)
{
	enum step_got got = STEP_AT;

	oracle_open(u->o, u->sc, u->a);
	snap_take(&u->s, true);
	boundary(u, true);		/* nothing is done yet */
	snap_wait(&u->s);		/* it says what is to be expected */
	step_over_mark(&u->v);
	while ((got = step_one(&u->v)) == STEP_AT)
		boundary(u, false);
	if (got != STEP_MARK)
		return fails(u, "the actor died in the call");
	u->o->at_end = true;
	boundary(u, true);
	if (step_over_mark(&u->v), step_run(&u->v) != STEP_MARK)
		return fails(u, "the call did not go that way");
	return true;
}

static bool play_scene(struct run *u)
{
	bool ok;

	u->v = (struct victim){ .serve = u->sc->daemon ? NULL : serve, .arg = u };
	if (!step_spawn(&u->v, play, u))
		return fails(u, "no child");
	ok = step_run(&u->v) == STEP_MARK ? step_through(u) :
	     fails(u, "the actor can't begin");
	step_end(&u->v);
	snap_wait(&u->s);
	return ok;
}

static void report_broken(const struct run *u)
{
	char where[400];

	if (!u->s.broken)
		return;
	printf("#   point %llu, %s\n#   %s\n",
	       (unsigned long long)u->s.first_point,
	       step_where(u->s.first_rip, where, sizeof(where)), u->s.text);
}

static void scene_line(const struct scene *sc, uint32_t life, size_t size,
		       char *buf, size_t n)
{
	static const char *const lives[] = { "owned", "shared", "held" };

	if (sc->sizes)
		snprintf(buf, n, "%s %s %zu", sc->name, lives[life], size);
	else
		snprintf(buf, n, "%s", sc->name);
}

static void run_scene(const struct scene *sc, uint32_t life, size_t size,
		      struct totals *t)
{
	struct run *u = calloc(1, sizeof(*u));
	struct timespec from, to;
	char line[120];
	bool ok;

	if (!u)
		abort();
	u->sc = sc;
	u->a = mmap(NULL, sizeof(*u->a), PROT_READ | PROT_WRITE, MAP_SHARED |
		    MAP_ANONYMOUS, -1, 0);
	u->o = calloc(1, sizeof(*u->o));
	clock_gettime(CLOCK_MONOTONIC, &from);
	act_open(u->a, sc, life, size);
	snap_open(&u->s, u->a->r);
	u->s.judge = oracle_judge;
	u->s.arg = u->o;
	u->s.heap_too = sc->daemon;
	ok = play_scene(u) && !u->s.broken;
	clock_gettime(CLOCK_MONOTONIC, &to);
	scene_line(sc, life, size, line, sizeof(line));
	t->bad += !ok;
	t->points += u->s.points;
	t->distinct += u->s.distinct;
	t->broken += u->s.broken;
	printf("%s %u - %s: %llu points, %llu distinct, %llu broken (%ld ms)\n",
	       ok ? "ok" : "not ok", t->n + 1, line,
	       (unsigned long long)u->s.points,
	       (unsigned long long)u->s.distinct,
	       (unsigned long long)u->s.broken,
	       (to.tv_sec - from.tv_sec) * 1000 +
	       (to.tv_nsec - from.tv_nsec) / 1000000);
	if (u->why[0])
		printf("#   %s\n", u->why);
	report_broken(u);
	fflush(stdout);
	snap_close(&u->s);
	act_close(u->a);
	munmap(u->a, sizeof(*u->a));
	free(u->o);
	free(u);
}

struct choice {
	const char *pattern;
	bool list, first, all;
};

struct job {
	const struct scene *sc;
	uint32_t life;
	size_t	 size;
	pid_t	 pid;
	FILE	*out;
	struct totals *t;		/* shared with the worker */
};

struct jobs {
	unsigned n;
	struct job j[JOBS_MAX];
};

/* A quick run takes the short ones: of the daemon's, one size each. */
static bool chosen(const struct choice *ch, const struct job *j,
		   const struct jobs *before)
{
	const struct job *last = before->n ? &before->j[before->n - 1] : NULL;
	char line[120];

	scene_line(j->sc, j->life, j->size, line, sizeof(line));
	if (ch->pattern)
		return strstr(line, ch->pattern) != NULL;
	if (SLOW_BUILD && (j->size != 1024 || j->sc->same))
		return ch->all;
	return ch->all ||
	       !(j->sc->soak || (j->size == 16 && j->life == LIFE_SHARED) ||
		 (j->sc->daemon && last && last->sc == j->sc));
}

static void add_job(struct jobs *jobs, const struct choice *ch,
		    const struct scene *sc, uint32_t life, size_t size)
{
	struct job j = { .sc = sc, .life = life, .size = size };

	if (!chosen(ch, &j, jobs))
		return;
	if (jobs->n == JOBS_MAX)
		abort();
	jobs->j[jobs->n++] = j;
}

static void add_scene(struct jobs *jobs, const struct choice *ch,
		      const struct scene *sc)
{
	if (!sc->sizes) {
		add_job(jobs, ch, sc, LIFE_SHARED, 1024);
		return;
	}
	for (unsigned l = 0; l < LIFE_COUNT; l++)
		for (unsigned z = 0; z < SIZES; z++)
			if (sc->lives >> l & 1 && sc->sizes >> z & 1)
				add_job(jobs, ch, sc, l, scene_sizes[z]);
}

/* A scene in a process of its own, so that two cores have work. */
static void start(struct job *j, unsigned n)
{
	j->out = tmpfile();
	j->t = mmap(NULL, sizeof(*j->t), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!j->out || j->t == MAP_FAILED)
		abort();
	j->t->n = n;
	fflush(NULL);
	j->pid = fork();
	if (j->pid)
		return;
	step_pin((int)(n % (unsigned)sysconf(_SC_NPROCESSORS_ONLN)));
	if (dup2(fileno(j->out), STDOUT_FILENO) < 0)
		abort();
	run_scene(j->sc, j->life, j->size, j->t);
	fflush(stdout);
	_exit(0);
}

static void finish(struct job *j, struct totals *t)
{
	char line[600];
	int status;

	waitpid(j->pid, &status, 0);
	rewind(j->out);
	while (fgets(line, sizeof(line), j->out))
		fputs(line, stdout);
	fclose(j->out);
	t->n++;
	t->bad += status ? 1 : j->t->bad;
	t->points += j->t->points;
	t->distinct += j->t->distinct;
	t->broken += j->t->broken;
	if (status)
		printf("not ok %u - %s: wait status 0x%x\n", t->n, j->sc->name,
		       (unsigned)status);
	fflush(stdout);
	munmap(j->t, sizeof(*j->t));
}

static void run_all(struct jobs *jobs, const struct choice *ch,
		    struct totals *t)
{
	unsigned ahead = (unsigned)sysconf(_SC_NPROCESSORS_ONLN), k = 0;

	printf("1..%u\n", jobs->n);
	for (unsigned i = 0; i < jobs->n; i++) {
		for (; k < jobs->n && k < i + ahead; k++)
			start(&jobs->j[k], k);
		finish(&jobs->j[i], t);
		if (ch->first && t->bad)
			break;
	}
}

static void list(const struct jobs *jobs)
{
	char line[120];

	for (unsigned i = 0; i < jobs->n; i++) {
		const struct job *j = &jobs->j[i];

		scene_line(j->sc, j->life, j->size, line, sizeof(line));
		puts(line);
	}
}

int main(int argc, char **argv)
{
	const char *soak = getenv("MH_SOAK");
	struct choice ch = { .all = soak && *soak == '1' };
	struct totals t = { 0 };
	static struct jobs jobs;
	int c;

	while ((c = getopt(argc, argv, "alx")) != -1) {
		if (c == '?') {
			fprintf(stderr, "usage: kill [-a] [-l] [-x] [PATTERN]\n");
			return 2;
		}
		*(c == 'l' ? &ch.list : c == 'a' ? &ch.all : &ch.first) = true;
	}
	ch.pattern = argv[optind];
	for (unsigned i = 0; i < N_OF(lists); i++)
		for (unsigned k = 0; k < lists[i]->n; k++)
			add_scene(&jobs, &ch, &lists[i]->scenes[k]);
	if (ch.list) {
		list(&jobs);
		return 0;
	}
	if (!step_works()) {
		puts("1..0 # SKIP no single steps on this machine");
		return 0;
	}
	run_all(&jobs, &ch, &t);
	printf("# %llu points, %llu distinct, %llu broken\n",
	       (unsigned long long)t.points, (unsigned long long)t.distinct,
	       (unsigned long long)t.broken);
	return t.bad != 0 || !t.n;
}
