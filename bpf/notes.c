/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notes.c - see notes.h.  A site must be a nop of one byte (of one word on
 * aarch64): the kernel turns a longer one into a call, which overwrites what a
 * leaf function keeps below its stack pointer.  After that of selftest, which a
 * tracer runs, nothing may be done but to return.  Anybody may have made the file:
 * what it says of sizes is checked before libelf makes room for it.
 */
#include "bpf/notes.h"

#include <errno.h>
#include <gelf.h>
#include <string.h>
#include <unistd.h>

#include "bpf/names.h"

#define STAPSDT_TYPE	3

/* Programs have a dozen, and some tens. */
#define PHDRS_MAX	256u
#define SHDRS_MAX	4096u

/* A build id is among the first notes; the kernel looks no farther. */
#define ID_NOTES	4096u

struct reading {
	int	 fd;
	Elf	*elf;
	uint64_t base;			/* address of .stapsdt.base, 0: none */
	struct notes *n;
	uint32_t np;
	Elf64_Phdr p[PHDRS_MAX];
};

#if defined(__x86_64__)
#define OUR_MACHINE	EM_X86_64
#define NOP		0x90
#define RET		0xc3
static const uint8_t nop[] = { NOP }, nop_ret[] = { NOP, RET };
#else
#define OUR_MACHINE	EM_AARCH64
#define NOP		0x1f, 0x20, 0x03, 0xd5
#define RET		0xc0, 0x03, 0x5f, 0xd6
static const uint8_t nop[] = { NOP }, nop_ret[] = { NOP, RET };
#endif

/* The part of the file that it says is loaded to an address. */
static bool offset_of(const struct reading *r, uint64_t address,
		      uint64_t *ret_offset)
{
	for (uint32_t i = 0; i < r->np; i++) {
		const Elf64_Phdr *p = &r->p[i];

		if (p->p_type != PT_LOAD || address < p->p_vaddr ||
		    address - p->p_vaddr >= p->p_filesz)
			continue;
		*ret_offset = address - p->p_vaddr + p->p_offset;
		return true;
	}
	return false;
}

/* "8@%rdi 8@%rsi": how many. */
static uint32_t count_args(const char *args, size_t len)
{
	uint32_t n = 0;

	for (size_t i = 0; i < len && args[i]; i++)
		n += args[i] == '@';
	return n;
}

static bool file_has(int fd, uint64_t offset, const uint8_t *want, size_t len)
{
	uint8_t is[sizeof(nop_ret)];

	return pread(fd, is, len, (off_t)offset) == (ssize_t)len &&
	       !memcmp(is, want, len);
}

/* The kernel wants a semaphore in the file, and at an even place. */
static bool site_fits(const struct reading *r, const struct site *s)
{
	uint16_t semaphore;

	if (s->semaphore % sizeof(semaphore) ||
	    (s->semaphore && pread(r->fd, &semaphore, sizeof(semaphore),
				   (off_t)s->semaphore) != sizeof(semaphore)))
		return false;
	return s->probe == P_selftest ?
	       file_has(r->fd, s->offset, nop_ret, sizeof(nop_ret)) :
	       file_has(r->fd, s->offset, nop, sizeof(nop));
}

static void add_site(struct reading *r, const char *name,
		     const uint64_t address[3], uint32_t nargs)
{
	struct notes *n = r->n;
	struct site s = { .probe = probe_find(name), .nargs = nargs };
	uint64_t shift = r->base ? r->base - address[1] : 0;

	if (nargs > PROBE_ARGS)
		s.nargs = PROBE_ARGS;
	if (!s.probe)
		n->unknown++;
	else if (n->n == SITES_MAX ||
		 !offset_of(r, address[0] + shift, &s.offset) ||
		 (address[2] &&
		  !offset_of(r, address[2] + shift, &s.semaphore)) ||
		 !site_fits(r, &s))
		n->unfit++;
	else
		n->site[n->n++] = s;
}

/* Three addresses and three strings: provider, name, arguments. */
static void take_note(struct reading *r, const char *desc, size_t len)
{
	uint64_t address[3];
	const char *provider = desc + sizeof(address), *name, *args;
	const char *end = desc + len;

	if (len < sizeof(address) + 3 || end[-1])
		return;
	memcpy(address, desc, sizeof(address));
	if (strcmp(provider, "mheap"))
		return;
	name = provider + strlen(provider) + 1;
	args = name < end ? name + strlen(name) + 1 : end;
	if (args < end)
		add_site(r, name, address,
			 count_args(args, (size_t)(end - args)));
}

static void take_notes(struct reading *r, Elf_Data *data)
{
	size_t at = 0, name_at, desc_at, next;
	GElf_Nhdr h;

	/* Who has that many unfit sites has nothing for us. */
	while (r->n->unfit < SITES_MAX &&
	       (next = gelf_getnote(data, at, &h, &name_at, &desc_at))) {
		const char *bytes = data->d_buf;

		if (h.n_type == STAPSDT_TYPE && h.n_namesz == 8 &&
		    !memcmp(bytes + name_at, "stapsdt", 8))
			take_note(r, bytes + desc_at, h.n_descsz);
		at = next;
	}
}

static Elf_Scn *section(Elf *elf, const char *name, GElf_Shdr *ret_header)
{
	Elf_Scn *s = NULL;
	size_t strings;

	if (elf_getshdrstrndx(elf, &strings) ||
	    !gelf_getshdr(elf_getscn(elf, strings), ret_header) ||
	    ret_header->sh_size > NOTES_MAX ||
	    ret_header->sh_flags & SHF_COMPRESSED)
		return NULL;
	while ((s = elf_nextscn(elf, s))) {
		const char *is;

		if (!gelf_getshdr(s, ret_header))
			continue;
		is = elf_strptr(elf, strings, ret_header->sh_name);
		if (is && !strcmp(is, name))
			return s;
	}
	return NULL;
}

static int read_elf(struct reading *r)
{
	GElf_Shdr h;
	Elf_Scn *s = section(r->elf, ".stapsdt.base", &h);
	Elf_Data *data;

	r->base = s ? h.sh_addr : 0;
	s = section(r->elf, ".note.stapsdt", &h);
	if (!s)
		return -ENOEXEC;
	if (h.sh_size > NOTES_MAX)
		return -EFBIG;
	data = elf_getdata(s, NULL);
	if (data)
		take_notes(r, data);
	return r->n->n ? 0 : -ENOEXEC;
}

/*
 * libelf makes room for as many headers as a file says that it has, which may be
 * 2^32 if they don't fit into the ELF header: no program that we know.
 */
bool notes_is_ours(int fd, Elf64_Ehdr *ret_h)
{
	Elf64_Ehdr h;

	if (pread(fd, &h, sizeof(h), 0) != sizeof(h) ||
	    memcmp(h.e_ident, ELFMAG, SELFMAG) ||
	    h.e_ident[EI_CLASS] != ELFCLASS64 ||
	    h.e_ident[EI_DATA] != ELFDATA2LSB || h.e_machine != OUR_MACHINE ||
	    h.e_phnum > PHDRS_MAX || h.e_phentsize != sizeof(Elf64_Phdr) ||
	    !h.e_shnum != !h.e_shoff || h.e_shnum > SHDRS_MAX ||
	    h.e_shstrndx == SHN_XINDEX)
		return false;
	*ret_h = h;
	return true;
}

static bool read_headers(struct reading *r)
{
	Elf64_Ehdr h;
	ssize_t len;

	if (!notes_is_ours(r->fd, &h))
		return false;
	r->np = h.e_phnum;
	len = (ssize_t)(r->np * sizeof(r->p[0]));
	return pread(r->fd, r->p, (size_t)len, (off_t)h.e_phoff) == len;
}

int notes_read(int fd, struct notes *ret_n)
{
	struct reading r = { .fd = fd, .n = ret_n };
	int err;

	memset(ret_n, 0, sizeof(*ret_n));
	if (!read_headers(&r))
		return -ENOEXEC;
	elf_version(EV_CURRENT);
	r.elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!r.elf)
		return -ENOEXEC;
	err = read_elf(&r);
	elf_end(r.elf);
	return err;
}

/* Lengths are rounded up as the kernel does, to 4. */
static const char *id_among(const char *at, size_t len, size_t *ret_len)
{
	Elf64_Nhdr h;

	while (len >= sizeof(h)) {
		size_t name, all;

		memcpy(&h, at, sizeof(h));
		name = sizeof(h) + (((size_t)h.n_namesz + 3) & ~(size_t)3);
		all = name + (((size_t)h.n_descsz + 3) & ~(size_t)3);
		if (name > len || h.n_descsz > len - name)
			break;
		*ret_len = h.n_descsz;
		if (h.n_type == NT_GNU_BUILD_ID && h.n_namesz == 4 && *ret_len &&
		    !memcmp(at + sizeof(h), "GNU", 4))
			return at + name;
		if (all > len)
			break;
		at += all;
		len -= all;
	}
	return NULL;
}

bool notes_build_id(int fd, uint8_t *to, size_t size)
{
	struct reading r = { .fd = fd };
	char notes[ID_NOTES];
	const char *id = NULL;
	size_t len;

	if (!read_headers(&r))
		return false;
	for (uint32_t i = 0; i < r.np && !id; i++) {
		ssize_t n = r.p[i].p_type != PT_NOTE ? 0 :
			    pread(fd, notes, r.p[i].p_filesz < ID_NOTES ?
				  r.p[i].p_filesz : ID_NOTES,
				  (off_t)r.p[i].p_offset);

		id = n > 0 ? id_among(notes, (size_t)n, &len) : NULL;
	}
	if (!id)
		return false;
	memset(to, 0, size);
	memcpy(to, id, len < size ? len : size);
	return true;
}
