# SPDX-License-Identifier: Apache-2.0
# The tool: the public library, and shm/ for looking at a heap from outside.

EXTRA_DIST += \
	%D%/commands.h \
	%D%/demo_files.c \
	%D%/demo_files.h \
	%D%/demo_index.c \
	%D%/demo_index.h \
	%D%/demo_words.c \
	%D%/demo_words.h \
	$(NULL)
