/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim.h - the commands of `sim`.
 *
 *	measure    costs of this machine, one a line		measure.c
 *	meta       bytes of metadata of a heap of a size	meta.c
 *	restart    time to take over a heap of a size		bigheap.c
 *	live       the real library under a workload		live.c
 *	run        the simulation				world.c
 *
 * Each prints "name=value" pairs, a line for each case, for report.py.
 */
#ifndef BENCH_SIM_SIM_H
#define BENCH_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

int cmd_measure(int argc, char **argv);
int cmd_meta(int argc, char **argv);
int cmd_restart(int argc, char **argv);
int cmd_live(int argc, char **argv);
int cmd_run(int argc, char **argv);

/* The number of "name=N" if that is what arg is. */
bool arg_number(const char *arg, const char *name, double *ret_value);

#endif
