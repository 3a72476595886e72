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
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include "daemon/keeper.h"

#define DECAY_NS	(2000 * MS)
#define ALONE_NS	(200 * MS)	/* autoremove: after the last has left */
#define FIRST_NS	(10000 * MS)	/* ... and if nobody ever comes */

static void on_turn(void *arg)
{
	struct server *sv = arg;
	struct sh_counters *c = &sv->heap.sg.whdr->count;
	uint64_t activity, wake, now, next;

	heap_tick(&sv->heap);
	activity = ld_rlx(&c->requests) + ld_rlx(&c->grows) +	/* [H2] */
		   ld_rlx(&c->deaths) + ld_rlx(&c->spans);	/* [H2] */
	sv->turn_ns = activity != sv->activity || sv->heap.jobs ? TURN_NS :
		      sv->turn_ns * 2 < IDLE_TURN_NS ? sv->turn_ns * 2 :
						       IDLE_TURN_NS;
	sv->activity = activity;
	/* The scavenger may want to be called earlier. */
	now = sv->heap.io.now_ns(sv->heap.io.arg);
	wake = commit_wake_at(&sv->heap);
	next = wake > now + TURN_NS ? wake - now : TURN_NS;
	if (next > sv->turn_ns)
		next = sv->turn_ns;
	loop_timer_set(sv->loop, sv->turn, next, 0);
}

void server_awake(struct server *sv)
{
	if (sv->turn_ns == TURN_NS)
		return;
	sv->turn_ns = TURN_NS;
	loop_timer_set(sv->loop, sv->turn, TURN_NS, 0);
}

static void on_decay(void *arg)
{
	struct server *sv = arg;

	sweep_decay(&sv->heap);
}

/*
 * Clients share the eventfd and may have made it blocking, so it is never read
 * in a way that could block.
 */
static void on_bell(void *arg, unsigned int revents)
{
	struct server *sv = arg;
	uint64_t rings;
	struct iovec iov = { &rings, sizeof(rings) };

	(void)revents;
	if (preadv2(sv->bell_fd, &iov, 1, -1, RWF_NOWAIT) < 0 &&
	    errno != EAGAIN)
		log_limited(&sv->complaints, LOG_ERR, "the doorbell can't be "
			    "read: %s", strerror(errno));
	requests_serve(&sv->heap);
	server_awake(sv);
}

static void on_job(void *arg)
{
	sessions_trimmed(arg);
}

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

static bool is_alone(const struct server *sv)
{
	return sv->serving && !sv->removed &&
	       sv->heap.sg.hdr->autoremove && !sv->nsessions && !sv->nmembers;
}

static void on_alone(void *arg)
{
	struct server *sv = arg;

	sv->alone = 0;
	if (is_alone(sv))
		server_remove(sv);
}

static void alone_after(struct server *sv, uint64_t ns)
{
	loop_cancel(sv->loop, sv->alone);
	sv->alone = loop_timer(sv->loop, ns, 0, on_alone, sv);
}

void server_someone_left(struct server *sv)
{
	if (sv->served && is_alone(sv))
		alone_after(sv, ALONE_NS);
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
	sv->store.job_ended = on_job;
	sv->store.arg = sv;
	memset(hdr->version, 0, sizeof(hdr->version));
	strncpy(hdr->version, PACKAGE_VERSION, sizeof(hdr->version) - 1);
	st_rlx(&hdr->daemon_pid, (uint32_t)getpid());		/* [H2] */
	return 0;
}

static int watch_all(struct server *sv, struct refusal *why)
{
	sv->max_sessions = 2 * sv->store.sg.geo.nclients + 64;
	sv->turn_ns = TURN_NS;
	sv->turn = loop_timer(sv->loop, 1, 0, on_turn, sv);
	if (!sv->turn || !loop_timer(sv->loop, DECAY_NS, DECAY_NS, on_decay, sv) ||
	    !loop_poll(sv->loop, sv->bell_fd, POLLIN, on_bell, sv))
		return refuse(why, EXIT_FAULT, -ENOMEM, "no memory");
	if (is_alone(sv))
		alone_after(sv, FIRST_NS);
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
		r = open_store(sv, why);
	if (!r)
		r = open_heap(sv, why);
	if (!r)
		r = members_new(sv, why);
	if (r)
		return r;
	sv->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (sv->bell_fd < 0)
		return refuse(why, EXIT_FAULT, -errno, "eventfd: %s",
			      strerror(errno));
	r = watch_all(sv, why);
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
	if (sv->bell_fd >= 0)
		close(sv->bell_fd);
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
	struct server sv = { .o = o, .listen_fd = -1, .bell_fd = -1,
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
