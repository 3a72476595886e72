/* SPDX-License-Identifier: Apache-2.0 */
/* say.c - see say.h. */
#include "tools/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int refuse(int status, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

struct figure figure_bytes(uint64_t bytes)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double x = (double)bytes;
	struct figure f;
	int i = 0;

	while (x >= 1023.95 && i < 4) {
		x /= 1024;
		i++;
	}
	snprintf(f.s, sizeof(f.s), "%.*f %s", i && x != (double)(uint64_t)x, x,
		 unit[i]);
	return f;
}

/* Length of the UTF-8 sequence at p, 0: it is none. */
static size_t utf8_len(const unsigned char *p, size_t left)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 :
		   p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
	uint32_t c = n ? p[0] & (0xff >> (n + (n > 1))) : 0;

	if (!n || n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (n > 1 && (c < least[n] || c > 0x10ffff || (c >> 11) == 0x1b))
		return 0;
	return n;
}

/* Of C0, C1 and DEL, which a terminal would obey, or no character at all. */
static bool is_control(const unsigned char *p)
{
	return p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0) ||
	       (p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe);
}

char *safe_text(char *to, size_t size, const char *from, size_t len, int where)
{
	const unsigned char *p = (const unsigned char *)from;
	size_t left = strnlen(from, len), at = 0;

	while (left) {
		size_t n = utf8_len(p, left), step = n ? n : 1;
		bool bad = !n || (is_control(p) &&
				  (where == SAFE_TERMINAL || p[0] >= 0x20));

		if (at + step >= size)
			break;
		if (bad)
			to[at++] = '?';
		else
			memcpy(to + at, p, step);
		at += bad ? 0 : step;
		p += step;
		left -= step;
	}
	to[at] = 0;
	return to;
}
