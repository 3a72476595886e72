/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_client.c - does what its arguments say against a running mheapd, in
 * their order; for the scripts beside it.  Prints a line for each; ends with 1
 * at the first that goes wrong.
 *
 *	wire_client SOCKET WORD...
 *
 *	hello[=FLAGS]	connect, HELLO, WELCOME	  ready	  READY, GO
 *	join[=FLAGS]	both			  resume  as after a restart
 *	alloc=CLASS,N	N spans of a class, taken large=PAGES
 *	name=TEXT	set to 7		  unname=TEXT
 *	write		a word into each span	  bye	  and GONE
 *	trim destroy force			  close	  the socket only
 *	version=N abi=N	a HELLO with another: the refusal is printed
 *	bytes=N		N bytes that are no message
 *	state count=X wait=X,N	what the heap's header says; N within 20 s
 *	eof		the daemon closes the connection within 20 s
 *	silent=N	N connections that say nothing; until all are closed
 *	nofds=N		sends N descriptors along with a HELLO
 *	exec		becomes a program without the mapping
 *	hold		says so, and waits for a signal
 *
 * A refusal that the words allow for ends it with 4.
 */
#include "tests/system/wire_help.h"

#include <fcntl.h>
#include <inttypes.h>

static struct wire wire = { .sock = -1 };
static span_id spans[4096];
static unsigned int nspans;

static void say(const char *word, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(const char *word, const char *format, ...)
{
	va_list args;

	printf("%s ", word);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static void connect_anew(void)
{
	if (wire.sock >= 0)
		close(wire.sock);
	wire.sock = wire_connect(wire.path);
	if (wire.sock < 0)
		fail("%s: %s", wire.path, strerror(-wire.sock));
}

/* Whoever is turned away at once may be told so before it has spoken. */
static void send_hello(const struct wire_hello *h)
{
	if (send(wire.sock, h, sizeof(*h), MSG_NOSIGNAL) != sizeof(*h) &&
	    errno != EPIPE)
		fail("send: %s", strerror(errno));
	if (!wire_recv_welcome(&wire))
		fail("closed instead of a WELCOME");
}

static void welcomed(uint32_t flags)
{
	if (wire.w.status) {
		say("refused", "%d %s", wire.w.status, wire.w.text);
		exit(4);
	}
	wire.me = (struct party){ wire.w.slot, wire.w.gen };
	wire_map_all(&wire, flags);
	say("welcome", "slot %u gen %u fds %d", wire.me.slot, wire.me.gen,
	    wire.nfds);
}

static void hello(const char *arg)
{
	uint32_t flags = arg ? (uint32_t)atoi(arg) : 0;
	struct wire_hello h = wire_hello_new(flags);

	connect_anew();
	send_hello(&h);
	welcomed(flags);
}

static void ready(const char *arg)
{
	(void)arg;
	if (!wire_ready_go(&wire))
		fail("no GO");
	say("go", "%" PRIx64, wire.w.nonce);
}

static void join(const char *arg)
{
	hello(arg);
	ready(NULL);
}

static bool try_hello(const struct wire_hello *h)
{
	int fd = wire_connect(wire.path);

	if (fd < 0)
		return false;
	if (wire.sock >= 0)
		close(wire.sock);
	wire.sock = fd;
	return send(fd, h, sizeof(*h), MSG_NOSIGNAL) == sizeof(*h) &&
	       wire_recv_welcome(&wire);
}

/*
 * A restarted daemon may not listen yet, and what is left of a killed one may
 * still take a connection and drop it.
 */
static void resume(const char *arg)
{
	struct wire_hello h = wire_hello_new(WIRE_RESUME);
	uint64_t end = now_ms() + PATIENCE_MS;

	(void)arg;
	h.slot = wire.me.slot;
	h.gen = wire.me.gen;
	h.nonce = wire.w.nonce;
	while (!try_hello(&h)) {
		if (now_ms() > end)
			fail("%s: no WELCOME", wire.path);
		short_nap();
	}
	welcomed(0);
	ready(NULL);
}

static void other_hello(const struct wire_hello *h)
{
	connect_anew();
	send_hello(h);
	if (!wire.w.status)
		fail("was not refused");
	say("refused", "%d %s", wire.w.status, wire.w.text);
}

static void version(const char *arg)
{
	struct wire_hello h = wire_hello_new(0);

	h.version = (uint32_t)atoi(arg);
	other_hello(&h);
}

static void abi(const char *arg)
{
	struct wire_hello h = wire_hello_new(0);

	h.abi = (uint64_t)atoll(arg);
	other_hello(&h);
}

static void grant(const char *word, const uint32_t ask[4])
{
	struct geom g;
	uint32_t id = 0;
	int err = wire_request(&wire, OP_ALLOC, ask, 0, "", &id);

	if (err) {
		say(word, "error %d reason %u", err,
		    wire.sg.slots[wire.me.slot].cells[0].reason);
		exit(4);
	}
	if (!central_take_grant(&wire.sg, wire.me, (span_id){ id }, &g))
		fail("span %u is not granted to us", id);
	if (nspans < 4096)
		spans[nspans++].n = id;
	say(word, "span %u pages %u", id, g.len.n);
}

static void alloc(const char *arg)
{
	uint32_t ask[4] = { (uint32_t)atoi(arg) };
	const char *comma = strchr(arg, ',');

	for (int n = comma ? atoi(comma + 1) : 1; n > 0; n--)
		grant("alloc", ask);
}

static void large(const char *arg)
{
	const uint32_t ask[4] = { 0, (uint32_t)atoi(arg) };

	grant("large", ask);
}

static void write_all(const char *arg)
{
	struct geom g;

	(void)arg;
	for (unsigned int i = 0; i < nspans; i++) {
		if (!geom_read(&wire.sg, spans[i], &g))
			fail("span %u has no geometry", spans[i].n);
		for (uint64_t at = 0; at < geom_bytes(&g); at += 4096)
			wire.sg.arena[geom_offset(&g) + at] = 1;
	}
	say("write", "%u spans", nspans);
}

static void name(const char *arg)
{
	const uint32_t none[4] = { 0 };
	uint32_t result;

	say("name", "%d", wire_request(&wire, OP_NAME_SET, none, 7, arg,
				       &result));
}

static void unname(const char *arg)
{
	const uint32_t none[4] = { 0 };
	uint32_t result;

	say("unname", "%d", wire_request(&wire, OP_NAME_REMOVE, none, 0, arg,
					 &result));
}

static void bye(const char *arg)
{
	struct wire_ready m = { .magic = WIRE_MAGIC, .type = WIRE_BYE,
				.nonce = wire.w.nonce };

	(void)arg;
	if (send(wire.sock, &m, sizeof(m), MSG_NOSIGNAL) != sizeof(m) ||
	    recv(wire.sock, &m, sizeof(m), 0) != sizeof(m) ||
	    m.type != WIRE_GONE)
		fail("no GONE");
	say("gone", "slot %u", wire.me.slot);
}

static void control(const char *word, uint32_t command, uint32_t how)
{
	struct wire_control m = { .magic = WIRE_MAGIC, .type = WIRE_CONTROL,
				  .command = command, .arg = how };

	connect_anew();
	if (send(wire.sock, &m, sizeof(m), MSG_NOSIGNAL) != sizeof(m) ||
	    recv(wire.sock, &m, sizeof(m), 0) != sizeof(m))
		fail("no answer to %s", word);
	say(word, "%d %s", m.status, m.text);
	if (m.status)
		exit(4);
}

static void trim(const char *arg)
{
	(void)arg;
	control("trim", WIRE_TRIM, 0);
}

static void destroy(const char *arg)
{
	(void)arg;
	control("destroy", WIRE_DESTROY, 0);
}

static void force(const char *arg)
{
	(void)arg;
	control("force", WIRE_DESTROY, 1);
}

static void close_socket(const char *arg)
{
	(void)arg;
	close(wire.sock);
	wire.sock = -1;
	say("closed", "the mapping stays");
}

static void bytes(const char *arg)
{
	char rubbish[4096] = "rubbish";

	if (wire.sock < 0)
		connect_anew();
	send(wire.sock, rubbish, (size_t)atoi(arg), MSG_NOSIGNAL);
	say("bytes", "%s", arg);
}

static void eof(const char *arg)
{
	char rest[512];
	ssize_t n;

	(void)arg;
	while ((n = recv(wire.sock, rest, sizeof(rest), 0)) > 0)
		;
	if (n < 0 && errno != ECONNRESET)
		fail("not closed: %s", strerror(errno));
	say("eof", "closed by the daemon");
}

static uint64_t counter(const char *what)
{
	const struct sh_header *h = wire.sg.hdr;
	const struct { const char *name; const _Atomic uint64_t *at; } all[] = {
		{ "limit", &h->count.limit_bytes },
		{ "committed", &h->count.committed_bytes },
		{ "free", &h->count.free_bytes },
		{ "returned", &h->count.returned_bytes },
		{ "spans", &h->count.spans },
		{ "deaths", &h->count.deaths },
		{ "reclaimed", &h->count.reclaimed_bytes },
		{ "clients", &h->count.clients },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (!strcmp(what, all[i].name))
			return ld_rlx(all[i].at);	/* [H2] */
	if (!strcmp(what, "status"))
		return ld_acq(&h->status);		/* [H1] */
	if (!strcmp(what, "epoch"))
		return ld_acq(&h->epoch);		/* [H1] */
	if (!strcmp(what, "state"))
		return ld_acq(&wire.sg.clients[wire.me.slot].word) & 255; /* [R1] */
	fail("no counter %s", what);
}

static void count(const char *arg)
{
	say("count", "%s %" PRIu64, arg, counter(arg));
}

static void wait_for(const char *arg)
{
	char what[32] = "";
	uint64_t end = now_ms() + PATIENCE_MS, want = 0;

	if (sscanf(arg, "%31[^,],%" SCNu64, what, &want) != 2)
		fail("wait=%s", arg);
	while (counter(what) != want) {
		if (now_ms() > end)
			fail("%s is %" PRIu64 ", not %" PRIu64, what,
			     counter(what), want);
		short_nap();
	}
	say("wait", "%s %" PRIu64, what, want);
}

static void state(const char *arg)
{
	(void)arg;
	count("state");
}

static void silent(const char *arg)
{
	int n = atoi(arg), open = 0, *fds = calloc((size_t)n, sizeof(*fds));
	uint64_t began = now_ms();
	char byte;

	for (int i = 0; i < n; i++) {
		fds[i] = wire_connect(wire.path);
		if (fds[i] < 0)
			fail("connection %d: %s", i, strerror(-fds[i]));
		open++;
	}
	say("silent", "%d connections", open);
	for (int i = 0; i < n; i++) {
		while (recv(fds[i], &byte, 1, 0) > 0)
			;
		if (errno == EAGAIN)
			fail("connection %d was not closed", i);
		close(fds[i]);
	}
	say("silent", "closed after %" PRIu64 " ms", now_ms() - began);
	free(fds);
}

/* What comes along with a HELLO is dropped, not kept. */
static void descriptors(const char *arg)
{
	union { struct cmsghdr align; char room[CMSG_SPACE(253 * sizeof(int))]; } u;
	struct wire_hello h = wire_hello_new(WIRE_OBSERVE);
	struct iovec iov = { &h, sizeof(h) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = &u };
	int n = atoi(arg), fds[253];

	memset(&u, 0, sizeof(u));
	for (int i = 0; i < n; i++)
		fds[i] = STDERR_FILENO;
	msg.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
	u.align.cmsg_level = SOL_SOCKET;
	u.align.cmsg_type = SCM_RIGHTS;
	u.align.cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
	memcpy(CMSG_DATA(&u.align), fds, (size_t)n * sizeof(int));
	connect_anew();
	if (sendmsg(wire.sock, &msg, MSG_NOSIGNAL) != sizeof(h) ||
	    !wire_recv_welcome(&wire) || wire.w.status)
		fail("no WELCOME");
	wire_map_all(&wire, WIRE_OBSERVE);
	say("nofds", "sent %d", n);
}

static void become(const char *arg)
{
	char program[] = "/proc/self/exe", word[] = "hold", path[128];
	char *argv[] = { program, path, word, NULL };

	(void)arg;
	snprintf(path, sizeof(path), "%s", wire.path);
	say("exec", "%d", getpid());
	execv(program, argv);
	fail("exec: %s", strerror(errno));
}

static void hold(const char *arg)
{
	(void)arg;
	say("holding", "%d", getpid());
	for (;;)
		pause();
}

static const struct {
	const char *word;
	void (*run)(const char *arg);
} words[] = {
	{ "hello", hello }, { "ready", ready }, { "join", join },
	{ "resume", resume }, { "version", version }, { "abi", abi },
	{ "alloc", alloc }, { "large", large }, { "write", write_all },
	{ "name", name }, { "unname", unname }, { "bye", bye },
	{ "trim", trim }, { "destroy", destroy }, { "force", force },
	{ "close", close_socket }, { "bytes", bytes }, { "eof", eof },
	{ "count", count }, { "wait", wait_for }, { "state", state },
	{ "silent", silent }, { "nofds", descriptors }, { "exec", become },
	{ "hold", hold },
};

static void run(char *word)
{
	char *arg = strchr(word, '=');

	if (arg)
		*arg++ = 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(word, words[i].word)) {
			words[i].run(arg);
			return;
		}
	fail("no word %s", word);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		fail("wire_client SOCKET WORD...");
	wire.path = argv[1];
	for (int i = 2; i < argc; i++)
		run(argv[i]);
	return 0;
}
