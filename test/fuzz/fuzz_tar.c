/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a tar, compressed or not: refused with an error, or they become an image that e2fsck finds nothing wrong with. */
#include <fcntl.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ext4/fs.h"
#include "ext4/tar.h"

#define IMAGE_BYTES (UINT64_C(4) << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int import(int fd, const char *image, struct err *e)
{
	struct ext4_mkfs how = { .bytes = IMAGE_BYTES };
	struct unpack_source from = { .fd = fd };
	AUTO(tar_free) struct tar_reader *tar = NULL;
	AUTO(ext4_build_free) struct ext4_build *b = NULL;

	if (ext4_mkfs(image, &how, e) < 0 || ext4_build_new(image, &b, e) < 0)
		abort();
	if (tar_open(&from, &tar, e) < 0 || ext4_tar_add(b, tar, NULL, NULL, e) < 0)
		return -1;
	return ext4_build_finish(TAKE_PTR(b), false, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FD int fd = memfd_create("tar", MFD_CLOEXEC);
	AUTO_FD int image_fd = memfd_create("image", MFD_CLOEXEC);
	enum ext4_health health;
	struct err e = { 0 };
	char image[64], *first = NULL;

	setlocale(LC_CTYPE, "C.UTF-8");
	if (fd < 0 || image_fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	snprintf(image, sizeof(image), "/proc/self/fd/%d", image_fd);
	if (import(fd, image, &e) < 0) {
		if (e.code != ERR_INVALID && e.code != ERR_CORRUPT && e.code != ERR_NO_SPACE)
			abort();
		return 0;
	}
	if (ext4_check(image, &health, &first, &e) < 0 || health != EXT4_CLEAN) {
		fprintf(stderr, "%s%s\n", e.msg, first ? first : "");
		abort();
	}
	free(first);
	return 0;
}
