/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What one machine alone may have is taken out of an image, since many VMs come from it: each gets its own at its first boot. */

#include "base/err.h"

struct ext4;

/* Empties /etc/machine-id, removes D-Bus's copy of it, the saved seed of the random numbers, and the ssh host keys where the image can make
 * new ones. */
MUST int image_forget_identity(struct ext4 *x, struct err *e);
