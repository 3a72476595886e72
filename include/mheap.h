/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mheap.h - one heap, many processes.
 *
 * A process attaches to a heap that mheapd serves, allocates from it at the
 * speed of a private malloc, shares objects with other processes and passes
 * them without copying.  It may be killed at any instruction: the others go
 * on, and what it owned is given back.
 *
 * An object has a lifetime:
 *	owned	(the default) belongs to the process that allocated it and
 *		dies with it;
 *	shared	(MH_SHARED at birth, or mh_share) belongs to the heap until
 *		somebody, in any process, frees it;
 *	held	(MH_HELD at birth) lives as long as a process or a name holds
 *		it: who dies lets go of all that it held.
 *
 * Errors: NULL or -1 with errno; mh_errmsg() gives the sentence with the value,
 * the limit and the remedy.  Every function may be called by any thread at any
 * time unless it says otherwise.  None is async-signal-safe: a call from a
 * signal handler that interrupts a slow path of the library in the same thread
 * fails with EDEADLK, never a deadlock.  After fork() the handle works in the
 * child, which becomes a client of its own at its first slow path; it owns
 * nothing, and may read what the parent owns while the parent lives.  (A signal
 * handler that may have interrupted the library must not fork.)
 */
#ifndef MHEAP_H
#define MHEAP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MH_API __attribute__((visibility("default")))
#else
#define MH_API
#endif

typedef struct mh_heap mh_heap;
typedef struct mh_chan mh_chan;
typedef uint64_t mh_handle;		/* position independent; 0 is "none" */

/*
 * This thread's last error as a sentence; "" if there was none.  Valid until
 * the thread's next failing call.
 */
MH_API const char *mh_errmsg(void);

/* flags of mh_attach */
#define MH_START	1u	/* start a private daemon if none serves NAME */
#define MH_READONLY	2u	/* the arena is mapped read-only */
#define MH_CHECKED	4u	/* mh_free checks all that mh_try_free does */

/*
 * Attaches this process to the heap NAME: 1..48 of [A-Za-z0-9._-], not
 * starting with a dot; NULL is $MHEAP_NAME or "default".  A heap that is
 * attached already gives the same handle, counted; other flags are EINVAL.
 *
 * NULL: ENOENT no such heap, ECONNREFUSED its daemon is not running, EACCES,
 * EPROTO another version, EUSERS all client slots taken, EINVAL name or flags,
 * ETIMEDOUT the daemon does not answer, ENOMEM, EMFILE.
 */
MH_API mh_heap *mh_attach(const char *name, unsigned flags);

/*
 * Undoes one mh_attach.  The last one frees this process's owned objects,
 * unmaps the heap and tells the daemon.  No other thread may be using the
 * handle (one that ends meanwhile is waited for).  -1: EINVAL not an attached heap,
 * ETIMEDOUT the daemon is away (the heap is unmapped all the same, and reclaimed
 * when this process ends).
 */
MH_API int mh_detach(mh_heap *h);

/*
 * An owned object of `size` bytes (0 counts as 1).  Objects of 16 bytes or
 * more are 16-aligned, smaller ones to their size.  Contents are undefined.
 *
 * NULL: ENOMEM (`mheap stat` shows the reason), ETIMEDOUT the daemon was
 * needed and is away, EROFS read-only attach, ESHUTDOWN the heap has been
 * destroyed, EDEADLK called from a signal handler inside the library, EUSERS a forked
 * child gets no client slot of its own.
 */
MH_API void *mh_alloc(mh_heap *h, size_t size);
MH_API void *mh_zalloc(mh_heap *h, size_t size);	/* zeroed */

/* flags of mh_alloc_flags and mh_alloc_batch */
#define MH_ZERO		0x100u
#define MH_SHARED	0x200u	/* shared at birth; rounds up to 8 bytes */
#define MH_HELD		0x400u	/* held, once, by the caller; rounds up to 64 */
#define MH_NOWAIT	0x800u	/* EAGAIN instead of waiting for the daemon */
#define MH_ALIGN(log2)	((unsigned)((log2) + 1) << 16)	/* 0..21 */

MH_API void *mh_alloc_flags(mh_heap *h, size_t size, unsigned flags);

/* mh_alloc_flags(h, size, MH_SHARED), with a fast path of its own. */
MH_API void *mh_alloc_shared(mh_heap *h, size_t size);
#define MH_HAVE_ALLOC_SHARED 1

/* align: a power of two from 1 to 2 MiB, with any size; else EINVAL. */
MH_API void *mh_aligned_alloc(mh_heap *h, size_t align, size_t size);

/*
 * Changes the size of an object that this process owns, perhaps by moving it;
 * (NULL, n) is mh_alloc, (p, 0) is size 1.  A shared object is EINVAL unless
 * the new size fits in place; another process's is EPERM.  On failure the
 * object is untouched.
 */
MH_API void *mh_realloc(mh_heap *h, void *p, size_t size);

/*
 * Frees an owned object of this process, or a shared one of anybody's; NULL
 * does nothing.  errno is kept.  Misuse goes to the error hook: wild and
 * foreign pointers and all misuse of shared objects in the call, interior and
 * double frees of owned objects at a later batch of the same class, at
 * mh_trim() at the latest; with MH_CHECKED everything in the call.
 */
MH_API void mh_free(mh_heap *h, void *p);

/*
 * The same with every check in the call.  -1: EINVAL wild or interior pointer,
 * EPERM another process's owned object (or, in a span of another process, one
 * freed before), EALREADY freed before and not reused since, EROFS, EDEADLK.
 */
MH_API int mh_try_free(mh_heap *h, void *p);

/* Bytes that may be used at p; 0 and EINVAL if p is no object's start. */
MH_API size_t mh_usable_size(mh_heap *h, const void *p);

/* How many of n objects of one size it got; errno tells why not all. */
MH_API size_t mh_alloc_batch(mh_heap *h, size_t size, unsigned flags,
			     void **out, size_t n);
MH_API void mh_free_batch(mh_heap *h, void **p, size_t n);

/*
 * Called for misuse that mh_free finds: err as of mh_try_free, and a sentence.
 * The default prints the sentence and aborts.  Returning 0 goes on; the object
 * is left alone.  Gives the old hook; NULL sets the default.  The hook runs
 * without locks held and may not call the library.
 */
typedef int (*mh_error_hook)(mh_heap *h, const void *p, int err,
			     const char *sentence);
MH_API mh_error_hook mh_set_error_hook(mh_error_hook hook);

/*
 * Turns an owned object of this process into a shared one; 0 if it is one
 * already.  -1: EPERM another process's, EINVAL not an object's start, EROFS,
 * ENOMEM no private memory to note it.
 */
MH_API int mh_share(mh_heap *h, void *p);

/*
 * A handle means the same object in every process.  0 and EINVAL: not the
 * start of an object.  An owned object's handle resolves in its owner only.
 */
MH_API mh_handle mh_handle_of(mh_heap *h, const void *p);

/*
 * NULL: ESTALE the object is gone (or owned by another), EINVAL no handle.  An object
 * that was freed may seem to be there to the process whose span it was in, while its
 * memory waits in one of its threads' caches to be used again.
 */
MH_API void *mh_deref(mh_heap *h, mh_handle v);

/*
 * Held objects.  The process that allocates one holds it once.  Others may hold
 * it too, each as often as it likes, and it is freed when the last hold is
 * dropped; mh_free of one is EINVAL.  A process that ends, however, lets go
 * of all that it held; a forked child holds nothing.  mh_hold is
 * legal only while somebody covers the object, by a hold or a name, until it
 * returns; then its contents are there until this process drops it.
 *
 * mh_hold: -1: EINVAL not a held object, ESTALE nobody held it any more, EUSERS
 * this client's slot is above 95 (mh_info), ENOMEM, EDEADLK, EOVERFLOW two billion
 * times by this process.
 * mh_drop: -1: EINVAL not a held object, or this process doesn't hold it,
 * EDEADLK.  Both work with MH_READONLY.
 */
MH_API int mh_hold(mh_heap *h, void *p);
MH_API int mh_drop(mh_heap *h, void *p);

/*
 * Names: 1..63 bytes.  mh_name_set replaces; an owned object becomes shared.
 * A shared object may have several names; freeing it leaves them, and mh_name_get
 * then gives NULL, ESTALE.  A held object has one name at most (else EBUSY), is
 * held by it, and mh_name_get gives it held by the caller, who drops it.  ENOENT
 * no such name, ENOSPC table full, EINVAL bad name, ESTALE nobody holds it any
 * more, EUSERS and EOVERFLOW as mh_hold, ENOMEM no memory for the name (the object is
 * shared by then), ETIMEDOUT the daemon, who keeps the names, is away.
 * mh_name_get needs no daemon.
 */
MH_API int mh_name_set(mh_heap *h, const char *name, void *p);
MH_API void *mh_name_get(mh_heap *h, const char *name);
MH_API int mh_name_remove(mh_heap *h, const char *name);

/*
 * Channels: bounded queues of held objects, many to many, first in first out: what is
 * sent after another send has returned is received after that, whoever sent them.  A
 * message is always held by its sender, by the channel, or by its receiver: who is
 * killed or stopped at any instruction loses none, doubles none, and holds nobody up.
 * (A place where a stopped receiver stands is out of use until he has gone on and the
 * others have come round to it; a wake that a stopped process owes comes after two
 * seconds at most.)
 *
 * mh_chan_open: opens the channel of a name (1..63 bytes; a name space of its
 * own), or makes one of `capacity` places (1..1,024, rounded up to a power of
 * two; of one that is there, ignored).  flags: 0, MH_EXCL it must not be there,
 * else EEXIST, or MH_EXISTING it must be, else ENOENT.  NULL: these, EINVAL,
 * ENOSPC all channels in use, EUSERS as mh_hold, ENOMEM, ETIMEDOUT the daemon, who
 * makes channels, is away.
 *
 * mh_chan_send: hands one hold of the caller's over; with his last one the object
 * is his no more.  timeout_ms: -1 for ever, 0 not at all.  -1: ETIMEDOUT the
 * channel was full and he keeps it, EINVAL not an object he holds, EBUSY it is in
 * a channel already, EPIPE the channel was removed, EDEADLK.
 *
 * mh_chan_recv: the next message, held by the caller.  NULL: ETIMEDOUT, EPIPE,
 * EUSERS, ENOMEM, EDEADLK, EOVERFLOW as mh_hold.  The batches: how many they sent
 * or got, at least one unless errno says why none; they wait for the first one only.
 *
 * mh_chan_fd: an eventfd that is readable while something may be received, for
 * poll, epoll and io_uring; of the handle, closed with it, not to be read.  When it
 * is readable, receive (timeout 0) until ETIMEDOUT, which makes it unreadable.  A
 * thread of the library waits for it.  -1: EMFILE, ENOMEM, EAGAIN no thread.
 *
 * A handle works in a forked child, too, as the heap's does: before its first call the
 * child joins, and ETIMEDOUT says as well that the daemon is away (half a minute at
 * most).
 * mh_chan_close frees the handle; the channel stays.  mh_chan_remove removes the
 * channel and drops what is in it; who waits gets EPIPE.
 */
#define MH_EXCL		1u
#define MH_EXISTING	2u
MH_API mh_chan *mh_chan_open(mh_heap *h, const char *name, unsigned capacity,
			     unsigned flags);
MH_API int mh_chan_send(mh_chan *c, void *p, int timeout_ms);
MH_API void *mh_chan_recv(mh_chan *c, int timeout_ms);
MH_API size_t mh_chan_send_batch(mh_chan *c, void **p, size_t n, int timeout_ms);
MH_API size_t mh_chan_recv_batch(mh_chan *c, void **out, size_t n,
				 int timeout_ms);
MH_API int mh_chan_fd(mh_chan *c);
MH_API int mh_chan_close(mh_chan *c);
MH_API int mh_chan_remove(mh_heap *h, const char *name);

/* Bytes unless said otherwise.  Fields are only ever appended. */
struct mh_stats {
	uint64_t size;			/* filled bytes of this struct */
	uint64_t reserve_bytes;		/* address range of the arena */
	uint64_t limit_bytes;
	uint64_t committed_bytes;	/* memory behind the segments */
	uint64_t free_bytes;		/* of them in free pages */
	uint64_t returned_bytes;	/* given back to the system, ever */
	uint64_t spans;			/* in use, a number */
	uint64_t owned_bytes;		/* in spans that processes own */
	uint64_t shared_objects, shared_bytes;
	uint64_t held_objects, held_bytes;
	uint64_t clients, deaths;
	uint64_t reclaimed_bytes;	/* of the dead, ever */
	uint64_t quarantined_spans;
	uint64_t refills, daemon_calls;	/* of living clients */
	uint64_t enomem, enomem_reason;	/* refusals; why the last one */
};

struct mh_info {
	uint64_t size, abi;
	uint64_t base;			/* where the arena is mapped here */
	uint64_t reserve_bytes;
	uint32_t same_address;		/* 1: pointers mean the same everywhere */
	uint32_t slot;
	uint32_t daemon;		/* 0 up, 1 away */
	uint32_t backing;		/* 0 shm, 1 memfd */
	uint32_t readonly, pad;
	char name[64], version[32];
};

/*
 * out_size is sizeof the caller's struct.  shared_* are exact while nobody
 * else runs.  mh_stats walks the span table: for tools and tests.
 */
MH_API int mh_stats(mh_heap *h, struct mh_stats *out, size_t out_size);
MH_API int mh_info(mh_heap *h, struct mh_info *out, size_t out_size);

/*
 * Gives back all that this thread and this process's span caches hold (other
 * threads flush at their next slow path), others' shared objects that were freed
 * here and kept for reuse included, and has the daemon return every free
 * page now, unpaced.  -1: ETIMEDOUT, EDEADLK, ESHUTDOWN.
 */
MH_API int mh_trim(mh_heap *h);

#ifdef __cplusplus
}
#endif

#endif
