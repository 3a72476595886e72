/* SPDX-License-Identifier: Apache-2.0 */
/* symbols.c - see symbols.h. */
#include "bpf/symbols.h"

#include <elfutils/libdwelf.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/mapping.h"
#include "tools/say.h"

#define ID_BYTES	sizeof(((struct frame *)0)->build_id)

/* An ELF file by its build id. */
struct file {
	uint8_t	     id[ID_BYTES];
	char	    *path;		/* as its processes see it */
	int	     fd;		/* kept: a file may be removed */
	Dwfl	    *dwfl;		/* opened when first asked */
	Dwfl_Module *module;
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

struct symbols {
	struct file  *file;
	struct range *range;
	uint32_t      n, nranges;
	void	     *named;		/* a tree of frames */
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

void symbols_free(struct symbols *y)
{
	if (!y)
		return;
	for (uint32_t i = 0; i < y->n; i++) {
		if (y->file[i].dwfl)
			dwfl_end(y->file[i].dwfl);
		close(y->file[i].fd);
		free(y->file[i].path);
	}
	free(y->file);
	free(y->range);
	tdestroy(y->named, free);
	free(y);
}

static struct file *by_id(struct symbols *y, const uint8_t *id)
{
	for (uint32_t i = 0; i < y->n; i++)
		if (!memcmp(y->file[i].id, id, ID_BYTES))
			return &y->file[i];
	return NULL;
}

static bool read_id(int fd, uint8_t *ret_id)
{
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	const void *id = NULL;
	ssize_t len = elf ? dwelf_elf_gnu_build_id(elf, &id) : 0;

	memset(ret_id, 0, ID_BYTES);
	if (len > 0)
		memcpy(ret_id, id, (size_t)len < ID_BYTES ? (size_t)len :
		       ID_BYTES);
	if (elf)
		elf_end(elf);
	return len > 0;
}

/* Takes the descriptor. */
static bool add(struct symbols *y, int fd, const char *path)
{
	struct file f = { .fd = fd }, *more;

	if (!read_id(fd, f.id) || by_id(y, f.id))
		goto no;
	more = realloc(y->file, (y->n + 1) * sizeof(*more));
	if (!more)
		goto no;
	y->file = more;
	f.path = strdup(path);
	if (!f.path)
		goto no;
	y->file[y->n++] = f;
	return true;
no:
	close(fd);
	return false;
}

bool symbols_file(struct symbols *y, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd >= 0 && add(y, fd, path);
}

static void add_range(struct symbols *y, pid_t pid, const struct mapping *m,
		      const uint8_t *id)
{
	struct range *more = realloc(y->range,
				     (y->nranges + 1) * sizeof(*more));

	if (!more)
		return;
	y->range = more;
	more[y->nranges] = (struct range){ .pid = pid, .start = m->start,
					   .end = m->end, .offset = m->offset };
	memcpy(more[y->nranges++].id, id, ID_BYTES);
}

static int learn(pid_t pid, const struct mapping *m, void *arg)
{
	struct symbols *y = arg;
	uint8_t id[ID_BYTES];
	int fd = mapping_open(pid, m);

	if (fd >= 0 && read_id(fd, id))
		add_range(y, pid, m, id);
	if (fd >= 0)
		add(y, fd, m->path);
	return 0;
}

struct frame symbols_frame(struct symbols *y, pid_t pid, const struct frame *f)
{
	struct frame in = *f;

	for (uint32_t i = 0; f->status == FRAME_ADDRESS && i < y->nranges; i++) {
		const struct range *r = &y->range[i];

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
	mapping_each(pid, learn, y);
}

static bool open_module(struct file *f)
{
	if (f->dwfl)
		return f->module;
	f->dwfl = dwfl_begin(&callbacks);
	if (!f->dwfl)
		return false;
	dwfl_report_begin(f->dwfl);
	f->module = dwfl_report_offline(f->dwfl, f->path, f->path, dup(f->fd));
	dwfl_report_end(f->dwfl, NULL, NULL);
	return f->module;
}

/* From an offset in the file to an address as libdwfl has laid it out. */
static bool address_of(struct file *f, uint64_t offset, GElf_Addr *ret_at)
{
	GElf_Addr bias;
	Elf *elf = dwfl_module_getelf(f->module, &bias);
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
static const char *function_of(struct file *f, uint64_t offset)
{
	GElf_Addr at;

	if (!open_module(f) || !offset || !address_of(f, offset - 1, &at))
		return NULL;
	return dwfl_module_addrname(f->module, at);
}

static void describe(struct symbols *y, const struct frame *f, char *to,
		     size_t size)
{
	struct file *in = f->status == FRAME_FILE ? by_id(y, f->build_id) : NULL;
	const char *name = in ? function_of(in, f->at) : NULL, *slash;

	if (name) {
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
