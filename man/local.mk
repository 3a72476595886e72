# SPDX-License-Identifier: Apache-2.0
# Hand-written mdoc.

dist_man_MANS += \
	$(NULL)
