/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.h - is a client's process still there?  No proof of death, no death:
 * a process that we can't see counts as living.
 */
#ifndef TOOLS_PROCESS_H
#define TOOLS_PROCESS_H

#include "shm/layout.h"

bool client_gone(const struct sh_client *c);

#endif
