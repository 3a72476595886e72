/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pgdsa_server.h - a PostgreSQL server of our own: made, started, stopped and
 * removed.  One at a time.
 */
#ifndef BENCH_PEERS_PGDSA_SERVER_H
#define BENCH_PEERS_PGDSA_SERVER_H

#include <stddef.h>

/* Makes and starts it; -errno after a message, and nothing is left then. */
int pg_server_start(void);
void pg_server_stop(void);

/* 0 until it has ended, then -ECHILD. */
int pg_server_check(void);

/* Its folder, which has the socket; only the server's user may enter. */
const char *pg_server_folder(void);

/* Copies a file into the folder; its name there into ret_path. */
int pg_server_copy(const char *path, char *ret_path, size_t size);

/* The end of its log, to stderr. */
void pg_server_log(void);

#endif
