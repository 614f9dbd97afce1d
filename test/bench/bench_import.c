/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The import of a tar without daemon and worker: bench_import IMAGE TAR BYTES [sync]. Prints seconds, entries and bytes. */
#include <fcntl.h>
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "ext4/fs.h"
#include "ext4/tar.h"

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int run(const char *image, int fd, uint64_t bytes, bool sync, struct ext4_tar_result *ret, struct err *e)
{
	struct ext4_mkfs how = { .bytes = bytes };
	struct unpack_source from = { .fd = fd };
	AUTO(tar_free) struct tar_reader *tar = NULL;
	AUTO(ext4_build_free) struct ext4_build *b = NULL;

	/* the archive first: decoding begins with it */
	if (tar_open(&from, &tar, e) < 0 || ext4_mkfs(image, &how, e) < 0 || ext4_build_new(image, &b, e) < 0)
		return -1;
	if (ext4_tar_add(b, tar, NULL, ret, e) < 0)
		return -1;
	return ext4_build_finish(TAKE_PTR(b), sync, e);
}

int main(int argc, char **argv)
{
	struct ext4_tar_result sum = { 0 };
	struct err e = { 0 };
	double begin = now();

	if (argc < 4) {
		fprintf(stderr, "usage: bench_import IMAGE TAR BYTES [sync]\n");
		return 2;
	}
	setlocale(LC_CTYPE, "C.UTF-8");
	AUTO_FD int fd = strcmp(argv[2], "-") ? open(argv[2], O_RDONLY | O_CLOEXEC) : dup(0);
	if (fd < 0) {
		perror(argv[2]);
		return 1;
	}
	if (run(argv[1], fd, strtoull(argv[3], NULL, 0), argc > 4, &sum, &e) < 0) {
		fprintf(stderr, "%s: %s%s%s\n", err_code_name(e.code), e.msg, e.hint[0] ? "; " : "", e.hint);
		return 1;
	}
	printf("%.3f s, %" PRIu64 " entries, %" PRIu64 " bytes, %" PRIu64 " attributes left out\n", now() - begin, sum.entries, sum.content_bytes,
	       sum.xattrs_left_out);
	return 0;
}
