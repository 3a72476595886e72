/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands.h - the sub-commands of mheap.  Each gets its own argv, the command's
 * name first, parses it with argp and returns an exit status; none keeps state
 * for another.
 */
#ifndef TOOLS_COMMANDS_H
#define TOOLS_COMMANDS_H

#define EXIT_FAULT	1	/* a fault was found, or the job failed */
#define EXIT_USAGE	2
#define EXIT_IMPOSSIBLE	3	/* not possible here; says why and what to do */

int cmd_demo(int argc, char **argv);
int cmd_destroy(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_ls(int argc, char **argv);
int cmd_names(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_stat(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_trim(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_who(int argc, char **argv);

#endif
