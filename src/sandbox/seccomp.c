/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sandbox/seccomp.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "sandbox/seccomp_internal.h"

enum { X32_BIT = 0x40000000 };

static void op(struct seccomp_program *p, unsigned code, uint32_t k, unsigned yes, unsigned no)
{
	const struct sock_filter f = { (uint16_t)code, (uint8_t)yes, (uint8_t)no, k };

	_Static_assert(sizeof(f) == sizeof(p->instructions[0]), "an instruction has 8 bytes");
	assert(p->n < SECCOMP_INSTRUCTIONS_MAX);
	memcpy(&p->instructions[p->n++], &f, sizeof(f));
}

static void load(struct seccomp_program *p, size_t offset)
{
	op(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/* Leaves the call's number in the accumulator for the next rule. */
static void compile(struct seccomp_program *p, const struct seccomp_rule *r)
{
	if (r->arg < 0) {
		op(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)r->call, 0, 1);
		op(p, BPF_RET | BPF_K, r->action, 0, 0);
		return;
	}
	size_t low = offsetof(struct seccomp_data, args) + 8 * (size_t)r->arg;

	op(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)r->call, 0, 8);
	load(p, low);
	op(p, BPF_ALU | BPF_AND | BPF_K, (uint32_t)r->mask, 0, 0);
	op(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)r->value, 0, 4);
	load(p, low + 4);
	op(p, BPF_ALU | BPF_AND | BPF_K, (uint32_t)(r->mask >> 32), 0, 0);
	op(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(r->value >> 32), 0, 1);
	op(p, BPF_RET | BPF_K, r->action, 0, 0);
	load(p, offsetof(struct seccomp_data, nr));
}

void seccomp_build(enum seccomp_profile profile, struct seccomp_program *ret)
{
	const struct seccomp_list *list = seccomp_list_of(profile);

	ret->n = 0;
	load(ret, offsetof(struct seccomp_data, arch));
	op(ret, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	op(ret, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
	load(ret, offsetof(struct seccomp_data, nr));
	op(ret, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1); /* the same calls by other numbers */
	op(ret, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
	for (int i = 0; i < SECCOMP_PARTS_MAX; i++)
		for (size_t k = 0; k < list->parts[i].n; k++)
			compile(ret, &list->parts[i].rules[k]);
	op(ret, BPF_RET | BPF_K, list->otherwise, 0, 0);
}

int seccomp_install(const struct seccomp_program *p)
{
	struct sock_fprog program = { .len = p->n };
	long rc;

	/* The kernel only reads, but its struct has no const. */
	memcpy(&program.filter, &(const void *){ p->instructions }, sizeof(program.filter));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
	if (rc > 0)
		errno = ESRCH;
	return rc == 0 ? 0 : -1;
}
