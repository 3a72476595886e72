/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pair.c - alloc+free of one size, mheap beside the C library's malloc and
 * mimalloc, all called the same way (through a table of two functions), in
 * interleaved rounds of one run.  Prints medians and ratios.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <mheap.h>

#define PAIRS	2000000u
#define ROUNDS	15

static mh_heap *heap;

static void *own_alloc(size_t n)
{
	return mh_alloc(heap, n);
}

static void own_free(void *p)
{
	mh_free(heap, p);
}

static void *shared_alloc(size_t n)
{
	return mh_alloc_flags(heap, n, MH_SHARED);
}

static void *null_alloc(size_t n)
{
	static char object[64];

	(void)n;
	return object;
}

static void null_free(void *p)
{
	(void)p;
}

static struct backend {
	const char *name;
	void *(*alloc)(size_t);
	void (*free)(void *);
	double ns[ROUNDS];
} backends[] = {
	{ .name = "null harness", .alloc = null_alloc, .free = null_free },
	{ .name = "mheap owned", .alloc = own_alloc, .free = own_free },
	{ .name = "mheap shared", .alloc = shared_alloc, .free = own_free },
	{ .name = "malloc", .alloc = malloc, .free = free },
	{ .name = "mimalloc" },
};
#define N_BACKENDS (sizeof(backends) / sizeof(*backends))

static double once(struct backend *b, size_t size)
{
	struct timespec t0, t1;

	clock_gettime(CLOCK_MONOTONIC, &t0);
	for (unsigned i = 0; i < PAIRS; i++) {
		void *p = b->alloc(size);

		__asm__ volatile("" : : "r"(p) : "memory");
		b->free(p);
	}
	clock_gettime(CLOCK_MONOTONIC, &t1);
	return ((double)(t1.tv_sec - t0.tv_sec) * 1e9 +
		(double)(t1.tv_nsec - t0.tv_nsec)) / PAIRS;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void load_mimalloc(struct backend *b)
{
	void *lib = dlopen("libmimalloc.so.2", RTLD_NOW | RTLD_LOCAL);

	if (!lib)
		lib = dlopen("libmimalloc.so", RTLD_NOW | RTLD_LOCAL);
	if (!lib) {
		printf("mimalloc is not installed (libmimalloc2.0): skipped\n");
		return;
	}
	*(void **)&b->alloc = dlsym(lib, "mi_malloc");
	*(void **)&b->free = dlsym(lib, "mi_free");
	/* cppcheck-suppress resourceLeak ; it stays loaded */
}

int main(int argc, char **argv)
{
	size_t size = argc > 1 ? strtoul(argv[1], NULL, 0) : 64;
	struct backend *mi = &backends[N_BACKENDS - 1];

	heap = mh_attach("bench", MH_START);
	if (!heap) {
		fprintf(stderr, "pair: %s\n", mh_errmsg());
		return 3;
	}
	load_mimalloc(mi);
	for (unsigned r = 0; r < ROUNDS; r++)
		for (unsigned i = 0; i < N_BACKENDS; i++)
			if (backends[i].alloc)
				backends[i].ns[r] = once(&backends[i], size);
	for (unsigned i = 0; i < N_BACKENDS; i++)
		qsort(backends[i].ns, ROUNDS, sizeof(double), by_value);
	printf("pair of %zu B: median ns (min..max), ratio to mimalloc\n", size);
	for (unsigned i = 0; i < N_BACKENDS; i++)
		if (backends[i].alloc)
			printf("  %-14s %6.2f (%.2f..%.2f)  %.2f\n",
			       backends[i].name, backends[i].ns[ROUNDS / 2],
			       backends[i].ns[0], backends[i].ns[ROUNDS - 1],
			       mi->alloc ? backends[i].ns[ROUNDS / 2] /
			       mi->ns[ROUNDS / 2] : 0);
	mh_detach(heap);
	return 0;
}
