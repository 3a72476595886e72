/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe_site.h - what a probe is made of; included by the one file of the
 * library and the one of the daemon that hold the sites.
 *
 * A site is one instruction, a nop of one byte.  (The kernel replaces one of five
 * bytes by a call, which overwrites what a leaf function keeps below its stack
 * pointer.)  A note beside it says its name, its semaphore, and where its
 * arguments are: in the registers of a call, whatever the compiler does, as the
 * function does nothing else.  All sites lie in one section, as the kernel
 * copies each page that it puts a breakpoint into.  The format of the note is
 * SystemTap's, version 3.
 */
#ifndef SHM_PROBE_SITE_H
#define SHM_PROBE_SITE_H

#include "shm/probe.h"

#if defined(__x86_64__)
#define PROBE_AT_BARE	"8@%rdi 8@%rsi"
#define PROBE_AT_3	"8@%%rdi 8@%%rsi 8@%%rdx"
#define PROBE_AT_4	PROBE_AT_3 " 8@%%rcx"
#define PROBE_AT_5	PROBE_AT_4 " 8@%%r8"
#define PROBE_AT_6	PROBE_AT_5 " 8@%%r9"
#define PROBE_R0	"rdi"
#define PROBE_R1	"rsi"
#define PROBE_R2	"rdx"
#define PROBE_R3	"rcx"
#define PROBE_R4	"r8"
#define PROBE_R5	"r9"
#elif defined(__aarch64__)
#define PROBE_AT_BARE	"8@x0 8@x1"
#define PROBE_AT_3	"8@x0 8@x1 8@x2"
#define PROBE_AT_4	PROBE_AT_3 " 8@x3"
#define PROBE_AT_5	PROBE_AT_4 " 8@x4"
#define PROBE_AT_6	PROBE_AT_5 " 8@x5"
#define PROBE_R0	"x0"
#define PROBE_R1	"x1"
#define PROBE_R2	"x2"
#define PROBE_R3	"x3"
#define PROBE_R4	"x4"
#define PROBE_R5	"x5"
#endif

/* Each argument's register, as an input of the site. */
#define PROBE_IN(i)	register uint64_t in##i __asm__(PROBE_R##i) = a##i

#define PROBE_ARGS_3	uint64_t a0, uint64_t a1, uint64_t a2
#define PROBE_ARGS_4	PROBE_ARGS_3, uint64_t a3
#define PROBE_ARGS_5	PROBE_ARGS_4, uint64_t a4
#define PROBE_ARGS_6	PROBE_ARGS_5, uint64_t a5
#define PROBE_INS_3	PROBE_IN(0); PROBE_IN(1); PROBE_IN(2)
#define PROBE_INS_4	PROBE_INS_3; PROBE_IN(3)
#define PROBE_INS_5	PROBE_INS_4; PROBE_IN(4)
#define PROBE_INS_6	PROBE_INS_5; PROBE_IN(5)
#define PROBE_USES_3	"r"(in0), "r"(in1), "r"(in2)
#define PROBE_USES_4	PROBE_USES_3, "r"(in3)
#define PROBE_USES_5	PROBE_USES_4, "r"(in4)
#define PROBE_USES_6	PROBE_USES_5, "r"(in5)

#if defined(__has_attribute) && __has_attribute(noipa)
#define PROBE_ALONE	__attribute__((noipa, noinline, cold))
#else
#define PROBE_ALONE	__attribute__((noinline, cold))
#endif

#define PROBE_NOTE(name, at)						\
	"990:	nop\n"							\
	"	.pushsection .note.stapsdt,\"\",\"note\"\n"		\
	"	.balign 4\n"						\
	"	.4byte 992f - 991f, 994f - 993f, 3\n"			\
	"991:	.asciz \"stapsdt\"\n"					\
	"992:	.balign 4\n"						\
	"993:	.8byte 990b\n"						\
	"	.8byte _.stapsdt.base\n"				\
	"	.8byte mheap_" #name "_semaphore\n"			\
	"	.asciz \"mheap\"\n"					\
	"	.asciz \"" #name "\"\n"					\
	"	.asciz \"" at "\"\n"					\
	"994:	.balign 4\n"						\
	"	.popsection\n"

/* By the distance to it a tracer sees where the object was prelinked to. */
#define PROBE_BASE							\
	"	.pushsection .stapsdt.base,\"aG\",\"progbits\","	\
	".stapsdt.base,comdat\n"					\
	"	.weak _.stapsdt.base\n"					\
	"	.hidden _.stapsdt.base\n"				\
	"_.stapsdt.base: .space 1\n"					\
	"	.size _.stapsdt.base, 1\n"				\
	"	.popsection\n"

/* The frame is asked for, so that a stack from here shows the caller. */
#define PROBE_SITE(name, n)						\
	volatile unsigned short mheap_##name##_semaphore		\
		__attribute__((section(".probes"), used));		\
	PROBE_ALONE __attribute__((section(".text.mheap_probe")))	\
	void probe_##name(PROBE_ARGS_##n)				\
	{								\
		void *frame = __builtin_frame_address(0);		\
		PROBE_INS_##n;						\
									\
		__asm__ volatile(PROBE_NOTE(name, PROBE_AT_##n)		\
				 :: PROBE_USES_##n, "m"(*(char *)frame));	\
	}

/*
 * A site of two arguments that is a function's first instruction, and all it does
 * is to return: a tracer maps the page and runs it, to see whether it fires.
 */
#define PROBE_BARE(name)						\
	static volatile unsigned short mheap_##name##_semaphore		\
		__attribute__((section(".probes"), used));		\
	__asm__("	.pushsection .text.mheap_probe,\"ax\",%progbits\n" \
		PROBE_NOTE(name, PROBE_AT_BARE)				\
		"	ret\n"						\
		"	.popsection\n")

__asm__(PROBE_BASE);

#endif
