/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <sys/stat.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "ext4/fs.h"
#include "ext4/tree.h"
#include "image/identity.h"
#include "image/inject.h"

static char dir[] = "/tmp/banger-test-inject.XXXXXX";

static int make_dir(void **state)
{
	assert_non_null(mkdtemp(dir));
	return 0;
}

static int remove_dir(void **state)
{
	struct err e = { 0 };

	assert_ok(path_remove_tree(dir, &e));
	return 0;
}

static struct ext4 *make_image(const char *path)
{
	struct ext4 *x = NULL;
	struct err e = { 0 };

	assert_ok(ext4_mkfs(path, &(struct ext4_mkfs){ .bytes = 128 << 20 }, &e));
	assert_ok(ext4_open(path, true, &x, &e));
	return x;
}

static void make_dirs(struct ext4 *x, const char *path)
{
	struct ext4_meta meta = ext4_meta(S_IFDIR | 0755, 0, 0, 0);
	struct err e = { 0 };

	assert_ok(ext4_make_dirs(x, path, &meta, &e));
}

static bool has(struct ext4 *x, const char *path, unsigned mode)
{
	struct ext4_stat st;
	struct err e = { 0 };

	return ext4_stat(x, path, false, &st, &e) == 0 && st.meta.mode == mode && st.meta.uid == 0 && st.meta.gid == 0;
}

static void finish(struct ext4 *x, const char *path)
{
	enum ext4_health health = EXT4_CLEAN;
	AUTO_MEM char *first = NULL;
	struct err e = { 0 };

	assert_ok(ext4_close(x, &e));
	assert_ok(ext4_check(path, &health, &first, &e));
	assert_int_equal(health, EXT4_CLEAN);
}

/* A merged /usr: what goes to /lib must land in /usr/lib, once. */
static void test_systemd(void **state)
{
	AUTO_MEM char *path = mem_printf("%s/systemd", dir), *target = NULL, *text = NULL;
	struct ext4_meta link = ext4_meta(S_IFLNK | 0777, 0, 0, 0), file = ext4_meta(S_IFREG | 0640, 0, 0, 0);
	static const char fstab[] = "UUID=1 / ext4 defaults 0 1\ntmpfs /x tmpfs\n";
	struct ext4 *x = make_image(path);
	struct err e = { 0 };
	size_t n;

	make_dirs(x, "/usr/lib/systemd");
	make_dirs(x, "/etc/systemd/system");
	make_dirs(x, "/etc/ssh");
	assert_ok(ext4_symlink(x, "/lib", "usr/lib", &link, &e));
	assert_ok(ext4_put_file(x, "/etc/fstab", fstab, strlen(fstab), &file, &e));
	assert_ok(image_inject(x, &e));
	assert_ok(image_inject(x, &e)); /* again is fine */
	assert_true(has(x, "/usr/local/bin/banger-vsock-agent", S_IFREG | 0755));
	assert_true(has(x, "/etc/systemd/system/banger-vsock-agent.service", S_IFREG | 0644));
	assert_true(has(x, "/etc/systemd/system/sysinit.target.wants/banger-vsock-agent.service", S_IFLNK | 0777));
	assert_true(has(x, "/etc/modules-load.d/banger.conf", S_IFREG | 0644));
	assert_true(has(x, "/etc/ssh/sshd_config.d/99-banger.conf", S_IFREG | 0644));
	assert_true(has(x, "/etc/fstab", S_IFREG | 0640));
	assert_false(has(x, "/etc/init.d/banger-vsock-agent", S_IFREG | 0755));
	assert_ok(ext4_read_link(x, "/usr/lib/systemd/system-shutdown/banger-init", &target, &e));
	assert_string_equal(target, "/usr/local/bin/banger-vsock-agent");
	assert_ok(ext4_read_file(x, "/etc/ssh/sshd_config.d/99-banger.conf", 4096, &text, &n, &e));
	assert_non_null(strstr(text, "PermitRootLogin prohibit-password\n"));
	assert_null(strstr(text, "StrictModes no"));
	assert_null(strstr(text, "DEBUG"));
	finish(x, path);
}

/* What each VM gets anew; a link is the image's own affair, and without ssh-keygen the keys are all there is. */
static void test_identity(void **state)
{
	AUTO_MEM char *path = mem_printf("%s/identity", dir), *text = NULL;
	struct ext4_meta link = ext4_meta(S_IFLNK | 0777, 0, 0, 0), file = ext4_meta(S_IFREG | 0600, 0, 0, 0);
	struct ext4 *x = make_image(path);
	struct err e = { 0 };
	size_t n;

	assert_ok(image_forget_identity(x, &e));
	make_dirs(x, "/etc/ssh");
	make_dirs(x, "/usr/bin");
	make_dirs(x, "/var/lib/dbus");
	make_dirs(x, "/var/lib/systemd");
	assert_ok(ext4_put_file(x, "/etc/machine-id", "0123\n", 5, &file, &e));
	assert_ok(ext4_symlink(x, "/var/lib/dbus/machine-id", "/etc/machine-id", &link, &e));
	assert_ok(ext4_put_file(x, "/var/lib/systemd/random-seed", "x", 1, &file, &e));
	assert_ok(ext4_put_file(x, "/etc/ssh/ssh_host_rsa_key", "x", 1, &file, &e));
	assert_ok(ext4_put_file(x, "/etc/ssh/ssh_host_rsa_key.pub", "x", 1, &file, &e));
	assert_ok(ext4_put_file(x, "/etc/ssh/sshd_config", "x", 1, &file, &e));
	assert_ok(image_forget_identity(x, &e));
	assert_ok(ext4_read_file(x, "/etc/machine-id", 100, &text, &n, &e));
	assert_int_equal(n, 0);
	assert_true(has(x, "/etc/machine-id", S_IFREG | 0444));
	assert_true(has(x, "/var/lib/dbus/machine-id", S_IFLNK | 0777));
	assert_false(has(x, "/var/lib/systemd/random-seed", S_IFREG | 0600));
	assert_true(has(x, "/etc/ssh/ssh_host_rsa_key", S_IFREG | 0600));
	assert_ok(ext4_put_file(x, "/usr/bin/ssh-keygen", "x", 1, &file, &e));
	assert_ok(image_forget_identity(x, &e));
	assert_false(has(x, "/etc/ssh/ssh_host_rsa_key", S_IFREG | 0600));
	assert_false(has(x, "/etc/ssh/ssh_host_rsa_key.pub", S_IFREG | 0600));
	assert_true(has(x, "/etc/ssh/sshd_config", S_IFREG | 0600));
	finish(x, path);
}

static void test_bare(void **state)
{
	AUTO_MEM char *path = mem_printf("%s/bare", dir);
	struct ext4 *x = make_image(path);
	struct err e = { 0 };

	assert_ok(image_inject(x, &e));
	assert_true(has(x, "/usr/local/bin/banger-vsock-agent", S_IFREG | 0755));
	assert_false(has(x, "/etc", S_IFDIR | 0755));
	finish(x, path);
}

static void test_openrc(void **state)
{
	AUTO_MEM char *path = mem_printf("%s/openrc", dir);
	struct ext4 *x = make_image(path);
	struct err e = { 0 };

	make_dirs(x, "/etc/runlevels/default");
	assert_ok(image_inject(x, &e));
	assert_true(has(x, "/etc/init.d/banger-vsock-agent", S_IFREG | 0755));
	assert_true(has(x, "/etc/runlevels/default/banger-vsock-agent", S_IFLNK | 0777));
	finish(x, path);
}

static void test_fstab(void **state)
{
	AUTO_MEM char *none = image_fstab_text("# UUID=x\nproc /proc proc\ntmpfs /tmp tmpfs\nhost:/x /y nfs\n");
	AUTO_MEM char *disks = image_fstab_text("LABEL=root / ext4\n  /dev/sda2 none swap\nproc /proc proc");

	assert_null(none);
	assert_string_equal(disks, "# not in a banger VM: LABEL=root / ext4\n# not in a banger VM:   /dev/sda2 none swap\nproc /proc proc\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_systemd),
		cmocka_unit_test(test_identity), cmocka_unit_test(test_bare),
		cmocka_unit_test(test_openrc),
		cmocka_unit_test(test_fstab),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
