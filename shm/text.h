/* SPDX-License-Identifier: Apache-2.0 */
/* text.h - copying names into fixed fields: cut to fit, always NUL-ended. */
#ifndef SHM_TEXT_H
#define SHM_TEXT_H

#include <stddef.h>
#include <string.h>

static inline void copy_text(char *to, size_t size, const char *from)
{
	size_t n = strnlen(from, size - 1);

	memcpy(to, from, n);
	memset(to + n, 0, size - n);
}

#endif
