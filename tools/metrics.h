/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.h - a heap's totals as OpenMetrics text, for `mheap stat`. */
#ifndef TOOLS_METRICS_H
#define TOOLS_METRICS_H

#include "tools/view.h"

struct heap_count;
struct mh_stats;

/* One gauge or counter of struct mh_stats by its name there. */
void metric_total(const char *heap, const char *key, uint64_t n);

/* Spans and objects per class, and what clients have counted; then the end. */
void metric_classes(const struct view *v, const char *heap,
		    const struct heap_count *n);

#endif
