/* unix_io, which syncs every file that it opens so that a disk's earlier errors are told of before. Our images are files: there the sync writes out what is
 * half made, and costs a flush of the host's disk where nothing is to be written. Only a flush that was asked for syncs; its operand is no plain "fd". */
#define _GNU_SOURCE
#define _LARGEFILE_SOURCE
#define _LARGEFILE64_SOURCE
#include <unistd.h>
#define fsync(of) (sizeof(#of) == sizeof("fd") ? 0 : fsync(of))
#include "lib/ext2fs/unix_io.c"
