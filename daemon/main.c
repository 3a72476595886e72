/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - mheapd: options, then the keeper, the foreground or the background.
 */
#include <sys/stat.h>

#include "daemon/background.h"
#include "daemon/keeper.h"
#include "daemon/server.h"

static void stay(void *arg)
{
	(void)arg;
}

int main(int argc, char **argv)
{
	struct refusal why;
	struct options o;

	umask(0077);
	if (options_parse(argc, argv, &o, &why)) {
		log_line(LOG_ERR, "%s", why.text);
		return EXIT_USAGE;
	}
	if (o.keeper)
		return keeper_main();
	log_open(o.name);
	return o.foreground ? server_run(&o, stay, NULL) : background_run(&o);
}
