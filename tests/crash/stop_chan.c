/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stop_chan.c - a sender, of one message or of a batch, and a receiver, is stopped at each instruction of the
 * hand-over and stays so while others pass messages through the same channel: none
 * of them may be stuck.  Then it goes on, and each message has been received once.
 * While it stands they also try to hold its message, or those it may be taking: who
 * could holds it until he drops it.  Their bits are in the other half of the word.
 *
 * The victim is a stepped child, run anew for each instruction; the others are two
 * clients of this process that never wait, so that who is held up shows at once.
 * MH_SOAK=1: 10,000 messages at each instruction; else 60.  Under a sanitizer not
 * each instruction.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libclient/chan.h"
#include "tests/clientrig.h"
#include "tests/crash/step.h"

#define PLACES		4u
#define BATCH		2u		/* what there is room for */
#define VICTIMS		(UINT32_MAX - BATCH)	/* the number of what it sends */
#define POINTS_MAX	50000u
#define LOW_SLOTS	64u	/* whose bits are in the word's first half */

/* Several times the instructions, and forks that are slow. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STRIDE	61u
#else
#define STRIDE	1u
#endif

#define MUST(x)	do {							\
	if (!(x)) {							\
		printf("not ok - point %u, %s:%d: %s\n", point, __FILE__, \
		       __LINE__, #x);					\
		exit(1);						\
	}								\
} while (0)

static unsigned point;

struct message {
	uint32_t n;
};

/* What victim and parent share beside the heap. */
struct stage {
	unsigned sends;		/* messages in one call; 0: it receives */
	bool	 done;		/* the call has returned */
	unsigned sent;
	uint32_t got;		/* number of what it received; 0: nothing */
	void	*message[BATCH]; /* that it sends */
	struct party me;
	const struct seg *sg;
};

struct others {
	struct clientrig *cr;
	mh_heap	 *a, *b;
	mh_chan	 *in, *out;
	uint32_t sent, received, first;	/* of this point */
	uint32_t missing;		/* number of what did not come; 0: none */
	uint32_t victims;		/* messages of the victim received */
	unsigned messages;
	void	*two[2];		/* that the victim may receive */
	void	*held[3];
	unsigned nheld, holds;
};

static void *make(mh_heap *h, uint32_t n)
{
	struct message *m = mh_alloc_flags(h, sizeof(*m), MH_HELD);

	if (m)
		m->n = n;
	return m;
}

static void be_victim(void *arg)
{
	struct stage *s = arg;
	mh_heap *h = attach_view("victim", 0, s->sg, s->me);
	struct mh_chan c = { .h = h, .serial = h ? h->serial : 0 };
	struct message *m = NULL;

	if (!h || !chan_view(&h->sg, 0, &c.ch))
		_exit(1);
	for (unsigned i = 0; i < BATCH; i++) {
		m = make(h, VICTIMS + i);
		if (!m)
			_exit(1);
		s->message[i] = i < s->sends ? m : NULL;
	}
	step_mark();
	if (s->sends > 1)
		s->sent = (unsigned)mh_chan_send_batch(&c, s->message, s->sends,
						       0);
	else if (s->sends)
		s->sent = !mh_chan_send(&c, s->message[0], 0);
	else
		m = mh_chan_recv(&c, 0);
	s->done = true;
	step_mark();
	if (!s->sends && m)
		s->got = m->n;
	step_mark();
}

static bool receive(struct others *o)
{
	struct message *m = mh_chan_recv(o->in, 0);

	if (!m)
		return false;
	if (m->n >= VICTIMS) {
		MUST(m->n == VICTIMS + o->victims);	/* in its order */
		o->victims++;
	} else {
		uint32_t next = o->first + o->received;

		/* In order; one may be in the victim's hands. */
		if (m->n == next + 1 && !o->missing)
			o->missing = next++;
		MUST(m->n == next);
		o->received = m->n + 1 - o->first;
	}
	MUST(!mh_drop(o->b, m));
	return true;
}

/* Sends one; if there is no room, somebody must be able to make some. */
static void *send(struct others *o)
{
	void *m = make(o->a, o->first + o->sent);

	MUST(m);
	while (mh_chan_send(o->out, m, 0)) {
		MUST(errno == ETIMEDOUT);
		MUST(receive(o));
	}
	o->sent++;
	return m;
}

static void hold(struct others *o, void *p)
{
	if (p && !mh_hold(o->a, p))
		o->held[o->nheld++] = p;
}

static void turn(struct others *o)
{
	for (unsigned i = 0; i < o->messages; i++) {
		send(o);
		if (i % 3)
			receive(o);
	}
	while (receive(o))
		;
}

static void two_messages(struct others *o)
{
	o->first += o->sent;
	o->sent = o->received = o->missing = o->victims = 0;
	o->two[0] = send(o);
	o->two[1] = send(o);
}

/* Everybody has gone on: who has what? */
static void account(struct others *o, const struct stage *s)
{
	while (receive(o))
		;
	if (o->received < o->sent && !o->missing)
		o->missing = o->first + o->received++;
	MUST(o->received == o->sent);
	MUST(s->done);
	if (s->sends) {
		MUST(!o->missing && o->victims == s->sent);
	} else {
		MUST(!o->victims && o->missing == s->got);
	}
}

/* What the others could hold is there, and nothing else. */
static void let_go(struct others *o)
{
	clientrig_verify(o->cr);
	MUST(o->cr->r->report.held_objects == o->nheld);
	while (o->nheld) {
		MUST(!mh_drop(o->a, o->held[--o->nheld]));
		o->holds++;
	}
	clientrig_verify(o->cr);
	MUST(!o->cr->r->report.held_objects);
}

/* Stops the victim after so many instructions.  False: it has returned before. */
static bool stop_at(struct others *o, struct stage *s, unsigned n)
{
	struct victim v = { .serve = NULL };
	enum step_got got = STEP_AT;

	clientrig_pause(o->cr);
	s->me = rig_join(o->cr->r);
	clientrig_resume(o->cr);
	s->done = false;
	s->got = s->sent = 0;
	MUST(step_spawn(&v, be_victim, s));
	MUST(step_run(&v) == STEP_MARK);
	two_messages(o);
	step_over_mark(&v);
	for (unsigned i = 0; i < n && got == STEP_AT; i++)
		got = step_one(&v);
	if (got == STEP_AT) {
		turn(o);
		for (unsigned i = 0; i < s->sends; i++)
			hold(o, s->message[i]);
		hold(o, s->sends ? NULL : o->two[0]);
		hold(o, s->sends ? NULL : o->two[1]);
		MUST(step_run(&v) == STEP_MARK);
	}
	step_over_mark(&v);
	MUST(step_run(&v) == STEP_MARK);
	step_end(&v);
	account(o, s);
	clientrig_pause(o->cr);
	reclaim_client(&o->cr->r->h, s->me.slot);
	clientrig_resume(o->cr);
	let_go(o);
	return got == STEP_AT;
}

/* In slots beyond the low ones, of which the victims get the first. */
static void attach_others(struct others *o)
{
	clientrig_pause(o->cr);
	for (unsigned i = 1; i < LOW_SLOTS; i++)
		rig_join(o->cr->r);
	clientrig_resume(o->cr);
	o->a = clientrig_attach(o->cr, 0);
	o->b = clientrig_attach(o->cr, 0);
	clientrig_pause(o->cr);
	reclaim_client(&o->cr->r->h, 1);
	clientrig_resume(o->cr);
}

static void run(unsigned number, unsigned sends, bool soak)
{
	const struct rig_opts opts = { .reserve = 8u << 20,
				       .clients = LOW_SLOTS + 4, .chans = 1 };
	struct others o = { .cr = clientrig_new(&opts), .first = 1,
			    .messages = soak ? 10000 : 60 };
	struct stage *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	point = 0;
	MUST(s != MAP_FAILED);
	attach_others(&o);
	o.out = mh_chan_open(o.a, "c", PLACES, 0);
	o.in = mh_chan_open(o.b, "c", PLACES, 0);
	MUST(o.out && o.in);
	s->sends = sends;
	s->sg = &o.cr->r->sg;
	while (stop_at(&o, s, point) && point < POINTS_MAX)
		point += STRIDE;
	MUST(point > 50 && point < POINTS_MAX && o.holds);
	printf("ok %u - a %s%s stopped within %u instructions, %u apart, %u "
	       "messages of others at each, %u held meanwhile\n", number,
	       sends ? "sender" : "receiver", sends > 1 ? " of a batch" : "",
	       point, STRIDE, o.messages,
	       o.holds);
	fflush(stdout);
	mh_chan_close(o.in);
	mh_chan_close(o.out);
	clientrig_kill(o.cr, o.a);
	clientrig_kill(o.cr, o.b);
	clientrig_free(o.cr);
	munmap(s, sizeof(*s));
}

int main(void)
{
	const char *env = getenv("MH_SOAK");
	bool soak = env && *env == '1';

	if (!step_works()) {
		puts("1..0 # SKIP no single steps on this machine");
		return 0;
	}
	puts("1..3");
	run(1, 1, soak);
	run(2, 0, soak);
	run(3, BATCH, soak);
	return 0;
}
