/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugin.c - a program that isn't linked with libmheap and loads it late, as
 * plugins do: plugin LIBRARY NAME.  At the first line of input it loads the
 * library and attaches, at each further one it takes slow paths.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "include/mheap.h"

static void *symbol(void *lib, const char *name)
{
	void *p = lib ? dlsym(lib, name) : NULL;

	if (p)
		return p;
	fprintf(stderr, "plugin: %s\n", dlerror());
	exit(1);
}

int main(int argc, char **argv)
{
	mh_heap *(*attach)(const char *, unsigned);
	void *(*alloc)(mh_heap *, size_t);
	mh_heap *h;
	char line[8];
	void *lib;

	if (argc != 3 || !fgets(line, sizeof(line), stdin))
		return 2;
	lib = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	*(void **)&attach = symbol(lib, "mh_attach");
	*(void **)&alloc = symbol(lib, "mh_alloc");
	h = attach(argv[2], 0);
	if (!h)
		return 1;
	puts("loaded");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		for (unsigned i = 0; i < 1000; i++)
			if (!alloc(h, 512))
				return 1;
	return 0;
}
