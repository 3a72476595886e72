/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - messages on the daemon's SEQPACKET socket.  Fixed width, one struct
 * per packet; everything else goes through the cells in central.
 *
 *	client				daemon
 *	HELLO			->
 *				<-	WELCOME + 4 descriptors
 *	READY (nonce echoed)	->	the slot becomes ACTIVE
 *				<-	GO
 *	...
 *	BYE			->	reclaims the slot (the client has unmapped)
 *				<-	GONE, then closes
 *
 * The nonce's round trip shows that who connected is alive after the daemon
 * has opened its pidfd.  A client that lost its daemon says HELLO with its old
 * slot, generation and nonce, and is adopted by the restarted one.
 * Tools that do not allocate say HELLO with WIRE_OBSERVE: they get the
 * descriptors (all read-only) and no slot.
 */
#ifndef SHM_WIRE_H
#define SHM_WIRE_H

#include <stdint.h>

#define WIRE_MAGIC	0x7072686du	/* "mhrp" */
#define WIRE_VERSION	1u

#define WIRE_HELLO	1u
#define WIRE_WELCOME	2u
#define WIRE_READY	3u
#define WIRE_GO		4u
#define WIRE_BYE	5u
#define WIRE_GONE	6u
#define WIRE_CONTROL	7u	/* from tools: destroy, trim */

/* HELLO flags */
#define WIRE_READONLY	1u
#define WIRE_OBSERVE	2u
#define WIRE_RESUME	4u	/* slot, gen and nonce are those of before */

/* CONTROL commands */
#define WIRE_TRIM	1u
#define WIRE_DESTROY	2u	/* arg 1: forced */

/* Descriptors of WELCOME, in this order; the bell is absent for observers. */
#define WIRE_FD_HEAP	0	/* read-only */
#define WIRE_FD_CENTRAL	1
#define WIRE_FD_ARENA	2
#define WIRE_FD_BELL	3	/* a pipe: one byte is a ring */
#define WIRE_FDS	4

struct wire_hello {
	uint32_t magic, type;
	uint32_t version;
	uint32_t flags;
	uint64_t abi;
	uint64_t nonce;
	uint32_t slot, gen;
	char	 lib_version[32];
};

struct wire_welcome {
	uint32_t magic, type;
	int32_t	 status;		/* 0 or -errno; then only text counts */
	uint32_t version;
	uint64_t abi;
	uint64_t nonce;
	uint32_t slot, gen;
	uint64_t base;			/* where to map the arena; 0: anywhere */
	uint64_t heap_bytes, central_bytes, arena_bytes;
	uint32_t epoch, backing;
	char	 daemon_version[32];
	char	 text[192];		/* a sentence when refused */
};

struct wire_ready {			/* READY, GO, BYE, GONE */
	uint32_t magic, type;
	uint64_t nonce;
	int32_t	 status;
	uint32_t pad;
};

struct wire_control {
	uint32_t magic, type;
	uint32_t command, arg;
	int32_t	 status;		/* in the reply */
	uint32_t pad;
	char	 text[192];		/* in the reply: why not */
};

#endif
