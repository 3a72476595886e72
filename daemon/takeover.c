/* SPDX-License-Identifier: Apache-2.0 */
/*
 * takeover.c - taking charge of the heap: memfds that were kept, segments in
 * /dev/shm, or new ones; then the page heap is rebuilt.  Runs under the lock
 * file.  See server.h.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon/keeper.h"
#include "daemon/server.h"

/* Memfds kept for us: by the service manager, else by a keeper. */
static int find_kept(struct server *sv, int ret_fds[SEGFILES], bool *ret_found,
		     struct refusal *why)
{
	const int *kept = sv->given.kept;
	int r = 0;

	*ret_found = kept[0] >= 0 && kept[1] >= 0 && kept[2] >= 0;
	if (*ret_found) {
		memcpy(ret_fds, kept, sizeof(sv->given.kept));
		return 0;
	}
	for (int i = 0; i < SEGFILES; i++)
		if (kept[i] >= 0)
			close(kept[i]);
	r = keeper_fetch(sv->at.keep, ret_fds, why);
	*ret_found = !r;
	return r == -ENOENT ? 0 : r;
}

static int open_store(struct server *sv, struct refusal *why)
{
	int fds[SEGFILES];
	bool kept;
	int r = find_kept(sv, fds, &kept, why);

	if (!r)
		r = store_open(&sv->store, sv->o, kept ? fds : NULL, why);
	if (r || sv->store.files.backing != BACKING_MEMFD)
		return r;
	if (sv->store.made && kept)	/* what it kept was over */
		keeper_end(sv->at.keep);
	if (!activation_notifies())
		return keeper_start(sv->loop, sv->at.keep, &sv->store.files,
				    &sv->keeper, why);
	if (sv->given.kept[0] < 0)
		activation_keep(&sv->store.files);
	return 0;
}

static int open_heap(struct server *sv, struct refusal *why)
{
	struct heap_io io = store_io(&sv->store, sv->loop, &sv->heap);
	struct sh_header *hdr = sv->store.heap_map;
	int r = heap_open(&sv->heap, &sv->store.sg, &io, limit_now(sv));

	if (r == -ENOMEM || r == -ENOSPC)
		return refuse(why, EXIT_CANNOT, r, "no memory for heap %s: %s",
			      sv->o->name, strerror(-r));
	if (r)
		return refuse(why, EXIT_FAULT, r, "heap %s is damaged: mheap "
			      "verify %s tells how, mheap destroy %s removes "
			      "it", sv->o->name, sv->o->name, sv->o->name);
	sv->serving = true;
	sv->heap.quota_spans = sv->o->quota_spans;
	memset(hdr->version, 0, sizeof(hdr->version));
	strncpy(hdr->version, PACKAGE_VERSION, sizeof(hdr->version) - 1);
	st_rlx(&hdr->daemon_pid, (uint32_t)getpid());		/* [H2] */
	return 0;
}

int takeover(struct server *sv, struct refusal *why)
{
	int r = open_store(sv, why);

	if (!r)
		r = open_heap(sv, why);
	return r ? r : members_new(sv, why);
}
