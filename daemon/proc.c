/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc.c - see proc.h.  Reads /proc; takes no locks and keeps nothing.
 */
#include "daemon/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* A command may hold blanks and brackets; the last bracket ends it. */
bool proc_stat_parse(const char *text, struct proc_stat *ret_st)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	struct proc_stat st = { 0 };
	size_t n;

	if (!open || !close || close < open)
		return false;
	n = (size_t)(close - open - 1);
	memcpy(st.comm, open + 1, n < sizeof(st.comm) ? n : sizeof(st.comm) - 1);
	/* Field 3 is the state, field 22 the start. */
	if (sscanf(close + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u "
		   "%*u %*d %*d %*d %*d %*d %*d %lu", &st.state,
		   &st.start_time) != 2)
		return false;
	*ret_st = st;
	return true;
}

static int read_text(const char *path, char *buf, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, len - 1);
	if (n < 0)
		n = -errno;
	else
		buf[n] = 0;
	close(fd);
	return n < 0 ? (int)n : 0;
}

int proc_stat_read(pid_t pid, struct proc_stat *ret_st)
{
	char path[64], text[1024];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	r = read_text(path, text, sizeof(text));
	if (r)
		return r == -ENOENT ? -ESRCH : r;
	return proc_stat_parse(text, ret_st) ? 0 : -ESRCH;
}

uint64_t proc_pidns(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) ? 0 : st.st_ino;
}

void proc_boot_id(char *ret_id, size_t len)
{
	if (read_text("/proc/sys/kernel/random/boot_id", ret_id, len))
		ret_id[0] = 0;
	ret_id[strcspn(ret_id, "\n")] = 0;
}

/* "from-to perms offset major:minor inode path"; other rows have inode 0. */
int maps_have_file(FILE *maps, dev_t dev, ino_t ino)
{
	unsigned int major_nr, minor_nr;
	unsigned long inode;
	char row[512];
	bool any = false, fresh = true;

	while (fgets(row, sizeof(row), maps)) {
		bool begins = fresh;

		fresh = strchr(row, '\n') != NULL;
		if (!begins)
			continue;	/* the rest of a long path */
		any = true;
		if (sscanf(row, "%*x-%*x %*s %*x %x:%x %lu", &major_nr,
			   &minor_nr, &inode) == 3 && inode == ino &&
		    makedev(major_nr, minor_nr) == dev)
			return 1;
	}
	if (ferror(maps))
		return -EIO;
	return any ? 0 : -ENODATA;
}

static int maps_of_task(int tasks, const char *tid, dev_t dev, ino_t ino)
{
	char path[NAME_MAX + 8];
	FILE *maps;
	int fd, r;

	snprintf(path, sizeof(path), "%s/maps", tid);
	fd = openat(tasks, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	maps = fdopen(fd, "r");
	if (!maps) {
		close(fd);
		return -ENOMEM;
	}
	r = maps_have_file(maps, dev, ino);
	fclose(maps);
	return r;
}

static int maps_of_tasks(DIR *tasks, dev_t dev, ino_t ino)
{
	struct dirent *e;
	int proof = -ENODATA;

	while ((e = readdir(tasks))) {
		int r;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		r = maps_of_task(dirfd(tasks), e->d_name, dev, ino);
		if (r == 1)
			return 1;
		if (r == -EACCES || r == -EPERM)
			return r;
		if (r == 0)
			proof = 0;
	}
	return proof;
}

int proc_maps_file(pid_t pid, dev_t dev, ino_t ino)
{
	char path[64];
	DIR *tasks;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return -errno;
	r = maps_of_tasks(tasks, dev, ino);
	closedir(tasks);
	return r;
}
