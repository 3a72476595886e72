/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_metrics.c - the text for Prometheus: counts of a histogram agree with each
 * other though they were read at different times, and keys that have the same
 * labels are one series.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/metrics.h"
#include "bpf/names.h"
#include "bpf/rows.h"
#include "bpf/who.h"

static struct agg_row given[4];
static uint32_t ngiven;

/* In place of the kernel's tables. */
struct agg_row *rows_agg(struct session *s, uint32_t *ret_n)
{
	struct agg_row *rows = malloc(sizeof(given));

	(void)s;
	assert_non_null(rows);
	memcpy(rows, given, sizeof(given));
	*ret_n = ngiven;
	return rows;
}

struct name proc_name(struct session *s, uint32_t tgid)
{
	static const struct name one = { "a\"b\\" }, other = { "other one" };

	(void)s;
	return tgid < 3 ? one : other;
}

void session_account(struct session *s, struct account *ret_a)
{
	(void)s;
	*ret_a = (struct account){ .ns = 1 };
}

static char *written(void)
{
	struct options o = { .npids = 0 };
	struct session s = { .o = &o, .lock = PTHREAD_MUTEX_INITIALIZER };
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	assert_true(metrics_write(&s, f));
	assert_int_equal(fclose(f), 0);
	return text;
}

static void has_line(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	if (!at || (at > text && at[-1] != '\n') || at[strlen(line)] != '\n')
		fail_msg("not \"%s\" in\n%s", line, text);
	if (strstr(at + 1, line))
		fail_msg("twice \"%s\" in\n%s", line, text);
}

#define REFILL	"{probe=\"refill_done\",class=\"16\",lifetime=\"owned\"," \
		"level=\"cache\",command=\"a\\\"b\\\\\""

static struct agg_row refill(uint32_t tgid, uint16_t class, uint8_t level)
{
	return (struct agg_row){ .key = { .tgid = tgid, .sub = class,
					  .level = level,
					  .probe = P_refill_done } };
}

/* Slots have had hits that the count had not when it was read. */
static void test_inf_is_the_sum(void **state)
{
	char *text;

	(void)state;
	given[0] = refill(1, 5, 1);
	given[0].val.count = 5;
	given[0].val.hist[0] = 1;
	given[0].val.hist[9] = 4;
	given[0].val.hist[HIST_SLOTS - 1] = 2;
	ngiven = 1;
	text = written();
	has_line(text, "mheap_slow_path_seconds_bucket" REFILL
		 ",le=\"2.56e-07\"} 1");
	has_line(text, "mheap_slow_path_seconds_bucket" REFILL
		 ",le=\"17.1798692\"} 5");
	has_line(text, "mheap_slow_path_seconds_bucket" REFILL
		 ",le=\"+Inf\"} 7");
	has_line(text, "mheap_slow_path_seconds_count" REFILL "} 7");
	has_line(text, "mheap_slow_paths_total" REFILL "} 5");
	free(text);
}

/* Two processes of one command, two classes and two levels without a name. */
static void test_one_series_for_labels(void **state)
{
	char *text;

	(void)state;
	given[0] = refill(1, 5, 1);
	given[1] = refill(2, 5, 1);
	given[2] = refill(3, 60000, 200);
	given[3] = refill(4, 60001, 201);
	ngiven = 4;
	for (uint32_t i = 0; i < ngiven; i++)
		given[i].val.count = given[i].val.hist[10] = 1 + i;
	text = written();
	has_line(text, "mheap_slow_paths_total" REFILL "} 3");
	has_line(text, "mheap_slow_paths_total{probe=\"refill_done\","
		 "class=\"0\",lifetime=\"unknown\",level=\"?\","
		 "command=\"other one\"} 7");
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inf_is_the_sum),
		cmocka_unit_test(test_one_series_for_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
