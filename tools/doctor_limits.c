/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_limits.c - what a user's session allows: resource limits, the folder
 * of sockets, and whether a heap outlives the session.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shm/paths.h"
#include "tools/doctor.h"
#include "tools/say.h"

#define GIB		(1ull << 30)
#define HEAP_DEFAULT	(16 * GIB)	/* --size unless given */
#define FDS_EACH	3u		/* of the daemon, for a client */
#define FDS_OWN		32u
#define FDS_LEAST	64u
#define CLIENTS		1024u
#define USER_UID	1000u		/* logind spares those below */

static rlim_t soft(int which)
{
	struct rlimit l = { RLIM_INFINITY, RLIM_INFINITY };

	getrlimit(which, &l);
	return l.rlim_cur;
}

/* mheapd raises its own limit as far as it may. */
void check_descriptors(struct diagnosis *f)
{
	struct rlimit l = { RLIM_INFINITY, RLIM_INFINITY };
	rlim_t n;

	getrlimit(RLIMIT_NOFILE, &l);
	n = l.rlim_max;
	if (n == RLIM_INFINITY) {
		found(f, "no limit");
		return;
	}
	found(f, "%" PRIu64 " (ulimit -Hn)", (uint64_t)n);
	if (n < FDS_LEAST)
		remedy(f, LEVEL_FAIL, "raise it: ulimit -Hn %u, LimitNOFILE= in "
		       "the unit", FDS_OWN + FDS_EACH * CLIENTS);
	else if (n < FDS_OWN + FDS_EACH * CLIENTS)
		remedy(f, LEVEL_WARN, "mheapd can serve about %" PRIu64 " of %u "
		       "clients: ulimit -Hn %u, LimitNOFILE= in the unit",
		       (uint64_t)(n - FDS_OWN) / FDS_EACH, CLIENTS,
		       FDS_OWN + FDS_EACH * CLIENTS);
}

/* Both limits stand in the way of --size, which is range and not memory. */
static void check_range(struct diagnosis *f, int which, const char *ulimit,
			const char *unit)
{
	rlim_t n = soft(which);

	if (n == RLIM_INFINITY) {
		found(f, "no limit");
		return;
	}
	found(f, "%s (ulimit %s)", figure_bytes(n).s, ulimit);
	if (n < 2 * HEAP_DEFAULT)
		remedy(f, n < GIB ? LEVEL_FAIL : LEVEL_WARN, "a heap takes %s of"
		       " range by default: ulimit %s unlimited, %s=infinity in "
		       "the unit, or a smaller mheapd --size",
		       figure_bytes(HEAP_DEFAULT).s, ulimit, unit);
}

void check_address_space(struct diagnosis *f)
{
	check_range(f, RLIMIT_AS, "-v", "LimitAS");
}

void check_file_size(struct diagnosis *f)
{
	check_range(f, RLIMIT_FSIZE, "-f", "LimitFSIZE");
}

void check_memlock(struct diagnosis *f)
{
	rlim_t n = soft(RLIMIT_MEMLOCK);

	if (n == RLIM_INFINITY)
		found(f, "no limit");
	else
		found(f, "%s (ulimit -l); mheap locks nothing",
		      figure_bytes(n).s);
}

void check_socket_folder(struct diagnosis *f)
{
	const char *run = secure_getenv("XDG_RUNTIME_DIR");
	char dir[HEAP_PATH_MAX], why[256];

	if (heap_dir(false, dir, sizeof(dir), why, sizeof(why))) {
		found(f, "%s", why);
		remedy(f, LEVEL_FAIL, "repair the folder, or set MHEAP_SOCKET");
		return;
	}
	found(f, "%s (XDG_RUNTIME_DIR is %.100s)", dir,
	      run && run[0] ? run : "not set");
	if (geteuid() && (!run || run[0] != '/'))
		remedy(f, LEVEL_WARN, "a folder for temporary files may be "
		       "cleaned while a heap is served: set XDG_RUNTIME_DIR, "
		       "as pam_systemd does, or MHEAP_SOCKET");
}

/* The last RemoveIPC= of a file decides; *ret stays if it has none. */
static void read_conf(const char *path, bool *ret_removes)
{
	FILE *f = fopen(path, "re");
	char line[256], word[8];

	if (!f)
		return;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " RemoveIPC = %7[a-zA-Z0-9]", word) == 1)
			*ret_removes = strchr("yYtT1", word[0]) ||
				       !strcasecmp(word, "on");
	fclose(f);
}

static int is_conf(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return n > 5 && !strcmp(e->d_name + n - 5, ".conf");
}

/* Later files win.  The same name in two folders is rare enough. */
static bool logind_removes(void)
{
	static const char *const folder[] = {
		"/usr/lib/systemd/logind.conf.d", "/run/systemd/logind.conf.d",
		"/etc/systemd/logind.conf.d",
	};
	bool removes = true;		/* the default */

	read_conf("/etc/systemd/logind.conf", &removes);
	for (size_t i = 0; i < sizeof(folder) / sizeof(folder[0]); i++) {
		struct dirent **e;
		int n = scandir(folder[i], &e, is_conf, alphasort);

		for (int k = 0; k < n; k++) {
			char path[512];

			snprintf(path, sizeof(path), "%s/%s", folder[i],
				 e[k]->d_name);
			read_conf(path, &removes);
			free(e[k]);
		}
		if (n >= 0)
			free(e);
	}
	return removes;
}

void check_remove_ipc(struct diagnosis *f)
{
	bool removes;

	if (access("/run/systemd/system", F_OK)) {
		found(f, "no systemd: nobody removes heaps at logout");
		return;
	}
	removes = logind_removes();
	found(f, "RemoveIPC is %s in logind's configuration; this is user %u",
	      removes ? "on" : "off", geteuid());
	if (removes && geteuid() >= USER_UID)
		remedy(f, LEVEL_WARN, "this user's heaps in /dev/shm are removed"
		       " at the last logout: RemoveIPC=no in logind.conf, "
		       "loginctl enable-linger, or mheapd --backing memfd");
}
