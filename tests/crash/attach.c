/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attach.c - attach and detach, killed for real, over a real daemon.
 *
 * A child is stepped through mh_attach, a little use, and mh_detach.  What it
 * does to others in attach and detach it does by system calls alone, so all
 * boundaries between two of them are one place to die: every instruction is
 * counted, and a fresh child is killed right before and right after each system
 * call, and at one boundary between.  After each kill the daemon must have let
 * the client go, verify must be clean and the heap must serve.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libclient/client.h"
#include "shm/verify.h"
#include "tests/crash/step.h"

#define DEADLINE_MS	20000
#define PLACES_MAX	2000

static char name[40];
static mh_heap *mine;
static unsigned kills, broken;
static uint64_t place[PLACES_MAX];	/* boundaries to die at */
static unsigned places;

static void nap(void)
{
	struct timespec t = { 0, 200000 };

	nanosleep(&t, NULL);
}

/* Between the marks: attach; use; detach. */
static void life(void *arg)
{
	mh_heap *h;
	void *p;

	(void)arg;
	if (mh_detach(mine))
		_exit(3);
	step_mark();
	h = mh_attach(name, 0);
	step_mark();
	if (!h)
		_exit(4);
	p = mh_alloc(h, 64);
	if (!p || !mh_alloc_flags(h, 200, 0) || mh_share(h, p))
		_exit(5);
	mh_free(h, p);
	step_mark();
	if (mh_detach(h))
		_exit(6);
	step_mark();
}

static bool at_syscall(const struct victim *v)
{
	const unsigned char *c = (const unsigned char *)(uintptr_t)v->rip;

	return c[0] == 0x0f && c[1] == 0x05;
}

/* To the mark that begins the part: 0 attach, 1 detach. */
static bool to_part(struct victim *v, int part)
{
	if (!step_spawn(v, life, NULL))
		return false;
	for (int i = 0; i <= 2 * part; i++) {
		if (step_run(v) != STEP_MARK)
			return false;
		step_over_mark(v);
	}
	return true;
}

static void add_place(uint64_t n)
{
	if (places < PLACES_MAX && (!places || place[places - 1] != n))
		place[places++] = n;
}

/* Steps through once: counts, and notes the places. */
static uint64_t survey(int part)
{
	struct victim v = { 0 };
	uint64_t n = 0, last = 0;

	places = 0;
	if (!to_part(&v, part)) {
		printf("not ok - the child did not come to part %d\n", part);
		exit(1);
	}
	add_place(0);
	for (;; n++) {
		bool call = at_syscall(&v);

		if (call) {
			add_place((last + n) / 2);
			add_place(n);
		}
		if (step_one(&v) != STEP_AT)
			break;
		if (call) {
			add_place(n + 1);
			last = n + 1;
		}
	}
	step_end(&v);
	return n;
}

static unsigned others(void)
{
	unsigned n = 0;

	for (uint32_t i = 1; i <= mine->sg.geo.nclients; i++)
		n += (ld_acq(&mine->sg.clients[i].word) & 0xff) != CLIENT_FREE;
	return n - 1;
}

static const char *judge(void)
{
	static struct verify_report rep;
	struct verify_opts o = { 0 };
	void *p;

	for (int i = 0; others() && i < DEADLINE_MS * 5; i++)
		nap();
	if (others())
		return "the dead client keeps its slot";
	if (verify_heap(&mine->sg, &o, &rep))
		return rep.text;
	p = mh_alloc(mine, 5000);
	if (!p)
		return mh_errmsg();
	mh_free(mine, p);
	return NULL;
}

static void die_at(int part, uint64_t n)
{
	struct victim v = { 0 };
	const char *why = NULL;

	if (!to_part(&v, part)) {
		why = "the child did not come to the part";
	} else {
		for (uint64_t i = 0; i < n; i++)
			if (step_one(&v) != STEP_AT)
				break;
		step_end(&v);
		why = judge();
	}
	kills++;
	if (!why)
		return;
	broken++;
	printf("# part %d, boundary %llu: %s\n", part, (unsigned long long)n,
	       why);
}

static void run(int part, const char *what)
{
	uint64_t n = survey(part);
	unsigned was = broken;
	const char *why = judge();

	if (why)
		printf("# after the survey: %s\n", why);
	for (unsigned i = 0; i < places; i++)
		die_at(part, place[i]);
	printf("%s %d - %s: %llu boundaries, killed at %u, broken %u\n",
	       broken == was && !why ? "ok" : "not ok", part + 1, what,
	       (unsigned long long)n, places, broken - was);
	broken += why != NULL;
}

int main(void)
{
	if (!step_works()) {
		printf("1..0 # SKIP no single steps here\n");
		return 0;
	}
	printf("1..2\n");
	snprintf(name, sizeof(name), "crash-attach-%d", (int)getpid());
	mine = mh_attach(name, MH_START);
	if (!mine) {
		printf("not ok 1 - %s\n", mh_errmsg());
		return 1;
	}
	run(0, "attach");
	run(1, "detach");
	mh_detach(mine);
	return broken != 0;
}
