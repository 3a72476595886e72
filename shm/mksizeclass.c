/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mksizeclass.c - prints shm/sizeclass_table.h on standard output.
 *
 * The table is committed, so a build doesn't run this; `make check` does, and
 * compares.  Where our classes differ from Go's, and why:
 *
 *	- no 24: objects of 16 bytes and more are 16-aligned;
 *	- 1, 2 and 4 in front: tiny values pack as in Go's tiny allocator, but
 *	  can be freed one by one;
 *	- spans of 32 KiB or more, and of 4 slots where they fit well into 128
 *	  KiB: the shortest.  A class that is used much has spans of double,
 *	  four times the length (sc_longer);
 *	- 20 run classes above 32 KiB, four per doubling: one object per span,
 *	  so that runs up to 1 MiB are recycled without the daemon.
 *
 * The slot of byte off is (off + 1) * magic >> 32 with magic = (2^32 - 1) / size.
 * (The usual off * magic with magic rounded up needs 33 bits for size 1.)  It is
 * exact while (off + 1) * size <= 2^32, and so is that the product's low half is
 * at most magic where off is a slot's first byte, only there; the program doesn't argue but tries each
 * offset of each class, and fails (exit 1, reason on standard error) rather than
 * print a wrong table.
 */
#include "shm/sizeclass_rule.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGE		RULE_PAGE
#define MIN_PAGES	4u
#define MAX_PAGES	16u
#define GOOD_SLOTS	4u	/* slots that make refills rare enough */
#define LEAST_SLOTS	1u
#define GOOD_TAIL	64u	/* a tail of 1/64 of the span is no matter */
#define CACHE_BYTES	(256u << 10)
#define CACHE_SMALLEST	(16u << 10)
#define CACHE_RUNS	(2u << 20)
#define CACHE_LEAST	32u
#define SMALL_MAX	32768u
#define BYTE_MAX	1024u	/* up to here one table entry per byte count */
#define COARSE_STEP	128u
#define MAX_ROWS	128u

struct row {
	uint32_t size, npages, nslots, magic, cache, tail, waste;
};

static struct row rows[MAX_ROWS];	/* rows[0]: none, or large */
static unsigned nrows = 1, first_run;

static const uint32_t run_pages[] = {
	5,  6,	7,  8,	10, 12, 14, 16, 20,  24,
	28, 32, 40, 48, 56, 64, 80, 96, 112, 128,
};
#define NRUNS (sizeof(run_pages) / sizeof(run_pages[0]))

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("mksizeclass: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

/* Is a span of a pages better than one of b, when neither is good? */
static bool less_tail(uint32_t size, uint32_t a, uint32_t b)
{
	uint32_t ta = a * PAGE % size, tb = b * PAGE % size;

	if (ta * b != tb * a)
		return ta * b < tb * a;
	return a > b;	/* equal shares: more slots */
}

static uint32_t choose_pages(uint32_t size)
{
	uint32_t p, best = 0;

	for (p = MIN_PAGES; p <= MAX_PAGES; p++)
		if (p * PAGE / size >= GOOD_SLOTS &&
		    p * PAGE % size <= p * PAGE / GOOD_TAIL)
			return p;
	for (p = MIN_PAGES; p <= MAX_PAGES; p++)
		if (p * PAGE / size >= LEAST_SLOTS &&
		    (best == 0 || less_tail(size, p, best)))
			best = p;
	if (best == 0)
		die("no span of %u pages or less for size %u", MAX_PAGES, size);
	return best;
}

static uint32_t within(uint32_t least, uint32_t n, uint32_t most)
{
	return n < least ? least : n > most ? most : n;
}

/*
 * How many free slots a thread's array may hold: 256 KiB worth, within 32..128;
 * of the smallest more, 16 KiB worth, as far as a byte counts.
 */
static uint32_t cache_slots(uint32_t size)
{
	uint32_t most = within(128, CACHE_SMALLEST / size, UINT8_MAX), n;

	if (size > SMALL_MAX)	/* runs: 2 MiB worth */
		return within(0, CACHE_RUNS / size, CACHE_LEAST);
	n = within(CACHE_LEAST, CACHE_BYTES / size, most);
	return n - n % 8;
}

static void add_row(uint32_t size, uint32_t npages, uint32_t cache)
{
	struct row *r = &rows[nrows];

	if (nrows >= MAX_ROWS)
		die("too many classes");
	r->size = size;
	r->npages = npages;
	r->nslots = npages * PAGE / size;
	r->tail = npages * PAGE % size;
	r->waste = rule_max_waste(size, rows[nrows - 1].size, npages * PAGE);
	r->cache = cache;
	nrows++;
}

static void make_rows(void)
{
	static const uint32_t tiny[] = { 1, 2, 4 };
	struct rule_class go[RULE_MAX];
	unsigned i, n = rule_classes(go);

	for (i = 0; i < sizeof(tiny) / sizeof(tiny[0]); i++)
		add_row(tiny[i], choose_pages(tiny[i]), cache_slots(tiny[i]));
	for (i = 0; i < n; i++) {
		uint32_t size = go[i].size;

		if (size >= 16 && size % 16 != 0)
			continue;
		add_row(size, choose_pages(size), cache_slots(size));
	}
	first_run = nrows;
	for (i = 0; i < NRUNS; i++)
		add_row(run_pages[i] * PAGE, run_pages[i],
			cache_slots(run_pages[i] * PAGE));
}

static bool exact(const struct row *r)
{
	uint32_t off;

	for (off = 0; off < MAX_PAGES * PAGE; off++) {
		uint64_t x = (uint64_t)(off + 1) * r->magic;

		if (x >> 32 != off / r->size ||
		    ((uint32_t)x <= r->magic) != (off % r->size == 0))
			return false;
	}
	return true;
}

/* Run classes keep magic 0: whatever the offset, the slot is slot 0. */
static void make_magics(void)
{
	unsigned c;

	for (c = 1; c < first_run; c++) {
		rows[c].magic = UINT32_MAX / rows[c].size;
		if (!exact(&rows[c]))
			die("inexact slot index for size %u", rows[c].size);
	}
}

/* What the accessors rely on, checked here once instead of at run time. */
static void check_rows(void)
{
	unsigned c;

	for (c = 1; c < nrows; c++) {
		const struct row *r = &rows[c];

		if (r->size <= rows[c - 1].size)
			die("class %u is not larger than the one before", c);
		if (r->size >= 16 && r->size % 16 != 0)
			die("size %u breaks the alignment of 16", r->size);
		if (r->size > BYTE_MAX && r->size % COARSE_STEP != 0)
			die("size %u falls between two table steps", r->size);
		if (r->npages > UINT8_MAX || r->nslots > UINT16_MAX ||
		    r->tail > UINT16_MAX || r->cache > UINT8_MAX)
			die("a field of size %u overflows", r->size);
	}
	if (rows[first_run - 1].size != RULE_SMALL_MAX)
		die("the last small class is not %u", RULE_SMALL_MAX);
}

static unsigned class_of(uint32_t size)
{
	unsigned c = 1;

	while (rows[c].size < size)
		c++;
	return c;
}

static void print_comment(void)
{
	unsigned c;

	puts("/*\n * class: its number; size: bytes of a slot; span: bytes, and"
	     " pages of 8 KiB;\n * slots: in a span; cache: free slots that a"
	     " thread's array may hold; tail: bytes\n * behind the last slot;"
	     " align: of every slot, largest power of two up to a page;\n"
	     " * waste: of a span filled with the least favourable size.\n *\n"
	     " * class    size    span  pages  slots  cache   tail  align"
	     "   waste");
	for (c = 1; c < nrows; c++) {
		const struct row *r = &rows[c];
		uint32_t align = r->size & -r->size;

		printf(" * %5u %7u %7u %6u %6u %6u %6u %6u %6u.%02u%%\n", c,
		       r->size, r->npages * PAGE, r->npages, r->nslots,
		       r->cache, r->tail, align < PAGE ? align : PAGE,
		       r->waste / 100, r->waste % 100);
	}
	puts(" */");
}

static void print_constants(void)
{
	printf("#define SC_COUNT\t%uu\t/* classes, number 0 included */\n"
	       "#define SC_FIRST_RUN\t%uu\n#define SC_LAST_SMALL\t%uu\n"
	       "#define SC_SMALL_MAX\t%uu\t/* bytes */\n"
	       "#define SC_RUN_MAX\t%uu\t/* bytes; beyond: class 0 */\n"
	       "#define SC_BYTE_MAX\t%uu\t/* end of the table by bytes */\n"
	       "#define SC_MAX_PAGES\t%uu\t/* of a small class's span */\n\n",
	       nrows, first_run, first_run - 1, rows[first_run - 1].size,
	       rows[nrows - 1].size, BYTE_MAX, MAX_PAGES);
}

static void print_rows(void)
{
	unsigned c;

	puts("/* size, magic, nslots, tail, waste, npages, cache */\n"
	     "#define SC_ROWS \\");
	for (c = 0; c < nrows; c++) {
		const struct row *r = &rows[c];

		printf("\t{ %u, 0x%08xu, %u, %u, %u, %u, %u }%s\n", r->size,
		       r->magic, r->nslots, r->tail, r->waste, r->npages,
		       r->cache, c + 1 < nrows ? ", \\" : "\n");
	}
}

/* Entry i of a table is the class of a request of base + i * step bytes. */
static void print_lookup(const char *name, uint32_t base, uint32_t step,
			 uint32_t last)
{
	uint32_t n, i = 0;

	printf("#define %s_SIZE %uu\n#define %s \\", name,
	       (last - base) / step + 1, name);
	for (n = base; n <= last; n += step, i++)
		printf("%s%u%s", i % 20 == 0 ? "\n\t" : " ", class_of(n),
		       n == last ? "\n\n" : i % 20 == 19 ? ", \\" : ",");
}

int main(void)
{
	make_rows();
	make_magics();
	check_rows();
	puts("/* SPDX-License-Identifier: Apache-2.0 */\n"
	     "/* Printed by shm/mksizeclass.c.  Don't edit: change it there,"
	     " reprint. */\n"
	     "#ifndef SHM_SIZECLASS_TABLE_H\n#define SHM_SIZECLASS_TABLE_H\n\n"
	     "/* clang-format off */\n");
	print_comment();
	print_constants();
	print_rows();
	print_lookup("SC_BY_BYTE", 0, 1, BYTE_MAX);
	print_lookup("SC_BY_128", BYTE_MAX, COARSE_STEP, RULE_SMALL_MAX);
	puts("/* clang-format on */\n\n#endif");
	return fflush(stdout) != 0 || ferror(stdout);
}
