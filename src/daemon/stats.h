/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What VMs use of the host, read when somebody asks: from /proc (proc(5)), the disks' files and the taps' counters. */

struct daemon;
struct netlink;
struct object;
struct vm_usage;

/* Fills *ret, which the caller gives back with its _done. A counter that cannot be read is absent. net is a NETLINK_ROUTE socket, or NULL. */
void stats_read(const struct object *o, struct netlink *net, struct vm_usage *ret);
