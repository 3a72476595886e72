/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo_files.h - the list of files to read: regular readable ones, each once,
 * in the order of their names.
 */
#ifndef TOOLS_DEMO_FILES_H
#define TOOLS_DEMO_FILES_H

#include <stddef.h>
#include <stdint.h>

struct file_list {
	char **path;
	uint32_t n, room;
	uint64_t bytes;		/* of all of them, as they are now */
};

/*
 * names ends in NULL; folders are walked, links in them are not followed.
 * 0, or -errno with the name that it is about in *ret_name.
 */
int files_find(struct file_list *list, char *const *names,
	       const char **ret_name);
void files_end(struct file_list *list);

#endif
