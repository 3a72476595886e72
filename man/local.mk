# SPDX-License-Identifier: Apache-2.0
# Hand-written mdoc.  Each public call has a page, if only a link to one.

dist_man_MANS += \
	%D%/mh_aligned_alloc.3 \
	%D%/mh_alloc.3 \
	%D%/mh_alloc_batch.3 \
	%D%/mh_alloc_flags.3 \
	%D%/mh_alloc_shared.3 \
	%D%/mh_attach.3 \
	%D%/mh_chan_close.3 \
	%D%/mh_chan_fd.3 \
	%D%/mh_chan_open.3 \
	%D%/mh_chan_recv.3 \
	%D%/mh_chan_recv_batch.3 \
	%D%/mh_chan_remove.3 \
	%D%/mh_chan_send.3 \
	%D%/mh_chan_send_batch.3 \
	%D%/mh_deref.3 \
	%D%/mh_detach.3 \
	%D%/mh_drop.3 \
	%D%/mh_errmsg.3 \
	%D%/mh_free.3 \
	%D%/mh_free_batch.3 \
	%D%/mh_handle_of.3 \
	%D%/mh_hold.3 \
	%D%/mh_info.3 \
	%D%/mh_name_get.3 \
	%D%/mh_name_remove.3 \
	%D%/mh_name_set.3 \
	%D%/mh_realloc.3 \
	%D%/mh_set_error_hook.3 \
	%D%/mh_share.3 \
	%D%/mh_stats.3 \
	%D%/mh_trim.3 \
	%D%/mh_try_free.3 \
	%D%/mh_usable_size.3 \
	%D%/mh_zalloc.3 \
	%D%/mheap-trace.8 \
	%D%/mheap.1 \
	%D%/mheap_concepts.7 \
	%D%/mheap_migration.7 \
	%D%/mheap_probes.7 \
	%D%/mheapd.8 \
	$(NULL)
