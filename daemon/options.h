/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h - the command line of mheapd.  Nothing is opened or looked up on
 * the system here, the number of processors aside.
 */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/log.h"
#include "shm/paths.h"

#define BACKING_SHM	0u
#define BACKING_MEMFD	1u

/* Options that were given, as bits of `given`. */
#define GIVEN_SIZE	1u
#define GIVEN_LIMIT	2u
#define GIVEN_BACKING	4u
#define GIVEN_BASE	8u
#define GIVEN_CLIENTS	16u
#define GIVEN_STRIPES	32u
#define GIVEN_NAMES	64u
#define GIVEN_CHANNELS	128u

struct options {
	char		 name[HEAP_NAME_MAX + 1];
	const char	*socket;	/* NULL: by the rules of paths.h */
	const char	*group;		/* NULL: none */
	uint64_t	 size;		/* bytes of address range */
	uint64_t	 limit;		/* bytes; 0: by what the machine has */
	uint64_t	 base;
	uint64_t	 quota_spans;	/* per client; 0: none */
	uint32_t	 backing;
	uint32_t	 clients, stripes, names, channels;
	uint32_t	 given;
	bool		 foreground, autoremove, keeper;
};

/*
 * --help, --version and what is not an option at all end the process, as argp
 * does (0, 0, 2).  -EINVAL and a sentence for a value that is not possible.
 */
int options_parse(int argc, char **argv, struct options *ret_o,
		  struct refusal *why);

/* "16G" and the like, binary; false: no such number. */
bool parse_bytes(const char *text, uint64_t *ret_bytes);

/* Bytes as people write them, "16G"; returns buf. */
const char *bytes_text(uint64_t bytes, char *buf, size_t len);

/* Where a heap of this name and size is mapped unless --base says where. */
uint64_t default_base(const char *name, uint64_t size);

#endif
