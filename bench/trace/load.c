/* SPDX-License-Identifier: Apache-2.0 */
/* load.c - see load.h. */
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/trace/load.h"
#include "bench/trace/tally.h"

#define REMEDY	"make it again by bench/trace/make.sh"

static int map_file(struct trace *t, const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st = { 0 };
	void *p = MAP_FAILED;

	if (fd < 0 || fstat(fd, &st)) {
		error(0, errno, "can't open the trace %s", file);
	} else if ((size_t)st.st_size < sizeof(*t->header)) {
		error(0, 0, "%s has %lld bytes, a trace's header alone has %zu; "
		      REMEDY, file, (long long)st.st_size, sizeof(*t->header));
	} else {
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED)
			error(0, errno, "can't map the trace %s", file);
	}
	if (fd >= 0)
		close(fd);
	if (p == MAP_FAILED)
		return -1;
	t->header = p;
	t->event = (const uint64_t *)(t->header + 1);
	t->bytes = (size_t)st.st_size;
	return 0;
}

static int check_header(const struct trace *t, const char *file)
{
	const struct trace_header *h = t->header;
	size_t body = t->bytes - sizeof(*h);

	if (memcmp(h->magic, TRACE_MAGIC, sizeof(h->magic))) {
		error(0, 0, "%s is no packed trace; " REMEDY, file);
	} else if (h->version != TRACE_VERSION) {
		error(0, 0, "%s is a trace of version %u, this reads %u; "
		      REMEDY, file, h->version, TRACE_VERSION);
	} else if (body % sizeof(*t->event) ||
		   body / sizeof(*t->event) != h->events || !h->events) {
		error(0, 0, "%s has %zu bytes of events, its header says %llu "
		      "events of %zu; " REMEDY, file, body,
		      (unsigned long long)h->events, sizeof(*t->event));
	} else if (h->slots > TRACE_SLOTS_MAX || h->peak_events > h->events) {
		error(0, 0, "%s: its header says %llu slots (at most %u) and a "
		      "peak after event %llu of %llu; " REMEDY, file,
		      (unsigned long long)h->slots, TRACE_SLOTS_MAX,
		      (unsigned long long)h->peak_events,
		      (unsigned long long)h->events);
	} else {
		return 0;
	}
	return -1;
}

int trace_open(struct trace *t, const char *file)
{
	if (map_file(t, file))
		return -1;
	if (!check_header(t, file))
		return 0;
	trace_close(t);
	return -1;
}

void trace_close(struct trace *t)
{
	munmap((void *)(uintptr_t)t->header, t->bytes);
}

static int same_figures(const struct trace_header *a,
			const struct trace_header *b)
{
	return !memcmp(a->count, b->count, sizeof(a->count)) &&
		a->slots == b->slots && a->peak_bytes == b->peak_bytes &&
		a->peak_events == b->peak_events && a->largest == b->largest;
}

int trace_check(const struct trace *t, const char *file)
{
	struct tally tally = { 0 };
	const char *why = NULL;
	bool good = false;
	uint64_t i;

	for (i = 0; i < t->header->events && !why; i++)
		why = trace_slot(t->event[i]) < t->header->slots ?
			tally_add(&tally, t->event[i]) :
			"its slot is beyond those that the header counts";
	if (why)
		error(0, 0, "%s: event %llu of %llu: %s; " REMEDY, file,
		      (unsigned long long)i,
		      (unsigned long long)t->header->events, why);
	else if (!same_figures(&tally.h, t->header))
		error(0, 0, "%s: its events add up to other figures than its "
		      "header has; " REMEDY, file);
	else
		good = true;
	tally_free(&tally);
	return good ? 0 : -1;
}
