/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <sys/prctl.h>

#include "sandbox/caps.h"

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

static MUST int keep_and_filter(uint64_t caps, enum seccomp_profile profile, struct err *e)
{
	struct seccomp_program program;

	if (caps_keep(caps, e) < 0)
		return -1;
	if (!sandbox_available())
		return 0;
	seccomp_build(profile, &program);
	return seccomp_install(&program) < 0 ? err_sys(e, errno, "restrict system calls") : 0;
}

int sandbox_helper(struct err *e)
{
	return keep_and_filter(caps_of(caps_helper), SECCOMP_HELPER, e);
}

int sandbox_launcher(bool jail, struct err *e)
{
	return keep_and_filter(caps_of(caps_launcher) | (jail ? caps_of(caps_jail) : 0), SECCOMP_LAUNCHER, e);
}

void sandbox_vmm_prepare(struct seccomp_program *ret)
{
	seccomp_build(SECCOMP_VMM, ret);
}

int sandbox_vmm_enter(void *program)
{
	struct err e = { 0 };

	if (caps_keep(caps_of(caps_vmm), &e) < 0) {
		errno = e.sys;
		return -1;
	}
	/* Without this root would get all back with the exec. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return sandbox_available() ? seccomp_install(program) : 0;
}
