/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Which operation a VM's state allows, as one table. Operations never look at states themselves. */

#include "base/err.h"
#include "proto/io_banger.h"

enum vm_act { VM_ACT_START, VM_ACT_STOP, VM_ACT_RESTART, VM_ACT_KILL, VM_ACT_DELETE, VM_ACT_DELETE_FORCE, VM_ACT_SET, VM_ACT_FILE, VM_ACT_CONNECT, VM_ACT_COUNT };

/* The transitional state that act puts a VM of this name and state into (the same state for CONNECT, SET, FILE and KILL).
 * ERR_STATE with a hint when the state does not allow it; ERR_BUSY while an operation holds it. */
MUST int vm_state_next(const char *name, enum vm_state from, enum vm_act act, enum vm_state *ret, struct err *e);
