/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wanted.c - which probes a session attaches: those that its command shows, or those
 * that are named.  One that can't be shown, as the command or a filter asks for what it
 * hasn't, is refused rather than waited for.
 */
#include <string.h>

#include "bpf/names.h"
#include "bpf/session.h"
#include "tools/say.h"

#define ALL	(((1ULL << P_COUNT) - 1) & ~(1ULL << P_none))

static bool is_timed(uint32_t p)
{
	return probe_at[p].dur_ns || probe_at[p].wait_ns;
}

static bool has_class(uint32_t p)
{
	return probe_at[p].class || probe_at[p].lock;
}

static uint64_t those(bool (*are)(uint32_t p))
{
	uint64_t set = 0;

	for (uint32_t p = P_none + 1; p < P_COUNT; p++)
		if (are(p))
			set |= 1ULL << p;
	return set;
}

static bool is_start(uint32_t p)
{
	return strstr(probe_names[p].name, "_start");
}

/* What the command can show; only those that show several take --probe. */
static uint64_t showable(uint32_t wish)
{
	return wish & WISH_LOCKS ? 1ULL << P_lock_wait_done :
	       wish & WISH_FREES ? 1ULL << P_remote_free :
	       wish & WISH_TIMES ? those(is_timed) : ALL;
}

/*
 * A probe costs a trap at each hit, so a command attaches those that it shows.
 * remote_free fires at each free of another's object, and is seen only by who asks
 * for it or for every event.
 */
static uint64_t usual(uint32_t wish)
{
	uint64_t set = showable(wish);

	if (!(wish & WISH_STARTS))
		set &= ~those(is_start);
	if (!(wish & (WISH_EVENTS | WISH_FREES)))
		set &= ~(1ULL << P_remote_free);
	return set;
}

/* Each of those that are named must fit. */
static int fit(const struct options *o, uint64_t fitting, const char *asked,
	       const char *lacks)
{
	uint64_t unfit = o->probes & ~fitting;

	if (!unfit)
		return 0;
	return refuse(EXIT_USAGE, "%s shows nothing of %s: %s; mheap-trace list "
		      "has the arguments of each probe", asked,
		      probe_names[__builtin_ctzll(unfit)].name, lacks);
}

int probes_wanted(const struct options *o, uint32_t wish, uint64_t *ret_probes)
{
	int r = fit(o, showable(wish), "this command", "it has no time");

	if (!r && !o->any_class)
		r = fit(o, those(has_class), "-c", "it has no class");
	if (!r && o->min_ns)
		r = fit(o, those(is_timed), "-m", "it has no time");
	*ret_probes = (o->probes ? o->probes : usual(wish)) | 1ULL << P_selftest;
	return r;
}
