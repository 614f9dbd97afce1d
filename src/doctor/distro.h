/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* How this distribution installs what banger can use. */

#include <stddef.h>

enum distro_need { DISTRO_QEMU, DISTRO_FIRECRACKER };

/* A command line or an address, for an os-release file's text. Static text. */
const char *distro_hint_for(const char *os_release, enum distro_need need);
/* The same for this machine. */
const char *distro_hint(enum distro_need need);
