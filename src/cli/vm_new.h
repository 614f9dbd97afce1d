/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What vm run and vm create share: the options that say what a VM is, the spec line, the call. */

#include "cli/cli_internal.h"
#include "cli/progress.h"
#include "proto/io_banger.h"

struct vm_new {
	const char *name, *image, *kernel;
	int64_t vcpus, memory_mib, disk_mib, root_mib; /* 0: not given */
	int net;                                       /* place in vm_new_nets, 0: not given */
	int nat;
};

extern const char *const vm_new_nets[], *const vm_new_backends[];
void vm_new_vcpus(struct str *out);
void vm_new_memory(struct str *out);
void vm_new_disk(struct str *out);
void vm_new_image(struct str *out);

#define VM_NEW_SIZES(type, m)                                                                                          \
	{ 'c', "vcpu", OPT_INT, offsetof(type, m.vcpus), "N", "virtual processors", 1, 32, .fallback = vm_new_vcpus }, \
		{ 'm', "memory", OPT_MIB, offsetof(type, m.memory_mib), "SIZE", "memory, such as 512M or 4G", 64,      \
			1 << 20, .fallback = vm_new_memory },                                                          \
		{ 0, "disk-size", OPT_MIB, offsetof(type, m.disk_mib), "SIZE", "work disk at /root", 16, 16 << 20,     \
			.fallback = vm_new_disk },                                                                     \
	{                                                                                                              \
		0, "system-overlay-size", OPT_MIB, offsetof(type, m.root_mib), "SIZE",                                 \
			"root file system, never below the image's", 16, 16 << 20                                      \
	}
#define VM_NEW_OPTS(type, m)                                                                                           \
	{ 'n', "name", OPT_STRING, offsetof(type, m.name), "NAME", "name of the VM; made up when not given" },         \
		{ 'i', "image", OPT_STRING, offsetof(type, m.image), "IMAGE", "root file system",                      \
			.words = CLI_WORDS_IMAGE, .fallback = vm_new_image },                                          \
		{ 'k', "kernel", OPT_STRING, offsetof(type, m.kernel), "KERNEL", "kernel, in place of the image's",    \
			.words = CLI_WORDS_KERNEL },                                                                   \
		VM_NEW_SIZES(type, m),                                                                                 \
		{ 0, "net", OPT_CHOICE, offsetof(type, m.net), "MODE",                                                 \
			"what the guest reaches: nothing, this host, or the world", .choices = vm_new_nets },          \
	{                                                                                                              \
		0, "nat", OPT_SWITCH, offsetof(type, m.nat), NULL,                                                     \
			"short for --net nat, or with no- for --net private"                                           \
	}

/* The network mode of --net and --nat together. ERR_INVALID when they contradict. */
MUST int vm_new_net(int net, int nat, enum net_mode *ret, struct err *e);
/* Fills the request; strings stay borrowed. Sizes not given come from the configuration. */
MUST int vm_new_request(struct cli *cli, const struct vm_new *n, struct vm_create_in *ret, struct err *e);
/* "4 vcpu · 8192 MiB · 8G disk" */
void vm_new_spec(const struct vm_create_in *in, struct str *out);
/* Prints the spec line, makes the VM, prints its warning. Caller gives *ret back by vm_create_out_done; ret->vm is there. */
MUST int vm_new_create(struct cli *cli, struct varlink_client *c, const struct vm_create_in *in,
	struct vm_create_out *ret, struct err *e);
