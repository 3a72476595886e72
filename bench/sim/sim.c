/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim.c - the program `sim`: how mheap scales beyond this machine.  Finds the
 * command; see sim.h.
 */
#include "bench/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool arg_number(const char *arg, const char *name, double *ret_value)
{
	size_t n = strlen(name);
	char *end;
	double v;

	if (strncmp(arg, name, n) || arg[n] != '=')
		return false;
	v = strtod(arg + n + 1, &end);
	if (end == arg + n + 1 || *end)
		return false;
	*ret_value = v;
	return true;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} commands[] = {
		{ "measure", cmd_measure }, { "meta", cmd_meta },
		{ "restart", cmd_restart }, { "live", cmd_live },
		{ "run", cmd_run },
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (argc > 1 && !strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 2, argv + 2);
	fprintf(stderr, "usage: sim measure | meta | restart | live | run "
		"[name=value...]; doc/scaling.md tells what they do\n");
	return 2;
}
