/* SPDX-License-Identifier: Apache-2.0 */
/*
 * b_malloc.c - the back end malloc: whatever malloc this process has, glibc's or
 * one that the runner preloads.  It finds out which it is, for the record and
 * for giving memory back, which each of them does by a call of its own.
 */
#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/backends.h"

#define JEMALLOC_ALL_ARENAS "4096"	/* its MALLCTL_ARENAS_ALL */

static char version[64];

/* A function of the preloaded malloc; NULL: it's another one. */
#define FIND(type, name) ((type)(uintptr_t)dlsym(RTLD_DEFAULT, name))

typedef int (*mallctl_fn)(const char *, void *, size_t *, void *, size_t);
typedef int (*mi_version_fn)(void);
typedef void (*mi_collect_fn)(bool);
typedef const char *(*tc_version_fn)(int *, int *, const char **);
typedef void (*tc_release_fn)(void);

static bool jemalloc_named(void)
{
	mallctl_fn mallctl = FIND(mallctl_fn, "mallctl");
	const char *v;
	size_t size = sizeof(v);

	if (!mallctl || mallctl("version", &v, &size, NULL, 0))
		return false;
	snprintf(version, sizeof(version), "jemalloc %.40s", v);
	return true;
}

static bool mimalloc_named(void)
{
	mi_version_fn number = FIND(mi_version_fn, "mi_version");
	int v = number ? number() : 0;

	if (v)		/* one digit each, or two for what follows */
		snprintf(version, sizeof(version), v < 1000 ?
			 "mimalloc %d.%d.%d" : "mimalloc %d.%02d.%02d",
			 v < 1000 ? v / 100 : v / 10000,
			 v < 1000 ? v / 10 % 10 : v / 100 % 100,
			 v < 1000 ? v % 10 : v % 100);
	return v;
}

static bool tcmalloc_named(void)
{
	tc_version_fn number = FIND(tc_version_fn, "tc_version");
	int major, minor;
	const char *patch;

	if (!number)
		return false;
	number(&major, &minor, &patch);
	snprintf(version, sizeof(version), "gperftools %d.%d%.10s", major,
		 minor, patch);
	return true;
}

static int create(uint64_t bytes)
{
	(void)bytes;
	if (!jemalloc_named() && !mimalloc_named() && !tcmalloc_named())
		snprintf(version, sizeof(version), "glibc %s",
			 gnu_get_libc_version());
	return 0;
}

static int trim(void)
{
	mallctl_fn mallctl = FIND(mallctl_fn, "mallctl");
	mi_collect_fn collect = FIND(mi_collect_fn, "mi_collect");
	tc_release_fn release = FIND(tc_release_fn,
		"MallocExtension_ReleaseFreeMemory");

	if (mallctl) {
		mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
		return mallctl("arena." JEMALLOC_ALL_ARENAS ".purge", NULL,
			       NULL, NULL, 0);
	}
	if (collect)
		collect(true);
	else if (release)
		release();
	else
		malloc_trim(0);
	return 0;
}

struct backend backend_malloc = {
	.name = "malloc",
	.version = version,
	.private = true,
	.threads = true,
	.create = create,
	.alloc = malloc,
	.free = free,
	.trim = trim,
};
