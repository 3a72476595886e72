/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.h - the parent's side of the shared file: made before the workers, gone
 * after them.  It has a name only if a back end launches the workers.
 */
#ifndef BENCH_PAGE_H
#define BENCH_PAGE_H

#include "bench/bench.h"

/*
 * for_others: who isn't forked, perhaps of another user, opens it too.  NULL: no
 * room, it said why.
 */
struct bench_shared *page_make(const struct bench_params *p,
			       uint64_t area_bytes, bool for_others);
const char *page_path(void);
void page_drop(struct bench_shared *s);

#endif
