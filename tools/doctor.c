/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.c - `mheap doctor`: the table of checks and how they are shown.  Exit
 * status 1 if mheapd or its clients can't work here; a warning costs something,
 * or will some day.
 */
#include "tools/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/args.h"
#include "tools/commands.h"
#include "tools/json.h"

static const struct {
	const char   *name;
	doctor_check *check;
} checks[] = {
	{ "kernel", check_kernel },
	{ "processor", check_processor },
	{ "dev_shm", check_dev_shm },
	{ "memfd", check_memfd },
	{ "io_uring", check_io_uring },
	{ "pidfd", check_pidfd },
	{ "peer_pidfd", check_peer_pidfd },
	{ "socket_folder", check_socket_folder },
	{ "open_files", check_descriptors },
	{ "address_space", check_address_space },
	{ "file_size", check_file_size },
	{ "locked_memory", check_memlock },
	{ "map_count", check_map_count },
	{ "memory_limit", check_cgroup },
	{ "huge_pages", check_huge_pages },
	{ "remove_ipc", check_remove_ipc },
	{ "bpf", check_bpf },
};

#define CHECKS	(sizeof(checks) / sizeof(checks[0]))

static const char *const level_names[] = { "ok", "warn", "fail" };

void found(struct diagnosis *f, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(f->value, sizeof(f->value), format, args);
	va_end(args);
}

void remedy(struct diagnosis *f, enum level level, const char *format, ...)
{
	va_list args;

	f->level = level;
	va_start(args, format);
	vsnprintf(f->remedy, sizeof(f->remedy), format, args);
	va_end(args);
}

int read_line(const char *path, char *ret_line, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int err;

	if (fd < 0)
		return -errno;
	n = read(fd, ret_line, len - 1);
	err = errno;
	close(fd);
	if (n < 0)
		return -err;
	ret_line[n] = 0;
	ret_line[strcspn(ret_line, "\n")] = 0;
	return 0;
}

int read_number(const char *path, uint64_t *ret_n)
{
	char line[32], *end;
	uint64_t n;
	int r = read_line(path, line, sizeof(line));

	if (r)
		return r;
	n = strtoull(line, &end, 10);
	if (end == line || *end)
		return -EINVAL;
	*ret_n = n;
	return 0;
}

static void print_finding(const char *name, const struct diagnosis *f)
{
	printf("%-4s  %-14s %s\n", level_names[f->level], name, f->value);
	if (f->remedy[0])
		printf("      %-14s -> %s\n", "", f->remedy);
}

static void json_finding(struct json_object *list, const char *name,
			 const struct diagnosis *f)
{
	struct json_object *o = json_item(list);

	json_text(o, "name", name, 32);
	json_text(o, "level", level_names[f->level], 8);
	json_text(o, "value", f->value, sizeof(f->value));
	json_text(o, "remedy", f->remedy, sizeof(f->remedy));
}

static bool print_all(void)
{
	unsigned n[3] = { 0 };

	for (size_t i = 0; i < CHECKS; i++) {
		struct diagnosis f = { 0 };

		checks[i].check(&f);
		print_finding(checks[i].name, &f);
		n[f.level]++;
	}
	printf("%u ok, %u to warn of, %u failed\n", n[LEVEL_OK], n[LEVEL_WARN],
	       n[LEVEL_FAIL]);
	return !n[LEVEL_FAIL];
}

static bool json_all(void)
{
	struct json_object *o = json_new(), *list = json_list(o, "checks");
	bool ok = true;

	for (size_t i = 0; i < CHECKS; i++) {
		struct diagnosis f = { 0 };

		checks[i].check(&f);
		json_finding(list, checks[i].name, &f);
		ok = ok && f.level != LEVEL_FAIL;
	}
	json_flag(o, "ok", ok);
	json_print(o);
	return ok;
}

int cmd_doctor(int argc, char **argv)
{
	static const struct argp_option options[] = { ARG_OPTION_JSON,
						      ARG_END };
	static const struct args_rule rule = {
		options, NULL, "What of this system helps or hinders, and the "
		"remedy.\vRun it as the user, and under the limits, that mheapd "
		"will have.  Exit status 1: mheapd can't work here.", 0, false, 0,
	};
	struct args a;

	args_parse(&rule, argc, argv, &a);
	return (a.flags & ARG_JSON ? json_all : print_all)() ? 0 : EXIT_FAULT;
}
