/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recfile.c - see recfile.h.  Owns the file of this process, the chunks mapped
 * from it, and the knowledge whether this process is still the one that opened
 * it.  No descriptor stays open: programs close what they don't know.
 *
 * A forked child finds out at its first record: `self` is in a page that the
 * kernel clears in the child of a fork, and leaves alone in a vfork, whose child
 * allocates from its parent's memory and so belongs into its parent's file.
 *
 * May not allocate: it runs inside malloc.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/trace/recfile.h"

/* All zero in a forked child, which makes its mutex a fresh one. */
struct self {
	_Atomic bool known;
	pthread_mutex_t lock;
};

static struct {
	struct self *self;		/* NULL: not started */
	struct raw_header *header;	/* NULL: not recording */
	unsigned epoch;			/* counts the files of this memory */
	bool children;
	pthread_key_t key;		/* for the end of a thread */
	char base[PATH_MAX];
	char path[PATH_MAX + 32];	/* base.PID, perhaps with .N */
} rec;

/* The chunk that this thread fills. */
static _Thread_local struct {
	struct raw_chunk *chunk;
	unsigned next;
	unsigned epoch;			/* the file it is of */
	uint32_t thread;
} mine __attribute__((tls_model("initial-exec")));

static void complain(const char *what, const char *path, int err)
{
	char text[PATH_MAX + 256];
	int n = snprintf(text, sizeof(text),
			 "libmhrecord: %s %s: %s; process %d isn't recorded "
			 "any further\n", what, path, strerrordesc_np(err),
			 (int)getpid());
	ssize_t written = write(STDERR_FILENO, text, (size_t)n);

	(void)written;			/* nobody else to tell */
}

static void *map_chunk(int fd, uint64_t index, int *ret_err)
{
	off_t at = (off_t)(index * RAW_CHUNK_BYTES);
	void *p;

	/* A full disk must show here, not as a SIGBUS at some store. */
	*ret_err = posix_fallocate(fd, at, RAW_CHUNK_BYTES);
	if (*ret_err)
		return NULL;
	p = mmap(NULL, RAW_CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		 at);
	if (p == MAP_FAILED) {
		*ret_err = errno;
		return NULL;
	}
	return p;
}

/* A new file: a process that has run another program has its number too. */
static int create_file(void)
{
	int fd;

	snprintf(rec.path, sizeof(rec.path), "%s.%d", rec.base, (int)getpid());
	for (unsigned i = 1;; i++) {
		fd = open(rec.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd >= 0 || errno != EEXIST)
			return fd;
		snprintf(rec.path, sizeof(rec.path), "%s.%d.%u", rec.base,
			 (int)getpid(), i);
	}
}

static void open_file(void)
{
	struct raw_header *h;
	int err = 0, fd = create_file();

	if (fd < 0) {
		complain("can't create", rec.path, errno);
		return;
	}
	h = map_chunk(fd, 0, &err);
	close(fd);
	if (!h) {
		complain("can't map", rec.path, err);
		return;
	}
	memcpy(h->magic, RAW_MAGIC, sizeof(h->magic));
	h->version = RAW_VERSION;
	h->pid = getpid();
	snprintf(h->program, sizeof(h->program), "%s",
		 program_invocation_short_name);
	rec.epoch++;
	rec.header = h;
}

static void stop(struct raw_header *h, int err)
{
	int none = 0;

	rec.header = NULL;		/* the mapping stays: others may be in it */
	if (atomic_compare_exchange_strong(&h->stopped, &none, err))
		complain("can't grow", rec.path, err);
}

static bool next_chunk(struct raw_header *h)
{
	int fd, err = 0;

	if (mine.chunk)
		munmap(mine.chunk, RAW_CHUNK_BYTES);
	mine.chunk = NULL;
	if (mine.epoch != rec.epoch)
		mine.thread = atomic_fetch_add(&h->threads, 1);
	mine.epoch = rec.epoch;
	fd = open(rec.path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		stop(h, errno);
		return false;
	}
	mine.chunk = map_chunk(fd, atomic_fetch_add(&h->chunks, 1) + 1ull, &err);
	close(fd);
	if (!mine.chunk) {
		stop(h, err);
		return false;
	}
	mine.chunk->thread = mine.thread;
	mine.next = 0;
	pthread_setspecific(rec.key, &mine);
	return true;
}

static bool have_room(struct raw_header *h)
{
	return (mine.chunk && mine.epoch == rec.epoch &&
		mine.next < RAW_RECORDS) || next_chunk(h);
}

/* In a forked child, before its first record. */
static void begin_child(void)
{
	struct raw_header *parents;

	pthread_mutex_lock(&rec.self->lock);
	if (!rec.self->known) {
		parents = rec.header;
		rec.header = NULL;
		if (parents && rec.children)
			open_file();
		if (parents)
			munmap(parents, RAW_CHUNK_BYTES);
		rec.self->known = true;
	}
	pthread_mutex_unlock(&rec.self->lock);
}

/* What other destructors still free goes into one more chunk. */
static void end_thread(void *unused)
{
	(void)unused;
	if (mine.chunk)
		munmap(mine.chunk, RAW_CHUNK_BYTES);
	mine.chunk = NULL;
}

void recfile_start(const char *file, int children)
{
	char here[PATH_MAX] = "";
	struct self *self;

	if (file[0] != '/' && !getcwd(here, sizeof(here) - 1)) {
		complain("no directory for", file, errno);
		return;
	}
	if (snprintf(rec.base, sizeof(rec.base), "%s%s%s", here, here[0] ? "/" :
		     "", file) >= (int)sizeof(rec.base)) {
		complain("the name is too long:", file, ENAMETOOLONG);
		return;
	}
	self = mmap(NULL, sizeof(*self), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (self == MAP_FAILED || pthread_key_create(&rec.key, end_thread) ||
	    madvise(self, sizeof(*self), MADV_WIPEONFORK)) {
		complain("can't prepare", file, errno);
		return;
	}
	self->known = true;
	rec.children = children;
	open_file();
	rec.self = self;
}

void recfile_write(enum raw_op op, const void *addr, uint64_t size)
{
	int err = errno;
	struct raw_record *r;
	struct raw_header *h;
	uint64_t seq;

	if (!rec.self)
		return;
	if (!rec.self->known)
		begin_child();
	h = rec.header;
	if (h && have_room(h)) {
		r = &mine.chunk->record[mine.next++];
		seq = atomic_fetch_add(&h->records, 1) + 1;
		r->addr = (uintptr_t)addr;
		r->size = size;
		atomic_store(&r->seq_op, seq << RAW_OP_BITS | op);
	}
	errno = err;
}
