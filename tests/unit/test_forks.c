/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_forks.c - a fork while another thread is in the middle of a detach or an attach:
 * what the child has is whole.  (attach.c and rights.c are in here, with a place to fork.)
 */
#include "libclient/client.h"
#include "tests/unit/step_in.h"

/* In last_detach: before it is the last no more; in rights_make: after munmap. */
#define chan_fds_stop(h)	(between(), chan_fds_stop(h))
#define in_child		after_fork
#include "libclient/attach.c"
#undef in_child
#undef chan_fds_stop

#include <sys/mman.h>

static void *unmapped;

static inline int munmap_and_then(void *p, size_t bytes)
{
	int r = munmap(p, bytes);

	unmapped = p;
	between();
	return r;
}

#define munmap(p, bytes)	munmap_and_then((p), (bytes))
#include "libclient/rights.c"
#undef munmap

#include "tests/procs.h"
#include "tests/unit/exact_test.h"

static mh_heap *leaving;
static int child;

static int detaches_too(void *arg)
{
	after_fork();			/* as pthread_atfork has it */
	tls.inside = false;		/* it forks in a thread that is not inside */
	CHECK(mh_detach(arg) && errno == EINVAL);
	CHECK(!leaving->attached);
	return 0;
}

static void forks_in_a_detach(void)
{
	child = in_child(detaches_too, leaving);
}

/* In the child the heap is not attached: nobody goes on with the detach there. */
static void a_detach(void **state)
{
	(void)state;
	leaving = clientrig_attach(cr, 0);
	child = -1;
	step_in = forks_in_a_detach;
	clientrig_kill(cr, leaving);
	assert_int_equal(child, 0);
}

static mh_heap growing;

static int maps_something_there(void *arg)
{
	char *mine = mmap(arg, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			  MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	CHECK(mine == arg);
	*mine = 1;
	rights_clear(&growing);		/* as an attach begins */
	CHECK(*mine == 1);
	return 0;
}

static void forks_in_an_attach(void)
{
	child = in_child(maps_something_there, unmapped);
}

/* The page table of the heap before is not the child's memory of that address. */
static void an_attach(void **state)
{
	(void)state;
	growing.sg.geo.nspans = 100;
	growing.sg.geo.npages = 512;
	assert_int_equal(rights_make(&growing), 0);
	growing.sg.geo.npages = 65536;
	child = -1;
	step_in = forks_in_an_attach;
	assert_int_equal(rights_make(&growing), 0);
	assert_int_equal(child, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { ON_RIG(a_detach), ON_RIG(an_attach) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
