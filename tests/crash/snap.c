/* SPDX-License-Identifier: Apache-2.0 */
/* snap.c - see snap.h.  One thread; takes no locks. */
#include "tests/crash/snap.h"
#include "tests/crash/step.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define OS_PAGE	4096u

static void *must(void *p)
{
	if (!p || p == MAP_FAILED) {
		perror("snap");
		abort();
	}
	return p;
}

static void *anon(uint64_t bytes, int how)
{
	return must(mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 how | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
}

static uint64_t units(const struct rig *r, unsigned seg)
{
	return r->piece[seg].bytes / (seg == SEG_ARENA ? PAGE_BYTES : OS_PAGE);
}

void snap_open(struct snap *s, struct rig *r)
{
	memset(s, 0, sizeof(*s));
	s->r = r;
	for (unsigned k = 0; k < 3; k++) {
		uint64_t n = units(r, k);

		s->backed_own[k] = r->piece[k].backed;
		s->backed[k] = anon(n, MAP_SHARED);
		memcpy(s->backed[k], s->backed_own[k], n);
		r->piece[k].backed = s->backed[k];
		s->shadow_backed[k] = anon(n, MAP_PRIVATE);
	}
	for (unsigned k = 0; k < 2; k++)
		s->shadow[k] = anon(r->piece[k].bytes, MAP_PRIVATE);
	s->verdict = anon(SNAP_JUDGES * sizeof(*s->verdict), MAP_SHARED);
	snap_take(s, true);
}

void snap_close(struct snap *s)
{
	for (unsigned k = 0; k < 3; k++) {
		s->r->piece[k].backed = s->backed_own[k];
		munmap(s->backed[k], units(s->r, k));
		munmap(s->shadow_backed[k], units(s->r, k));
	}
	for (unsigned k = 0; k < 2; k++)
		munmap(s->shadow[k], s->r->piece[k].bytes);
	munmap(s->verdict, SNAP_JUDGES * sizeof(*s->verdict));
}

static bool take_page(struct snap *s, unsigned seg, uint64_t i)
{
	const char *now = s->r->piece[seg].map + i * OS_PAGE;
	char *then = s->shadow[seg] + i * OS_PAGE;

	if (!s->backed[seg][i] || !memcmp(now, then, OS_PAGE))
		return false;
	memcpy(then, now, OS_PAGE);
	return true;
}

bool snap_take(struct snap *s, bool heap_too)
{
	bool changed = false;

	for (unsigned k = 0; k < 3; k++)
		if (memcmp(s->shadow_backed[k], s->backed[k], units(s->r, k))) {
			memcpy(s->shadow_backed[k], s->backed[k],
			       units(s->r, k));
			changed = true;
		}
	for (unsigned k = heap_too ? SEG_HEAP : SEG_CENTRAL; k < 2; k++)
		for (uint64_t i = 0; i < units(s->r, k); i++)
			changed |= take_page(s, k, i);
	return changed;
}

static void protect(struct snap *s, unsigned seg)
{
	const uint8_t *b = s->shadow_backed[seg];
	uint64_t n = units(s->r, seg), i = 0, from;

	for (; i < n; i++) {
		for (from = i; i < n && !b[i]; i++)
			;
		if (i > from &&
		    mprotect(s->r->piece[seg].map + from * OS_PAGE,
			     (i - from) * OS_PAGE, PROT_NONE))
			abort();
	}
}

/* Private memory in the place of what the victim goes on writing to. */
static void copy_in(struct snap *s, unsigned seg)
{
	struct rig_piece *p = &s->r->piece[seg];

	must(mmap(p->map, p->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		  MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0));
	for (uint64_t i = 0; i < units(s->r, seg); i++)
		if (s->shadow_backed[seg][i])
			memcpy(p->map + i * OS_PAGE,
			       s->shadow[seg] + i * OS_PAGE, OS_PAGE);
	protect(s, seg);
}

void snap_restore(struct snap *s)
{
	for (unsigned k = 0; k < 3; k++) {
		struct rig_piece *p = &s->r->piece[k];
		uint64_t n = units(s->r, k);

		p->backed = must(malloc(n));
		memcpy(p->backed, s->shadow_backed[k], n);
		p->nbacked = 0;
		for (uint64_t i = 0; i < n; i++)
			p->nbacked += p->backed[i];
		if (k != SEG_ARENA)
			copy_in(s, k);
	}
	s->r->guard = true;
}

struct rig *snap_keep(struct snap *s)
{
	return rig_copy(s->r);
}

const char *snap_differs(struct snap *s, const struct rig *kept)
{
	static char text[80];

	if (rig_same(s->r, kept))
		return NULL;
	snprintf(text, sizeof(text), "in the header");
	for (unsigned k = SEG_HEAP; k <= SEG_CENTRAL; k++) {
		uint64_t off = k ? 0 : sizeof(struct sh_header);

		for (; off < s->r->piece[k].bytes; off++)
			if (s->r->piece[k].backed[off / OS_PAGE] &&
			    kept->piece[k].backed[off / OS_PAGE] &&
			    s->r->piece[k].map[off] != kept->piece[k].map[off]) {
				snprintf(text, sizeof(text), "at 0x%llx of %s",
					 (unsigned long long)off,
					 k ? "central" : "heap");
				return text;
			}
	}
	return text;
}

static _Noreturn void be_judge(struct snap *s, struct verdict *v)
{
	const char *why;

	alarm(SNAP_SECONDS);
	step_pin(-1);
	snap_restore(s);
	why = s->judge(s, s->arg);
	snprintf(v->text, sizeof(v->text), "%s", why ? why : "");
	v->done = true;
	_exit(0);
}

static void note(struct snap *s, const struct judge *j, const char *text)
{
	if (!s->broken++ || j->point < s->first_point) {
		s->first_point = j->point;
		s->first_rip = j->rip;
		snprintf(s->text, sizeof(s->text), "%s", text);
	}
}

static void hear(struct snap *s, unsigned i)
{
	struct judge *j = &s->at[i];
	char text[80];
	int status;

	if (!j->pid)
		return;
	while (waitpid(j->pid, &status, 0) < 0 && errno == EINTR)
		;
	j->pid = 0;
	if (s->verdict[i].done && s->verdict[i].text[0])
		note(s, j, s->verdict[i].text);
	if (s->verdict[i].done)
		return;
	snprintf(text, sizeof(text), WIFSIGNALED(status) &&
		 WTERMSIG(status) == SIGALRM ? "recovery hangs" :
		 "recovery crashes: wait status 0x%x", (unsigned)status);
	note(s, j, text);
}

void snap_wait(struct snap *s)
{
	for (unsigned i = 0; i < SNAP_JUDGES; i++)
		hear(s, i);
}

void snap_point(struct snap *s, uint64_t rip, bool always)
{
	unsigned i = s->distinct % SNAP_JUDGES;

	s->points++;
	if (!snap_take(s, s->heap_too) && !always)
		return;
	s->distinct++;
	hear(s, i);
	s->verdict[i].done = false;
	s->at[i] = (struct judge){ .point = s->points, .rip = rip };
	fflush(NULL);
	s->at[i].pid = fork();
	if (!s->at[i].pid)
		be_judge(s, &s->verdict[i]);
	if (s->at[i].pid < 0)
		abort();
}
