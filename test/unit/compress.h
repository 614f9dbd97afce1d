/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Compression for tests by the distribution's own programs. Include after unit.h. */

#include <unistd.h>

/* Runs "command -c" on data; the caller frees the answer, which has four spare bytes behind it. */
static inline uint8_t *compress_by(const char *command, const void *data, size_t n, size_t *ret_n)
{
	char path[] = "/tmp/banger-compress-XXXXXX", line[256];
	size_t got = 0, cap = n + (1 << 20);
	uint8_t *out = malloc(cap);
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_non_null(out);
	for (size_t at = 0; at < n;) {
		ssize_t k = write(fd, (const uint8_t *)data + at, n - at);
		assert_true(k > 0);
		at += (size_t)k;
	}
	close(fd);
	snprintf(line, sizeof(line), "%s -c < %s", command, path);
	FILE *p = popen(line, "r");
	assert_non_null(p);
	for (size_t k; (k = fread(out + got, 1, cap - 4 - got, p)) > 0;)
		got += k;
	assert_int_equal(pclose(p), 0);
	unlink(path);
	*ret_n = got;
	return out;
}
