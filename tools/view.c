/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view.c - see view.h.  Takes no locks.
 *
 * Every way ends in descriptors of two files, which are mapped whole, as long as
 * the files are: what a header says of itself is checked by seg_view() against
 * that.
 */
#include "tools/view.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/text.h"
#include "tools/ask.h"
#include "tools/commands.h"
#include "tools/keep.h"
#include "tools/say.h"

__attribute__((format(printf, 2, 3)))
static int no_view(struct view *v, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(v->why, sizeof(v->why), format, args);
	va_end(args);
	return EXIT_IMPOSSIBLE;
}

static int map_whole(int fd, void **ret_map, uint64_t *ret_bytes)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st))
		return -errno;
	if (!st.st_size)
		return -ENODATA;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*ret_map = p;
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
}

/* The first fields stand in the same place in every version. */
static int other_layout(struct view *v, const char *name)
{
	const struct sh_header *hdr = v->heap;

	if (v->heap_bytes < 2 * sizeof(hdr->magic) || !hdr->magic)
		return no_view(v, "heap %s was made by half: `mheap destroy %s "
			       "--force` removes it", name, name);
	if (hdr->magic != SH_MAGIC)
		return no_view(v, "what is called heap %s is no heap", name);
	return no_view(v, "heap %s is of another layout (ABI %016" PRIx64
		       ", this mheap %s has %016" PRIx64 "): use the mheap of "
		       "the version that made it", name, hdr->abi,
		       PACKAGE_VERSION, sh_abi());
}

static int look_at(struct view *v, const char *name, int heap, int central)
{
	int r = map_whole(heap, &v->heap, &v->heap_bytes);

	if (!r)
		r = map_whole(central, &v->central, &v->central_bytes);
	if (r == -ENODATA)
		return no_view(v, "heap %s was made by half: `mheap destroy %s "
			       "--force` removes it", name, name);
	if (r)
		return no_view(v, "can't map heap %s: %s; is there a limit on "
			       "address space (ulimit -v)?", name,
			       strerror(-r));
	r = seg_view(&v->sg, v->heap, v->heap_bytes, v->central,
		     v->central_bytes, NULL);
	if (r == -EPROTO)
		return other_layout(v, name);
	if (r)
		return no_view(v, "the header of heap %s contradicts itself: "
			       "`mheap destroy %s --force` removes it", name, name);
	return 0;
}

/* The daemon may serve another heap there, when a path was given. */
static int check_name(struct view *v, const struct place *p)
{
	char other[sizeof(v->sg.hdr->name)];

	copy_text(other, sizeof(other), v->sg.hdr->name);
	if (!strcmp(other, p->name))
		return 0;
	safe_text(other, sizeof(other), v->sg.hdr->name,
		  sizeof(v->sg.hdr->name), SAFE_TERMINAL);
	return no_view(v, "the daemon at %s serves heap %s, not %s: is "
		       "MHEAP_SOCKET right?", p->socket, other, p->name);
}

static int welcomed(struct view *v, const struct place *p,
		    const struct wire_welcome *w, const int fds[ASK_FDS])
{
	char text[sizeof(w->text)];
	int r;

	if (w->status)
		return no_view(v, "heap %s: its daemon refuses: %s", p->name,
			       safe_text(text, sizeof(text), w->text,
					 sizeof(w->text), SAFE_TERMINAL));
	if (fds[WIRE_FD_HEAP] < 0 || fds[WIRE_FD_CENTRAL] < 0)
		return no_view(v, "the daemon at %s sent no descriptors",
			       p->socket);
	r = look_at(v, p->name, fds[WIRE_FD_HEAP], fds[WIRE_FD_CENTRAL]);
	return r ? r : check_name(v, p);
}

/* 0, an exit status, or -errno: this way does not lead to the heap. */
static int by_socket(struct view *v, const struct place *p, int wait_ms)
{
	int fds[ASK_FDS], sock = p->socket[0] ? ask_dial(p->socket) : -ENOENT;
	struct wire_welcome w;
	int r;

	if (sock < 0)
		return sock;
	r = ask_observe(sock, wait_ms, &w, fds);
	v->silent = r == -ETIMEDOUT;
	if (!r) {
		r = welcomed(v, p, &w, fds);
		v->served = !r;
	}
	for (int i = 0; i < ASK_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	close(sock);
	return r;
}

static int shm_read(const struct place *p, const char *part)
{
	char path[HEAP_PATH_MAX];
	int r = heap_shm_name(p->uid, p->name, part, path, sizeof(path));
	int fd = r ? -1 : shm_open(path, O_RDONLY, 0);

	return r ? r : fd < 0 ? -errno : fd;
}

static int by_names(struct view *v, const struct place *p)
{
	int heap = shm_read(p, "heap"), central = shm_read(p, "central");
	int r;

	if (heap < 0)
		r = heap;
	else if (central < 0)
		r = no_view(v, "heap %s has lost its segment /dev/shm/mheap.%u."
			    "%s.central: `mheap destroy %s --force` removes the "
			    "rest",
			    p->name, p->uid, p->name, p->name);
	else
		r = look_at(v, p->name, heap, central);
	if (heap >= 0)
		close(heap);
	if (central >= 0)
		close(central);
	return r;
}

/* A memfd heap without a daemon: whoever keeps it shows it to its owner. */
static int by_keeper(struct view *v, const struct place *p)
{
	char path[HEAP_PATH_MAX];
	int fds[ASK_FDS], r;

	if (!p->socket[0] || path_beside(p->socket, ".keep", path,
					 sizeof(path)))
		return -ENOENT;
	r = keep_get(path, fds);
	if (r)
		return r;
	r = look_at(v, p->name, fds[WIRE_FD_HEAP], fds[WIRE_FD_CENTRAL]);
	for (int i = 0; i < ASK_FDS; i++)
		close(fds[i]);
	return r ? r : check_name(v, p);
}

/* No way led to it. */
static int nowhere(struct view *v, const struct place *p, int by_sock, int by_shm)
{
	const char *socket = p->socket[0] ? p->socket : "(none)";

	if (by_sock == -EACCES || by_shm == -EACCES)
		return no_view(v, "heap %s: no permission for %s; the user who "
			       "runs its daemon, root and members of the "
			       "daemon's --group may look", p->name,
			       by_sock == -EACCES ? socket : "its segments");
	if (by_sock == -ETIMEDOUT)
		return no_view(v, "heap %s: its daemon at %s does not answer; "
			       "is it stopped (SIGSTOP, a frozen cgroup)?",
			       p->name, socket);
	if (by_sock == -ECONNREFUSED)
		return no_view(v, "heap %s: nobody listens at %s, and nothing "
			       "is left of it: neither names in /dev/shm nor a "
			       "keeper; start it with `mheapd --name %s`",
			       p->name, socket, p->name);
	if (by_sock == -ENOENT)
		return no_view(v, "no heap %s: there is neither a socket %s nor "
			       "/dev/shm/mheap.%u.%s.heap; `mheap ls` shows "
			       "what there is", p->name, socket, p->uid,
			       p->name);
	return no_view(v, "heap %s at %s: %s", p->name, socket,
		       strerror(-by_sock));
}

int view_place(struct view *v, const struct place *p, int wait_ms)
{
	int by_sock, r;

	*v = (struct view){ 0 };
	by_sock = r = by_socket(v, p, wait_ms);
	if (r < 0)
		r = by_names(v, p);
	if (r == -ENOENT)
		r = by_keeper(v, p);
	if (r < 0)
		r = nowhere(v, p, by_sock, r);
	if (r)
		view_close(v);
	return r;
}

void view_close(struct view *v)
{
	if (v->heap)
		munmap(v->heap, v->heap_bytes);
	if (v->central)
		munmap(v->central, v->central_bytes);
	v->heap = v->central = NULL;
}

int place_of(struct place *ret_p, const char *name)
{
	struct place p = { .uid = geteuid() };
	char why[256];
	int r = heap_socket_path(name, p.socket, sizeof(p.socket), why,
				 sizeof(why));

	if (r)
		return refuse(EXIT_IMPOSSIBLE, "%s", why);
	copy_text(p.name, sizeof(p.name), name);
	*ret_p = p;
	return 0;
}

int view_open(struct view *v, struct place *ret_p, const char *name)
{
	int r = place_of(ret_p, name);

	if (r)
		return r;
	r = view_place(v, ret_p, VIEW_MS);
	return r ? refuse(r, "%s", v->why) : 0;
}
