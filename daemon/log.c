/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - see log.h.  A line is one write(), so that lines of several daemons in
 * one file stay whole.  One thread, no locks.
 */
#include "daemon/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_LINES	10u
#define LIMIT_NS	10000000000ull

static char log_name[64];
static bool log_journal;

/* systemd names the device and inode of the stream that it gave us. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       !fstat(STDERR_FILENO, &st) && st.st_dev == dev &&
	       st.st_ino == ino;
}

void log_open(const char *heap_name)
{
	snprintf(log_name, sizeof(log_name), "[%s]", heap_name);
	log_journal = stderr_is_journal();
}

static void line(int priority, const char *format, va_list args)
{
	char text[768], all[896];
	char prefix[8] = "";
	ssize_t gone;
	int n;

	vsnprintf(text, sizeof(text), format, args);
	if (log_journal)
		snprintf(prefix, sizeof(prefix), "<%d>", priority & 7);
	n = snprintf(all, sizeof(all), "%smheapd%s: %s\n", prefix, log_name,
		     text);
	gone = write(STDERR_FILENO, all, (size_t)n);
	(void)gone;	/* there is nobody to complain to */
}

void log_line(int priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line(priority, format, args);
	va_end(args);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool limit_passes(struct log_limit *limit)
{
	uint64_t now = now_ns();

	if (now - limit->since_ns >= LIMIT_NS) {
		uint32_t dropped = limit->dropped;

		*limit = (struct log_limit){ .since_ns = now };
		if (dropped)
			log_line(LOG_WARNING, "%u more such lines not shown",
				 dropped);
	}
	if (limit->lines < LIMIT_LINES) {
		limit->lines++;
		return true;
	}
	limit->dropped++;
	return false;
}

void log_limited(struct log_limit *limit, int priority, const char *format, ...)
{
	va_list args;

	if (!limit_passes(limit))
		return;
	va_start(args, format);
	line(priority, format, args);
	va_end(args);
}

int refuse(struct refusal *why, int exit_code, int err, const char *format, ...)
{
	va_list args;

	why->exit_code = exit_code;
	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	return err;
}
