/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workqueue.c - a work queue that survives kills.  The boss sends jobs through one
 * channel and gets them back, done, through another.  Workers are killed in
 * the middle of work; each job is done all the same, and counted once.
 *
 * The boss holds every job until it is done, so none is lost with its worker.
 * What does not come back it sends again: EBUSY says that it lies in a channel
 * still.  A job that two workers have done counts once, by its `done`.
 *
 *	cc -o workqueue workqueue.c $(pkg-config --cflags --libs libmheap)
 *	./workqueue [JOBS [KILLS]]
 */
#include <errno.h>
#include <mheap.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEAP	"example-workqueue"
#define WORKERS	3
#define OUT	16		/* jobs under way at once */

struct job {
	unsigned long n, sum;	/* the work: add up 1..n */
	atomic_int done;
};

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, mh_errmsg());
	exit(1);
}

static mh_chan *channel(mh_heap *h, const char *name)
{
	mh_chan *c = mh_chan_open(h, name, 2 * OUT, 0);

	if (!c)
		die(name);
	return c;
}

/* The boss's handles work in a child, too, until the channel is removed. */
static void work(mh_heap *h, mh_chan *todo, mh_chan *done)
{
	struct job *j;

	while ((j = mh_chan_recv(todo, -1))) {
		unsigned long sum = 0;

		for (unsigned long i = 1; i <= j->n; i++)
			sum += i;
		j->sum = sum;
		if (mh_chan_send(done, j, -1))
			mh_drop(h, j);		/* somebody else was faster */
	}
}

static pid_t hire(mh_heap *h, mh_chan *todo, mh_chan *done)
{
	pid_t pid = fork();

	if (!pid) {
		work(h, todo, done);
		_exit(0);
	}
	return pid;
}

/* The boss's second hold goes with the job, the first stays here. */
static void give(mh_heap *h, mh_chan *todo, struct job *j)
{
	if (mh_hold(h, j))
		die("hold");
	if (mh_chan_send(todo, j, -1))
		mh_drop(h, j);			/* EBUSY: it lies in a channel */
}

static struct job *new_job(mh_heap *h, unsigned long n)
{
	struct job *j = mh_alloc_flags(h, sizeof(*j), MH_HELD | MH_ZERO);

	if (!j)
		die("alloc");
	j->n = n;
	return j;
}

int main(int argc, char **argv)
{
	unsigned long jobs = argc > 1 ? strtoul(argv[1], NULL, 0) : 20000;
	unsigned long kills = argc > 2 ? strtoul(argv[2], NULL, 0) : 20;
	unsigned long made = 0, finished = 0, wrong = 0, killed = 0, again = 0;
	mh_heap *h = mh_attach(HEAP, MH_START);
	mh_chan *todo, *done;
	struct job *out[OUT] = { NULL };
	pid_t worker[WORKERS];

	if (!h)
		die("attach");
	todo = channel(h, "todo");
	done = channel(h, "done");
	for (int i = 0; i < WORKERS; i++)
		worker[i] = hire(h, todo, done);
	while (finished < jobs) {
		struct job *j;

		for (int i = 0; i < OUT && made < jobs; i++)
			if (!out[i])
				give(h, todo, out[i] = new_job(h, made++ % 1000));
		if (killed < kills && finished >= (killed + 1) * jobs / (kills + 1)) {
			kill(worker[killed % WORKERS], SIGKILL);
			waitpid(worker[killed % WORKERS], NULL, 0);
			worker[killed % WORKERS] = hire(h, todo, done);
			killed++;
		}
		j = mh_chan_recv(done, 200);
		for (int i = 0; i < OUT && !j; i++, again++)
			if (out[i])
				give(h, todo, out[i]);
		if (!j)
			continue;
		if (!atomic_exchange(&j->done, 1)) {
			wrong += j->sum != j->n * (j->n + 1) / 2;
			finished++;
			for (int i = 0; i < OUT; i++)
				if (out[i] == j)
					out[i] = NULL;
			mh_drop(h, j);			/* our first hold */
		}
		mh_drop(h, j);				/* the channel's */
	}
	mh_chan_remove(h, "todo");	/* who waits there goes home */
	mh_chan_remove(h, "done");
	for (int i = 0; i < WORKERS; i++)
		waitpid(worker[i], NULL, 0);
	mh_chan_close(todo);
	mh_chan_close(done);
	printf("%lu jobs done by %d workers, %lu kills; %lu sent again, %lu "
	       "wrong\n", finished, WORKERS, killed, again, wrong);
	return wrong || mh_detach(h) ? 1 : 0;
}
