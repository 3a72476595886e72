/* SPDX-License-Identifier: Apache-2.0 */
/*
 * paths.c - calls one fast path many times, for instructions.sh to count under
 * callgrind.  `paths compiler` says what built it, as counts depend on that.
 */
#include <mheap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAIRS	100000
#define OBJECTS	200
#define STREAM	(2 * 256)	/* after so many it borrows; libclient/lend.h */

void frees(mh_heap *h, void **p, int n);

static int fail(const char *what)
{
	fprintf(stderr, "paths: %s: %s\n", what, mh_errmsg());
	return 1;
}

static int pairs(mh_heap *h, void *(*alloc)(mh_heap *, size_t), size_t size)
{
	for (int i = 0; i < PAIRS; i++) {
		void *p = alloc(h, size);

		if (!p)
			return fail("alloc");
		mh_free(h, p);
	}
	return 0;
}

/* Pairs in a span that holds a shared object, too. */
static int mixed(mh_heap *h, size_t size)
{
	void *p = mh_alloc(h, size);

	if (!p || mh_share(h, p))
		return fail("share");
	return pairs(h, mh_alloc, size);
}

/* What callgrind collects of a child that frees another process's objects. */
__attribute__((noinline)) void frees(mh_heap *h, void **p, int n)
{
	for (int i = 0; i < n; i++)
		mh_free(h, p[i]);
}

/* After `before` others, which warm up what these need. */
static int foreign(mh_heap *h, size_t size, int before)
{
	static void *p[OBJECTS + STREAM];
	int status = 1;
	pid_t child;

	for (int i = 0; i < OBJECTS + before; i++)
		if (!(p[i] = mh_alloc_shared(h, size)))
			return fail("alloc");
	child = fork();
	if (!child) {
		mh_free(h, mh_alloc(h, 64));	/* joins the heap */
		for (int i = 0; i < before; i++)
			mh_free(h, p[OBJECTS + i]);
		frees(h, p, OBJECTS);
		_exit(0);
	}
	waitpid(child, &status, 0);
	return status != 0;
}

static int compiler(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	puts("sanitizer");
#elif !defined(__OPTIMIZE__) || defined(__clang__)
	puts("other");
#else
	printf("gcc-%d\n", __GNUC__);
#endif
	return 0;
}

int main(int argc, char **argv)
{
	size_t size = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	mh_heap *h;

	if (argc == 2 && !strcmp(argv[1], "compiler"))
		return compiler();
	if (argc != 3 || !size) {
		fputs("usage: paths owned|shared|mixed|foreign|stream SIZE\n", stderr);
		return 2;
	}
	h = mh_attach(NULL, 0);
	if (!h)
		return fail("attach");
	if (!strcmp(argv[1], "owned"))
		return pairs(h, mh_alloc, size);
	if (!strcmp(argv[1], "shared"))
		return pairs(h, mh_alloc_shared, size);
	if (!strcmp(argv[1], "mixed"))
		return mixed(h, size);
	return foreign(h, size, strcmp(argv[1], "stream") ? 1 : STREAM);
}
