/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passer.c - one process allocates shared objects, another one frees them:
 *
 *	passer HEAP OBJECTS SIZE
 *
 * Prints the PID of who allocated and of who freed.  The objects are all there
 * before the first is freed, so that most of their spans are full and nobody's.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "include/mheap.h"

static int allocate(mh_heap *h, uint32_t n, size_t size, int to)
{
	mh_handle *v = calloc(n, sizeof(*v));

	for (uint32_t i = 0; i < n; i++) {
		void *p = mh_alloc_flags(h, size, MH_SHARED);

		if (!p)
			return 1;
		v[i] = mh_handle_of(h, p);
	}
	if (write(to, v, n * sizeof(*v)) != (ssize_t)(n * sizeof(*v)))
		return 1;
	free(v);
	return 0;
}

static int take(mh_heap *h, uint32_t n, int from)
{
	FILE *f = fdopen(from, "r");
	mh_handle v;

	for (uint32_t i = 0; i < n; i++) {
		void *p = fread(&v, sizeof(v), 1, f) == 1 ? mh_deref(h, v) : NULL;

		if (!p)
			return 1;
		mh_free(h, p);
	}
	fclose(f);
	return mh_trim(h);
}

/* Who allocated lives on until all is freed: its PID is known. */
int main(int argc, char **argv)
{
	uint32_t n = argc > 3 ? (uint32_t)atoi(argv[2]) : 0;
	size_t size = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	int objects[2], done[2], status;
	mh_heap *h;
	char c;

	if (!n || n > 8000 || pipe(objects) || pipe(done))
		return 2;
	if (!fork()) {
		close(done[1]);
		h = mh_attach(argv[1], 0);
		/* Before the other one can: its line is the second. */
		printf("%d\n", getpid());
		fflush(stdout);
		if (!h || allocate(h, n, size, objects[1]))
			_exit(1);
		_exit(read(done[0], &c, 1) < 0 || mh_detach(h));
	}
	close(objects[1]);
	h = mh_attach(argv[1], 0);
	if (!h || take(h, n, objects[0]))
		return 1;
	printf("%d\n", getpid());
	fflush(stdout);
	close(done[1]);
	return wait(&status) < 0 || status || mh_detach(h);
}
