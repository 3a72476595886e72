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

struct reading {
	int	 fd;
	Elf	*elf;
	uint64_t base;			/* address of .stapsdt.base, 0: none */
	struct notes *n;
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

static bool offset_of(Elf *elf, uint64_t address, uint64_t *ret_offset)
{
	size_t n;

	if (elf_getphdrnum(elf, &n))
		return false;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(elf, (int)i, &p) || p.p_type != PT_LOAD ||
		    address < p.p_vaddr || address - p.p_vaddr >= p.p_filesz)
			continue;
		*ret_offset = address - p.p_vaddr + p.p_offset;
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
		 !offset_of(r->elf, address[0] + shift, &s.offset) ||
		 (address[2] &&
		  !offset_of(r->elf, address[2] + shift, &s.semaphore)) ||
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

	while ((next = gelf_getnote(data, at, &h, &name_at, &desc_at))) {
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
static bool is_ours(int fd)
{
	Elf64_Ehdr h;

	return pread(fd, &h, sizeof(h), 0) == sizeof(h) &&
	       !memcmp(h.e_ident, ELFMAG, SELFMAG) &&
	       h.e_ident[EI_CLASS] == ELFCLASS64 && h.e_machine == OUR_MACHINE &&
	       h.e_shnum && h.e_shstrndx != SHN_XINDEX && h.e_phnum != PN_XNUM;
}

int notes_read(int fd, struct notes *ret_n)
{
	struct reading r = { .fd = fd, .n = ret_n };
	int err;

	memset(ret_n, 0, sizeof(*ret_n));
	if (!is_ours(fd))
		return -ENOEXEC;
	elf_version(EV_CURRENT);
	r.elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!r.elf)
		return -ENOEXEC;
	err = read_elf(&r);
	elf_end(r.elf);
	return err;
}
