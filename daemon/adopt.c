/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adopt.c - the clients that a former daemon left.  The living are watched
 * again and stay AWAY until they say HELLO; the dead are reclaimed, and so is
 * who never got its GO, and what the former daemon was reclaiming.
 *
 * Who can't be seen from here (another PID namespace) may live: it keeps all.
 */
#include <string.h>

#include "daemon/server.h"

/* After a new boot nobody of before lives; an unknown boot proves nothing. */
static bool other_boot(const struct sh_header *hdr, const char *now)
{
	return hdr->boot_id[0] && now[0] &&
	       strncmp(hdr->boot_id, now, sizeof(hdr->boot_id));
}

static void adopt(struct server *sv, uint32_t slot, bool all_dead)
{
	uint32_t state = client_state(&sv->heap, slot);

	if (state == CLIENT_FREE)
		return;
	if (all_dead || (state != CLIENT_ACTIVE && state != CLIENT_AWAY))
		reclaim_client(&sv->heap, slot);
	else
		member_adopt(sv, slot);
}

void adopt_all(struct server *sv)
{
	struct sh_header *hdr = sv->heap.sg.whdr;
	char boot[sizeof(hdr->boot_id)];
	bool all_dead;

	proc_boot_id(boot, sizeof(boot));
	all_dead = other_boot(hdr, boot);
	for (uint32_t slot = 1; slot <= sv->heap.sg.geo.nclients; slot++)
		adopt(sv, slot, all_dead);
	memcpy(hdr->boot_id, boot, sizeof(boot));
	st_rlx(&hdr->count.clients, sv->nmembers);		/* [H2] */
}
