/* SPDX-License-Identifier: Apache-2.0 */
/*
 * background.h - leaving the terminal.  The parent waits until the child serves
 * or says why not, and ends with its exit code.
 */
#ifndef DAEMON_BACKGROUND_H
#define DAEMON_BACKGROUND_H

#include "daemon/options.h"

/*
 * Returns in both processes: their exit codes.  The child keeps no descriptor
 * of whoever started it, a log file on stderr aside.
 */
int background_run(const struct options *o);

#endif
