/* SPDX-License-Identifier: Apache-2.0 */
/*
 * say.h - how a tool speaks: sentences on stderr, figures for people, and text
 * from elsewhere made harmless.  Keeps nothing.
 */
#ifndef TOOLS_SAY_H
#define TOOLS_SAY_H

#include <stddef.h>
#include <stdint.h>

/* "mheap COMMAND: sentence" on stderr; gives the exit status back. */
__attribute__((format(printf, 2, 3)))
int refuse(int status, const char *format, ...);

struct figure {
	char s[24];
};

/* 1536 is "1.5 KiB". */
struct figure figure_bytes(uint64_t bytes);

/*
 * Copies text that other processes chose.  What is no UTF-8 becomes '?', and so
 * do control characters, but for JSON those that it escapes.  What is for a terminal
 * is fit for XML, too.  What doesn't fit is left out, by whole characters.  Returns
 * `to`.
 */
#define SAFE_JSON	0
#define SAFE_TERMINAL	1
char *safe_text(char *to, size_t size, const char *from, size_t len, int where);

#endif
