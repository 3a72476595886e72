/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.c - one daemon's life.  Owns everything in struct server.
 *
 *	event loop -> lock file -> segments -> heap -> former clients -> socket
 *
 * in that order, each undone in reverse.  The lock comes before the first look
 * at the heap, and after the event loop, whose process must hold it.  Ending
 * leaves the heap to the next daemon, unless it was removed.
 */
#include "daemon/server.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/keeper.h"

static void on_stop(void *arg, int signo)
{
	struct server *sv = arg;

	log_line(LOG_INFO, "%s: stops, heap %s stays", strsignal(signo),
		 sv->o->name);
	loop_stop(sv->loop);
}

static void on_reload(void *arg, int signo)
{
	struct server *sv = arg;
	char text[24];
	uint64_t limit = limit_now(sv);

	(void)signo;
	heap_set_limit(&sv->heap, limit);
	log_line(LOG_INFO, "the limit is %s bytes",
		 bytes_text(limit, text, sizeof(text)));
}

void server_remove(struct server *sv)
{
	sv->removed = true;
	lockfile_ending(&sv->lock);
	listen_end(sv, true);	/* first: a late one shall start another */
	store_remove(&sv->store, sv->o->name);
	if (sv->store.files.backing == BACKING_MEMFD)
		activation_forget();
	keeper_leave(sv->keeper, true);
	sv->keeper = NULL;
	log_line(LOG_INFO, "heap %s is removed", sv->o->name);
	loop_stop(sv->loop);
}

/* Two descriptors per client, one per stranger, some for ourselves. */
static void raise_nofile(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) || lim.rlim_cur == lim.rlim_max)
		return;
	lim.rlim_cur = lim.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &lim))
		log_line(LOG_WARNING, "can't raise the limit of descriptors");
}

static int loop_begin(struct server *sv, struct refusal *why)
{
	static const struct { int signo; void (*cb)(void *, int); } on[] = {
		{ SIGTERM, on_stop }, { SIGINT, on_stop }, { SIGHUP, on_reload },
	};
	int r = loop_new(&sv->loop);
	sigset_t set;
	char text[400];

	if (r)
		return refuse(why, EXIT_CANNOT, r, "io_uring is needed and "
			      "can't be had: %s",
			      loop_explain(r, text, sizeof(text)));
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(on) / sizeof(*on); i++)
		sigaddset(&set, on[i].signo);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (size_t i = 0; i < sizeof(on) / sizeof(*on); i++)
		if (!loop_signal(sv->loop, on[i].signo, on[i].cb, sv))
			return refuse(why, EXIT_FAULT, -errno, "signals: %s",
				      strerror(errno));
	return 0;
}

static int server_start(struct server *sv, struct refusal *why)
{
	int r = loop_begin(sv, why);

	if (!r)
		r = place_find(sv, why);
	if (!r)
		r = lockfile_take(&sv->lock, false, sv->at.lock, why);
	if (!r)
		r = takeover(sv, why);
	if (!r)
		r = turns_start(sv, why);
	if (r)
		return r;
	adopt_all(sv);
	heap_count(&sv->heap);
	return listen_start(sv, why);
}

static void say_stopped(struct server *sv)
{
	struct sh_header *hdr = sv->store.heap_map;

	if (!sv->serving || sv->removed)
		return;
	st_rlx(&hdr->daemon_pid, 0);				/* [H2] */
	st_rel(&hdr->status, HEAP_STOPPED);			/* [H1] */
}

static void server_end(struct server *sv)
{
	struct session *s;

	lockfile_ending(&sv->lock);
	if (sv->loop)
		listen_end(sv, false);
	while ((s = TAILQ_FIRST(&sv->sessions)))
		session_close(s);
	/* A heap made for nothing: the start was refused after all. */
	if (sv->store.made && !sv->served) {
		store_remove(&sv->store, sv->o->name);
		sv->removed = true;
	}
	if (sv->loop) {
		keeper_leave(sv->keeper, sv->removed);
		members_free(sv);
	}
	loop_destroy(sv->loop);
	say_stopped(sv);
	if (sv->serving)
		heap_close(&sv->heap);
	store_close(&sv->store);
	bell_close(&sv->bell);
	lockfile_drop(&sv->lock, sv->removed);
}

static void announce(struct server *sv)
{
	char size[24], limit[24];

	log_line(LOG_INFO, "serves heap %s at %s, %s bytes of %s, limit %s%s",
		 sv->o->name, sv->at.sock,
		 bytes_text(sv->store.sg.geo.reserve_bytes, size, sizeof(size)),
		 sv->store.files.backing == BACKING_MEMFD ? "memfd" : "shm",
		 bytes_text(sv->heap.limit, limit, sizeof(limit)),
		 sv->store.made ? "" : ", as it was left");
	activation_notify("READY=1", NULL, 0);
}

int server_run(const struct options *o, void (*ready)(void *arg), void *arg)
{
	struct server sv = { .o = o, .listen_fd = -1, .bell = BELL_NONE,
			     .lock.fd = -1 };
	struct refusal why = { .exit_code = 0 };
	int r;

	TAILQ_INIT(&sv.sessions);
	store_init(&sv.store);
	activation_take(&sv.given);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);	/* a file-size limit is an error */
	signal(SIGCHLD, SIG_IGN);	/* keepers leave no zombies */
	raise_nofile();
	r = server_start(&sv, &why);
	if (!r) {
		sv.served = true;
		announce(&sv);
		ready(arg);
		r = loop_run(sv.loop);
		if (r)
			refuse(&why, EXIT_FAULT, r, "io_uring failed: %s",
			       strerror(-r));
	}
	activation_notify("STOPPING=1", NULL, 0);
	if (r)
		log_line(LOG_ERR, "%s", why.text);
	server_end(&sv);
	return r ? why.exit_code : 0;
}
