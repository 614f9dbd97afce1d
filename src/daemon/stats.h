/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What VMs use of the host, read when somebody asks: from /proc (proc(5)), the disks' files and the taps' counters. */

#include <stdint.h>

struct daemon;
struct netlink;
struct object;
struct vm_usage;

/* Bytes that a VM's root and its work disk take on the host's disk; 0 for what is not there. */
int64_t stats_root_bytes(const struct object *o);
int64_t stats_work_bytes(const struct object *o);
/* Fills *ret, which the caller gives back with its _done. A counter that cannot be read is absent. net is a NETLINK_ROUTE socket, or NULL. */
void stats_read(const struct object *o, struct netlink *net, struct vm_usage *ret);
