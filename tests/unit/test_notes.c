/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_notes.c - files that say too much of themselves: reading their notes takes
 * neither memory nor time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bpf/notes.h"

#if defined(__x86_64__)
#define MACHINE	EM_X86_64
#else
#define MACHINE	EM_AARCH64
#endif

#define NOTES_AT	(1u << 16)

/* Of the kind that a loader maps, with so many program headers, all of them notes. */
static int make(uint16_t nheaders, uint64_t notes_len)
{
	Elf64_Ehdr h = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			     ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_DYN, .e_machine = MACHINE, .e_version = EV_CURRENT,
		.e_phoff = sizeof(h), .e_ehsize = sizeof(h),
		.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = nheaders,
	};
	Elf64_Phdr p = { .p_type = PT_NOTE, .p_offset = NOTES_AT,
			 .p_filesz = notes_len, .p_align = 4 };
	int fd = memfd_create("elf", 0);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &h, sizeof(h), 0), sizeof(h));
	for (uint32_t i = 0; i < nheaders; i++)
		assert_int_equal(pwrite(fd, &p, sizeof(p), (off_t)(sizeof(h) +
				 i * sizeof(p))), sizeof(p));
	assert_int_equal(ftruncate(fd, (off_t)(NOTES_AT + notes_len)), 0);
	return fd;
}

static void note(int fd, off_t at, uint32_t type, const char *desc, uint32_t len)
{
	Elf64_Nhdr n = { .n_namesz = 4, .n_descsz = len, .n_type = type };

	assert_int_equal(pwrite(fd, &n, sizeof(n), at), sizeof(n));
	assert_int_equal(pwrite(fd, "GNU", 4, at + 12), 4);
	assert_int_equal(pwrite(fd, desc, len, at + 16), len);
}

static void test_build_id(void **state)
{
	const uint8_t want[8] = { 'a', 'b', 'c', 'd', 'e' };
	int fd = make(1, 4096);
	uint8_t id[8];

	(void)state;
	note(fd, NOTES_AT, NT_GNU_ABI_TAG, "xyz", 3);
	assert_false(notes_build_id(fd, id, sizeof(id)));
	note(fd, NOTES_AT + 20, NT_GNU_BUILD_ID, "abcde", 5);
	assert_true(notes_build_id(fd, id, sizeof(id)));
	assert_memory_equal(id, want, sizeof(id));
	assert_true(notes_build_id(fd, id, 2));
	close(fd);
}

/* 3 GiB of notes, in a process that may have a quarter of that. */
static void test_memory(void **state)
{
	struct rlimit was, few;
	int fd = make(2, 3ull << 30);
	uint8_t id[20];

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_AS, &was), 0);
	few = was;
	few.rlim_cur = 768 << 20;
	assert_int_equal(setrlimit(RLIMIT_AS, &few), 0);
	note(fd, NOTES_AT, NT_GNU_BUILD_ID, "abcde", 5);
	assert_true(notes_build_id(fd, id, sizeof(id)));
	setrlimit(RLIMIT_AS, &was);
	close(fd);
}

/* A note that doesn't end, and one whose length wraps around. */
static void test_ends(void **state)
{
	static const uint32_t bad[] = { 4096, UINT32_MAX - 2, UINT32_MAX };
	uint8_t id[20];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		Elf64_Nhdr n = { .n_namesz = 4, .n_descsz = bad[i],
				 .n_type = NT_GNU_BUILD_ID };
		int fd = make(1, 4096);

		assert_int_equal(pwrite(fd, &n, sizeof(n), NOTES_AT), sizeof(n));
		assert_int_equal(pwrite(fd, "GNU", 4, NOTES_AT + 12), 4);
		assert_false(notes_build_id(fd, id, sizeof(id)));
		close(fd);
	}
}

static void test_headers(void **state)
{
	static struct notes n;
	Elf64_Ehdr h;
	int fd = make(256, 4096), many = make(257, 4096);

	(void)state;
	assert_true(notes_is_ours(fd, &h));
	assert_false(notes_is_ours(many, &h));
	assert_int_equal(notes_read(many, &n), -ENOEXEC);
	assert_int_equal(pread(fd, &h, sizeof(h), 0), sizeof(h));
	h.e_shoff = sizeof(h);
	h.e_shnum = 4097;
	assert_int_equal(pwrite(fd, &h, sizeof(h), 0), sizeof(h));
	assert_false(notes_is_ours(fd, &h));
	h.e_shnum = 0;			/* a number that is elsewhere */
	assert_int_equal(pwrite(fd, &h, sizeof(h), 0), sizeof(h));
	assert_false(notes_is_ours(fd, &h));
	close(fd);
	close(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build_id),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
