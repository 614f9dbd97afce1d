/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Rules, as profiles.c writes and seccomp.c compiles them. */

#include <stddef.h>
#include <stdint.h>

#include <linux/seccomp.h>

#include "sandbox/seccomp.h"

/* What happens to one call. arg >= 0: only when that argument, under the mask, has the value; the first rule that fits decides. */
struct seccomp_rule {
	int call;
	uint32_t action;
	int arg;
	uint64_t mask, value;
};

struct seccomp_rules {
	const struct seccomp_rule *rules;
	size_t n;
};

#define SECCOMP_PARTS_MAX 2

/* A profile's rules, tried in order, and what happens to calls that none of them names. */
struct seccomp_list {
	struct seccomp_rules parts[SECCOMP_PARTS_MAX];
	uint32_t otherwise;
};

const struct seccomp_list *seccomp_list_of(enum seccomp_profile profile);
