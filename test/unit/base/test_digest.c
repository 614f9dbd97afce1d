/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256 against the vectors of FIPS 180-4 and against coreutils' sha256sum, both code paths. */
#include "unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/digest.h"

static const struct {
	const char *text;
	size_t repeat;
	const char *hex;
} vectors[] = {
	{ "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopq"
	  "rstu",
		1, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
	{ "a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
};

static void check_vectors(void)
{
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		uint8_t sum[DIGEST_BYTES];
		char hex[DIGEST_HEX_SIZE];
		struct digest d;

		digest_init(&d);
		for (size_t n = 0; n < vectors[i].repeat; n++)
			digest_update(&d, vectors[i].text, strlen(vectors[i].text));
		digest_final(&d, sum);
		assert_string_equal(digest_hex(sum, hex), vectors[i].hex);
	}
}

static void test_vectors(void **state)
{
	print_message("# SHA instructions: %s\n", digest_accelerated() ? "yes" : "no");
	check_vectors();
	digest_force_portable(1);
	assert_false(digest_accelerated());
	check_vectors();
	digest_force_portable(0);
}

static void sha256sum_of(const char *path, char hex[static DIGEST_HEX_SIZE])
{
	char cmd[200];
	FILE *p;

	snprintf(cmd, sizeof(cmd), "sha256sum '%s'", path);
	p = popen(cmd, "r");
	assert_non_null(p);
	assert_int_equal(fread(hex, 1, 64, p), 64);
	hex[64] = 0;
	pclose(p);
}

/* Every length around block boundaries, in one piece and in odd pieces, and a file of several read buffers. */
static void test_sha256sum(void **state)
{
	static const size_t lengths[] = { 0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129, 4096, 262143, 262144,
		1000003 };
	char path[] = "/tmp/test_digest.XXXXXX";
	struct err e = { 0 };
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		AUTO_MEM uint8_t *data = malloc(lengths[i] + 1);
		char want[DIGEST_HEX_SIZE], hex[DIGEST_HEX_SIZE];
		uint8_t sum[DIGEST_BYTES];
		struct digest d;

		for (size_t n = 0; n < lengths[i]; n++)
			data[n] = (uint8_t)(n * 2654435761u >> 13);
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, data, lengths[i], 0), (ssize_t)lengths[i]);
		sha256sum_of(path, want);
		assert_string_equal(digest_buffer(data, lengths[i], hex), want);
		assert_ok(digest_file(path, hex, &e));
		assert_string_equal(hex, want);
		for (int portable = 0; portable < 2; portable++) {
			digest_force_portable(portable);
			digest_init(&d);
			for (size_t at = 0, step = 1; at < lengths[i]; at += step, step = step * 3 % 191 + 1) {
				if (step > lengths[i] - at)
					step = lengths[i] - at;
				digest_update(&d, data + at, step);
			}
			digest_final(&d, sum);
			assert_string_equal(digest_hex(sum, hex), want);
		}
		digest_force_portable(0);
	}
	close(fd);
	unlink(path);
}

static void test_errors(void **state)
{
	char hex[DIGEST_HEX_SIZE];
	struct err e = { 0 };

	assert_err(digest_file("/nonexistent/x", hex, &e), ERR_NOT_FOUND);
	assert_int_equal(digest_file("/tmp", hex, &e), -1);
	assert_string_equal(e.msg, "read '/tmp': read: Is a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_sha256sum),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
