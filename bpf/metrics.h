/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.h - a session's tables as OpenMetrics text, whole, with its end mark. */
#ifndef BPF_METRICS_H
#define BPF_METRICS_H

#include <stdio.h>

#include "bpf/session.h"

/* False: out of memory, or f can't take it.  Safe beside the session's loop. */
bool metrics_write(struct session *s, FILE *f);

#endif
