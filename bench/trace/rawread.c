/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rawread.c - see rawread.h.  Checks all that it relies on: the header, the
 * threads' numbers, that no record's number comes twice, and that no more are
 * missing than threads could have had in hand when the process ended.
 */
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/trace/rawread.h"

typedef unsigned long long ull;

static int map_file(struct raw *r, const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st = { 0 };
	void *p = MAP_FAILED;

	if (fd < 0 || fstat(fd, &st)) {
		error(0, errno, "can't open the recording %s", file);
	} else if (st.st_size < RAW_CHUNK_BYTES || st.st_size % RAW_CHUNK_BYTES) {
		error(0, 0, "%s has %lld bytes: a recording is one or more "
		      "chunks of %u; record it again", file,
		      (long long)st.st_size, RAW_CHUNK_BYTES);
	} else {
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd,
			 0);
		if (p == MAP_FAILED)
			error(0, errno, "can't map the recording %s", file);
	}
	if (fd >= 0)
		close(fd);
	if (p == MAP_FAILED)
		return -1;
	r->header = p;
	r->bytes = (size_t)st.st_size;
	r->chunk = (const void *)((const char *)p + RAW_CHUNK_BYTES);
	r->chunks = r->bytes / RAW_CHUNK_BYTES - 1;
	return 0;
}

static int check_header(struct raw *r, const char *file)
{
	const struct raw_header *h = r->header;

	if (memcmp(h->magic, RAW_MAGIC, sizeof(h->magic))) {
		error(0, 0, "%s was not written by libmhrecord.so", file);
	} else if (h->version != RAW_VERSION) {
		error(0, 0, "%s is a recording of version %u, this reads %u; "
		      "record it again", file, h->version, RAW_VERSION);
	} else if (h->stopped) {
		error(0, h->stopped, "%s is incomplete: recording %.64s stopped "
		      "after %llu records", file, h->program, (ull)h->records);
	} else if (h->records > (uint64_t)r->chunks * RAW_RECORDS ||
		   h->records > UINT32_MAX || h->chunks > r->chunks) {
		error(0, 0, "%s is cut short: %llu records in %u chunks, and "
		      "the file has room for %zu chunks (and %u records at "
		      "most); record it again", file, (ull)h->records,
		      h->chunks, r->chunks, UINT32_MAX);
	} else {
		r->records = h->records;
		return 0;
	}
	return -1;
}

/* The place of a record: its chunk's first place, and its index there. */
static const char *note_record(struct raw *r, uint64_t seq_op, uint32_t place)
{
	uint64_t seq = seq_op >> RAW_OP_BITS;

	if (!seq || seq > r->records)
		return "has a number beyond the last";
	if (r->place[seq])
		return "has the number of another";
	if ((seq_op & ((1u << RAW_OP_BITS) - 1)) > RAW_PUT)
		return "is of an unknown kind";
	r->place[seq] = place;
	return NULL;
}

static int note_chunk(struct raw *r, size_t index, const char *file)
{
	const struct raw_chunk *c = &r->chunk[index];
	const char *why = NULL;
	uint32_t i;

	if (c->thread >= r->header->threads)
		why = "is of a thread that the header doesn't count";
	for (i = 0; i < RAW_RECORDS && c->record[i].seq_op && !why; i++)
		why = note_record(r, c->record[i].seq_op,
				  (uint32_t)index * RAW_RECORDS + i + 1);
	if (!why)
		return 0;
	error(0, 0, "%s: record %u of chunk %zu %s; record it again", file, i,
	      index, why);
	return -1;
}

static int check_gaps(const struct raw *r, const char *file)
{
	uint64_t gaps = 0;

	for (uint64_t n = 1; n <= r->records; n++)
		gaps += !r->place[n];
	if (gaps <= r->header->threads)
		return 0;
	error(0, 0, "%s lacks %llu of %llu records; record it again", file,
	      (ull)gaps, (ull)r->records);
	return -1;
}

static int put_in_order(struct raw *r, const char *file)
{
	r->place = calloc(r->records + 1, sizeof(*r->place));
	if (!r->place) {
		error(0, errno, "no memory for %llu records", (ull)r->records);
		return -1;
	}
	for (size_t i = 0; i < r->chunks; i++)
		if (note_chunk(r, i, file))
			return -1;
	return check_gaps(r, file);
}

int raw_open(struct raw *r, const char *file)
{
	*r = (struct raw){ 0 };
	if (map_file(r, file))
		return -1;
	if (!check_header(r, file) && !put_in_order(r, file))
		return 0;
	raw_close(r);
	return -1;
}

void raw_close(struct raw *r)
{
	free(r->place);
	munmap((void *)(uintptr_t)r->header, r->bytes);
}

struct raw_item raw_item(const struct raw *r, uint64_t number)
{
	uint32_t place = r->place[number];
	const struct raw_chunk *c;
	const struct raw_record *rec;

	if (!place)
		return (struct raw_item){ .op = RAW_NONE };
	c = &r->chunk[(place - 1) / RAW_RECORDS];
	rec = &c->record[(place - 1) % RAW_RECORDS];
	return (struct raw_item){
		.op = rec->seq_op & ((1u << RAW_OP_BITS) - 1),
		.thread = c->thread, .addr = rec->addr, .size = rec->size,
	};
}
