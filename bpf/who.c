/* SPDX-License-Identifier: Apache-2.0 */
/* who.c - see who.h. */
#include "bpf/who.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bpf/record.h"
#include "bpf/mheap.skel.h"
#include "tools/json.h"
#include "tools/say.h"

#define STAT_START	20	/* fields of /proc/PID/stat behind the name */

static bool known(struct session *s, uint32_t tgid, struct proc *ret_p)
{
	return !bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.procs), &tgid,
				    ret_p);
}

bool proc_comm(uint32_t pid, char comm[16])
{
	char path[32], line[32] = "";
	bool found;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	f = fopen(path, "re");
	found = f && fgets(line, sizeof(line), f);
	if (f)
		fclose(f);
	line[strcspn(line, "\n")] = 0;
	if (found)
		snprintf(comm, 16, "%.15s", line);
	return found;
}

/* Time that CLOCK_MONOTONIC has not counted. */
static uint64_t slept_ns(void)
{
	uint64_t now = now_ns();
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec - now;
}

uint64_t proc_start_ns(uint32_t pid)
{
	char path[32], line[1024] = "", *at;
	uint64_t ns, slept = slept_ns();
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	at = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	fclose(f);
	for (int i = 0; at && i < STAT_START; i++)
		at = strchr(at + 1, ' ');
	if (!at)
		return 0;
	ns = strtoull(at, NULL, 10) * (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
	return ns > slept ? ns - slept : 0;
}

static bool comm_of(struct session *s, uint32_t tgid, char comm[16])
{
	const struct gone *g = gone_find(s, tgid);
	bool marked = tgid & (PID_ENDED | PID_ELSEWHERE), hit;
	struct proc p;

	hit = !(tgid & PID_ENDED) && known(s, tgid, &p);
	if (!marked && (!hit || proc_start_ns(tgid) <= p.first_ns) &&
	    proc_comm(tgid, comm))
		return true;
	if (!g && !hit)
		return false;
	memcpy(comm, hit ? p.comm : g->comm, 16);
	return comm[0];
}

struct name proc_name(struct session *s, uint32_t tgid)
{
	struct name n = { "?" };
	char comm[16];

	if (comm_of(s, tgid, comm))
		safe_text(n.s, sizeof(n.s), comm, sizeof(comm), SAFE_TERMINAL);
	return n;
}

uint32_t proc_pid(const struct session *s, uint32_t tgid)
{
	const struct gone *g = tgid & PID_ENDED ? gone_find(s, tgid) : NULL;

	if (tgid & PID_ENDED)
		return g ? g->tgid : 0;
	return tgid & ~PID_ELSEWHERE;
}

struct name proc_number(const struct session *s, uint32_t tgid)
{
	uint32_t pid = proc_pid(s, tgid);

	return pid_text(tgid & PID_ENDED ? pid ? pid : PID_ENDED : tgid);
}

struct name proc_text(struct session *s, uint32_t tgid, int len)
{
	bool ended = !proc_pid(s, tgid);
	struct name n;

	snprintf(n.s, sizeof(n.s), "%.*s%s%.12s%s", len,
		 name_cut(proc_name(s, tgid), (size_t)len).s,
		 ended ? " (" : "[", proc_number(s, tgid).s, ended ? ")" : "]");
	return n;
}

struct name proc_told(struct session *s, uint32_t by, uint32_t tgid, int len)
{
	struct name n;

	if (proc_sure(s, by, tgid))
		return proc_text(s, tgid, len);
	snprintf(n.s, sizeof(n.s), "?[%.12s]", pid_text(tgid).s);
	return n;
}

void proc_json(struct json_object *o, const char *key, const char *command,
	       struct session *s, uint32_t tgid)
{
	uint32_t pid = proc_pid(s, tgid);
	bool ended = tgid & PID_ENDED;
	char flag[32];

	snprintf(flag, sizeof(flag), "%s_%s", key, ended ? "ended" : "elsewhere");
	if (ended ? !pid : tgid & PID_ELSEWHERE)
		json_flag(o, flag, true);
	if (!ended || pid)
		json_u64(o, key, pid);
	if (tgid && command)
		json_text(o, command, proc_name(s, tgid).s, 40);
}

bool proc_sure(struct session *s, uint32_t by, uint32_t tgid)
{
	const struct gone *g = gone_find(s, by);
	struct proc p;

	if (tgid & PID_ENDED)
		return true;
	if (by & PID_ENDED)
		return g && !g->inner;
	return known(s, by, &p) && !p.inner;
}
