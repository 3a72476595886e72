/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h - the command line of the bench program.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "bench/bench.h"

/* What the user left out is 0.  Ends the program if it is wrong, or for --list. */
void options_parse(int argc, char **argv, struct bench_params *ret);

#endif
