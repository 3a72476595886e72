/* SPDX-License-Identifier: Apache-2.0 */
/* json.c - see json.h.  Out of memory ends the program: nothing is at stake. */
#include "tools/json.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/commands.h"
#include "tools/say.h"

static struct json_object *must(struct json_object *o)
{
	if (!o)
		exit(refuse(EXIT_FAULT, "out of memory"));
	return o;
}

static void add(struct json_object *o, const char *key, struct json_object *v)
{
	if (json_object_object_add(o, key, must(v)))
		must(NULL);
}

struct json_object *json_new(void)
{
	return must(json_object_new_object());
}

void json_u64(struct json_object *o, const char *key, uint64_t n)
{
	add(o, key, json_object_new_uint64(n));
}

void json_flag(struct json_object *o, const char *key, bool on)
{
	add(o, key, json_object_new_boolean(on));
}

void json_text(struct json_object *o, const char *key, const char *text,
	       size_t len)
{
	char safe[512];

	add(o, key, json_object_new_string(safe_text(safe, sizeof(safe), text,
						     len, SAFE_JSON)));
}

struct json_object *json_sub(struct json_object *o, const char *key)
{
	struct json_object *sub = json_new();

	add(o, key, sub);
	return sub;
}

struct json_object *json_list(struct json_object *o, const char *key)
{
	struct json_object *list = must(json_object_new_array());

	add(o, key, list);
	return list;
}

struct json_object *json_item(struct json_object *list)
{
	struct json_object *o = json_new();

	if (json_object_array_add(list, o))
		must(NULL);
	return o;
}

void json_print(struct json_object *o)
{
	const char *s = json_object_to_json_string_ext(o,
			JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

	if (s)
		puts(s);
	else
		must(NULL);
	json_object_put(o);
}
