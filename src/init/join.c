/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "init/join.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "base/auto.h"
#include "base/mem.h"
#include "base/str.h"
#include "init/devices.h"

enum { ROOM = 4096, PARAMS_MAX = 128, TARGETS_MAX = 2 };

struct target {
	const char *type;
	uint64_t start, length; /* sectors of 512 bytes */
	char params[PARAMS_MAX];
};

/* A request for the device of that name, with room for targets behind it. */
static struct dm_ioctl *request(char *buf, const char *name, unsigned flags)
{
	struct dm_ioctl *d = (struct dm_ioctl *)(void *)buf;

	memset(buf, 0, ROOM);
	d->version[0] = DM_VERSION_MAJOR;
	d->data_size = ROOM;
	d->data_start = sizeof(*d);
	d->flags = flags;
	snprintf(d->name, sizeof(d->name), "%s", name);
	return d;
}

static void add_targets(char *buf, const struct target *targets, unsigned n)
{
	struct dm_ioctl *d = (struct dm_ioctl *)(void *)buf;
	size_t at = sizeof(*d);

	d->target_count = n;
	for (unsigned i = 0; i < n; i++) {
		struct dm_target_spec *t = (struct dm_target_spec *)(void *)(buf + at);
		size_t size = (sizeof(*t) + strlen(targets[i].params) + 8) & ~(size_t)7;
		t->sector_start = targets[i].start;
		t->length = targets[i].length;
		t->next = (uint32_t)size;
		snprintf(t->target_type, sizeof(t->target_type), "%s", targets[i].type);
		memcpy(t + 1, targets[i].params, strlen(targets[i].params) + 1);
		at += size;
	}
}

/* Makes a device of these targets. Its number is that of /dev/dm-N. */
static MUST int make_device(int control, const char *name, unsigned flags, const struct target *targets, unsigned n, unsigned *ret_minor,
	unsigned *ret_major, struct err *e)
{
	AUTO_MEM char *buf = mem_new(ROOM);
	struct dm_ioctl *d = request(buf, name, 0);

	if (ioctl(control, DM_DEV_CREATE, d) < 0)
		return err_sys(e, errno, "make device '%s'", name);
	uint64_t dev = d->dev; /* the kernel's "huge" encoding, which is makedev's */
	request(buf, name, flags);
	add_targets(buf, targets, n);
	if (ioctl(control, DM_TABLE_LOAD, d) < 0)
		return err_sys(e, errno, "load table '%s %s' of device '%s'", targets[0].type, targets[0].params, name);
	request(buf, name, 0); /* without DM_SUSPEND_FLAG it resumes */
	if (ioctl(control, DM_DEV_SUSPEND, d) < 0)
		return err_sys(e, errno, "start device '%s'", name);
	*ret_minor = minor(dev);
	*ret_major = major(dev);
	return 0;
}

/* A store that overflowed or failed says "Invalid" and reads as errors. */
static MUST int check_valid(int control, const char *name, struct err *e)
{
	AUTO_MEM char *buf = mem_new(ROOM);
	struct dm_ioctl *d = request(buf, name, 0);

	if (ioctl(control, DM_TABLE_STATUS, d) < 0)
		return err_sys(e, errno, "status of device '%s'", name);
	size_t at = d->data_start + sizeof(struct dm_target_spec);
	if (d->target_count != 1 || at >= ROOM)
		return err_set(e, ERR_CORRUPT, "status of device '%s' makes no sense", name);
	buf[ROOM - 1] = 0;
	if (str_starts(buf + at, "Invalid") || str_starts(buf + at, "Overflow"))
		return err_set(e, ERR_CORRUPT, "the root's store is invalid: it was full or could not be written");
	return 0;
}

int join_root(const char *base, const char *store, int64_t root_mib, int64_t chunk, char ret_name[static JOIN_NAME_MAX],
	struct err *e)
{
	AUTO_FD int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	uint64_t base_bytes, store_bytes;
	unsigned base_major, base_minor, store_major, store_minor, n = 1;
	struct target t[TARGETS_MAX] = { { .type = "linear" }, { .type = "zero" } };

	if (control < 0)
		return err_sys(e, errno, "the guest's kernel has no device mapper: open '/dev/mapper/control'");
	if (devices_measure(base, &base_bytes, &base_major, &base_minor, e) < 0 ||
	    devices_measure(store, &store_bytes, &store_major, &store_minor, e) < 0)
		return -1;
	uint64_t sectors = base_bytes / 512;
	if ((uint64_t)root_mib * 2048 > sectors) {
		t[0].length = t[1].start = sectors;
		t[1].length = (uint64_t)root_mib * 2048 - sectors;
		snprintf(t[0].params, PARAMS_MAX, "%u:%u 0", base_major, base_minor);
		n = 2;
		if (make_device(control, "banger-base", DM_READONLY_FLAG, t, n, &base_minor, &base_major, e) < 0)
			return -1;
		sectors = (uint64_t)root_mib * 2048;
	}
	struct target snapshot = { .type = "snapshot", .length = sectors };
	snprintf(snapshot.params, PARAMS_MAX, "%u:%u %u:%u P %lld", base_major, base_minor, store_major, store_minor, (long long)chunk);
	unsigned root_minor, root_major;
	if (make_device(control, "banger-root", 0, &snapshot, 1, &root_minor, &root_major, e) < 0 ||
	    check_valid(control, "banger-root", e) < 0)
		return -1;
	snprintf(ret_name, JOIN_NAME_MAX, "dm-%u", root_minor);
	return 0;
}
