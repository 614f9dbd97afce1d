/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "agent/command.h"
#include "agent/configure.h"
#include "base/auto.h"

static void assert_hosts(const char *old, const char *want)
{
	AUTO_MEM char *text = configure_hosts_text(old, "otter");

	assert_string_equal(text, want);
}

static void test_hosts(void **state)
{
	assert_hosts(NULL, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\totter\n");
	assert_hosts("", "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\totter\n");
	assert_hosts("127.0.0.1 localhost", "127.0.0.1 localhost\n127.0.1.1\totter\n");
	assert_hosts("# mine\n127.0.1.1 old\n10.0.0.1 x\n127.0.1.1\tolder\n", "# mine\n127.0.1.1\totter\n10.0.0.1 x\n");
	assert_hosts("127.0.1.10 x\n", "127.0.1.10 x\n127.0.1.1\totter\n");
}

static void test_keys(void **state)
{
	char *keys[] = { (char[]){ "ssh-ed25519 AAA a" }, (char[]){ "ssh-ed25519 BBB b" } };
	AUTO_MEM char *fresh = configure_keys_text(NULL, keys, 2);
	AUTO_MEM char *same = configure_keys_text("ssh-ed25519 BBB b\n#\nssh-ed25519 AAA a", keys, 2);
	AUTO_MEM char *users = configure_keys_text("ssh-rsa CCC user\nssh-ed25519 AAA a changed", keys, 2);

	assert_string_equal(fresh, "ssh-ed25519 AAA a\nssh-ed25519 BBB b\n");
	assert_null(same);
	assert_string_equal(users, "ssh-rsa CCC user\nssh-ed25519 AAA a changed\nssh-ed25519 AAA a\nssh-ed25519 BBB b\n");
}

static void assert_shell(const char *passwd, const char *want)
{
	AUTO_MEM char *shell = command_login_shell(passwd);

	assert_string_equal(shell, want);
}

static void test_login_shell(void **state)
{
	assert_shell("daemon:x:1:1::/:/bin/no\nroot:x:0:0:root:/root:/bin/bash\n", "/bin/bash");
	assert_shell("root:x:0:0:root:/root:/bin/zsh", "/bin/zsh");
	assert_shell("root:x:0:0:root:/root:\n", "/bin/sh");
	assert_shell("root:", "/bin/sh");
	assert_shell("rooty:x:0:0::/:/bin/no\n", "/bin/sh");
	assert_shell("", "/bin/sh");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_login_shell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
