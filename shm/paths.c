/* SPDX-License-Identifier: Apache-2.0 */
/*
 * paths.c - see paths.h.  Takes no locks, keeps nothing.
 *
 * A folder that others could write to would let them put a socket of theirs in
 * our place, so each is checked each time.  The environment is not trusted in a
 * program that runs with somebody else's rights.
 */
#include "shm/paths.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_DIR	"/run/mheap"

static bool name_char_ok(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

bool heap_name_ok(const char *name)
{
	size_t n = strlen(name);

	if (n < 1 || n > HEAP_NAME_MAX || name[0] == '.')
		return false;
	while (n--)
		if (!name_char_ok(name[n]))
			return false;
	return true;
}

/* Prints into ret; -ENAMETOOLONG with a sentence if it does not fit. */
__attribute__((format(printf, 5, 6)))
static int path_print(char *ret, size_t len, char *why, size_t why_len,
		      const char *format, ...)
{
	char path[HEAP_PATH_MAX];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	if (n >= 0 && (size_t)n < sizeof(path) && (size_t)n < len) {
		memcpy(ret, path, (size_t)n + 1);
		return 0;
	}
	snprintf(why, why_len, "the path %.80s... has %d bytes, a socket's may "
		 "have %u: set MHEAP_SOCKET to a shorter one", path, n,
		 HEAP_PATH_MAX - 1);
	return -ENAMETOOLONG;
}

/* Is the folder its owner's alone to write in?  A missing one is fine. */
static int dir_check(const char *dir, uid_t owner, char *why, size_t why_len)
{
	struct stat st;

	if (lstat(dir, &st)) {
		if (errno == ENOENT)
			return 0;
		snprintf(why, why_len, "%s: %s", dir, strerror(errno));
		return -errno;
	}
	if (!S_ISDIR(st.st_mode)) {
		snprintf(why, why_len, "%s is no folder: remove it", dir);
		return -ENOTDIR;
	}
	if (st.st_uid == owner && !(st.st_mode & 022))
		return 0;
	snprintf(why, why_len, "the folder %s belongs to user %u with mode %o; "
		 "it must be user %u's and writable by nobody else", dir,
		 st.st_uid, st.st_mode & 07777, owner);
	return -EPERM;
}

/* Made with just this mode, whatever the umask says. */
static int dir_make(const char *dir, mode_t mode, char *why, size_t why_len)
{
	if (!mkdir(dir, mode) && !chmod(dir, mode))
		return 0;
	if (errno == EEXIST)
		return 0;
	snprintf(why, why_len, "can't make the folder %s: %s", dir,
		 strerror(errno));
	return -errno;
}

/* A system service of another user has its folder made by systemd. */
static bool is_system(void)
{
	const char *given = secure_getenv("RUNTIME_DIRECTORY");

	return geteuid() == 0 || (given && !strcmp(given, SYSTEM_DIR));
}

static int dir_name(char *ret_dir, size_t len, char *why, size_t why_len)
{
	const char *run = secure_getenv("XDG_RUNTIME_DIR");
	const char *tmp = secure_getenv("TMPDIR");

	if (is_system())
		return path_print(ret_dir, len, why, why_len, SYSTEM_DIR);
	if (run && run[0] == '/')
		return path_print(ret_dir, len, why, why_len, "%s/mheap", run);
	return path_print(ret_dir, len, why, why_len, "%s/mheap-%u",
			  tmp && tmp[0] == '/' ? tmp : "/tmp", geteuid());
}

int heap_dir(bool create, char *ret_dir, size_t len, char *why, size_t why_len)
{
	char dir[HEAP_PATH_MAX];
	mode_t mode = is_system() ? 0755 : 0700;
	int r = dir_name(dir, sizeof(dir), why, why_len);

	if (!r && create)
		r = dir_make(dir, mode, why, why_len);
	if (!r)
		r = dir_check(dir, geteuid(), why, why_len);
	return r ? r : path_print(ret_dir, len, why, why_len, "%s", dir);
}

/* The system's socket, if there is one and its folder is root's. */
static bool system_socket(const char *name, char *ret_path, size_t len)
{
	char path[HEAP_PATH_MAX], why[8];

	return !dir_check(SYSTEM_DIR, 0, why, sizeof(why)) &&
	       !path_print(path, sizeof(path), why, sizeof(why),
			   SYSTEM_DIR "/%s.sock", name) &&
	       !access(path, F_OK) &&
	       !path_print(ret_path, len, why, sizeof(why), "%s", path);
}

int heap_socket_path(const char *name, char *ret_path, size_t len,
		     char *why, size_t why_len)
{
	const char *given = secure_getenv("MHEAP_SOCKET");
	char dir[HEAP_PATH_MAX], path[HEAP_PATH_MAX];
	int r;

	if (given && given[0])
		return path_print(ret_path, len, why, why_len, "%s", given);
	if (!heap_name_ok(name)) {
		snprintf(why, why_len, "\"%.60s\" is no name of a heap: 1 to %u "
			 "of A-Z a-z 0-9 . _ -, not a dot first", name,
			 HEAP_NAME_MAX);
		return -EINVAL;
	}
	r = heap_dir(false, dir, sizeof(dir), why, why_len);
	if (!r)
		r = path_print(path, sizeof(path), why, why_len, "%s/%s.sock",
			       dir, name);
	if (r)
		return r;
	if (!is_system() && access(path, F_OK) &&
	    system_socket(name, ret_path, len))
		return 0;
	return path_print(ret_path, len, why, why_len, "%s", path);
}

int heap_shm_name(uid_t uid, const char *name, const char *part,
		  char *ret_name, size_t len)
{
	int n = snprintf(ret_name, len, "/mheap.%u.%s.%s", uid, name, part);

	return n >= 0 && (size_t)n < len ? 0 : -ENAMETOOLONG;
}
