/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backends.c - finds a back end by its name: built in, or peer_NAME.so beside
 * the program.
 */
#include "bench/backends.h"

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/exits.h"

#define MORE_THAN_NAME	64

static struct backend *const built_in[] = {
	&backend_null, &backend_malloc, &backend_mheap, &backend_mheap_shared,
};
#define N_BUILT_IN (sizeof(built_in) / sizeof(*built_in))

/* What script/bench --install-peers gets and builds. */
static const char *const peers[] = {
	"boost174", "boost181", "pgdsa", "dpdk-malloc", "dpdk-mempool", "apr",
};
#define N_PEERS (sizeof(peers) / sizeof(*peers))

/* Where this program is; libtool runs it out of a folder .libs there. */
static bool own_folder(char *buf, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", buf, size - 1);
	char *last;

	if (n < 0)
		return false;
	buf[n] = '\0';
	dirname(buf);
	last = strrchr(buf, '/');
	if (last && !strcmp(last, "/.libs"))
		*last = '\0';
	return true;
}

static bool peer_path(const char *name, char *buf, size_t size)
{
	char folder[PATH_MAX];

	if (!own_folder(folder, sizeof(folder)))
		return false;
	return snprintf(buf, size, "%s/peer_%s.so", folder, name) < (int)size;
}

static bool is_peer(const char *name)
{
	for (unsigned i = 0; i < N_PEERS; i++)
		if (!strcmp(name, peers[i]))
			return true;
	return false;
}

static struct backend *load(const char *name, int *ret_code)
{
	char path[PATH_MAX + MORE_THAN_NAME];
	struct backend *b = NULL;
	void *lib;

	*ret_code = EXIT_SKIP;
	if (!peer_path(name, path, sizeof(path)) || access(path, F_OK)) {
		fprintf(stderr, "bench: %s is not installed; script/bench "
			"--install-peers installs it\n", name);
		return NULL;
	}
	lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (lib)
		b = dlsym(lib, "bench_backend");
	if (!b)
		fprintf(stderr, "bench: %s; script/bench --install-peers "
			"installs what it needs\n", dlerror());
	return b;
}

struct backend *backend_find(const char *name, int *ret_code)
{
	for (unsigned i = 0; i < N_BUILT_IN; i++)
		if (!strcmp(name, built_in[i]->name))
			return built_in[i];
	if (is_peer(name))
		return load(name, ret_code);
	fprintf(stderr, "bench: no back end %s; --list names them\n", name);
	*ret_code = EXIT_USAGE;
	return NULL;
}

void backends_list(void)
{
	char path[PATH_MAX + MORE_THAN_NAME];

	printf("back ends:\n");
	for (unsigned i = 0; i < N_BUILT_IN; i++)
		printf("  %s\n", built_in[i]->name);
	for (unsigned i = 0; i < N_PEERS; i++)
		if (peer_path(peers[i], path, sizeof(path)))
			printf("  %s%s\n", peers[i], access(path, F_OK) ?
			       " (not installed)" : "");
}
