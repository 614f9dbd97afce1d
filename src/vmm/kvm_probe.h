/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Does KVM work here? Some hosts open /dev/kvm, make a VM and a vCPU, and fail when it is to run, or run it instruction by instruction in
 * software, a thousand times too slowly to boot. So a loop is run in a guest, and its time is taken. */

#include <stdbool.h>

#include "base/err.h"

/* 0 when a guest's instructions ran at a processor's speed. ERR_NOT_FOUND: there is no /dev/kvm; ERR_DENIED: it is not ours; ERR_UNAVAILABLE: it does not work; each with a hint.
 * Takes some milliseconds, two seconds at most, in a process of its own. path is "/dev/kvm" but in tests. *ret_lasting, which may be NULL: the verdict
 * is of the machine (and of vmm_kvm_key) and not of the moment, such as a lack of memory or another hypervisor that has the processor. */
MUST int vmm_kvm_probe(const char *path, bool *ret_lasting, struct err *e);
/* Names that device as it is now: another text when it was made anew (its module was loaded again) or its rights have changed. Caller frees; NULL when
 * there is none. */
char *vmm_kvm_key(const char *path);
