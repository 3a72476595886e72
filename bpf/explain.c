/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain.c - why tracing is not possible here, and the remedy: the sentence
 * names the step, what is missing and what to do.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bpf/session.h"
#include "tools/say.h"

#define BIT_DAC_READ	2
#define BIT_SYS_PTRACE	19
#define BIT_SYS_ADMIN	21
#define BIT_PERFMON	38
#define BIT_BPF		39
#define BIT_CHECKPOINT	40

static uint64_t capabilities(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	uint64_t caps = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %" SCNx64, &caps) == 1)
			break;
	if (f)
		fclose(f);
	return caps;
}

static bool has(uint64_t caps, int bit)
{
	return caps >> bit & 1;
}

/* In a user name space, root has every capability and none that counts here. */
static bool in_user_namespace(void)
{
	unsigned long inside, outside, n;
	FILE *f = fopen("/proc/self/uid_map", "re");
	int got = f ? fscanf(f, "%lu %lu %lu", &inside, &outside, &n) : 0;

	if (f)
		fclose(f);
	return got == 3 && (inside || outside || n < 4294967295UL);
}

static int denied(const char *step, bool multi)
{
	uint64_t caps = capabilities();
	bool admin = has(caps, BIT_SYS_ADMIN);
	bool bpf = admin || has(caps, BIT_BPF);
	bool perf = admin || has(caps, BIT_PERFMON);

	if (!bpf || !perf)
		return refuse(EXIT_IMPOSSIBLE, "%s: not permitted: %s%s%s %s "
			      "missing; run it as root, or give the program "
			      "cap_bpf,cap_perfmon (setcap)", step,
			      bpf ? "" : "CAP_BPF", bpf || perf ? "" : " and ",
			      perf ? "" : "CAP_PERFMON",
			      bpf || perf ? "is" : "are");
	if (in_user_namespace())
		return refuse(EXIT_IMPOSSIBLE, "%s: not permitted in a user "
			      "name space; run it outside of the container",
			      step);
	if (!multi && !admin)
		return refuse(EXIT_IMPOSSIBLE, "%s: not permitted: to attach "
			      "probe by probe (--one-by-one, or a kernel "
			      "before 6.6) CAP_SYS_ADMIN is needed; run it as "
			      "root", step);
	return refuse(EXIT_IMPOSSIBLE, "%s: not permitted by the system's "
		      "policy (lockdown, seccomp or a security module); "
		      "`dmesg' may say which", step);
}

int explain(int err, const char *step, bool multi)
{
	if (err == EPERM || err == EACCES)
		return denied(step, multi);
	if (err == ENOSYS)
		return refuse(EXIT_IMPOSSIBLE, "%s: this kernel has no bpf(2); "
			      "it needs CONFIG_BPF_SYSCALL", step);
	if (err == ENOENT)
		return refuse(EXIT_IMPOSSIBLE, "%s: this kernel has no uprobes; "
			      "it needs CONFIG_UPROBE_EVENTS, and /sys mounted",
			      step);
	return refuse(EXIT_IMPOSSIBLE, "%s: %s", step, strerror(err));
}

/*
 * Other users' maps take the first, removed files and those of other mount name
 * spaces the second, files that only their user may read the third.
 */
void explain_barred(pid_t pid, const char *what)
{
	uint64_t caps = capabilities();
	bool trace = has(caps, BIT_SYS_PTRACE), read = has(caps, BIT_DAC_READ);
	bool admin = has(caps, BIT_SYS_ADMIN) || has(caps, BIT_CHECKPOINT);

	if (trace && admin && read)
		refuse(0, "the system's policy hides %s of process %d, and perhaps "
		       "more: what has probes there is not traced", what, pid);
	else
		refuse(0, "not permitted to look at %s of process %d, and perhaps "
		       "more: what has probes there is not traced; run it as "
		       "root, or give the program%s%s%s, too", what, pid,
		       trace ? "" : " cap_sys_ptrace",
		       admin ? "" : " cap_checkpoint_restore",
		       read ? "" : " cap_dac_read_search");
}

/* notes.c has left out what else the kernel calls invalid. */
int explain_unattached(const struct object *o, bool multi)
{
	char step[PATH_MAX + 32];

	snprintf(step, sizeof(step), "can't attach to %s", o->path);
	if (o->error == EINVAL)
		return refuse(EXIT_IMPOSSIBLE, "%s: another tool is attached to one "
			      "of its probes without the probe's semaphore, or "
			      "with another one, and the kernel takes but one "
			      "(`dmesg' says ref_ctr_offset mismatch); end that "
			      "tool", step);
	return explain(o->error, step, multi);
}

void explain_unproven(const struct object *o, int why)
{
	const char *is = strerror(-why);

	if (!why)
		is = "the kernel does not run it";
	else if (why == -ENOEXEC)
		is = "it has none that only returns";
	else if (why == -EFAULT)
		is = "it did not return";
	refuse(0, "%s: attached, but not proven to fire by its selftest probe: %s",
	       o->path, is);
}
