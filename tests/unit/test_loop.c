/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_loop.c - the event loop against the real kernel: timers, readiness,
 * signals, bursts larger than both queues, cancellation at awkward moments.
 */
#include "tests/unit/loop_test.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* --- timers -------------------------------------------------------------- */

static char order[16];

static void note(void *arg)
{
	strncat(order, arg, 1);
}

static void test_timers_run_in_order(void **state)
{
	struct loop *l = *state;
	uint64_t start = now_ns();
	int done = 0;

	order[0] = 0;
	loop_timer(l, 30 * MS, 0, note, (char[]){ "d" });
	loop_timer(l, 10 * MS, 0, note, (char[]){ "b" });
	loop_timer(l, 0, 0, note, (char[]){ "a" });
	loop_timer(l, 20 * MS, 0, note, (char[]){ "c" });
	loop_timer(l, 40 * MS, 0, count, &done);
	until(l, &done, 1);
	assert_string_equal(order, "abcd");
	assert_true(now_ns() - start >= 40 * MS);
}

static void test_periodic_timer_repeats(void **state)
{
	struct loop *l = *state;
	uint64_t start = now_ns();
	int ticks = 0;
	loop_id id = loop_timer(l, MS, 2 * MS, count, &ticks);

	until(l, &ticks, 10);
	assert_true(now_ns() - start >= (1 + 9 * 2) * MS);
	assert_int_equal(loop_cancel(l, id), 0);
	ticks = 0;
	assert_int_equal(loop_once(l, 10), 0);
	assert_int_equal(ticks, 0);
}

static void test_missed_periods_are_not_made_up_for(void **state)
{
	struct loop *l = *state;
	struct timespec stall = { .tv_nsec = 20 * MS };
	int ticks = 0;

	loop_timer(l, MS, MS, count, &ticks);
	nanosleep(&stall, NULL);
	loop_once(l, 0);
	assert_int_equal(ticks, 1);
}

static void test_timer_once_is_final_unless_set_again(void **state)
{
	struct loop *l = *state;
	int ticks = 0;
	loop_id id = loop_timer(l, LOOP_NEVER, 0, count, &ticks);

	assert_int_equal(loop_once(l, 5), 0);
	assert_int_equal(loop_timer_set(l, id, MS, 0), 0);
	until(l, &ticks, 1);
	assert_int_equal(loop_timer_set(l, id, 0, 0), -ENOENT);
	assert_int_equal(loop_cancel(l, id), -ENOENT);
}

struct again {
	struct loop *l;
	loop_id id;
	int ticks;
};

static void set_again(void *arg)
{
	struct again *a = arg;

	if (++a->ticks < 3)
		loop_timer_set(a->l, a->id, MS, 0);
}

static void test_timer_sets_itself_again(void **state)
{
	struct again a = { .l = *state };

	a.id = loop_timer(a.l, 0, 0, set_again, &a);
	until(a.l, &a.ticks, 3);
	assert_int_equal(loop_cancel(a.l, a.id), -ENOENT);
}

static void test_turn_waits_as_long_as_told(void **state)
{
	struct loop *l = *state;
	int ticks = 0, fd = eventfd(0, 0);
	uint64_t start;

	/* With something to hand in, and then without. */
	loop_poll(l, fd, POLLIN, count_poll, &ticks);
	start = now_ns();
	assert_int_equal(loop_once(l, 30), 0);
	assert_int_equal(loop_once(l, 30), 0);
	assert_in_range(now_ns() - start, 60 * MS, PATIENCE);
	start = now_ns();
	assert_int_equal(loop_once(l, 0), 0);
	assert_true(now_ns() - start < 1000 * MS);
	close(fd);
}

/* --- run and stop -------------------------------------------------------- */

/* Ends soon by itself, whoever asks for how much.  (Delayed, it never began.) */
static void test_lingering_turns_do_not_wait(void **state)
{
	struct timespec rest = { .tv_nsec = MS };
	struct loop *l = *state;
	uint64_t start, took = PATIENCE;

	for (int i = 0; i < 100 && took > 100 * MS; i++) {
		loop_linger(l, 1000 * MS);
		start = now_ns();
		assert_int_equal(loop_once(l, 200), 0);
		took = now_ns() - start;
	}
	assert_true(took < 100 * MS);
	nanosleep(&rest, NULL);
	start = now_ns();
	assert_int_equal(loop_once(l, 20), 0);
	assert_true(now_ns() - start >= 20 * MS);
}

static void stop(void *arg)
{
	loop_stop(arg);
}

static void run_inside(void *arg)
{
	struct again *a = arg;

	a->ticks = loop_run(a->l) == -EBUSY && loop_once(a->l, 0) == -EBUSY;
}

static void test_run_until_stop(void **state)
{
	struct loop *l = *state;
	struct again a = { .l = l };

	loop_timer(l, 0, 0, run_inside, &a);
	loop_timer(l, MS, 0, stop, l);
	assert_int_equal(loop_run(l), 0);
	assert_int_equal(a.ticks, 1);
	loop_stop(l); /* before the run counts too */
	assert_int_equal(loop_run(l), 0);
	loop_timer(l, MS, 0, stop, l);
	assert_int_equal(loop_run(l), 0);
}

/* --- poll ---------------------------------------------------------------- */

struct reader {
	int fd, events, sum, hangups;
};

static void read_counter(void *arg, unsigned int revents)
{
	struct reader *r = arg;
	eventfd_t v;

	r->events++;
	r->hangups += (revents & (POLLHUP | POLLNVAL)) != 0;
	if (!eventfd_read(r->fd, &v))
		r->sum += (int)v;
}

static void test_poll_fires_again_and_again(void **state)
{
	struct loop *l = *state;
	struct reader r = { .fd = eventfd(0, EFD_NONBLOCK) };
	int i;

	assert_true(loop_poll(l, r.fd, POLLIN, read_counter, &r));
	for (i = 1; i <= 50; i++) {
		eventfd_write(r.fd, 1);
		until(l, &r.sum, i);
	}
	assert_int_equal(loop_once(l, 5), 0);
	assert_in_range(r.events, 50, 55);
	close(r.fd);
}

static void test_poll_sees_what_is_there_already(void **state)
{
	struct loop *l = *state;
	struct reader r = { .fd = eventfd(3, EFD_NONBLOCK) };

	loop_poll(l, r.fd, POLLIN, read_counter, &r);
	until(l, &r.sum, 3);
	close(r.fd);
}

/* The way to give others a turn: what is left unread is told once more. */
static void test_poll_cancel_and_watch_again(void **state)
{
	struct loop *l = *state;
	int i, n = 0, fd = eventfd(1, 0);
	loop_id id = loop_poll(l, fd, POLLIN, count_poll, &n);

	for (i = 1; i <= 5; i++) {
		until(l, &n, i);
		assert_int_equal(loop_cancel(l, id), 0);
		id = loop_poll(l, fd, POLLIN, count_poll, &n);
	}
	until(l, &n, 6);
	close(fd);
}

static void test_poll_hangup_and_bad_descriptor(void **state)
{
	struct loop *l = *state;
	struct reader r = { .fd = -1 };
	int sv[2], n = 0;
	loop_id id, bad;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
	id = loop_poll(l, sv[0], POLLIN | POLLRDHUP, count_poll, &n);
	close(sv[1]);
	until(l, &n, 1);
	assert_int_equal(loop_cancel(l, id), 0);
	close(sv[0]);
	bad = loop_poll(l, sv[0], POLLIN, read_counter, &r);
	until(l, &r.hangups, 1);
	assert_int_equal(loop_cancel(l, bad), -ENOENT);
}

static void test_poll_pidfd(void **state)
{
	struct loop *l = *state;
	int n = 0, pidfd, gate[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(gate), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(gate[1]);
		_exit(read(gate[0], &c, 1) == 0 ? 7 : 8);
	}
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(pidfd >= 0);
	loop_poll(l, pidfd, POLLIN, count_poll, &n);
	assert_int_equal(loop_once(l, 20), 0);
	close(gate[1]);
	until(l, &n, 1);
	assert_int_equal(status_of(pid), 7);
	close(gate[0]);
	close(pidfd);
}

#define CROWD 5000

static bool all_reach(struct loop *l, const int *n, int want)
{
	int i;

	for (i = 0; i < CROWD; i++)
		if (!reaches(l, &n[i], want))
			return false;
	return true;
}

/* More watches than one queue takes, more events than the other holds. */
static void test_no_event_is_lost_in_a_burst(void **state)
{
	struct loop *l = *state;
	int *n = calloc(CROWD, sizeof(*n));
	int i, fd = eventfd(0, 0);
	eventfd_t v;

	assert_non_null(n);
	for (i = 0; i < CROWD; i++)
		assert_true(loop_poll(l, fd, POLLIN, count_poll, &n[i]));
	/* The last is watched only after several turns: it hears of it too. */
	eventfd_write(fd, 1);
	assert_true(all_reach(l, n, 1));
	for (i = 0; i < 3; i++) {
		assert_int_equal(eventfd_read(fd, &v), 0);
		assert_true(quiet(l));
		memset(n, 0, CROWD * sizeof(*n));
		eventfd_write(fd, 1);
		assert_true(all_reach(l, n, 1));
	}
	free(n);
	close(fd);
}

/* What found no room in the queue does not wait for an event to make some. */
static void test_full_queue_does_not_wait(void **state)
{
	struct loop *l = *state;
	int i, n = 0, silent = eventfd(0, 0), fd = eventfd(1, 0);
	uint64_t start = now_ns();

	for (i = 0; i < CROWD; i++)
		assert_true(loop_poll(l, silent, POLLIN, count_poll, &n));
	loop_poll(l, fd, POLLIN, count_poll, &n);
	while (!n)
		assert_true(loop_once(l, 5000) >= 0);
	assert_true(now_ns() - start < 5000 * MS);
	close(silent);
	close(fd);
}

/* --- cancel -------------------------------------------------------------- */

struct pair {
	struct loop *l;
	loop_id mine, other;
	int calls;
};

static void cancel_both(void *arg, unsigned int revents)
{
	struct pair *p = arg;

	(void)revents;
	p->calls++;
	if (loop_cancel(p->l, p->mine) || loop_cancel(p->l, p->other))
		p->calls = 100;
}

static void test_cancel_in_callback_is_at_once(void **state)
{
	struct loop *l = *state;
	struct pair a = { .l = l }, b = { .l = l };
	int i, fd = eventfd(0, 0);

	a.mine = loop_poll(l, fd, POLLIN, cancel_both, &a);
	b.mine = loop_poll(l, fd, POLLIN, cancel_both, &b);
	a.other = b.mine;
	b.other = a.mine;
	assert_true(quiet(l));
	/* Both completions come in one turn; one callback cancels the other. */
	eventfd_write(fd, 1);
	for (i = 0; i < 5; i++) {
		assert_true(quiet(l));
		eventfd_write(fd, 1);
	}
	assert_int_equal(a.calls + b.calls, 1);
	close(fd);
}

static void test_id_of_the_past_is_nobodys(void **state)
{
	struct loop *l = *state;
	int i, n = 0, fd = eventfd(1, 0);
	loop_id id, old = loop_poll(l, fd, POLLIN, count_poll, &n);

	assert_int_equal(loop_cancel(l, 0), -ENOENT);
	assert_int_equal(loop_cancel(l, old), 0);
	assert_int_equal(loop_cancel(l, old), -ENOENT);
	for (i = 0; i < 1000; i++) {
		id = loop_poll(l, fd, POLLIN, count_poll, &n);
		assert_true(id && id != old);
		if (i % 3 == 0)
			assert_true(loop_once(l, 0) >= 0);
		n = 0;
		assert_int_equal(loop_cancel(l, id), 0);
		assert_true(quiet(l));
		assert_int_equal(n, 0);
		assert_int_equal(loop_cancel(l, old), -ENOENT);
	}
	close(fd);
}

/* --- signals ------------------------------------------------------------- */

static void test_signal(void **state)
{
	struct loop *l = *state;
	int i, signo, fds = open_fds();
	sigset_t set, old;
	loop_id id;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	id = loop_signal(l, SIGUSR1, keep_result, &signo);
	assert_true(id);
	for (i = 0; i < 3; i++) {
		signo = 0;
		kill(getpid(), SIGUSR1);
		until(l, &signo, SIGUSR1);
	}
	assert_int_equal(loop_cancel(l, id), 0);
	assert_true(quiet(l));
	assert_int_equal(open_fds(), fds);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void test_signal_that_does_not_exist(void **state)
{
	errno = 0;
	assert_int_equal(loop_signal(*state, 1000, keep_result, NULL), 0);
	assert_int_equal(errno, EINVAL);
}

static void test_ring_is_close_on_exec(void **state)
{
	char path[32], target[64];
	int fd, rings = 0;
	ssize_t n;

	(void)state;
	for (fd = 0; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = 0;
		if (!strstr(target, "io_uring"))
			continue;
		rings++;
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	}
	assert_int_equal(rings, 1);
}

static const struct CMUnitTest tests[] = {
	WITH_LOOP(test_timers_run_in_order),
	WITH_LOOP(test_periodic_timer_repeats),
	WITH_LOOP(test_missed_periods_are_not_made_up_for),
	WITH_LOOP(test_timer_once_is_final_unless_set_again),
	WITH_LOOP(test_timer_sets_itself_again),
	WITH_LOOP(test_turn_waits_as_long_as_told),
	WITH_LOOP(test_lingering_turns_do_not_wait),
	WITH_LOOP(test_run_until_stop),
	WITH_LOOP(test_poll_fires_again_and_again),
	WITH_LOOP(test_poll_sees_what_is_there_already),
	WITH_LOOP(test_poll_cancel_and_watch_again),
	WITH_LOOP(test_poll_hangup_and_bad_descriptor),
	WITH_LOOP(test_poll_pidfd),
	WITH_LOOP(test_no_event_is_lost_in_a_burst),
	WITH_LOOP(test_full_queue_does_not_wait),
	WITH_LOOP(test_cancel_in_callback_is_at_once),
	WITH_LOOP(test_id_of_the_past_is_nobodys),
	WITH_LOOP(test_signal),
	WITH_LOOP(test_signal_that_does_not_exist),
	WITH_LOOP(test_ring_is_close_on_exec),
};

int main(void)
{
	return RUN_WITH_LOOP(tests);
}
