/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_loop_accept.c - connections, and what a daemon meets in production: no
 * descriptors left, io_uring forbidden, an end with everything still pending.
 */
#include "tests/unit/loop_test.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#define CONNECTIONS 100

struct guests {
	int n, failures, last_error, fds[CONNECTIONS];
};

static void welcome(void *arg, int fd)
{
	struct guests *g = arg;

	if (fd >= 0) {
		g->fds[g->n++] = fd;
	} else {
		g->failures++;
		g->last_error = fd;
	}
}

static struct sockaddr_un address(socklen_t *len)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1,
			 "mheap-test-loop-%d", (int)getpid());

	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
	return a;
}

static int listener(int flags)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | flags, 0);
	socklen_t len;
	struct sockaddr_un a = address(&len);

	if (fd < 0 || bind(fd, (void *)&a, len) || listen(fd, CONNECTIONS))
		return -1;
	return fd;
}

static int connection(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	socklen_t len;
	struct sockaddr_un a = address(&len);

	if (fd < 0 || connect(fd, (void *)&a, len))
		return -1;
	return fd;
}

static void accept_all(struct loop *l, int flags)
{
	struct guests g = { 0 };
	int i, fds[CONNECTIONS], fd = listener(flags);

	assert_true(fd >= 0);
	assert_true(loop_accept(l, fd, welcome, &g));
	for (i = 0; i < CONNECTIONS; i++) {
		fds[i] = connection();
		assert_true(fds[i] >= 0);
		if (i % 7 == 0)
			assert_true(loop_once(l, 0) >= 0);
	}
	until(l, &g.n, CONNECTIONS);
	assert_int_equal(g.failures, 0);
	for (i = 0; i < CONNECTIONS; i++) {
		assert_int_equal(fcntl(g.fds[i], F_GETFD), FD_CLOEXEC);
		close(g.fds[i]);
		close(fds[i]);
	}
	close(fd);
}

static void test_accept_100(void **state)
{
	accept_all(*state, 0);
}

/* As handed over by socket activation; an empty queue is no failure then. */
static void test_accept_nonblocking_listener(void **state)
{
	accept_all(*state, SOCK_NONBLOCK);
}

static void test_accept_refused_is_final(void **state)
{
	struct loop *l = *state;
	struct guests g = { 0 };
	int fd = eventfd(0, 0);
	loop_id id = loop_accept(l, fd, welcome, &g);

	until(l, &g.failures, 1);
	assert_int_equal(g.last_error, -ENOTSOCK);
	assert_int_equal(loop_cancel(l, id), -ENOENT);
	close(fd);
}

struct door {
	struct loop *l;
	loop_id id;
};

static void shut(void *arg, unsigned int revents)
{
	struct door *d = arg;

	(void)revents;
	loop_cancel(d->l, d->id);
}

/*
 * The connection and the event that cancels the watch come in one turn.  Where
 * the event is first, nobody asked for the connection any more: it is closed.
 */
static void test_connection_after_cancel_is_closed(void **state)
{
	struct door d = { .l = *state };
	struct guests g = { 0 };
	int client, before, bell = eventfd(0, 0), fd = listener(0);
	char c;

	d.id = loop_accept(d.l, fd, welcome, &g);
	loop_poll(d.l, bell, POLLIN, shut, &d);
	assert_true(quiet(d.l));
	eventfd_write(bell, 1);
	before = open_fds();
	client = connection();
	assert_true(quiet(d.l));
	assert_int_equal(loop_cancel(d.l, d.id), -ENOENT);
	assert_int_equal(open_fds(), before + 1 + g.n);
	if (g.n)
		close(g.fds[0]);
	close(fd); /* resets the connection, were it still in the queue */
	assert_int_equal(recv(client, &c, 1, MSG_DONTWAIT), 0);
	close(client);
	close(bell);
}

static void accept_without_descriptors(void)
{
	struct guests g = { 0 };
	struct rlimit old;
	struct loop *l;
	uint64_t start;
	int turns, client, fd = listener(0);

	CHECK(fd >= 0 && !loop_new(&l));
	client = connection();
	CHECK(client >= 0);
	old = use_up_descriptors();
	start = now_ns();
	CHECK(loop_accept(l, fd, welcome, &g));
	for (turns = 0; g.failures < 3; turns++)
		CHECK(loop_once(l, -1) >= 0);
	/* Two rests lie between three failures, and nothing spins in them. */
	CHECK(g.last_error == -EMFILE && g.n == 0);
	CHECK(now_ns() - start >= 200 * MS);
	CHECK(turns < 20);
	CHECK(!setrlimit(RLIMIT_NOFILE, &old));
	CHECK(reaches(l, &g.n, 1));
	loop_destroy(l);
}

static void test_accept_rests_without_descriptors(void **state)
{
	(void)state;
	in_child(accept_without_descriptors);
}

static void test_destroy_with_all_kinds_pending(void **state)
{
	struct guests g = { 0 };
	int n = 0, before = open_fds(), fd = listener(0);
	struct loop *l;

	(void)state;
	assert_int_equal(loop_new(&l), 0);
	loop_accept(l, fd, welcome, &g);
	loop_poll(l, fd, POLLIN, count_poll, &n);
	loop_timer(l, MS, MS, count, &n);
	loop_signal(l, SIGUSR2, keep_result, &n);
	assert_true(quiet(l));
	loop_poll(l, fd, POLLIN, count_poll, &n);
	loop_destroy(l);
	loop_destroy(NULL);
	close(fd);
	assert_int_equal(open_fds(), before);
	assert_int_equal(n + g.n, 0);
}

/* --- refusals ------------------------------------------------------------ */

static void forbid_io_uring(int err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(*code), code };

	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog));
}

static void refused_by_seccomp(void)
{
	struct loop *l = NULL;
	char buf[512];

	forbid_io_uring(EPERM);
	CHECK(loop_new(&l) == -EPERM);
	CHECK(!l);
	CHECK(loop_explain(-EPERM, buf, sizeof(buf)) == buf);
	CHECK(strstr(buf, "seccomp") && strstr(buf, "io_uring_enter"));
	CHECK(strstr(buf, "kernel.io_uring_disabled"));
}

static void missing_system_call(void)
{
	struct loop *l = NULL;
	char buf[512];

	forbid_io_uring(ENOSYS);
	CHECK(loop_new(&l) == -ENOSYS);
	loop_explain(-ENOSYS, buf, sizeof(buf));
	CHECK(strstr(buf, "CONFIG_IO_URING") && strstr(buf, "seccomp"));
}

static void no_descriptor_for_the_loop(void)
{
	struct loop *l = NULL;
	char buf[512];

	use_up_descriptors();
	CHECK(loop_new(&l) == -EMFILE);
	loop_explain(-EMFILE, buf, sizeof(buf));
	CHECK(strstr(buf, "RLIMIT_NOFILE"));
}

static void test_loop_new_refused(void **state)
{
	(void)state;
	in_child(refused_by_seccomp);
	in_child(missing_system_call);
	in_child(no_descriptor_for_the_loop);
}

static void test_explain_fits_and_names_the_remedy(void **state)
{
	char buf[512], tiny[8];

	(void)state;
	assert_non_null(strstr(loop_explain(-ENOMEM, buf, sizeof(buf)),
			       "RLIMIT_MEMLOCK"));
	assert_non_null(
		strstr(loop_explain(-EACCES, buf, sizeof(buf)), "SELinux"));
	assert_non_null(
		strstr(loop_explain(-EOPNOTSUPP, buf, sizeof(buf)), "6.1"));
	assert_string_equal(loop_explain(-EIO, buf, sizeof(buf)),
			    strerror(EIO));
	assert_int_equal(strlen(loop_explain(-EPERM, tiny, sizeof(tiny))), 7);
}

static const struct CMUnitTest tests[] = {
	WITH_LOOP(test_accept_100),
	WITH_LOOP(test_accept_nonblocking_listener),
	WITH_LOOP(test_accept_refused_is_final),
	WITH_LOOP(test_connection_after_cancel_is_closed),
	cmocka_unit_test(test_accept_rests_without_descriptors),
	cmocka_unit_test(test_destroy_with_all_kinds_pending),
	cmocka_unit_test(test_loop_new_refused),
	cmocka_unit_test(test_explain_fits_and_names_the_remedy),
};

int main(void)
{
	return RUN_WITH_LOOP(tests);
}
