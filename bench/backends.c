/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backends.c - finds a back end by its name: built in, or peer_NAME.so beside
 * the program.
 */
#include "bench/backends.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/exits.h"
#include "bench/peerpath.h"

static struct backend *const built_in[] = {
	&backend_null, &backend_malloc, &backend_mheap, &backend_mheap_shared,
};
#define N_BUILT_IN (sizeof(built_in) / sizeof(*built_in))

/* What script/bench --install-peers gets and builds. */
static const char *const peers[] = {
	"boost174", "boost181", "pgdsa", "dpdk-malloc", "dpdk-mempool", "apr",
};
#define N_PEERS (sizeof(peers) / sizeof(*peers))

static bool is_peer(const char *name)
{
	for (unsigned i = 0; i < N_PEERS; i++)
		if (!strcmp(name, peers[i]))
			return true;
	return false;
}

static struct backend *load(const char *name, int *ret_code)
{
	char path[PEER_PATH_MAX];
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
	char path[PEER_PATH_MAX];

	printf("back ends:\n");
	for (unsigned i = 0; i < N_BUILT_IN; i++)
		printf("  %s\n", built_in[i]->name);
	for (unsigned i = 0; i < N_PEERS; i++)
		if (peer_path(peers[i], path, sizeof(path)))
			printf("  %s%s\n", peers[i], access(path, F_OK) ?
			       " (not installed)" : "");
}
