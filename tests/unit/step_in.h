/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step_in.h - for a test that has code of the library in itself, with a macro that calls
 * between() at a place in it: what is to happen there, once.
 */
#ifndef TESTS_UNIT_STEP_IN_H
#define TESTS_UNIT_STEP_IN_H

#include <stddef.h>

static void (*step_in)(void);

static inline void between(void)
{
	void (*f)(void) = step_in;

	step_in = NULL;
	if (f)
		f();
}

#endif
