/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h - one JSON object per command, over json-c: integers for bytes and
 * nanoseconds, and text that is valid whatever it was before.
 */
#ifndef TOOLS_JSON_H
#define TOOLS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

struct json_object *json_new(void);
void json_u64(struct json_object *o, const char *key, uint64_t n);
void json_flag(struct json_object *o, const char *key, bool on);
/* At most len bytes of text, up to its NUL. */
void json_text(struct json_object *o, const char *key, const char *text,
	       size_t len);
/* A new object under the key; the object owns it. */
struct json_object *json_sub(struct json_object *o, const char *key);
/* A new array under the key; the object owns it. */
struct json_object *json_list(struct json_object *o, const char *key);
/* A new object at the array's end; the array owns it. */
struct json_object *json_item(struct json_object *list);
/* Prints the object as one line, and frees it. */
void json_print(struct json_object *o);

#endif
