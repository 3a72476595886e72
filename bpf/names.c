/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - see names.h. */
#include "bpf/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shm/segment.h"
#include "shm/probe_ids.h"
#include "tools/say.h"

#define IS_LIB_LIB	true
#define IS_LIB_DAEMON	false
#define IS_LIB_BOTH	true
#define IS_DAEMON_LIB	false
#define IS_DAEMON_DAEMON true
#define IS_DAEMON_BOTH	true

#define TEXTS_2(a, b)			#a, #b
#define TEXTS_3(a, b, c)		TEXTS_2(a, b), #c
#define TEXTS_4(a, b, c, d)		TEXTS_3(a, b, c), #d
#define TEXTS_5(a, b, c, d, e)		TEXTS_4(a, b, c, d), #e
#define TEXTS_6(a, b, c, d, e, f)	TEXTS_5(a, b, c, d, e), #f

#define PROBE(side, name, n, text, ...)					\
	[P_##name] = { #name, text, n, { TEXTS_##n(__VA_ARGS__) },	\
		       IS_LIB_##side, IS_DAEMON_##side },
const struct probe_name probe_names[P_COUNT] = {
	[P_none] = { "none", "", 0, { NULL }, false, false },
#include "shm/probes.def"
};
#undef PROBE

uint32_t probe_find(const char *name)
{
	for (uint32_t p = P_none + 1; p < P_COUNT; p++)
		if (!strcmp(probe_names[p].name, name))
			return p;
	return P_none;
}

const char *class_life(uint32_t spc)
{
	static const char *const life[] = { "owned", "shared", "held" };

	return spc < SPAN_CLASSES ? life[spc_life(spc)] : "unknown";
}

uint64_t class_size(uint32_t spc)
{
	return spc < SPAN_CLASSES ? sc_size(spc_size_class(spc)) : 0;
}

struct name class_name(uint32_t spc)
{
	struct name n;

	if (spc == NO_CLASS)
		snprintf(n.s, sizeof(n.s), "none");
	else if (spc >= SPAN_CLASSES)
		snprintf(n.s, sizeof(n.s), "class %" PRIu32, spc);
	else if (!spc_size_class(spc))
		snprintf(n.s, sizeof(n.s), "%s large", class_life(spc));
	else
		snprintf(n.s, sizeof(n.s), "%s %" PRIu64, class_life(spc),
			 class_size(spc));
	return n;
}

struct name name_cut(struct name n, size_t most)
{
	struct name cut = { "" };

	safe_text(cut.s, most + 1 < sizeof(cut.s) ? most + 1 : sizeof(cut.s),
		  n.s, sizeof(n.s), SAFE_TERMINAL);
	return cut;
}

const char *level_name(uint32_t level)
{
	static const char *const name[] = {
		"", "cache", "central", "daemon",
	};

	return level < sizeof(name) / sizeof(name[0]) ? name[level] : "?";
}

const char *op_name(uint32_t op)
{
	static const char *const name[] = {
		[OP_ALLOC] = "alloc", [OP_RETURN] = "return",
		[OP_TRIM] = "trim", [OP_NAME_SET] = "name_set",
		[OP_NAME_REMOVE] = "name_remove", [OP_SWEEP] = "sweep",
		[OP_CHAN_OPEN] = "chan_open", [OP_CHAN_REMOVE] = "chan_remove",
	};

	return op < sizeof(name) / sizeof(name[0]) && name[op] ? name[op] :
	       "unknown";
}

struct name lock_name(uint64_t lock)
{
	uint32_t kind = lock_kind(lock);
	struct name cls = class_name(lock_class(lock)), n;

	if (kind == LOCK_STRIPE)
		snprintf(n.s, sizeof(n.s), "stripe %u of %.20s",
			 (unsigned)(lock & 0xffff), cls.s);
	else if (kind == LOCK_CLASS)
		snprintf(n.s, sizeof(n.s), "class %.20s", cls.s);
	else
		snprintf(n.s, sizeof(n.s), "lock %#" PRIx64, lock);
	return n;
}

struct name sub_name(uint32_t probe, uint32_t sub)
{
	struct name n = { "" };

	if (probe < P_COUNT && probe_at[probe].class)
		return class_name(sub);
	if (probe < P_COUNT && probe_at[probe].op)
		snprintf(n.s, sizeof(n.s), "%s", op_name(sub));
	if (probe < P_COUNT && probe_at[probe].chan)
		snprintf(n.s, sizeof(n.s), "chan %u %s", sub >> 1,
			 sub & 1 ? "recv" : "send");
	return n;
}

struct name pid_text(uint32_t pid)
{
	struct name n = { "ended" };

	if (!(pid & PID_ENDED))
		snprintf(n.s, sizeof(n.s), "%s%" PRIu32,
			 pid & PID_ELSEWHERE ? "^" : "", pid & ~PID_ELSEWHERE);
	return n;
}

struct name ns_text(uint64_t ns)
{
	static const char *const unit[] = { "ns", "us", "ms", "s" };
	double x = (double)ns;
	struct name n;
	int i = 0;

	while (x >= 999.5 && i < 3) {
		x /= 1000;
		i++;
	}
	snprintf(n.s, sizeof(n.s), "%.*f %s", i ? x < 9.995 ? 2 : x < 99.95 : 0,
		 x, unit[i]);
	return n;
}

const char *errno_name(uint64_t status)
{
	const char *name = status ? strerrorname_np((int)status) : "";

	return name ? name : "?";
}
