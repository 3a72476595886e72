/* SPDX-License-Identifier: Apache-2.0 */
/*
 * viewinfo.c - what a view says about the heap as a whole, and the words for
 * states.
 */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/span.h"
#include "tools/view.h"

/*
 * A daemon whose socket we don't know still holds the lock of the names.  To
 * look we lock it ourselves for a moment; a daemon that begins just then waits.
 */
static bool lock_held(const struct place *p)
{
	char path[HEAP_PATH_MAX];
	bool held;
	int fd;

	if (heap_shm_name(p->uid, p->name, "lock", path, sizeof(path)))
		return false;
	fd = shm_open(path, O_RDONLY, 0);
	if (fd < 0)
		return false;
	held = flock(fd, LOCK_SH | LOCK_NB) != 0;
	close(fd);
	return held;
}

const char *view_state(const struct view *v, const struct place *p)
{
	if (v->served)
		return "serving";
	if (v->silent)
		return "silent";
	switch (ld_acq(&v->sg.hdr->status)) {		/* [H1] */
	case HEAP_MAKING:
		return "unfinished";
	case HEAP_SERVING:
		return lock_held(p) ? "serving" : "dead";
	case HEAP_STOPPED:
		return lock_held(p) ? "serving" : "stopped";
	case HEAP_DESTROYED:
		return "destroyed";
	}
	return "unknown";
}

uint32_t view_daemon_pid(const struct view *v, const struct place *p)
{
	if (!v->served && !v->silent && !lock_held(p))
		return 0;
	return ld_rlx(&v->sg.hdr->daemon_pid);		/* [H2] */
}

uint32_t view_clients(const struct view *v)
{
	uint32_t n = 0;

	for (uint32_t i = 1; i <= v->sg.geo.nclients; i++)
		n += (ld_acq(&v->sg.clients[i].word) & 0xff) !=	/* [R1] */
		     CLIENT_FREE;
	return n;
}

const char *backing_name(uint32_t backing)
{
	return backing ? "memfd" : "shm";
}

const struct sh_client *client_of(const struct seg *sg, uint32_t slot,
				  uint32_t gen)
{
	uint64_t w;

	if (!slot || slot > sg->geo.nclients)
		return NULL;
	w = ld_acq(&sg->clients[slot].word);		/* [R1] */
	if ((w & 0xff) == CLIENT_FREE || (w >> 8 & GEN_MASK) != gen)
		return NULL;
	return &sg->clients[slot];
}

const char *client_state_name(uint32_t state)
{
	static const char *const name[] = { "free", "joining", "active", "away",
					    "dying", "leaving" };

	return state <= CLIENT_LEAVING ? name[state] : "unknown";
}

const char *span_state_name(uint32_t state)
{
	static const char *const name[] = { "free", "granted", "owned", "full",
					    "listed", "quarantined" };

	return state <= SPAN_QUARANTINED ? name[state] : "unknown";
}

const char *life_name(uint32_t life)
{
	static const char *const name[] = { "owned", "shared", "held" };

	return life < LIFE_COUNT ? name[life] : "unknown";
}
