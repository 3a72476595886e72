/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo_check.c - whether the index is right: read by another process, compared
 * with what one thread counts in malloc, its objects counted, the heap verified
 * and the index freed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/demo.h"

static int query(const struct demo_options *o, struct demo_result *res)
{
	char buf[4096];
	char *argv[] = { (char *)(uintptr_t)"mheap", (char *)(uintptr_t)"demo",
			 (char *)(uintptr_t)"--internal-query",
			 (char *)(uintptr_t)o->heap, NULL };
	int status = self_run(argv, buf, sizeof(buf));
	struct json_object *answer;
	int r;

	if (status)
		return demo_fault(res, "the query failed with status %d",
				  status);
	answer = json_tokener_parse(buf);
	r = tally_from_json(&res->tally, answer);
	json_object_put(answer);
	if (r)
		return demo_fault(res, "the query answered \"%.64s\"", buf);
	res->answered = true;
	return 0;
}

static void compare(const struct file_list *list, struct demo_result *res)
{
	struct tally plain = { 0 };
	char why[256];
	int r = plain_tally(list, &plain);

	if (r)
		demo_fault(res, "cannot count without the heap: %s",
			   strerror(-r));
	else if (tally_difference(&res->tally, &plain, why, sizeof(why)))
		demo_fault(res, "%s", why);
}

static int stats(mh_heap *h, struct demo_result *res, struct mh_stats *s)
{
	if (mh_stats(h, s, sizeof(*s)))
		return demo_fault(res, "%s", mh_errmsg());
	return 0;
}

/*
 * Whatever is there and was not before, and the query did not come by; and what
 * is held when all who held have gone or let go.  A kill leaves neither.
 */
static void count_unreached(struct index *x, const struct mh_stats *before,
			    struct demo_result *res)
{
	uint64_t reached = before->shared_objects + res->tally.objects;
	struct mh_stats s;

	if (stats(x->heap, res, &s))
		return;
	res->unreached = s.shared_objects - reached;
	res->held_left = s.held_objects - before->held_objects;
	if (res->unreached)
		demo_fault(res, "%" PRIu64 " shared objects where %" PRIu64
			   " were reached", s.shared_objects, reached);
	if (res->held_left)
		demo_fault(res, "%" PRIu64 " held objects where %" PRIu64
			   " were before", s.held_objects,
			   before->held_objects);
}

static void verify(const struct demo_options *o, struct demo_result *res)
{
	char buf[256];
	char *argv[] = { (char *)(uintptr_t)"mheap",
			 (char *)(uintptr_t)"verify",
			 (char *)(uintptr_t)o->heap, NULL };
	int status = self_run(argv, buf, sizeof(buf));

	res->verified = !status;
	if (status)
		demo_fault(res, "verify ended with status %d: %.*s", status,
			   (int)strcspn(buf, "\n"), buf);
}

/* A heap that was there before keeps nothing of ours. */
static void take_apart(struct index *x, const struct mh_stats *before,
		       struct demo_result *res)
{
	uint64_t due = before->shared_objects + res->unreached;
	int64_t freed = index_free(x);
	struct mh_stats s;

	if (freed < 0)
		demo_fault(res, "cannot free the index: %s", mh_errmsg());
	else if ((uint64_t)freed != res->tally.objects)
		demo_fault(res, "%" PRId64 " objects freed where %" PRIu64
			   " were reached", freed, res->tally.objects);
	else if (!stats(x->heap, res, &s) && s.shared_objects != due)
		demo_fault(res, "%" PRIu64 " shared objects are left, of which"
			   " %" PRIu64 " are known", s.shared_objects, due);
}

void check_all(const struct demo_options *o, struct index *x,
	       const struct file_list *list, const struct mh_stats *before,
	       struct demo_result *res)
{
	if (query(o, res))
		return;
	count_unreached(x, before, res);
	verify(o, res);
	compare(list, res);
	if (!demo_stopped)
		take_apart(x, before, res);
}
