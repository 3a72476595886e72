/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tool_client.c - what tools.sh looks at: a client of the public API that says
 * what it has and then does what it reads, and a hand that breaks a heap.
 *
 *	tool_client NAME	attaches; "owned ADDRESS HANDLE", "shared ...",
 *				"held ...", "sent ...", "stale HANDLE"; then for each line of input:
 *				more (allocates until refused), trim, end
 *	tool_client --break NAME  puts a span into a state that there isn't, in a
 *				heap that nobody serves
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "include/mheap.h"
#include "shm/paths.h"
#include "shm/span.h"

#define BIG	(8u << 20)

static int die(const char *what)
{
	fprintf(stderr, "%s: %s (%s)\n", what, mh_errmsg(), strerror(errno));
	exit(1);
}

static void *must(void *p, const char *what)
{
	if (!p)
		die(what);
	return p;
}

static void say(mh_heap *h, const char *what, void *p)
{
	printf("%s %p 0x%" PRIx64 "\n", what, p, mh_handle_of(h, p));
}

static void furnish(mh_heap *h)
{
	void *owned = must(mh_alloc(h, 100), "owned");
	void *shared = must(mh_alloc_flags(h, 200, MH_SHARED), "shared");
	void *big = must(mh_alloc(h, BIG), "big");
	void *held = must(mh_alloc_flags(h, 500, MH_HELD), "held");
	void *sent = must(mh_alloc_flags(h, 64, MH_HELD), "sent");
	mh_chan *c = must(mh_chan_open(h, "line", 5, 0), "channel");
	void *gone = must(mh_alloc_flags(h, 3000, MH_SHARED), "gone");

	if (mh_name_set(h, "root", shared) || mh_name_set(h, "kept", held) ||
	    mh_name_set(h, "e\x1b[1m", gone))
		die("name");
	if (mh_chan_send(c, sent, 0) || mh_chan_close(c))
		die("send");
	say(h, "owned", owned);
	say(h, "shared", shared);
	say(h, "held", held);
	say(h, "sent", sent);
	say(h, "big", big);
	printf("stale 0x%" PRIx64 "\n", mh_handle_of(h, gone));
	mh_free(h, gone);
	mh_free(h, big);
	puts("ready");
	fflush(stdout);
}

/* Allocates what is never there, so that only a slow path can answer. */
static void ask_for_more(mh_heap *h)
{
	while (mh_alloc(h, BIG))
		;
	printf("refused %s\n", errno == ESHUTDOWN ? "ESHUTDOWN" :
	       strerror(errno));
	fflush(stdout);
}

static int obey(mh_heap *h)
{
	char line[32];

	while (fgets(line, sizeof(line), stdin)) {
		if (!strcmp(line, "more\n"))
			ask_for_more(h);
		else if (!strcmp(line, "trim\n") && mh_trim(h))
			die("trim");
		else if (!strcmp(line, "end\n"))
			break;
	}
	return mh_detach(h) ? die("detach") : 0;
}

static void *map_part(const char *name, const char *part, uint64_t *ret_bytes)
{
	char path[HEAP_PATH_MAX];
	struct stat st;
	void *p;
	int fd;

	heap_shm_name(geteuid(), name, part, path, sizeof(path));
	fd = shm_open(path, O_RDWR, 0);
	if (fd < 0 || fstat(fd, &st))
		die(path);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		 fd, 0);
	if (p == MAP_FAILED)
		die(path);
	close(fd);
	*ret_bytes = (uint64_t)st.st_size;
	return p;
}

static int break_heap(const char *name)
{
	uint64_t heap_bytes, central_bytes;
	void *heap = map_part(name, "heap", &heap_bytes);
	void *central = map_part(name, "central", &central_bytes);
	struct seg sg;

	if (seg_view(&sg, heap, heap_bytes, central, central_bytes, NULL))
		die("no heap");
	for (span_id id = { 1 }; id.n < seg_span_top(&sg); id.n++) {
		if (span_state(span_load(&sg, id)) == SPAN_FREE)
			continue;
		st_rel(&sg.spans[id.n].state, span_word(9, NOBODY, 1)); /* [S1] */
		return 0;
	}
	return die("no span in use");
}

int main(int argc, char **argv)
{
	mh_heap *h;

	if (argc == 3 && !strcmp(argv[1], "--break"))
		return break_heap(argv[2]);
	if (argc != 2)
		return 2;
	h = must(mh_attach(argv[1], 0), "attach");
	furnish(h);
	return obey(h);
}
