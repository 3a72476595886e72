/* SPDX-License-Identifier: Apache-2.0 */
/* decode.c - see decode.h. */
#include "bpf/decode.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bpf/names.h"
#include "tools/json.h"
#include "tools/say.h"

uint64_t wall_ns(void)
{
	struct timespec wall, mono;

	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	return (uint64_t)(wall.tv_sec - mono.tv_sec) * 1000000000 +
	       (uint64_t)(wall.tv_nsec - mono.tv_nsec);
}

void decode_title(const struct decode *d)
{
	if (!d->json)
		printf("%-15s %-15s %8s %8s %3s %-16s %s\n", "TIME", "COMMAND",
		       "PID", "TID", "CPU", "PROBE", "ARGUMENTS");
}

/* Recordings of earlier versions have events from before their start. */
static void print_time(const struct decode *d, uint64_t ts_ns)
{
	char text[48] = "";
	bool before = !d->wall && ts_ns < d->start_ns;
	uint64_t ns = d->wall ? ts_ns + d->wall_ns : before ?
		      d->start_ns - ts_ns : ts_ns - d->start_ns;
	time_t s = (time_t)(ns / 1000000000);
	struct tm t;

	if (d->wall && localtime_r(&s, &t))
		strftime(text, sizeof(text), "%H:%M:%S", &t);
	else
		snprintf(text, sizeof(text), "%s%" PRIu64, before ? "-" : "",
			 ns / 1000000000);
	printf("%8s.%06u ", text, (unsigned)(ns / 1000 % 1000000));
}

static void print_arg(const char *name, uint64_t n)
{
	size_t len = strlen(name);

	printf(" %.*s=", (int)(len > 3 && !strcmp(name + len - 3, "_ns") ?
			       len - 3 : len), name);
	if (!strcmp(name, "class"))
		printf("\"%s\"", class_name((uint32_t)n).s);
	else if (!strcmp(name, "level"))
		printf("%s", level_name((uint32_t)n));
	else if (!strcmp(name, "op"))
		printf("%s", op_name((uint32_t)n));
	else if (!strcmp(name, "lock"))
		printf("\"%s\"", lock_name(n).s);
	else if (!strcmp(name, "status"))
		printf("%s", n ? errno_name(n) : "ok");
	else if (len > 3 && !strcmp(name + len - 3, "_ns"))
		printf("%" PRIu64 "ns", n);
	else if (!strcmp(name, "abi") || !strcmp(name, "value"))
		printf("%#" PRIx64, n);
	else
		printf("%" PRIu64, n);
}

static void print_event(const struct decode *d, const struct event *e,
			const struct probe_name *p)
{
	char comm[3 * sizeof(e->comm)];

	print_time(d, e->ts_ns);
	printf("%-15s %8s %8s %3u %-16s", safe_text(comm, sizeof(comm), e->comm,
						   sizeof(e->comm),
						   SAFE_TERMINAL),
	       pid_text(e->tgid).s, pid_text(e->tid).s, e->cpu, p->name);
	for (uint32_t i = 0; i < p->nargs; i++)
		print_arg(p->arg[i], e->arg[i]);
	putchar('\n');
}

static void json_event(const struct decode *d, const struct event *e,
		       const struct probe_name *p)
{
	struct json_object *o = json_new(), *args;

	json_text(o, "type", "event", 8);
	json_u64(o, "ts_ns", e->ts_ns + (d->wall ? d->wall_ns : 0));
	if (e->tgid & PID_ELSEWHERE)
		json_flag(o, "pid_elsewhere", true);
	json_u64(o, "pid", e->tgid & ~PID_ELSEWHERE);
	if (e->tid & PID_ELSEWHERE)
		json_flag(o, "tid_elsewhere", true);
	json_u64(o, "tid", e->tid & ~PID_ELSEWHERE);
	json_u64(o, "cpu", e->cpu);
	json_u64(o, "seq", e->seq);
	json_u64(o, "cgroup", e->cgroup);
	json_text(o, "command", e->comm, sizeof(e->comm));
	json_text(o, "probe", p->name, 32);
	args = json_sub(o, "args");
	for (uint32_t i = 0; i < p->nargs; i++)
		json_u64(args, p->arg[i], e->arg[i]);
	json_print(o);
}

void decode_event(const struct decode *d, const struct event *e)
{
	if (e->probe && e->probe < P_COUNT)
		(d->json ? json_event : print_event)(d, e,
						     &probe_names[e->probe]);
}
