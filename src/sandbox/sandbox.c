/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sandbox/sandbox.h"

#include <errno.h>

#include "sandbox/seccomp.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

bool sandbox_available(void)
{
	return !SANITIZED;
}

int sandbox_worker(const struct landlock_rule *rules, size_t n, int *ret_landlock, struct err *e)
{
	struct seccomp_program program;
	int version = 0;

	if (sandbox_available()) {
		if (landlock_restrict(rules, n, &version, e) < 0)
			return -1;
		seccomp_build(SECCOMP_WORKER, &program);
		if (seccomp_install(&program) < 0)
			return err_sys(e, errno, "restrict system calls");
	}
	*ret_landlock = version;
	return 0;
}
