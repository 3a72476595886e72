/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc.h - what the kernel says about processes: who is at the other end of a
 * socket, whether it is the one of before, and whether it still has the arena
 * mapped.
 *
 * Keeps nothing.  A process that can't be looked at (another user's, another
 * PID namespace) is never taken for dead: no proof of death, no reuse.
 */
#ifndef DAEMON_PROC_H
#define DAEMON_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "daemon/log.h"

struct peer {
	int		pidfd;		/* the holder's to close */
	pid_t		pid;		/* 0: not in our PID namespace */
	uid_t		uid;
	uint64_t	start_time;	/* 0: not known */
	char		comm[16];
};

/*
 * Who made the connection.  0, or -errno with a sentence in why.  On a kernel
 * without SO_PEERPIDFD the PID might have been reused before it was looked at;
 * the connection is looked at again afterwards, and the process must be older.
 */
int peer_identify(int sock, struct peer *ret_p, struct refusal *why);
void peer_close(struct peer *p);

/* Has the process ended?  All its threads are gone then, its memory too. */
bool pidfd_dead(int pidfd);

/* A pidfd of the process that started then; -ESRCH: it is no more. */
int pidfd_of(pid_t pid, uint64_t start_time, int *ret_pidfd);

/* Is the connection still there, at both ends? */
bool sock_connected(int sock);

struct proc_stat {
	char		comm[16];
	char		state;
	uint64_t	start_time;	/* ticks since boot */
};

int proc_stat_read(pid_t pid, struct proc_stat *ret_st);
/* The text of /proc/PID/stat; false: it isn't. */
bool proc_stat_parse(const char *text, struct proc_stat *ret_st);

/* Our PID namespace; 0: unknown. */
uint64_t proc_pidns(void);
/* The machine's boot; empty: unknown. */
void proc_boot_id(char *ret_id, size_t len);

/*
 * Does the process map the file?  1: yes; 0: proven not to; -errno: can't be
 * seen.  A thread that ended has an empty list, which proves nothing.
 */
int proc_maps_file(pid_t pid, dev_t dev, ino_t ino);
/* The same of one list; -ENODATA: an empty one. */
int maps_have_file(FILE *maps, dev_t dev, ino_t ino);

#endif
