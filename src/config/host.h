/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What a VM gets by default on a machine of this size, and the machine's name servers. */

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

/* A quarter of the processors, 1 to 4. 0 when their number is unknown. */
int64_t config_host_vcpus(void);
/* An eighth of the memory, at least 512 MiB (half of a machine that small), at most 8192. 0 when unknown. */
int64_t config_host_memory_mib(void);
/* The same for given sizes. */
int64_t config_vcpus_for(int64_t processors);
int64_t config_memory_for(int64_t total_mib);
/* Addresses on the "nameserver" lines of resolv.conf text that a guest can reach: IPv4, not loopback. Owned by the caller. */
size_t config_host_dns(const char *resolv_conf, char *ret[static CONFIG_MAX_DNS]);
