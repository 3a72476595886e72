/* SPDX-License-Identifier: Apache-2.0 */
/* args.c - see args.h. */
#include "tools/args.h"

#include "shm/paths.h"

struct parse {
	const struct args_rule	*rule;
	struct args		*args;
};

static void take_argument(struct parse *p, char *arg, struct argp_state *state)
{
	struct args *a = p->args;

	if (a->count == p->rule->count + p->rule->optional)
		argp_error(state, "%s is one argument too many", arg);
	if (!a->count && p->rule->heap && !heap_name_ok(arg))
		argp_error(state, "\"%s\" is no name of a heap: 1 to %u of A-Z "
			   "a-z 0-9 . _ -, not a dot first", arg, HEAP_NAME_MAX);
	a->arg[a->count++] = arg;
}

static error_t take(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;

	if (key >= ARG_KEY && key < ARG_KEY + 32) {
		p->args->flags |= 1u << (key - ARG_KEY);
		return 0;
	}
	if (key == ARGP_KEY_ARG) {
		take_argument(p, arg, state);
		return 0;
	}
	if (key == ARGP_KEY_END && p->args->count < p->rule->count)
		argp_error(state, "it needs %s", p->rule->args_doc);
	return ARGP_ERR_UNKNOWN;
}

void args_parse(const struct args_rule *rule, int argc, char **argv,
		struct args *ret_args)
{
	struct argp parser = { .options = rule->options, .parser = take,
			       .args_doc = rule->args_doc, .doc = rule->doc };
	struct args a = { 0 };
	struct parse p = { rule, &a };

	argp_parse(&parser, argc, argv, 0, NULL, &p);
	*ret_args = a;
}
