/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sizeclass_rule.h - the Go runtime's published rule for size classes, as a
 * function.
 *
 * Used at check time only: by the generator of sizeclass_table.h, which takes
 * its sizes from here, and by the unit test, which compares all rows with the
 * published ones.  Nothing of it is linked into the library or the daemon.
 */
#ifndef SHM_SIZECLASS_RULE_H
#define SHM_SIZECLASS_RULE_H

#include <stdint.h>

#define RULE_PAGE	8192u	/* bytes of a page of the page heap */
#define RULE_SMALL_MAX	32768u	/* the largest small object */
#define RULE_MAX	80u	/* room that a caller provides */

struct rule_class {
	uint32_t size;
	uint32_t npages;	/* span length that the rule picks */
};

/* Fills out[] in ascending order and returns the count, 0 if out is small. */
unsigned rule_classes(struct rule_class out[RULE_MAX]);

/*
 * Worst share of a span that can be wasted, in hundredths of a percent: every
 * slot holds the smallest request that comes to this class (one byte more
 * than the previous class holds), and the tail is lost as well.
 */
uint32_t rule_max_waste(uint32_t size, uint32_t prev, uint32_t span_bytes);

#endif
