/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The kernel line, which the guest's init/cmdline.h reads. */

#include "base/str.h"

struct vmm_spec;

/* Appends all that does not depend on the VMM; extra, what does. Never ip=, never a mask of a device that the image's fstab may need. */
void vmm_cmdline(const struct vmm_spec *spec, const char *extra, struct str *out);
