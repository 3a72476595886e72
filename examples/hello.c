/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hello.c - two processes, one object.  A child writes a greeting and gives it a
 * name; the parent finds it by the name and reads it in place.
 *
 *	cc -o hello hello.c $(pkg-config --cflags --libs libmheap) && ./hello
 */
#include <mheap.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEAP	"example-hello"

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, mh_errmsg());
	exit(1);
}

static mh_heap *attach(void)
{
	mh_heap *h = mh_attach(HEAP, MH_START);	/* starts mheapd if need be */

	if (!h)
		die("attach");
	return h;
}

/* The name holds the greeting, so it outlives the process that wrote it. */
static int child(void)
{
	mh_heap *h = attach();
	char *text = mh_alloc_flags(h, 64, MH_HELD);

	if (!text)
		die("alloc");
	snprintf(text, 64, "hello from process %d", (int)getpid());
	if (mh_name_set(h, "greeting", text))
		die("name");
	return mh_detach(h) ? 1 : 0;
}

int main(void)
{
	mh_heap *h = attach();
	pid_t pid = fork();
	int status;
	char *text;

	if (!pid)
		_exit(child());
	if (waitpid(pid, &status, 0) != pid || status)
		return 1;
	text = mh_name_get(h, "greeting");	/* held by us now */
	if (!text)
		die("greeting");
	printf("%s, read by process %d\n", text, (int)getpid());
	mh_name_remove(h, "greeting");
	mh_drop(h, text);			/* the last holder: freed */
	return mh_detach(h) ? 1 : 0;
}
