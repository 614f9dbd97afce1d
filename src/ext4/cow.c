/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An io_manager of libext2fs over disk/cow. It has no cache: below it are files. */
#include "ext4/cow.h"

#include <errno.h>
#include <string.h>

#include "ext4/ext4_internal.h"

/* Set for the channels that are opened next: the library hands a manager nothing but a name. */
static struct disk_cow *joined;

static errcode_t code_of(const struct err *e)
{
	return e->sys ? e->sys : EIO;
}

static errcode_t io_open(const char *name, int flags, io_channel *ret);

static errcode_t io_close(io_channel io)
{
	if (--io->refcount > 0)
		return 0;
	ext2fs_free_mem(&io->name);
	ext2fs_free_mem(&io);
	return 0;
}

static errcode_t io_set_blksize(io_channel io, int bytes)
{
	io->block_size = bytes;
	return 0;
}

/* A count below 0 is one of bytes. */
static size_t bytes_of(io_channel io, int count)
{
	return count < 0 ? (size_t) - (long)count : (size_t)count * (size_t)io->block_size;
}

/* A block number whose bytes cannot be counted is behind the end of every root. */
static uint64_t start_of(io_channel io, unsigned long long block)
{
	uint64_t at;

	return __builtin_mul_overflow(block, (uint64_t)io->block_size, &at) ? UINT64_MAX : at;
}

static errcode_t io_read(io_channel io, unsigned long long block, int count, void *data)
{
	struct err e = { 0 };
	size_t n = bytes_of(io, count);

	if (disk_cow_read(io->private_data, data, n, start_of(io, block), &e) == 0)
		return 0;
	errcode_t r = e.code == ERR_INVALID ? EXT2_ET_SHORT_READ : code_of(&e);
	memset(data, 0, n);
	return io->read_error ? io->read_error(io, (unsigned long)block, count, data, n, 0, r) : r;
}

static errcode_t io_write(io_channel io, unsigned long long block, int count, const void *data)
{
	struct err e = { 0 };
	size_t n = bytes_of(io, count);

	if (disk_cow_write(io->private_data, data, n, start_of(io, block), &e) == 0)
		return 0;
	errcode_t r = e.code == ERR_INVALID ? EXT2_ET_SHORT_WRITE : code_of(&e);
	return io->write_error ? io->write_error(io, (unsigned long)block, count, data, n, 0, r) : r;
}

static errcode_t io_read32(io_channel io, unsigned long block, int count, void *data)
{
	return io_read(io, block, count, data);
}

static errcode_t io_write32(io_channel io, unsigned long block, int count, const void *data)
{
	return io_write(io, block, count, data);
}

static errcode_t io_write_byte(io_channel io, unsigned long at, int n, const void *data)
{
	struct err e = { 0 };

	return n < 0 ? EXT2_ET_INVALID_ARGUMENT : disk_cow_write(io->private_data, data, (size_t)n, at, &e) < 0 ? code_of(&e) : 0;
}

/* Nothing is written before the commit, which syncs. */
static errcode_t io_flush(io_channel io)
{
	return 0;
}

/* Options are about files and their cache. */
static errcode_t io_set_option(io_channel io, const char *option, const char *arg)
{
	return 0;
}

static struct struct_io_manager manager = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "banger's joined root",
	.open = io_open,
	.close = io_close,
	.set_blksize = io_set_blksize,
	.read_blk = io_read32,
	.write_blk = io_write32,
	.flush = io_flush,
	.write_byte = io_write_byte,
	.set_option = io_set_option,
	.read_blk64 = io_read,
	.write_blk64 = io_write,
};

static errcode_t io_open(const char *name, int flags, io_channel *ret)
{
	io_channel io;
	errcode_t r;

	if ((flags & IO_FLAG_RW) && !disk_cow_writable(joined))
		return EROFS;
	r = ext2fs_get_memzero(sizeof(*io), &io);
	if (r)
		return r;
	*io = (struct struct_io_channel){ .magic = EXT2_ET_MAGIC_IO_CHANNEL, .manager = &manager, .block_size = 1024, .refcount = 1 };
	r = ext2fs_get_mem(strlen(name) + 1, &io->name);
	if (r) {
		ext2fs_free_mem(&io);
		return r;
	}
	memcpy(io->name, name, strlen(name) + 1);
	io->private_data = joined;
	*ret = io;
	return 0;
}

io_manager ext4_cow_io(struct disk_cow *cow)
{
	joined = cow;
	return &manager;
}

static struct ext4_at at_of(struct disk_cow *c)
{
	return (struct ext4_at){ .path = disk_cow_name(c), .cow = c };
}

int ext4_cow_open(struct disk_cow *c, bool writable, struct ext4 **ret, struct err *e)
{
	struct ext4_at at = at_of(c);

	return ext4_at_open(&at, writable, ret, e);
}

int ext4_cow_info(struct disk_cow *c, struct ext4_info *ret, struct err *e)
{
	struct ext4_at at = at_of(c);

	return ext4_at_info(&at, ret, e);
}

int ext4_cow_check(struct disk_cow *c, enum ext4_health *ret, char **ret_first, struct err *e)
{
	struct ext4_at at = at_of(c);

	return ext4_at_check(&at, ret, ret_first, e);
}

int ext4_cow_replay(struct disk_cow *c, struct err *e)
{
	struct ext4_at at = at_of(c);

	return ext4_at_replay(&at, e);
}
