/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit.c - how much memory the heap may use: what the file NAME.limit beside
 * the socket says, else --limit, else what the machine can spare.  Keeps
 * nothing; read at start and at SIGHUP.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "daemon/server.h"

/* 80 % of the memory, and no more than the segments' file system has. */
static uint64_t limit_default(const struct store *st)
{
	uint64_t room = store_room(st), most = UINT64_MAX;
	struct sysinfo si;

	if (!sysinfo(&si))
		most = (uint64_t)si.totalram * si.mem_unit / 10 * 8;
	return room < most ? room : most;
}

/* Its first line, if the file is ours or root's and nobody else's to write. */
static int limit_read(const char *path, char *ret_text, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	ssize_t n = -1;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && !(st.st_mode & 022) &&
	    (st.st_uid == geteuid() || st.st_uid == 0))
		n = read(fd, ret_text, len - 1);
	close(fd);
	if (n < 0)
		return -EPERM;
	ret_text[n] = 0;
	ret_text[strcspn(ret_text, "\n")] = 0;
	return 0;
}

uint64_t limit_now(const struct server *sv)
{
	uint64_t limit = sv->o->limit ? sv->o->limit :
					limit_default(&sv->store), given;
	char text[64];
	int r = limit_read(sv->at.limit, text, sizeof(text));

	if (!r && parse_bytes(text, &given) && given >= 1u << 20)
		return given;
	if (r != -ENOENT)
		log_line(LOG_WARNING, "%s %s: the limit stays as it would be "
			 "without it", sv->at.limit, r ? "is not our own, or "
			 "others may write to it" : "does not begin with bytes "
			 "such as 512M, 1M or more");
	return limit;
}
