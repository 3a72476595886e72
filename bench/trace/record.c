/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.c - libmhrecord.so: what a program asks of malloc, into a file.
 *
 *	LD_PRELOAD=.../libmhrecord.so MHRECORD_FILE=/tmp/cc1 cc1 ...
 *
 * writes /tmp/cc1.PID; `pack` makes a trace of it.  With MHRECORD_CHILDREN set,
 * forked children and what they execute get files of their own; else this one
 * program is recorded.  Memory comes from the C library's own functions, so
 * another malloc preloaded beside this one isn't seen.
 *
 * What the program did before the constructor ran (the dynamic linker's own,
 * mostly) isn't recorded; pack counts frees of it.  Not wrapped: valloc and
 * pvalloc, and malloc_usable_size, which changes nothing.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/trace/recfile.h"

#define WRAPPER	__attribute__((visibility("default")))

/* The C library's, under the names that nobody wraps. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t align, size_t size);
extern void __libc_free(void *p);

static void *record(enum raw_op op, void *p, size_t size)
{
	if (p)
		recfile_write(op, p, size);
	return p;
}

WRAPPER void *malloc(size_t size)
{
	return record(RAW_ALLOC, __libc_malloc(size), size);
}

WRAPPER void *calloc(size_t n, size_t size)
{
	return record(RAW_ZALLOC, __libc_calloc(n, size), n * size);
}

WRAPPER void free(void *p)
{
	__libc_free(record(RAW_FREE, p, 0));
}

WRAPPER void *realloc(void *p, size_t size)
{
	if (!p)
		return malloc(size);
	if (!size) {			/* as the C library has it */
		free(p);
		return NULL;
	}
	recfile_write(RAW_TAKE, p, 0);
	p = __libc_realloc(p, size);
	recfile_write(RAW_PUT, p, size);
	return p;
}

WRAPPER void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(p, bytes);
}

WRAPPER void *memalign(size_t align, size_t size)
{
	return record(RAW_ALIGNED, __libc_memalign(align, size), size);
}

WRAPPER void *aligned_alloc(size_t align, size_t size)
{
	return memalign(align, size);
}

WRAPPER int posix_memalign(void **ret, size_t align, size_t size)
{
	int err = errno;
	void *p;

	if (!align || align % sizeof(void *) || align & (align - 1))
		return EINVAL;
	p = memalign(align, size);
	errno = err;
	if (!p)
		return ENOMEM;
	*ret = p;
	return 0;
}

/* By hand: the program may have an unsetenv of its own, as shells do. */
static void forget_preload(void)
{
	char **to = environ;

	for (char **from = environ; *from; from++)
		if (strncmp(*from, "LD_PRELOAD=", 11))
			*to++ = *from;
	*to = NULL;
}

__attribute__((constructor)) static void start(void)
{
	const char *file = getenv("MHRECORD_FILE");
	int children = getenv("MHRECORD_CHILDREN") != NULL;

	if (!file || !*file)
		return;
	recfile_start(file, children);
	if (!children)
		forget_preload();
}
