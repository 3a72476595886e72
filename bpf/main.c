/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - mheap-trace: one table of sub-commands and the way to them.  Output
 * that could not be written is a failure, whatever was seen.
 */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/trace.h"

#ifndef PACKAGE_VERSION
#error "PACKAGE_VERSION comes from config.h"
#endif

#define TRACES	(TAKES_WHERE | TAKES_WAY | TAKES_RUN)
#define SLOW	(TRACES | TAKES_MIN | TAKES_PROBE)

static const struct command commands[] = {
	{ "check", "", "Whether tracing works here; if not, why.",
	  TAKES_WHERE | TAKES_WAY, BY_COUNT, 0, trace_check },
	{ "events", "", "Each slow path as a line, as it ends.\v"
	  "With more events than can be printed some are lost: how many is said "
	  "at the end.  -c, -m and -p make them fewer.",
	  SLOW | TAKES_RING | TAKES_JSON | TAKES_TIMES | TAKES_STARTS, BY_COUNT,
	  0, trace_events },
	{ "export", "[INTERVAL [COUNT]]", "Figures as OpenMetrics.\v"
	  "With neither --listen nor -o they are printed once, at the end.",
	  SLOW | TAKES_INTERVAL | TAKES_EXPORT, BY_COUNT, 5, trace_export },
	{ "frees", "[INTERVAL [COUNT]]", "Who frees whose shared objects.\v"
	  "Rows are who freed, columns whose spans the objects were of.",
	  TRACES | TAKES_JSON | TAKES_INTERVAL | TAKES_ROWS |
	  TAKES_PROCESS | TAKES_CLASS, BY_OBJECTS, 0, trace_frees },
	{ "hist", "[INTERVAL [COUNT]]", "How long slow paths took, as "
	  "histograms.", SLOW | TAKES_JSON | TAKES_INTERVAL | TAKES_PROCESS,
	  BY_TIME, 0, trace_hist },
	{ "list", "", "The probes, and what has them.", TAKES_WHERE, BY_COUNT, 0,
	  trace_list },
	{ "locks", "[INTERVAL [COUNT]]", "Contended locks: who waited, who held "
	  "them.", TRACES | TAKES_MIN | TAKES_JSON | TAKES_INTERVAL |
	  TAKES_ROWS | TAKES_PROCESS | TAKES_BY_WAIT, BY_WAIT, 0, trace_locks },
	{ "record", "FILE", "Events into FILE, for replay.",
	  SLOW | TAKES_RING | TAKES_JSON | TAKES_FILE | TAKES_STARTS, BY_COUNT,
	  0, trace_record },
	{ "replay", "FILE", "Events of a recording as lines.",
	  TAKES_FILE | TAKES_JSON | TAKES_TIMES, BY_COUNT, 0, trace_replay },
	{ "selftest", "", "Is each hit counted, and what does one cost?",
	  TAKES_WHERE | TAKES_WAY | TAKES_JSON, BY_COUNT, 0, trace_selftest },
	{ "stacks", "", "Whence slow paths are reached: lines or a picture.\v"
	  "Folded stacks, as programs for flame graphs read them, or with --svg a "
	  "flame graph.", SLOW | TAKES_RING | TAKES_BY | TAKES_PROCESS |
	  TAKES_SVG, BY_COUNT, 0, trace_stacks },
	{ "top", "[INTERVAL [COUNT]]", "What goes on now, by process and class.\v"
	  "Keys: s sorts by another figure, p and c put processes and classes "
	  "together or tell them apart, q ends.",
	  SLOW | TAKES_JSON | TAKES_INTERVAL | TAKES_ROWS | TAKES_BY |
	  TAKES_PROCESS | TAKES_CLASS | TAKES_PLAIN | TAKES_APART, BY_COUNT, 1,
	  trace_top },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* argp asks for each part of its help; the commands go before the options. */
static char *with_commands(int key, const char *text, void *input)
{
	char *all = NULL;
	size_t len;
	FILE *f;

	(void)input;
	if (key != ARGP_KEY_HELP_PRE_DOC)
		return (char *)(uintptr_t)text;
	f = open_memstream(&all, &len);
	if (!f)
		return (char *)(uintptr_t)text;
	fprintf(f, "%s\n\n", text);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(f, "  %-8s %-20s %.*s\n", commands[i].name,
			commands[i].args,
			(int)strcspn(commands[i].help, "\v"), commands[i].help);
	fprintf(f, "\n`mheap-trace COMMAND --help' tells more.  Exit status 3: it "
		"can't trace here, and says what is missing.");
	return fclose(f) ? (char *)(uintptr_t)text : all;
}

/* The first word is the command; what follows is the command's to parse. */
static error_t take(int key, char *arg, struct argp_state *state)
{
	int *ret_at = state->input;

	if (key == ARGP_KEY_NO_ARGS)
		argp_error(state, "which command?");
	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	if (!command_find(arg))
		argp_error(state, "\"%s\" is no command", arg);
	*ret_at = state->next - 1;
	state->next = state->argc;
	return 0;
}

static int run(const struct command *c, int argc, char **argv)
{
	static struct options o;
	static char name[32];
	int status, unwritten;

	snprintf(name, sizeof(name), "mheap-trace %s", c->name);
	program_invocation_short_name = name;
	argv[0] = name;
	options_parse(c, argc, argv, &o);
	status = c->run(&o);
	unwritten = fflush(stdout) ? errno : 0;
	if (!unwritten && !ferror(stdout))
		return status;
	/* Why something before the last went wrong isn't known any more. */
	fprintf(stderr, "%s: can't write the output%s%s\n", name,
		unwritten ? ": " : "", unwritten ? strerror(unwritten) : "");
	return status ? status : EXIT_FAULT;
}

int main(int argc, char **argv)
{
	static const struct argp parser = {
		.parser = take, .args_doc = "COMMAND [ARGUMENT]...",
		.doc = "Shows the slow paths of all processes that use mheap.",
		.help_filter = with_commands,
	};
	int at = 0;

	argp_program_version = "mheap-trace " PACKAGE_VERSION;
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&parser, argc, argv, ARGP_IN_ORDER, NULL, &at);
	return run(command_find(argv[at]), argc - at, argv + at);
}
