/* SPDX-License-Identifier: Apache-2.0 */
/* options.c - see trace.h: one table of options, of which each command takes some. */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/names.h"
#include "bpf/trace.h"
#include "shm/segment.h"

#define KEY_LIB		256
#define KEY_RING	257
#define KEY_STRICT	258
#define KEY_JSON	259
#define KEY_BY		260
#define KEY_SVG		261
#define KEY_LISTEN	262
#define KEY_LABEL_PID	263
#define KEY_PROCESS	264
#define KEY_CLASS	265
#define KEY_PLAIN	266
#define KEY_ONE		267
#define KEY_STARTS	268
#define KEY_PROBE	269

#define RING_LEAST	(64u << 10)
#define RING_MOST	(1u << 30)

/* An option, and which commands take it. */
static const struct known {
	uint32_t	   takes;
	struct argp_option option;
} known[] = {
	{ TAKES_WHERE, { "pid", 'p', "PID[,PID]", 0,
	  "Only these processes (not what they fork)", 1 } },
	{ TAKES_RUN, { "class", 'c', "[LIFETIME:]SIZE[,...]", 0,
	  "Only span classes of these sizes; LIFETIME is owned, shared or held; "
	  "SIZE large is what has none", 1 } },
	{ TAKES_MIN, { "min", 'm', "MICROSECONDS", 0,
	  "Only what took or waited at least so long", 1 } },
	{ TAKES_PROBE, { "probe", KEY_PROBE, "NAME[,NAME]", 0,
	  "Only these probes, instead of what the command shows", 1 } },
	{ TAKES_RUN, { "duration", 'd', "SECONDS", 0,
	  "End after so long (else when interrupted)", 1 } },
	{ TAKES_INTERVAL, { "interval", 'i', "SECONDS", 0,
	  "Show figures so often", 1 } },
	{ TAKES_INTERVAL, { "count", 'n', "COUNT", 0,
	  "End after so many intervals", 1 } },
	{ TAKES_ROWS, { "rows", 'r', "COUNT", 0, "At most so many rows", 2 } },
	{ TAKES_BY | TAKES_BY_WAIT, { "by", KEY_BY, "WHAT", 0,
	  "Weigh by count, time, wait or objects; locks by count or wait", 2 } },
	{ TAKES_PROCESS, { "by-process", KEY_PROCESS, NULL, 0,
	  "Tell processes apart", 2 } },
	{ TAKES_CLASS, { "by-class", KEY_CLASS, NULL, 0,
	  "Tell span classes apart", 2 } },
	{ TAKES_PLAIN, { "plain", KEY_PLAIN, NULL, 0,
	  "Lines, also on a terminal", 2 } },
	{ TAKES_SVG, { "svg", KEY_SVG, "FILE", 0,
	  "Write a flame graph, instead of folded lines", 2 } },
	{ TAKES_TIMES, { "timestamps", 'T', NULL, 0,
	  "Time of day, instead of seconds since the start", 2 } },
	{ TAKES_EXPORT, { "listen", KEY_LISTEN, "[ADDRESS:]PORT", 0,
	  "Answer Prometheus (ADDRESS: 127.0.0.1)", 2 } },
	{ TAKES_EXPORT, { "output", 'o', "FILE", 0,
	  "Replace FILE at each interval", 2 } },
	{ TAKES_EXPORT, { "label-pid", KEY_LABEL_PID, NULL, 0,
	  "Label series with PIDs, and drop those of the dead", 2 } },
	{ TAKES_STARTS, { "starts", KEY_STARTS, NULL, 0,
	  "Also where refills and waits begin", 2 } },
	{ TAKES_JSON, { "json", KEY_JSON, NULL, 0,
	  "JSON objects, one a line", 3 } },
	{ TAKES_RUN, { "strict", KEY_STRICT, NULL, 0,
	  "Exit status 4 if anything was lost or not traced", 3 } },
	{ TAKES_WHERE, { "lib", KEY_LIB, "FILE", 0,
	  "Only this library or program with mheap's probes, instead of all in use", 4 } },
	{ TAKES_RING, { "ring-size", KEY_RING, "SIZE", 0,
	  "Room for events: a power of two from 64K to 1G (4M)", 4 } },
	{ TAKES_WAY, { "one-by-one", KEY_ONE, NULL, 0,
	  "Attach probe by probe, as on kernels before 6.6", 4 } },
};

#define KNOWN	(sizeof(known) / sizeof(known[0]))

_Static_assert(SPAN_CLASSES <= 64 * CLASS_WORDS, "a bit for each");

struct parse {
	const struct command *c;
	struct options	     *o;
};

static double seconds(struct argp_state *state, const char *name, const char *s)
{
	char *end;
	double x = strtod(s, &end);

	if (end == s || *end || !(x >= .001) || x > 1e8)
		argp_error(state, "%s \"%s\": it is a number of seconds from "
			   "0.001 to 100000000", name, s);
	return x;
}

static uint64_t number(struct argp_state *state, const char *name,
		       const char *s, uint64_t most)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(s, &end, 10);
	if (end == s || *end || s[0] == '-' || errno || !n || n > most)
		argp_error(state, "%s \"%s\": it is a number from 1 to %llu",
			   name, s, (unsigned long long)most);
	return n;
}

static uint32_t ring_size(struct argp_state *state, const char *s)
{
	char *end;
	unsigned long long n = strtoull(s, &end, 10);
	int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;

	if (shift)
		end++;
	if (end == s || *end || n > RING_MOST >> shift)
		n = 0;
	n <<= shift;
	if (n < RING_LEAST || n > RING_MOST || n & (n - 1))
		argp_error(state, "--ring-size %s: it is a power of two from "
			   "64K to 1G", s);
	return (uint32_t)n;
}

static void take_pids(struct argp_state *state, struct options *o, char *list)
{
	for (char *p; (p = strsep(&list, ","));) {
		if (o->npids == PIDS_MAX)
			argp_error(state, "-p: at most %u processes", PIDS_MAX);
		o->pid[o->npids++] = (pid_t)number(state, "-p", p, 4194304);
	}
}

/* The size class of exactly this size; SC_COUNT: none. */
static uint32_t class_of_size(struct argp_state *state, const char *s)
{
	uint64_t size;

	if (!strcmp(s, "large"))
		return 0;
	size = number(state, "-c", s, UINT32_MAX);
	for (uint32_t c = 1; c < SC_COUNT; c++)
		if (sc_size(c) >= size)
			return c;
	return 0;
}

static void take_class(struct argp_state *state, struct options *o,
		       const char *s)
{
	static const char *const life[] = { "owned", "shared", "held" };
	const char *colon = strchr(s, ':');
	uint32_t sc = class_of_size(state, colon ? colon + 1 : s);
	bool any = false;

	for (uint32_t l = 0; l < LIFE_COUNT; l++) {
		uint32_t spc = l * SC_COUNT + sc;

		if (colon && (strlen(life[l]) != (size_t)(colon - s) ||
			      strncmp(s, life[l], (size_t)(colon - s))))
			continue;
		o->classes[spc / 64] |= 1ULL << spc % 64;
		any = true;
	}
	if (!any)
		argp_error(state, "-c %s: a lifetime is owned, shared or held",
			   s);
	o->any_class = false;
}

static void take_probes(struct argp_state *state, struct options *o, char *list)
{
	for (char *p; (p = strsep(&list, ","));) {
		uint32_t probe = probe_find(p);

		if (!probe)
			argp_error(state, "--probe \"%s\": there is none; "
				   "mheap-trace list shows them", p);
		o->probes |= 1ULL << probe;
	}
}

static void take_by(struct argp_state *state, struct parse *p, const char *s)
{
	static const char *const name[] = {
		[BY_COUNT] = "count", [BY_TIME] = "time", [BY_WAIT] = "wait",
		[BY_OBJECTS] = "objects",
	};
	bool all = p->c->takes & TAKES_BY;

	for (unsigned i = 0; i < 4; i++)
		if (!strcmp(s, name[i]) && (all || i == BY_COUNT || i == BY_WAIT)) {
			p->o->by = (enum weight)i;
			return;
		}
	argp_error(state, all ? "--by %s: it is count, time, wait or objects" :
		   "--by %s: it is count or wait", s);
}

/* getaddrinfo() cuts a port that is too great down to 16 bits. */
static void take_listen(struct argp_state *state, struct options *o,
			const char *s)
{
	const char *colon = strrchr(s, ':');

	number(state, "--listen: port", colon ? colon + 1 : s, 65535);
	o->listen = s;
}

static void take_argument(struct argp_state *state, struct parse *p, char *arg)
{
	struct options *o = p->o;

	if (p->c->takes & TAKES_FILE && !o->nargs)
		o->arg[o->nargs++] = arg;
	else if (p->c->takes & TAKES_INTERVAL && !(o->interval_given & 1)) {
		o->interval_s = seconds(state, "INTERVAL", arg);
		o->interval_given |= 1;
	} else if (p->c->takes & TAKES_INTERVAL && !(o->interval_given & 2)) {
		o->count = number(state, "COUNT", arg, UINT32_MAX);
		o->interval_given |= 2;
	} else {
		argp_error(state, "%s is one argument too many", arg);
	}
}

/* Options without a value. */
static error_t take_flag(int key, struct options *o)
{
	bool *flag = key == KEY_JSON ? &o->json :
		     key == KEY_STRICT ? &o->strict :
		     key == KEY_LABEL_PID ? &o->label_pid :
		     key == KEY_PROCESS ? &o->by_process :
		     key == KEY_CLASS ? &o->by_class :
		     key == KEY_PLAIN ? &o->plain :
		     key == KEY_ONE ? &o->one_by_one :
		     key == KEY_STARTS ? &o->starts :
		     key == 'T' ? &o->timestamps : NULL;

	if (!flag)
		return ARGP_ERR_UNKNOWN;
	*flag = true;
	return 0;
}

/* An option of other commands is refused by what this one takes. */
static void refuse_others(struct argp_state *state, const struct command *c,
			  int key)
{
	char list[512] = "";
	size_t at = 0;

	for (size_t i = 0; i < KNOWN; i++)
		if (known[i].takes & c->takes)
			at += (size_t)snprintf(list + at, sizeof(list) - at,
					       " --%s", known[i].option.name);
	for (size_t i = 0; i < KNOWN; i++)
		if (known[i].option.key == key && !(known[i].takes & c->takes))
			argp_error(state, "%s does not take --%s; it takes%s",
				   c->name, known[i].option.name, list);
}

static void take_end(struct argp_state *state, const struct parse *p)
{
	if (p->c->takes & TAKES_FILE && !p->o->nargs)
		argp_error(state, "it needs a FILE");
	if (p->o->count && !(p->o->interval_s > 0))
		argp_error(state, "-n %llu: of which intervals?  -i SECONDS says",
			   (unsigned long long)p->o->count);
	if (p->o->starts && p->o->probes)
		argp_error(state, "--starts and --probe exclude each other: "
			   "--probe may name refill_start");
}

static error_t take(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct options *o = p->o;

	refuse_others(state, p->c, key);
	switch (key) {
	case 'p':
		take_pids(state, o, arg);
		break;
	case 'c':
		for (char *c; (c = strsep(&arg, ","));)
			take_class(state, o, c);
		break;
	case 'm':
		o->min_ns = 1000 * number(state, "-m", arg, UINT32_MAX);
		break;
	case 'd':
		o->duration_s = seconds(state, "-d", arg);
		break;
	case 'i':
		o->interval_s = seconds(state, "-i", arg);
		break;
	case 'n':
		o->count = number(state, "-n", arg, UINT32_MAX);
		break;
	case 'r':
		o->rows = (uint32_t)number(state, "-r", arg, UINT32_MAX);
		break;
	case KEY_PROBE:
		take_probes(state, o, arg);
		break;
	case KEY_BY:
		take_by(state, p, arg);
		break;
	case KEY_RING:
		o->ring_bytes = ring_size(state, arg);
		break;
	case KEY_LIB:
		if (o->nlibs == LIBS_MAX)
			argp_error(state, "--lib: at most %u files", LIBS_MAX);
		o->lib[o->nlibs++] = arg;
		break;
	case 'o':
		o->output = arg;
		break;
	case KEY_SVG:
		o->svg = arg;
		break;
	case KEY_LISTEN:
		take_listen(state, o, arg);
		break;
	case ARGP_KEY_ARG:
		take_argument(state, p, arg);
		break;
	case ARGP_KEY_END:
		take_end(state, p);
		break;
	default:
		return take_flag(key, o);
	}
	return 0;
}

void options_parse(const struct command *c, int argc, char **argv,
		   struct options *ret_o)
{
	struct argp_option option[KNOWN + 1] = { 0 };
	struct argp parser = { .options = option, .parser = take,
			       .args_doc = c->args, .doc = c->help };
	struct parse p = { c, ret_o };

	*ret_o = (struct options){ .any_class = true, .ring_bytes = 4u << 20,
				   .rows = UINT32_MAX,
				   .by_process = c->takes & TAKES_APART,
				   .by_class = c->takes & TAKES_APART,
				   .by = c->by, .interval_s = c->interval_s };
	for (size_t i = 0; i < KNOWN; i++) {
		option[i] = known[i].option;
		if (!(known[i].takes & c->takes))
			option[i].flags |= OPTION_HIDDEN;
	}
	argp_parse(&parser, argc, argv, 0, NULL, &p);
}
