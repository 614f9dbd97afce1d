/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Watches a VM's VMM, the first of its processes, and an ephemeral VM's owner, by pidfd. */

#include <stdbool.h>

struct object;

/* Watches what the record names, anew. A process that is already gone counts as ending now: jobs_vm_exited follows from the loop. */
void watch_start(struct object *o);
void watch_stop(struct object *o);
/* The VMM was there when last heard of. */
bool watch_vmm_alive(const struct object *o);
/* The owner was there when last heard of, or there is none. */
bool watch_owner_alive(const struct object *o);
