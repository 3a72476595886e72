# SPDX-License-Identifier: Apache-2.0
# pkg-config and systemd.  The units are made here and not by configure, which
# would leave ${exec_prefix} in them.

pkgconfig_DATA = %D%/libmheap.pc
EXTRA_DIST += %D%/mheapd@.service.in %D%/mheapd@.socket

if HAVE_SYSTEMD
systemdsystemunit_DATA = %D%/mheapd@.service %D%/mheapd@.socket
CLEANFILES += %D%/mheapd@.service
endif

%D%/mheapd@.service: %D%/mheapd@.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	$(SED) 's,[@]sbindir[@],$(sbindir),g' $(srcdir)/%D%/mheapd@.service.in \
	  >$@.tmp && mv $@.tmp $@
