/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probes.c - the sites of libmheap's probes.  No lock, no state but semaphores,
 * which the kernel writes.
 */
#include "shm/probe_site.h"

#ifdef MH_PROBES
#define SITE_LIB(name, n)	PROBE_SITE(name, n)
#define SITE_DAEMON(name, n)
#define SITE_BOTH(name, n)	PROBE_BARE(name);
#define PROBE(side, name, n, text, ...)	SITE_##side(name, n)
#include "shm/probes.def"
#endif
