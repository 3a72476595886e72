/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clientrig.c - see clientrig.h.  Lock: clientrig.lock around everything that
 * the daemon's code does.
 */
#include "tests/clientrig.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void wake(void *arg, _Atomic uint32_t *word)
{
	(void)arg;
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void *play_daemon(void *arg)
{
	struct clientrig *cr = arg;
	struct timespec t = { 0, 20000 };

	while (!ld_acq(&cr->stop)) {
		pthread_mutex_lock(&cr->lock);
		requests_serve(&cr->r->h);
		pthread_mutex_unlock(&cr->lock);
		nanosleep(&t, NULL);
	}
	return NULL;
}

struct clientrig *clientrig_new(const struct rig_opts *opts)
{
	struct clientrig *cr = calloc(1, sizeof(*cr));
	struct rig_opts o = *opts;

	if (!cr)
		abort();
	o.arena = o.no_guard = true;
	cr->r = rig_new(&o);
	cr->r->h.io.wake = wake;
	pthread_mutex_init(&cr->lock, NULL);
	if (pthread_create(&cr->daemon, NULL, play_daemon, cr))
		abort();
	return cr;
}

void clientrig_free(struct clientrig *cr)
{
	st_rel(&cr->stop, 1);
	pthread_join(cr->daemon, NULL);
	rig_free(cr->r);
	free(cr);
}

mh_heap *clientrig_attach(struct clientrig *cr, unsigned flags)
{
	struct party p;
	char name[32];
	mh_heap *h;

	clientrig_pause(cr);
	p = rig_join(cr->r);
	snprintf(name, sizeof(name), "rig%u", ++cr->named);
	h = attach_view(name, flags, &cr->r->sg, p);
	clientrig_resume(cr);
	if (!h)
		abort();
	return h;
}

void clientrig_kill(struct clientrig *cr, mh_heap *h)
{
	uint32_t slot = h->r->me.slot;

	mh_detach(h);
	clientrig_pause(cr);
	reclaim_client(&cr->r->h, slot);
	clientrig_resume(cr);
}

void clientrig_verify(struct clientrig *cr)
{
	const char *wrong;

	clientrig_pause(cr);
	wrong = rig_check(cr->r);
	clientrig_resume(cr);
	if (!wrong)
		return;
	fprintf(stderr, "verify: %s\n", wrong);
	abort();
}

void clientrig_pause(struct clientrig *cr)
{
	pthread_mutex_lock(&cr->lock);
}

void clientrig_resume(struct clientrig *cr)
{
	pthread_mutex_unlock(&cr->lock);
}
