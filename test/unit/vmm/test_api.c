/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "vmm/firecracker/api.h"

static void reads_firecrackers_answers(void **state)
{
	/* As Firecracker 1.15.1 gave it. */
	static const char text[] = "HTTP/1.1 200 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\nContent-Type: application/json\r\n"
				   "Content-Length: 84\r\n\r\n{\"id\":\"anonymous-instance\",\"state\":\"Running\",\"vmm_version\":\"1.15.1\",\"app_name\":\"Fc\"}  ";
	struct err e = { 0 };
	bool whole = true;
	int status = 0;
	size_t at, len, n = sizeof(text) - 1;

	for (size_t part = 0; part < n; part++) {
		assert_ok(firecracker_api_parse(text, part, &whole, &status, &at, &len, &e));
		if (whole)
			assert_true(part >= at + len);
	}
	assert_ok(firecracker_api_parse(text, n, &whole, &status, &at, &len, &e));
	assert_true(whole);
	assert_int_equal(status, 200);
	assert_int_equal(len, 84);
	assert_int_equal(text[at], '{');
}

static void answers_without_a_body_are_whole(void **state)
{
	static const char text[] = "HTTP/1.1 204 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n\r\n";
	struct err e = { 0 };
	bool whole = false;
	int status;
	size_t at, len;

	assert_ok(firecracker_api_parse(text, sizeof(text) - 1, &whole, &status, &at, &len, &e));
	assert_true(whole);
	assert_int_equal(status, 204);
	assert_int_equal(len, 0);
}

static void others_are_refused(void **state)
{
	static const char *const bad[] = {
		"HTTP/2 200 OK\r\n\r\n", "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 2x0 \r\n\r\n", "HTTP/1.1 20\r\n\r\n", "HTTP/1.1 999 \r\n\r\n", "HTTP/1.1 \r\n\r\n",
		"HTTP/1.1 200 \r\nContent-Length: x\r\n\r\n", "HTTP/1.1 200 \r\nContent-Length: \r\n\r\n", "HTTP/1.1 200 \r\nContent-Length: 1x\r\n\r\n",
		"HTTP/1.1 200 \r\nContent-Length: 99999999999999999999\r\n\r\n", "HTTP/1.1 200 \r\nContent-Length: -1\r\n\r\n",
	};
	struct err e = { 0 };
	bool whole;
	int status;
	size_t at, len;
	char *long_head;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_err(firecracker_api_parse(bad[i], strlen(bad[i]), &whole, &status, &at, &len, &e), ERR_CORRUPT);
	long_head = malloc(9000);
	memset(long_head, 'x', 9000);
	memcpy(long_head, "HTTP/1.1 200 \r\n", 15);
	assert_err(firecracker_api_parse(long_head, 9000, &whole, &status, &at, &len, &e), ERR_CORRUPT);
	free(long_head);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_firecrackers_answers),
		cmocka_unit_test(answers_without_a_body_are_whole),
		cmocka_unit_test(others_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
