/* SPDX-License-Identifier: Apache-2.0 */
/*
 * full.c - fills the heap $MHEAP_NAME until it refuses, again and again, with
 * small, medium and large, owned and shared objects, and writes every byte.
 * A SIGBUS kills it, which the script that runs it sees.  Argument: the
 * mh_stats.enomem_reason that must be given, or 0 for any.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mheap.h>

#define OBJECTS_MAX	4000000u

static void **object;
static uint64_t attempts, refusals;

static int wrong(const char *what)
{
	fprintf(stderr, "full: %s; %s\n", what, mh_errmsg());
	return 1;
}

static int fill(mh_heap *h, size_t size, unsigned flags, unsigned reason)
{
	struct mh_stats s;
	uint32_t n = 0;

	while (n < OBJECTS_MAX) {
		void *p = mh_alloc_flags(h, size, flags);

		attempts++;
		if (!p)
			break;
		memset(p, (int)n, size);
		object[n++] = p;
	}
	if (n == OBJECTS_MAX)
		return wrong("it never said no");
	if (errno != ENOMEM)
		return wrong("refused, but not with ENOMEM");
	if (!strstr(mh_errmsg(), "memory"))
		return wrong("the sentence does not speak of memory");
	refusals++;
	mh_stats(h, &s, sizeof(s));
	if (!s.enomem || !s.enomem_reason)
		return wrong("no reason in the statistics");
	if (reason && s.enomem_reason != reason) {
		fprintf(stderr, "full: reason %u\n", (unsigned)s.enomem_reason);
		return wrong("another reason was given");
	}
	for (uint32_t i = 0; i < n; i++) {
		if (*(unsigned char *)object[i] != (unsigned char)i)
			return wrong("content is lost");
		mh_free(h, object[i]);
	}
	return n ? 0 : wrong("not even one object");
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = { 64, 1000, 4096, 32768, 65536, 1 << 20,
					3 << 20 };
	unsigned reason = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
	unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 2;
	mh_heap *h = mh_attach(NULL, 0);

	object = malloc(OBJECTS_MAX * sizeof(*object));
	if (!h || !object)
		return wrong("attach");
	for (unsigned r = 0; r < rounds; r++)
		for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
			for (unsigned f = 0; f < 2; f++)
				if (fill(h, sizes[i], f ? MH_SHARED : 0, reason))
					return 1;
	if (mh_trim(h))
		return wrong("trim");
	printf("%llu attempts, %llu refusals\n", (unsigned long long)attempts,
	       (unsigned long long)refusals);
	return mh_detach(h);
}
