/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - what the daemon says: lines on stderr, and sentences that say why
 * something was refused.  In a healthy system it says when it starts and when
 * it stops, and nothing else.
 *
 * One thread; the name that lines begin with is all that is kept.
 */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include <stdint.h>
#include <syslog.h>

/* Exit codes of mheapd. */
#define EXIT_FAULT	1	/* the job failed */
#define EXIT_USAGE	2
#define EXIT_CANNOT	3	/* not possible here */

/* Lines are of this heap; under journald they carry their priority. */
void log_open(const char *heap_name);

__attribute__((format(printf, 2, 3)))
void log_line(int priority, const char *format, ...);

/*
 * At most 10 lines in 10 s; the rest is counted, and the count is said with the
 * next line that is let through.  Not for what an operator must not miss.
 */
struct log_limit {
	uint64_t since_ns;
	uint32_t lines, dropped;
};

__attribute__((format(printf, 3, 4)))
void log_limited(struct log_limit *limit, int priority, const char *format, ...);

/* Why not, and with which exit code. */
struct refusal {
	int	exit_code;
	char	text[512];
};

/* Fills *why in; returns err, which is a -errno. */
__attribute__((format(printf, 4, 5)))
int refuse(struct refusal *why, int exit_code, int err, const char *format, ...);

#endif
