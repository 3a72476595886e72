/* SPDX-License-Identifier: Apache-2.0 */
/* peerpath.h - where what peers/build.sh has made of a peer is: peer_NAME.so. */
#ifndef BENCH_PEERPATH_H
#define BENCH_PEERPATH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define PEER_PATH_MAX	(PATH_MAX + 64)

bool peer_path(const char *name, char *buf, size_t size);

#endif
