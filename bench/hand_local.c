/* SPDX-License-Identifier: Apache-2.0 */
/* hand_local.c - holds and names by one process, beside one uncontended CAS. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/hand.h"

#define TIMES	2000000

double hand_cas16(mh_heap *h, size_t size, unsigned n)
{
	static _Alignas(16) volatile unsigned __int128 word;
	double from = hand_now();

	(void)h;
	(void)size;
	(void)n;
	for (int i = 0; i < TIMES; i++) {
		unsigned __int128 w = word;

		if (!__sync_bool_compare_and_swap((unsigned __int128 *)&word, w,
						  w + 1))
			hand_die("cas16");
	}
	return (hand_now() - from) / TIMES;
}

/* Another process holds it all the time. */
static pid_t keeper(mh_heap *h, void *p)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe(ready))
		hand_die("pipe");
	pid = fork();
	if (!pid) {
		if (mh_hold(h, p) || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	if (read(ready[0], &byte, 1) != 1)
		hand_die("keeper");
	close(ready[0]);
	close(ready[1]);
	return pid;
}

double hand_hold(mh_heap *h, size_t size, unsigned n)
{
	void *p = mh_alloc_flags(h, size, MH_HELD);
	pid_t pid = keeper(h, p);
	double from;

	(void)n;
	mh_drop(h, p);
	from = hand_now();
	for (int i = 0; i < TIMES; i++)
		if (mh_hold(h, p) || mh_drop(h, p))
			hand_die(mh_errmsg());
	from = (hand_now() - from) / TIMES;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return from;
}

double hand_name(mh_heap *h, size_t size, unsigned n)
{
	void *p = mh_alloc_flags(h, size, MH_HELD);
	double from;

	(void)n;
	if (!p || mh_name_set(h, "hand", p) || mh_drop(h, p))
		hand_die(mh_errmsg());
	from = hand_now();
	for (int i = 0; i < TIMES; i++)
		if (!mh_name_get(h, "hand") || mh_drop(h, p))
			hand_die(mh_errmsg());
	from = (hand_now() - from) / TIMES;
	mh_name_remove(h, "hand");
	return from;
}

double hand_alloc(mh_heap *h, size_t size, unsigned n)
{
	double from = hand_now();

	(void)n;
	for (int i = 0; i < TIMES; i++) {
		void *p = mh_alloc_flags(h, size, MH_HELD);

		if (!p || mh_drop(h, p))
			hand_die(mh_errmsg());
	}
	return (hand_now() - from) / TIMES;
}
