/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stranger.c - makes a program that has probes into one that a tracer must not
 * trust, in place, and gets it looked at; for the tests of mheap-trace.
 *
 *	stranger map FILE...	maps their code; says so; until the end of input
 *	stranger site FILE	its selftest site makes the file "ran", and loops
 *	stranger plain FILE	no probe has a semaphore
 *	stranger long FILE	its notes are 2 MiB
 *	stranger exec PROGRAM...	at a line of input another thread than the
 *			first runs it
 */
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
	int	    fd;
	char	   *at;
	size_t	    len;
};

static struct file open_file(const char *path)
{
	struct file f = { .fd = open(path, O_RDWR) };
	struct stat st;

	if (f.fd < 0 || fstat(f.fd, &st)) {
		perror(path);
		exit(1);
	}
	f.len = (size_t)st.st_size;
	f.at = mmap(NULL, f.len, PROT_READ | PROT_WRITE, MAP_SHARED, f.fd, 0);
	if (f.at == MAP_FAILED) {
		perror(path);
		exit(1);
	}
	return f;
}

static int map(char **path)
{
	for (; *path; path++) {
		int fd = open(*path, O_RDONLY);

		if (fd < 0 || mmap(NULL, 65536, PROT_READ | PROT_EXEC,
				   MAP_PRIVATE, fd, 0) == MAP_FAILED)
			return 1;
		close(fd);
	}
	puts("mapped");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}

/* The next note of provider mheap: its three addresses; *at is its name. */
static char *note(const struct file *f, char **at)
{
	char *name = memmem(*at, f->len - (size_t)(*at - f->at), "\0mheap", 7);

	while (name && memcmp(name + 1 - 24 - 8, "stapsdt", 8)) {
		*at = name + 1;
		name = memmem(*at, f->len - (size_t)(*at - f->at), "\0mheap", 7);
	}
	if (!name)
		return NULL;
	*at = name + 7;
	return name + 1 - 24;
}

static char *code_at(const struct file *f, uint64_t address)
{
	const Elf64_Ehdr *e = (const void *)f->at;
	const Elf64_Phdr *p = (const void *)(f->at + e->e_phoff);

	for (int i = 0; i < e->e_phnum; i++)
		if (p[i].p_type == PT_LOAD && address >= p[i].p_vaddr &&
		    address - p[i].p_vaddr < p[i].p_filesz)
			return f->at + (address - p[i].p_vaddr) + p[i].p_offset;
	return NULL;
}

extern const char bad_code[], bad_code_end[];

#if defined(__x86_64__)
__asm__(".pushsection .rodata\n"
	"bad_code:\n"
	"	nop\n	leaq 2f(%rip), %rdi\n	movl $0600, %esi\n"
	"	movl $85, %eax\n	syscall\n"
	"1:	jmp 1b\n"
	"2:	.asciz \"ran\"\n"
	"bad_code_end:\n"
	".popsection\n");
#else
__asm__(".pushsection .rodata\n"
	".balign 4\n"
	"bad_code:\n"
	"	nop\n	mov x0, #-100\n	adr x1, 2f\n	mov x2, #0x41\n"
	"	mov x3, #0600\n	mov x8, #56\n	svc #0\n"
	"1:	b 1b\n"
	"2:	.asciz \"ran\"\n"
	"bad_code_end:\n"
	".popsection\n");
#endif

static int site(const struct file *f)
{
	char *at = f->at, *code, *n;
	uint64_t address;

	while ((n = note(f, &at))) {
		if (strcmp(at, "selftest"))
			continue;
		memcpy(&address, n, sizeof(address));
		code = code_at(f, address);
		if (!code)
			return 1;
		memcpy(code, bad_code, (size_t)(bad_code_end - bad_code));
		return 0;
	}
	return 1;
}

static int plain(const struct file *f)
{
	char *at = f->at, *n;
	int found = 0;

	while ((n = note(f, &at))) {
		memset(n + 16, 0, 8);
		found++;
	}
	return !found;
}

static int too_long(const struct file *f)
{
	const Elf64_Ehdr *e = (const void *)f->at;
	Elf64_Shdr *s = (void *)(f->at + e->e_shoff);
	const char *names = f->at + s[e->e_shstrndx].sh_offset;

	for (int i = 0; i < e->e_shnum; i++)
		if (!strcmp(names + s[i].sh_name, ".note.stapsdt")) {
			s[i].sh_size = 2 << 20;
			return ftruncate(f->fd, (off_t)f->len + (2 << 20)) != 0;
		}
	return 1;
}

static void *run(void *argv)
{
	char **a = argv;

	if (getchar() != EOF)
		execv(a[0], a);
	_exit(1);
}

static int exec_in_thread(char **argv)
{
	pthread_t t;

	return pthread_create(&t, NULL, run, argv) || pthread_join(t, NULL);
}

int main(int argc, char **argv)
{
	struct file f;

	if (argc < 3)
		return 2;
	if (!strcmp(argv[1], "map"))
		return map(argv + 2);
	if (!strcmp(argv[1], "exec"))
		return exec_in_thread(argv + 2);
	f = open_file(argv[2]);
	if (!strcmp(argv[1], "site"))
		return site(&f);
	if (!strcmp(argv[1], "plain"))
		return plain(&f);
	return strcmp(argv[1], "long") ? 2 : too_long(&f);
}
