/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Makes the guest what its host says it is. */

#include "base/err.h"
#include "proto/io_banger_hello.h"

/* Clock, host name, /etc/hosts, network, authorized keys. A part that fails is said in the kernel log and the others are done. */
void configure_guest(const struct guest_config *config);

/* Puts public keys into /root/.ssh/authorized_keys, beside those that are there, and gives what leads to it the owner and modes that sshd
 * insists on. */
MUST int configure_add_keys(char *const *keys, size_t n, struct err *e);

/* The text of /etc/hosts with name on the line of 127.0.1.1; old may be NULL. Caller frees. */
char *configure_hosts_text(const char *old, const char *name);
/* The text of authorized_keys with those of the n keys that are not in it; old may be NULL. NULL when nothing changes. Caller frees. */
char *configure_keys_text(const char *old, char *const *keys, size_t n);
