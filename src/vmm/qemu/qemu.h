/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "vmm/vmm.h"

/* qemu-system-x86_64: for hosts without a working KVM or without Firecracker. vsock by banger-vhost-vsock. */
extern const struct vmm_driver vmm_qemu;
