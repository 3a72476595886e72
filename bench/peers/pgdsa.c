/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pgdsa.c - the back end pgdsa, the parent's part: has a PostgreSQL server of
 * its own (pgdsa_server.c), loads the extension into it (pgdsa_backend.c, the
 * file beside this one), makes an area, and has one connection for each worker
 * run it in the server process behind.  No durable object: all of it goes with
 * the server.
 */
#include <dlfcn.h>
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/bench.h"
#include "bench/peers/pgdsa_server.h"
#include "bench/peers/scratch.h"

#define EXTENSION	"pgdsa_backend.so"
#define CONNECT_TRIES	1500	/* of 20 ms */

struct connection {
	PGconn	*pg;
	bool	busy;
};

static char area[24];			/* its handle, in SQL */

static int pg_failed(PGconn *pg, const char *what)
{
	fprintf(stderr, "pgdsa: %s: %s", what, PQerrorMessage(pg));
	return -EIO;
}

static PGconn *connect_to(const char *folder)
{
	const char *key[] = { "host", "user", "dbname", NULL };
	const char *value[] = { folder, "bench", "postgres", NULL };

	return PQconnectdbParams(key, value, 0);
}

/* As soon as the server accepts, which takes it some 50 ms. */
static PGconn *first_connection(void)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	PGconn *pg;

	for (int i = 0; i < CONNECT_TRIES && pg_server_check() == 0; i++) {
		pg = connect_to(pg_server_folder());
		if (PQstatus(pg) == CONNECTION_OK)
			return pg;
		PQfinish(pg);
		nanosleep(&moment, NULL);
	}
	fprintf(stderr, "pgdsa: the server doesn't come up:\n");
	pg_server_log();
	return NULL;
}

static void set_version(PGconn *pg)
{
	static char version[32];
	const char *v = PQparameterStatus(pg, "server_version");

	snprintf(version, sizeof(version), "%.*s", (int)strcspn(v, " "), v);
	bench_backend.version = version;
}

/* The extension lies where this shared object does. */
static int extension_path(char *buf, size_t size)
{
	const char *slash;
	Dl_info self;

	if (!dladdr(&bench_backend, &self))
		return -ENOENT;
	slash = strrchr(self.dli_fname, '/');
	snprintf(buf, size, "%.*s" EXTENSION,
		 slash ? (int)(slash + 1 - self.dli_fname) : 0, self.dli_fname);
	return 0;
}

static int define_functions(PGconn *pg)
{
	char here[512], there[512], sql[2048], *file;
	PGresult *res;
	int err = extension_path(here, sizeof(here));

	if (!err)
		err = pg_server_copy(here, there, sizeof(there));
	if (err)
		return err;
	file = PQescapeLiteral(pg, there, strlen(there));
	if (!file)
		return pg_failed(pg, there);
	snprintf(sql, sizeof(sql),
		 "CREATE FUNCTION mheap_bench_area() RETURNS int8"
		 " AS %s LANGUAGE C STRICT;"
		 "CREATE FUNCTION mheap_bench_worker(int8, text, int4)"
		 " RETURNS int4 AS %s LANGUAGE C STRICT", file, file);
	PQfreemem(file);
	res = PQexec(pg, sql);
	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		err = pg_failed(pg, "the extension");
	PQclear(res);
	return err;
}

static int make_area(PGconn *pg)
{
	PGresult *res = PQexec(pg, "SELECT mheap_bench_area()");
	int err = 0;

	if (PQresultStatus(res) == PGRES_TUPLES_OK)
		snprintf(area, sizeof(area), "%s", PQgetvalue(res, 0, 0));
	else
		err = pg_failed(pg, "an area");
	PQclear(res);
	return err;
}

static int create(uint64_t bytes)
{
	PGconn *pg;
	int err = scratch_room(SCRATCH_SHM, 2 * bytes + (64u << 20), "pgdsa");

	if (!err)
		err = pg_server_start();
	if (err)
		return err;
	pg = first_connection();
	err = pg ? define_functions(pg) : -EIO;
	if (!err)
		err = make_area(pg);
	if (!err)
		set_version(pg);
	PQfinish(pg);
	if (err)
		pg_server_stop();
	return err;
}

static int begin(struct connection *c, const char *shared_file, unsigned index)
{
	char number[16];
	const char *value[] = { area, shared_file, number };

	snprintf(number, sizeof(number), "%u", index);
	c->pg = connect_to(pg_server_folder());
	if (PQstatus(c->pg) != CONNECTION_OK ||
	    !PQsendQueryParams(c->pg, "SELECT mheap_bench_worker($1, $2, $3)",
			       3, NULL, value, NULL, NULL, 0)) {
		pg_failed(c->pg, "a worker's connection");
		return 1;
	}
	c->busy = true;
	return 0;
}

/* The worker's exit code. */
static int take_result(struct connection *c)
{
	PGresult *res = PQgetResult(c->pg);
	int code = 1;

	c->busy = false;
	if (PQresultStatus(res) == PGRES_TUPLES_OK)
		code = atoi(PQgetvalue(res, 0, 0));
	else
		pg_failed(c->pg, "a worker");
	PQclear(res);
	return code;
}

/* Waits for all, or for the first that fails: its exit code. */
static int wait_for(struct connection *c, unsigned n)
{
	struct pollfd fds[BENCH_WORKERS_MAX];
	unsigned busy;
	int code = 0;

	do {
		busy = 0;
		for (unsigned i = 0; i < n; i++) {
			bool more = c[i].busy;

			fds[i].fd = more ? PQsocket(c[i].pg) : -1;
			fds[i].events = POLLIN;
			busy += more;
		}
		if (busy && poll(fds, n, -1) < 0 && errno != EINTR)
			return 1;
		for (unsigned i = 0; i < n && !code; i++)
			if (c[i].busy && fds[i].revents &&
			    (!PQconsumeInput(c[i].pg) || !PQisBusy(c[i].pg)))
				code = take_result(&c[i]);
	} while (busy && !code);
	return code;
}

/*
 * Who fails never comes to the barrier, where the others would wait for it: the
 * server ends, and all with it.
 */
static int launch(const char *shared_file, unsigned workers)
{
	static struct connection c[BENCH_WORKERS_MAX];
	int code = 0;

	for (unsigned i = 0; i < workers && !code; i++)
		code = begin(&c[i], shared_file, i);
	if (!code)
		code = wait_for(c, workers);
	if (code)
		pg_server_log();
	for (unsigned i = 0; i < workers; i++)
		PQfinish(c[i].pg);
	return code;
}

struct backend bench_backend = {
	.name = "pgdsa",
	.create = create, .destroy = pg_server_stop, .launch = launch,
};
