/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exits.h - how the program ends, as script/bench and automake understand it.
 */
#ifndef BENCH_EXITS_H
#define BENCH_EXITS_H

enum {
	EXIT_FAILED = 1,	/* it should have worked */
	EXIT_USAGE = 2,		/* the command line */
	EXIT_SKIP = 77,		/* not installed, or can't do this workload */
};

#endif
