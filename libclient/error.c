/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error.c - the last error's sentence, and the hook for misuse.
 * Per-thread; the hook is one atomic pointer.  No locks.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libclient/client.h"

static __thread char last[256];
static __thread const char *plain;		/* instead, if not NULL */
static _Atomic(mh_error_hook) hook;		/* [A1] */

/* What is told once no lock is held; of one thread's end, the first ones. */
#define MISUSES_KEPT	8u

static __thread struct {
	bool	    on;
	uint32_t    n;
	const void *p[MISUSES_KEPT];
	int	    err[MISUSES_KEPT];
} kept;

const char *mh_errmsg(void)
{
	return plain ? plain : last;
}

static void say(const char *fmt, va_list ap)
{
	vsnprintf(last, sizeof(last), fmt, ap);
	plain = NULL;
}

int refuse_plain(int err, const char *text)
{
	plain = text;
	errno = err;
	return -1;
}

int refuse(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	errno = err;
	return -1;
}

void *refuse_null(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	errno = err;
	return NULL;
}

mh_error_hook mh_set_error_hook(mh_error_hook h)
{
	return xchg_ar(&hook, h);			/* [A1] */
}

static const char *misuse_text(int err)
{
	switch (err) {
	case EINVAL:
		return "is not the start of an object of this heap, or is a "
		       "held one (mh_drop)";
	case EPERM:
		return "is owned by another process, or was freed before; only "
		       "its owner frees an owned object";
	case EALREADY:
		return "was freed before (double free)";
	case EROFS:
		return "cannot be freed: the heap is attached read-only";
	}
	return strerror(err);
}

void misuse_keep(void)
{
	kept.on = true;
	kept.n = 0;
}

void misuse_tell(mh_heap *h)
{
	kept.on = false;
	for (uint32_t i = 0; i < kept.n; i++)
		misuse(h, kept.p[i], kept.err[i]);
}

/* Tells the hook; without one prints and aborts.  Gives -1 and errno. */
int misuse(mh_heap *h, const void *p, int err)
{
	mh_error_hook f = ld_acq(&hook);		/* [A1] */

	if (kept.on) {
		if (kept.n < MISUSES_KEPT) {
			kept.p[kept.n] = p;
			kept.err[kept.n++] = err;
		}
		return -1;
	}
	refuse(err, "heap %s: %p %s", h->name, p, misuse_text(err));
	if (!f) {
		fprintf(stderr, "libmheap: %s\n", last);
		abort();
	}
	if (f(h, p, err, last))
		abort();
	errno = err;
	return -1;
}
