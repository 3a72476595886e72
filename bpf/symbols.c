/* SPDX-License-Identifier: Apache-2.0 */
/* symbols.c - see symbols.h. */
#include "bpf/symbols.h"

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/mapping.h"
#include "bpf/notes.h"
#include "tools/say.h"

#define ID_BYTES	sizeof(((struct frame *)0)->build_id)

#define FILES_MAX	512u		/* a descriptor each */
#define RANGES_MAX	32768u
#define LEARNT_MAX	1024u		/* mappings of a process */
#define NAME_MOST	255u		/* bytes of a function's */
#define READER_SECONDS	5
#define READER_BYTES	(512ul << 20)

/* An ELF file by its build id. */
struct file {
	uint8_t	     id[ID_BYTES];
	char	    *path;		/* as its processes see it */
	int	     fd;		/* kept: it may be removed */
	bool	     bad;		/* who read it didn't come back */
};

/* A frame that has been named. */
struct named {
	struct frame frame;
	char	     text[];
};

/* Where a process has mapped a file. */
struct range {
	pid_t	 pid;
	uint64_t start, end, offset;
	uint8_t	 id[ID_BYTES];
};

/* The latest of both: who runs for long must not have ever more. */
struct symbols {
	struct file  file[FILES_MAX];
	struct range range[RANGES_MAX];
	uint64_t     n, nranges;	/* ever learnt */
	uint32_t     learnt;		/* of the process at hand */
	void	    *named;		/* a tree of frames */
};

/*
 * By build id alone.  A .gnu_debuglink is a path that the file chooses, which we
 * would open with our rights: perhaps a FIFO, for good.
 */
static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_build_id_find_elf,
	.find_debuginfo = dwfl_build_id_find_debuginfo,
	.section_address = dwfl_offline_section_address,
};

struct symbols *symbols_new(void)
{
	elf_version(EV_CURRENT);
	return calloc(1, sizeof(struct symbols));
}

static void drop(struct file *f)
{
	if (f->path)
		close(f->fd);
	free(f->path);
	*f = (struct file){ 0 };
}

void symbols_free(struct symbols *y)
{
	if (!y)
		return;
	for (uint32_t i = 0; i < FILES_MAX; i++)
		drop(&y->file[i]);
	tdestroy(y->named, free);
	free(y);
}

static struct file *by_id(struct symbols *y, const uint8_t *id)
{
	for (uint64_t i = 0; i < y->n && i < FILES_MAX; i++)
		if (!memcmp(y->file[i].id, id, ID_BYTES))
			return &y->file[i];
	return NULL;
}

/* Takes the descriptor. */
static void add(struct symbols *y, int fd, const char *path, const uint8_t *id)
{
	struct file f = { .fd = fd }, *at = &y->file[y->n % FILES_MAX];

	memcpy(f.id, id, ID_BYTES);
	f.path = by_id(y, id) ? NULL : strdup(path);
	if (!f.path) {
		close(fd);
		return;
	}
	drop(at);
	*at = f;
	y->n++;
}

/* Takes the descriptor. */
static bool take(struct symbols *y, int fd, const char *path, uint8_t *ret_id)
{
	if (notes_build_id(fd, ret_id, ID_BYTES)) {
		add(y, fd, path, ret_id);
		return true;
	}
	close(fd);
	return false;
}

bool symbols_file(struct symbols *y, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t id[ID_BYTES];

	return fd >= 0 && take(y, fd, path, id);
}

static int learn(pid_t pid, const struct mapping *m, void *arg)
{
	struct symbols *y = arg;
	struct range r = { .pid = pid, .start = m->start, .end = m->end,
			   .offset = m->offset };
	int fd = mapping_open(pid, m);

	if (fd >= 0 && take(y, fd, m->path, r.id))
		y->range[y->nranges++ % RANGES_MAX] = r;
	return ++y->learnt == LEARNT_MAX;
}

struct frame symbols_frame(struct symbols *y, pid_t pid, const struct frame *f)
{
	uint64_t n = f->status == FRAME_ADDRESS ? y->nranges : 0;
	struct frame in = *f;

	/* From the latest: a PID may be used again. */
	for (uint64_t i = 1; i <= n && i <= RANGES_MAX; i++) {
		const struct range *r = &y->range[(n - i) % RANGES_MAX];

		if (r->pid != pid || f->at < r->start || f->at >= r->end)
			continue;
		in.status = FRAME_FILE;
		in.at = f->at - r->start + r->offset;
		memcpy(in.build_id, r->id, ID_BYTES);
		break;
	}
	return in;
}

void symbols_learn(struct symbols *y, pid_t pid)
{
	y->learnt = 0;
	mapping_each(pid, learn, y);
}

/* Looked at again: its owner may have changed it. */
static Dwfl_Module *open_module(const struct file *f)
{
	Dwfl_Module *m;
	Elf64_Ehdr h;
	Dwfl *dwfl;

	if (!notes_is_ours(f->fd, &h))
		return NULL;
	dwfl = dwfl_begin(&callbacks);
	if (!dwfl)
		return NULL;
	dwfl_report_begin(dwfl);
	m = dwfl_report_offline(dwfl, f->path, f->path, dup(f->fd));
	dwfl_report_end(dwfl, NULL, NULL);
	return m;
}

/* From an offset in the file to an address as libdwfl has laid it out. */
static bool address_of(Dwfl_Module *m, uint64_t offset, GElf_Addr *ret_at)
{
	GElf_Addr bias;
	Elf *elf = dwfl_module_getelf(m, &bias);
	size_t n;

	if (!elf || elf_getphdrnum(elf, &n))
		return false;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(elf, (int)i, &p) || p.p_type != PT_LOAD ||
		    offset < p.p_offset || offset - p.p_offset >= p.p_filesz)
			continue;
		*ret_at = offset - p.p_offset + p.p_vaddr + bias;
		return true;
	}
	return false;
}

/* A frame is where a call returns to: the call is before it. */
static const char *function_at(const struct file *f, uint64_t offset)
{
	Dwfl_Module *m = offset ? open_module(f) : NULL;
	GElf_Addr at;

	return m && address_of(m, offset - 1, &at) ?
	       dwfl_module_addrname(m, at) : NULL;
}

/* What there is already, and some for a file. */
static void limit_memory(void)
{
	unsigned long pages = 0;
	struct rlimit r;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f && fscanf(f, "%lu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	r.rlim_cur = r.rlim_max = pages * (rlim_t)sysconf(_SC_PAGESIZE) +
				  READER_BYTES;
	setrlimit(RLIMIT_AS, &r);
}

/* Does not come back.  What it has written is what it found. */
static void read_name(const struct file *f, uint64_t offset, int to)
{
	const char *name;
	size_t n;

	signal(SIGALRM, SIG_DFL);
	alarm(READER_SECONDS);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	limit_memory();
	name = function_at(f, offset);
	n = name ? strlen(name) : 0;
	if (n && write(to, name, n < NAME_MOST ? n : NAME_MOST) < 0)
		syscall(SYS_exit_group, 1);
	syscall(SYS_exit_group, 0);
}

/* All of what the other end has written, as a text. */
static void receive(int from, char *ret_name)
{
	size_t n = 0;
	ssize_t r;

	while (n < NAME_MOST &&
	       ((r = read(from, ret_name + n, NAME_MOST - n)) > 0 ||
		(r < 0 && errno == EINTR)))
		n += r > 0 ? (size_t)r : 0;
	ret_name[n] = 0;
}

/*
 * The file is somebody's: it may unfold into more than there is memory, take for
 * ever to read, or become shorter while it is read.  So a child of ours reads it, with
 * limits; after one that did not end well the file is left alone.
 */
static bool function_of(struct file *f, uint64_t offset, char *ret_name)
{
	int fds[2], status = -1;
	pid_t child;

	if (f->bad || pipe2(fds, O_CLOEXEC))
		return false;
	child = fork();
	if (!child)
		read_name(f, offset, fds[1]);
	close(fds[1]);
	receive(fds[0], ret_name);
	close(fds[0]);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	f->bad = child > 0 && status != 0;
	return child > 0 && !status && *ret_name;
}

static void describe(struct symbols *y, const struct frame *f, char *to,
		     size_t size)
{
	struct file *in = f->status == FRAME_FILE ? by_id(y, f->build_id) : NULL;
	char name[NAME_MOST + 1];
	const char *slash;

	if (in && function_of(in, f->at, name)) {
		snprintf(to, size, "%s", name);
	} else if (in) {
		slash = strrchr(in->path, '/');
		snprintf(to, size, "[%s+%#" PRIx64 "]",
			 slash ? slash + 1 : in->path, f->at);
	} else if (f->status == FRAME_FILE) {
		snprintf(to, size, "[%02x%02x%02x%02x+%#" PRIx64 "]",
			 f->build_id[0], f->build_id[1], f->build_id[2],
			 f->build_id[3], f->at);
	} else {
		snprintf(to, size, "[%#" PRIx64 "]", f->at);
	}
}

static int frame_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct frame));
}

const char *symbols_name(struct symbols *y, const struct frame *f)
{
	struct named **was = tfind(f, &y->named, frame_cmp), *n;
	char raw[320], text[200];

	if (was)
		return (*was)->text;
	describe(y, f, raw, sizeof(raw));
	safe_text(text, sizeof(text), raw, sizeof(raw), SAFE_TERMINAL);
	n = malloc(sizeof(*n) + strlen(text) + 1);
	if (!n)
		return "[out of memory]";
	n->frame = *f;
	strcpy(n->text, text);
	if (!tsearch(n, &y->named, frame_cmp)) {
		free(n);
		return "[out of memory]";
	}
	return n->text;
}

bool symbols_of_mheap(struct symbols *y, const struct frame *f)
{
	struct file *in = f->status == FRAME_FILE ? by_id(y, f->build_id) : NULL;
	const char *slash = in ? strrchr(in->path, '/') : NULL;

	return slash && (!strncmp(slash, "/libmheap.so", 12) ||
			 !strncmp(slash, "/mheapd", 7));
}
