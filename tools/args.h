/* SPDX-License-Identifier: Apache-2.0 */
/*
 * args.h - the command line of one sub-command, over argp: --help, --usage and
 * --version come with it.  What is wrong ends the process with EXIT_USAGE.
 */
#ifndef TOOLS_ARGS_H
#define TOOLS_ARGS_H

#include <argp.h>
#include <stdbool.h>

#define ARGS_MAX	3

/* Options have no value: key ARG_KEY + n sets bit n of flags. */
#define ARG_KEY		0x100
#define ARG_JSON	(1u << 0)

#define ARG_OPTION(n, name, doc)	{ name, ARG_KEY + (n), NULL, 0, doc, 0 }
#define ARG_OPTION_JSON	ARG_OPTION(0, "json", "One JSON object, for programs")
#define ARG_END		{ NULL, 0, NULL, 0, NULL, 0 }

struct args_rule {
	const struct argp_option *options;
	const char *args_doc;		/* "NAME", as usage shows it */
	const char *doc;
	int	    count;		/* arguments that it needs */
	bool	    heap;		/* the first one is a heap's name */
	int	    optional;		/* arguments that may follow */
};

struct args {
	unsigned    flags;
	int	    count;
	const char *arg[ARGS_MAX];
};

void args_parse(const struct args_rule *rule, int argc, char **argv,
		struct args *ret_args);

#endif
