/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm/spec.h"

static MUST int check(const char *what, int64_t v, int64_t min, int64_t max, const char *unit, struct err *e)
{
	if (v >= min && v <= max)
		return 0;
	return err_set(e, ERR_INVALID, "%s of %lld%s is not between %lld and %lld", what, (long long)v, unit, (long long)min, (long long)max);
}

static MUST int check_all(int64_t vcpus, int64_t memory_mib, int64_t disk_mib, int64_t root_mib, struct err *e)
{
	if (check("vcpu count", vcpus, 1, SPEC_VCPUS_MAX, "", e) < 0 ||
	    check("memory", memory_mib, SPEC_MEMORY_MIN_MIB, SPEC_MEMORY_MAX_MIB, " MiB", e) < 0 ||
	    check("disk size", disk_mib, SPEC_DISK_MIN_MIB, SPEC_DISK_MAX_MIB, " MiB", e) < 0)
		return -1;
	return check("root size", root_mib, 0, SPEC_DISK_MAX_MIB, " MiB", e);
}

int vm_spec_resolve(const struct vm_create_in *in, const struct spec_defaults *defaults, struct vm_record *ret, struct err *e)
{
	int64_t vcpus = in->has_vcpus ? in->vcpus : defaults->vcpus;
	int64_t memory = in->has_memory_mib ? in->memory_mib : defaults->memory_mib;
	int64_t disk = in->has_disk_mib ? in->disk_mib : defaults->disk_mib;
	int64_t root = in->has_root_mib ? in->root_mib : defaults->root_mib;

	if (check_all(vcpus, memory, disk, root, e) < 0)
		return -1;
	ret->vcpus = vcpus;
	ret->memory_mib = memory;
	ret->disk_mib = disk;
	ret->root_mib = root;
	return 0;
}

static MUST int only_grows(const struct vm_record *vm, const char *what, int64_t from, int64_t to, struct err *e)
{
	if (to >= from)
		return 0;
	err_set(e, ERR_INVALID, "set '%s': %s cannot shrink from %lld to %lld MiB", vm->name, what, (long long)from, (long long)to);
	return err_hint(e, "make a new VM with a smaller one");
}

int vm_spec_check_set(const struct vm_set_in *in, const struct vm_record *vm, struct err *e)
{
	int64_t vcpus = in->has_vcpus ? in->vcpus : vm->vcpus;
	int64_t memory = in->has_memory_mib ? in->memory_mib : vm->memory_mib;
	int64_t disk = in->has_disk_mib ? in->disk_mib : vm->disk_mib;
	int64_t root = in->has_root_mib ? in->root_mib : vm->root_mib;

	if (check_all(vcpus, memory, disk, root, e) < 0 || only_grows(vm, "disk", vm->disk_mib, disk, e) < 0)
		return -1;
	return only_grows(vm, "root", vm->root_mib, root, e);
}
