/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export.c - `mheap-trace export`: what was seen, as OpenMetrics text: into a file
 * that is replaced at each interval (-o), over HTTP for Prometheus (--listen), or
 * once, at the end.  Labels have few values: of commands the 64 that have the
 * most, the others are "other"; a PID only if it is asked for, and then a process
 * that has ended is left out.
 */
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/metrics.h"
#include "tools/say.h"

#define CONTENT	"application/openmetrics-text; version=1.0.0; charset=utf-8"

struct export {
	struct session	  *s;
	struct MHD_Daemon *http;
	bool		   unwritten;	/* the file, the last time */
};

static char *render(struct session *s, size_t *ret_len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, ret_len);
	bool whole;

	if (!f)
		return NULL;
	whole = metrics_write(s, f);
	if (fclose(f) || !whole) {
		free(text);
		return NULL;
	}
	return text;
}

static enum MHD_Result say(struct MHD_Connection *c, unsigned code, char *text,
			   size_t len, enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(len, text,
								 mode);
	enum MHD_Result done;

	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, "Content-Type", code == MHD_HTTP_OK ?
				CONTENT : "text/plain");
	done = MHD_queue_response(c, code, r);
	MHD_destroy_response(r);
	return done;
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *c,
			      const char *url, const char *method,
			      const char *version, const char *data,
			      size_t *data_len, void **state)
{
	static char not_here[] = "only /metrics is here\n";
	struct export *x = arg;
	size_t len;
	char *text;

	(void)version;
	(void)data;
	(void)data_len;
	(void)state;
	if (strcmp(method, "GET") || (strcmp(url, "/metrics") && strcmp(url, "/")))
		return say(c, MHD_HTTP_NOT_FOUND, not_here,
			   sizeof(not_here) - 1, MHD_RESPMEM_PERSISTENT);
	text = render(x->s, &len);
	if (!text)
		return MHD_NO;
	return say(c, MHD_HTTP_OK, text, len, MHD_RESPMEM_MUST_FREE);
}

/* "PORT" or "ADDRESS:PORT"; without an address the loopback. */
static int resolve(const char *where, struct addrinfo **ret_ai)
{
	struct addrinfo hint = { .ai_flags = AI_NUMERICSERV | AI_PASSIVE,
				 .ai_socktype = SOCK_STREAM };
	const char *colon = strrchr(where, ':');
	char host[256] = "127.0.0.1";

	if (colon)
		snprintf(host, sizeof(host), "%.*s", (int)(colon - where),
			 where);
	if (host[0] == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = 0;
		memmove(host, host + 1, strlen(host));
	}
	return getaddrinfo(host, colon ? colon + 1 : where, &hint, ret_ai);
}

static int listen_at(struct export *x, const char *where)
{
	/* Not by select(), which knows 1024 descriptors: a session may have more. */
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO;
	struct addrinfo *ai;
	int r = resolve(where, &ai);

	if (r)
		return refuse(EXIT_USAGE, "--listen %s: %s; it is [ADDRESS:]PORT",
			      where, gai_strerror(r));
	if (ai->ai_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	x->http = MHD_start_daemon(flags, 0, NULL, NULL, answer, x,
				   MHD_OPTION_SOCK_ADDR, ai->ai_addr,
				   MHD_OPTION_CONNECTION_LIMIT, 16u,
				   MHD_OPTION_CONNECTION_TIMEOUT, 10u,
				   MHD_OPTION_END);
	freeaddrinfo(ai);
	if (!x->http)
		return refuse(EXIT_IMPOSSIBLE, "can't listen at %s: %s", where,
			      strerror(errno));
	return 0;
}

static int replace(const char *path, const char *text, size_t len)
{
	char temporary[4096];
	FILE *f;
	int r;

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	f = fopen(temporary, "we");
	if (!f)
		return -errno;
	r = fwrite(text, 1, len, f) == len && !fflush(f) ? 0 : -errno;
	if (fclose(f) && !r)
		r = -errno;
	return !r && rename(temporary, path) ? -errno : r;
}

static int write_file(struct session *s)
{
	size_t len = 0;
	char *text = render(s, &len);
	int r = text ? replace(s->o->output, text, len) : -ENOMEM;

	free(text);
	return r;
}

static int cant_write(const struct session *s, int r)
{
	return refuse(EXIT_FAULT, "can't write %s: %s", s->o->output,
		      strerror(-r));
}

/* A file that can't be written now may be later; said when that begins. */
static int tick(struct session *s, void *arg)
{
	struct export *x = arg;
	int r = s->o->output ? write_file(s) : 0;

	if (r && !x->unwritten)
		cant_write(s, r);
	x->unwritten = r;
	return 0;
}

static int run(struct session *s)
{
	struct export x = { .s = s };
	int r = s->o->listen ? listen_at(&x, s->o->listen) : 0;

	if (r)
		return r;
	session_run(s, tick, &x);
	if (x.http)
		MHD_stop_daemon(x.http);
	session_stop(s);
	if (s->o->output) {
		r = write_file(s);
		return r ? cant_write(s, r) : 0;
	}
	if (s->o->listen || metrics_write(s, stdout) || ferror(stdout))
		return 0;	/* what can't be printed is said by main() */
	return refuse(EXIT_FAULT, "out of memory");
}

int trace_export(const struct options *o)
{
	struct session s = { 0 };
	int r, lost;

	signal(SIGPIPE, SIG_IGN);
	r = session_open(&s, o, 0);
	if (!r) {
		r = run(&s);
		lost = session_report(&s);
		r = r ? r : lost;
	}
	session_close(&s);
	return r;
}
