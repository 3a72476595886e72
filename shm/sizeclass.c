/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sizeclass.c - the one copy of the size-class tables.
 *
 * Constant data only; the accessors are inline in sizeclass.h, the numbers come
 * from the generated sizeclass_table.h.
 */
#include "shm/sizeclass.h"

const struct sizeclass sc_table[SC_COUNT] = { SC_ROWS };
const uint8_t sc_by_byte[SC_BY_BYTE_SIZE] = { SC_BY_BYTE };
const uint8_t sc_by_128[SC_BY_128_SIZE] = { SC_BY_128 };
