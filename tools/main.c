/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - mheap: one table of sub-commands and the way to them.  A command
 * that printed into a full disk or a closed pipe has failed, whatever it found.
 */
#include <argp.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/commands.h"

#ifndef PACKAGE_VERSION
#error "PACKAGE_VERSION comes from config.h"
#endif

static const struct command {
	const char *name;
	const char *synopsis;
	const char *help;
	int	    (*run)(int argc, char **argv);
} commands[] = {
	{ "demo", "[FILES...]", "an index built by many processes, some killed",
	  cmd_demo },
	{ "destroy", "NAME [--force]", "remove a heap", cmd_destroy },
	{ "doctor", "", "what of this system helps or hinders", cmd_doctor },
	{ "ls", "", "heaps, and what their daemons do", cmd_ls },
	{ "names", "NAME", "the named objects of a heap", cmd_names },
	{ "ps", "NAME", "the clients of a heap", cmd_ps },
	{ "stat", "NAME", "totals, and per class", cmd_stat },
	{ "top", "NAME [SECONDS [COUNT]]", "what clients do now", cmd_top },
	{ "trace", "COMMAND ...", "run mheap-trace", cmd_trace },
	{ "trim", "NAME", "return all free pages to the system now", cmd_trim },
	{ "verify", "NAME", "check every invariant of a heap", cmd_verify },
	{ "who", "NAME HANDLE|ADDRESS", "what is there, and whose it is",
	  cmd_who },
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
		fprintf(f, "  %-8s %-23s %s\n", commands[i].name,
			commands[i].synopsis, commands[i].help);
	fprintf(f, "\n`mheap COMMAND --help' tells more.");
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
	static char name[32];
	int status;

	snprintf(name, sizeof(name), "mheap %s", c->name);
	program_invocation_short_name = name;
	argv[0] = name;
	status = c->run(argc, argv);
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	fprintf(stderr, "%s: can't write the output: %s\n", name,
		strerror(errno));
	return status ? status : EXIT_FAULT;
}

int main(int argc, char **argv)
{
	static const struct argp parser = {
		.parser = take, .args_doc = "COMMAND [ARGUMENT]...",
		.doc = "Looks after heaps that processes share.",
		.help_filter = with_commands,
	};
	int at = 0;

	argp_program_version = "mheap " PACKAGE_VERSION;
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&parser, argc, argv, ARGP_IN_ORDER, NULL, &at);
	return run(command_find(argv[at]), argc - at, argv + at);
}
