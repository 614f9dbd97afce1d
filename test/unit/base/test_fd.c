/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connecting in a folder where somebody else may have put names. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"

static void a_link_to_a_socket_is_not_followed(void **state)
{
	char dir[] = "/tmp/banger-fd-XXXXXX", sock[64], link[64], file[64];
	struct err e = { 0 };
	int listening, fd = -1;

	assert_non_null(mkdtemp(dir));
	snprintf(sock, sizeof(sock), "%s/sock", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	snprintf(file, sizeof(file), "%s/file", dir);
	assert_ok(fd_listen_unix(sock, 0600, &listening, &e));
	assert_int_equal(symlink(sock, link), 0);
	fclose(fopen(file, "w"));

	assert_ok(fd_connect_unix_nofollow(sock, &fd, &e));
	close(fd);
	assert_ok(fd_connect_unix(link, &fd, &e));
	close(fd);
	assert_int_equal(fd_connect_unix_nofollow(link, &fd, &e), -1);
	assert_int_equal(e.code, ERR_DENIED);
	err_clear(&e);
	assert_int_equal(fd_connect_unix_nofollow(file, &fd, &e), -1);
	assert_int_equal(e.code, ERR_DENIED);
	err_clear(&e);

	close(listening);
	assert_int_equal(fd_connect_unix_nofollow(sock, &fd, &e), -1);
	assert_int_equal(e.sys, ECONNREFUSED);
	err_clear(&e);
	assert_ok(path_remove_tree(dir, &e));
	assert_int_equal(fd_connect_unix_nofollow(sock, &fd, &e), -1);
	assert_int_equal(e.sys, ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_link_to_a_socket_is_not_followed) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
