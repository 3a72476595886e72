/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pgdsa_server.c - starts and stops the PostgreSQL server that pgdsa runs in.
 *
 *	TMPDIR/mheap-bench-pgdsa-PID/	ours, so the next run may remove it
 *		server/			the server's user's, mode 0700
 *			data/ log .s.PGSQL.5432 pgdsa_backend.so
 *
 * It listens on that socket only, and has no durability and few processes of
 * its own, that they don't disturb what is measured.  As it refuses to run as
 * root, root runs it as postgres, or else as nobody.  When our process dies,
 * the kernel ends the server (SIGQUIT: at once), and it takes its shared memory
 * with it; only if somebody kills the server by SIGKILL does that stay.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/peers/pgdsa_server.h"
#include "bench/peers/scratch.h"

#define STOP_TRIES	1000	/* of 10 ms */
#define LOG_TAIL	2000	/* bytes */

static char top[80], folder[96], data[112], log_path[112]; /* sun_path is 108 */
static uid_t uid;
static gid_t gid;
static pid_t server;		/* 0: none */

static int failed(const char *what, const char *path)
{
	int err = errno ? errno : EIO;

	fprintf(stderr, "pgdsa: %s %s: %s\n", what, path, strerror(err));
	return -err;
}

/* Who the server is to be. */
static int find_user(void)
{
	const struct passwd *pw;

	uid = geteuid();
	gid = getegid();
	if (uid)
		return 0;
	pw = getpwnam("postgres");
	if (!pw)
		pw = getpwnam("nobody");
	if (!pw) {
		fprintf(stderr, "pgdsa: PostgreSQL refuses to run as root, and "
			"there is neither a user postgres nor nobody: run the "
			"benchmark as a user\n");
		return -ENOENT;
	}
	uid = pw->pw_uid;
	gid = pw->pw_gid;
	return 0;
}

static int make_folder(void)
{
	int err = scratch_name(top, sizeof(top), scratch_tmp(), "pgdsa");

	if (err)
		return err;
	snprintf(folder, sizeof(folder), "%s/server", top);
	snprintf(data, sizeof(data), "%s/data", folder);
	snprintf(log_path, sizeof(log_path), "%s/log", folder);
	if (mkdir(top, 0755) < 0)
		return failed("mkdir", top);
	if (chmod(top, 0755) < 0 || mkdir(folder, 0700) < 0 ||
	    chown(folder, uid, gid) < 0)
		return failed("mkdir", folder);
	return 0;
}

/* In the child: becomes the server's user, and the program. */
static void become(char *const argv[], pid_t parent)
{
	int fd;

	setsid();		/* a ^C is for us, who then end it */
	if (uid != geteuid() &&
	    (setgroups(0, NULL) < 0 || setgid(gid) < 0 || setuid(uid) < 0))
		_exit(126);
	prctl(PR_SET_PDEATHSIG, SIGQUIT);
	fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (getppid() != parent || chdir(folder) < 0 || fd < 0)
		_exit(126);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	setenv("LC_ALL", "C", 1);
	unsetenv("LD_PRELOAD");
	execv(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static pid_t spawn(const char *const argv[])
{
	pid_t parent = getpid(), pid = fork();

	if (!pid)
		become((char *const *)argv, parent);
	if (pid < 0)
		failed("fork", argv[0]);
	return pid;
}

static int init_data(void)
{
	const char *argv[] = { PG_BINDIR "/initdb", "-D", data, "-U", "bench",
			       "-A", "trust", "-E", "UTF8", "--locale=C",
			       "--no-sync", NULL };
	int status = -1;
	pid_t pid = spawn(argv);

	if (pid < 0)
		return -EAGAIN;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status == 0)
		return 0;
	fprintf(stderr, "pgdsa: initdb failed:\n");
	pg_server_log();
	return -EIO;
}

static int start(void)
{
	char dirs[192];
	const char *argv[] = {
		PG_BINDIR "/postgres", "-D", data,
		"-c", dirs, "-c", "listen_addresses=",
		"-c", "max_connections=300", "-c", "shared_buffers=16MB",
		"-c", "fsync=off", "-c", "autovacuum=off",
		"-c", "wal_level=minimal", "-c", "max_wal_senders=0",
		"-c", "max_logical_replication_workers=0",
		"-c", "bgwriter_delay=10s", "-c", "wal_writer_delay=10s",
		"-c", "dynamic_shared_memory_type=posix", NULL,
	};

	unlink(log_path);		/* initdb's */
	snprintf(dirs, sizeof(dirs), "unix_socket_directories=%s", folder);
	server = spawn(argv);
	return server < 0 ? -EAGAIN : 0;
}

int pg_server_start(void)
{
	int err = find_user();

	server = 0;
	if (!err)
		err = make_folder();
	if (!err)
		err = init_data();
	if (!err)
		err = start();
	if (err)
		pg_server_stop();
	return err;
}

int pg_server_check(void)
{
	int status;

	if (server > 0 && waitpid(server, &status, WNOHANG) == 0)
		return 0;
	server = 0;
	return -ECHILD;
}

void pg_server_stop(void)
{
	const struct timespec moment = { .tv_nsec = 10000000 };

	if (server > 0)
		kill(server, SIGQUIT);
	for (int i = 0; server > 0 && pg_server_check() == 0; i++) {
		if (i == STOP_TRIES)
			kill(server, SIGKILL);
		nanosleep(&moment, NULL);
	}
	if (*top)
		scratch_remove(top);
}

const char *pg_server_folder(void)
{
	return folder;
}

int pg_server_copy(const char *path, char *ret_path, size_t size)
{
	const char *name = strrchr(path, '/');
	int from = open(path, O_RDONLY | O_CLOEXEC), to, err = 0;
	ssize_t n = 1;

	if (from < 0)
		return failed("open", path);
	snprintf(ret_path, size, "%s/%s", folder, name ? name + 1 : path);
	to = open(ret_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	while (to >= 0 && n > 0)
		n = sendfile(to, from, NULL, 1 << 20);
	if (to < 0 || n < 0 || fchmod(to, 0644) < 0)
		err = failed("write", ret_path);
	close(from);
	if (to >= 0)
		close(to);
	return err;
}

void pg_server_log(void)
{
	FILE *f = fopen(log_path, "r");
	char tail[LOG_TAIL];
	size_t n;

	if (!f)
		return;
	if (fseek(f, -LOG_TAIL, SEEK_END) < 0)
		rewind(f);
	n = fread(tail, 1, sizeof(tail), f);
	fwrite(tail, 1, n, stderr);
	fclose(f);
}
