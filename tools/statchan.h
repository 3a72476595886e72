/* SPDX-License-Identifier: Apache-2.0 */
/* statchan.h - channels as `mheap stat` shows them.  Reads only. */
#ifndef TOOLS_STATCHAN_H
#define TOOLS_STATCHAN_H

#include "shm/segment.h"

struct json_object;

void print_chans(const struct seg *sg);			/* nothing if there are none */
void json_chans(struct json_object *o, const struct seg *sg);

#endif
