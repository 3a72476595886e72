/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workloads.c - the table of workloads, each in its w_NAME.c.
 */
#include "bench/workloads.h"

#include <stdio.h>
#include <string.h>

extern const struct workload w_cache_scratch, w_cache_thrash, w_churn, w_fill;
extern const struct workload w_frag, w_large, w_large_fifo, w_larson, w_multi;
extern const struct workload w_pair, w_pass, w_pass_both, w_threadtest;
extern const struct workload w_trace, w_xmalloc;

static const struct workload *const table[] = {
	&w_pair, &w_churn, &w_multi, &w_larson, &w_threadtest,
	&w_cache_scratch, &w_cache_thrash, &w_large, &w_large_fifo,
	&w_pass, &w_pass_both, &w_xmalloc, &w_fill, &w_frag,
	&w_trace,
};
#define N_WORKLOADS (sizeof(table) / sizeof(*table))

const struct workload *workload_find(const char *name)
{
	for (unsigned i = 0; i < N_WORKLOADS; i++)
		if (!strcmp(name, table[i]->name))
			return table[i];
	return NULL;
}

void workloads_list(void)
{
	printf("workloads:\n");
	for (unsigned i = 0; i < N_WORKLOADS; i++)
		printf("  %-14s %s\n", table[i]->name, table[i]->help);
}
