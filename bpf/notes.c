/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notes.c - see notes.h.  A site must be a nop of one byte (of one word on
 * aarch64): the kernel turns a longer one into a call, which overwrites what a
 * leaf function keeps below its stack pointer.
 */
#include "bpf/notes.h"

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
static const uint8_t nop[] = { 0x90 };
#else
#define OUR_MACHINE	EM_AARCH64
static const uint8_t nop[] = { 0x1f, 0x20, 0x03, 0xd5 };
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

static bool site_fits(const struct reading *r, const struct site *s)
{
	uint8_t is[sizeof(nop)];

	return pread(r->fd, is, sizeof(is), (off_t)s->offset) ==
	       (ssize_t)sizeof(is) && !memcmp(is, nop, sizeof(nop));
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

	if (elf_getshdrstrndx(elf, &strings))
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

static void read_elf(struct reading *r)
{
	GElf_Shdr h;
	Elf_Scn *s = section(r->elf, ".stapsdt.base", &h);
	Elf_Data *data;

	r->base = s ? h.sh_addr : 0;
	s = section(r->elf, ".note.stapsdt", &h);
	data = s ? elf_getdata(s, NULL) : NULL;
	if (data)
		take_notes(r, data);
}

bool notes_read(int fd, struct notes *ret_n)
{
	struct reading r = { .fd = fd, .n = ret_n };
	GElf_Ehdr h;

	memset(ret_n, 0, sizeof(*ret_n));
	elf_version(EV_CURRENT);
	r.elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!r.elf)
		return false;
	if (gelf_getehdr(r.elf, &h) && h.e_machine == OUR_MACHINE &&
	    h.e_ident[EI_CLASS] == ELFCLASS64)
		read_elf(&r);
	elf_end(r.elf);
	return ret_n->n > 0;
}
