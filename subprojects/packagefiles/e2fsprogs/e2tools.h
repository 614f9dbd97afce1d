#pragma once
/* Two of e2fsprogs' programs as functions. Everything else in them has been made local, so that their names meet none of ours. */
#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>

struct ext2_resize_struct;

/* The whole program: prints, keeps static state and calls exit(), so only for a process of its own. Its status is e2fsck(8)'s. */
int e2fsck_main(int argc, char **argv);

/* Grows or shrinks the open file system to *size blocks and closes it, also on failure. Only for one that is clean and needs no replay. */
errcode_t resize_fs(ext2_filsys fs, blk64_t *size, int flags,
	errcode_t (*progress)(struct ext2_resize_struct *rfs, int pass, unsigned long cur, unsigned long max));

/* The fewest blocks that resize_fs can shrink to. */
blk64_t calculate_minimum_resize_size(ext2_filsys fs, int flags);
