/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The guest's network as its host says it is: by netlink at once, and in words for the managers that an image may have. */

#include "base/err.h"
#include "proto/io_banger_hello.h"

/* The loopback device up. */
MUST int netconf_loopback(struct err *e);
/* Address, prefix and default route on the device with the config's MAC, or else eth0. Nothing without an address. */
MUST int netconf_apply(const struct guest_config *config, struct err *e);
/* Files under /run: a network for systemd-networkd (which brings resolved its DNS), and NetworkManager is told to leave the device
 * alone. /etc/resolv.conf is written where it is a plain file or missing. */
MUST int netconf_files(const struct guest_config *config, struct err *e);
