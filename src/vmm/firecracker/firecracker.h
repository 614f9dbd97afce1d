/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "vmm/vmm.h"

/* firecracker: wherever KVM works. vsock is its own. */
extern const struct vmm_driver vmm_firecracker;
