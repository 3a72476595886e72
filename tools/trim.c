/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trim.c - `mheap trim`: the daemon returns every free page now.  What clients
 * cache stays theirs: mh_trim() is for that.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/args.h"
#include "tools/ask.h"
#include "tools/commands.h"
#include "tools/say.h"
#include "tools/view.h"

#define TRIM_MS		60000

static uint64_t returned_bytes(const struct view *v)
{
	return ld_rlx(&v->sg.hdr->count.returned_bytes);	/* [H2] */
}

static int ask(const struct place *p)
{
	struct wire_control c;
	char text[sizeof(c.text)];
	int sock = ask_dial(p->socket), r;

	if (sock < 0)
		return refuse(EXIT_IMPOSSIBLE, "heap %s: no daemon at %s (%s), "
			      "and only a daemon can return pages; start it "
			      "with `mheapd --name %s`", p->name, p->socket,
			      strerror(-sock), p->name);
	r = ask_control(sock, TRIM_MS, WIRE_TRIM, 0, &c);
	close(sock);
	if (r)
		return refuse(EXIT_FAULT, "the daemon of heap %s at %s does not "
			      "answer: %s", p->name, p->socket, strerror(-r));
	if (!c.status)
		return 0;
	return refuse(EXIT_FAULT, "%s", safe_text(text, sizeof(text), c.text,
						  sizeof(c.text),
						  SAFE_TERMINAL));
}

int cmd_trim(int argc, char **argv)
{
	static const struct args_rule rule = {
		NULL, "NAME", "Has the daemon of heap NAME return every free "
		"page to the system now.\vWhat clients cache stays with them; "
		"they give it back with mh_trim().", 1, true, 0,
	};
	uint64_t before;
	struct args a;
	struct place p;
	struct view v;
	int r;

	args_parse(&rule, argc, argv, &a);
	r = view_open(&v, &p, a.arg[0]);
	if (r)
		return r;
	before = returned_bytes(&v);
	r = ask(&p);
	if (!r)
		printf("returned %s\n",
		       figure_bytes(returned_bytes(&v) - before).s);
	view_close(&v);
	return r;
}
