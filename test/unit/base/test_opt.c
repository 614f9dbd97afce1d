/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/auto.h"
#include "base/opt.h"

enum { WORDS_VM = OPT_WORDS_OWN };

struct globals {
	const char *root;
	bool quiet;
};

struct run_in {
	const char *name;
	int64_t vcpus, memory_mib;
	int net, nat;
	bool rm, detach;
	struct opt_list env, command;
};

struct names_in {
	const char *first;
	struct opt_list vms, command;
	bool force;
};

static const char *const nets[] = { "none", "private", "nat", NULL };

static void four(struct str *out)
{
	str_add(out, "4");
}

static const struct opt run_opts[] = {
	{ 'n', "name", OPT_STRING, offsetof(struct run_in, name), "NAME", "name of the VM", .words = WORDS_VM },
	{ 0, "vcpu", OPT_INT, offsetof(struct run_in, vcpus), "N", "virtual processors", 1, 32, .fallback = four },
	{ 'm', "memory", OPT_MIB, offsetof(struct run_in, memory_mib), "SIZE", "memory", 64, 1 << 20 },
	{ 0, "net", OPT_CHOICE, offsetof(struct run_in, net), "MODE", "what the guest reaches", .choices = nets },
	{ 0, "nat", OPT_SWITCH, offsetof(struct run_in, nat), NULL, "short for --net nat" },
	{ 0, "rm", OPT_FLAG, offsetof(struct run_in, rm), NULL, "delete it afterwards" },
	{ 'd', "detach", OPT_FLAG, offsetof(struct run_in, detach), NULL, "leave it running" },
	{ 'e', "env", OPT_LIST, offsetof(struct run_in, env), "NAME=VALUE",
		"set a variable; the long text of this help is there to see that a page breaks lines "
		"before they are too wide for a terminal of usual size" },
	{ 0 },
};

static int run(const void *in, void *cx)
{
	return 0;
}

static const char *const run_examples[] = { "x vm run -- true", NULL };
static const struct opt_command vm_run = { .name = "run",
	.brief = "make and start a VM",
	.opts = run_opts,
	.examples = run_examples,
	.rest = "COMMAND",
	.rest_at = offsetof(struct run_in, command),
	.in_size = sizeof(struct run_in),
	.run = run };

static const struct opt names_opts[] = {
	{ 'f', "force", OPT_FLAG, offsetof(struct names_in, force), NULL, "do not ask" },
	{ 0 },
};
static const struct opt_arg stop_args[] = { { "VM", offsetof(struct names_in, vms), .many = true, .words = WORDS_VM },
	{ 0 } };
static const struct opt_command vm_stop = { .name = "stop",
	.brief = "shut down",
	.opts = names_opts,
	.args = stop_args,
	.in_size = sizeof(struct names_in),
	.run = run };
static const struct opt_arg exec_args[] = { { "VM", offsetof(struct names_in, first), .words = WORDS_VM }, { 0 } };
static const struct opt_command vm_exec = { .name = "exec",
	.brief = "run a command in a VM",
	.args = exec_args,
	.rest = "COMMAND",
	.rest_bare = true,
	.rest_at = offsetof(struct names_in, command),
	.in_size = sizeof(struct names_in),
	.run = run };
static const struct opt_arg import_args[] = { { "NAME", offsetof(struct names_in, first) },
	{ "FILE", offsetof(struct names_in, vms), .optional = true, .many = true, .words = OPT_WORDS_FILE }, { 0 } };
static const struct opt_command import = {
	.name = "import", .brief = "import", .args = import_args, .in_size = sizeof(struct names_in), .run = run
};
static const struct opt_command hidden = { .name = "__hidden", .hidden = true, .run = run };
static const struct opt_command stop_again = { .name = "halt", .brief = "same as vm stop", .same_as = &vm_stop };

static const struct opt_command *const vm_commands[] = { &vm_run, &vm_stop, &vm_exec, NULL };
static const struct opt_command vm = { .name = "vm", .brief = "virtual machines", .children = vm_commands };
static const struct opt_command *const commands[] = { &vm, &import, &stop_again, &hidden, NULL };
static const struct opt globals_opts[] = {
	{ 0, "root", OPT_STRING, offsetof(struct globals, root), "DIR", "keep everything below DIR",
		.words = OPT_WORDS_DIR },
	{ 'q', "quiet", OPT_FLAG, offsetof(struct globals, quiet), NULL, "say nothing" },
	{ 0 },
};
static const struct opt_command root = { .name = "x", .brief = "test", .children = commands, .opts = globals_opts };

/* Parses a line split at blanks; "_" stands for an empty word. */
static int parse(const char *line, struct globals *g, struct opt_parsed *p, struct err *e)
{
	static char copy[300];
	static char *argv[30];
	int n = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	argv[0] = copy;
	for (char *w = strtok(copy, " "); w; w = strtok(NULL, " ")) {
		if (*w == '_')
			*w = 0;
		argv[n++] = w;
	}
	return opt_parse(&root, n, argv, g, p, e);
}

static void test_values(void **state)
{
	struct globals g = { 0 };
	struct opt_parsed p;
	struct err e = { 0 };
	struct run_in *in;

	assert_ok(parse("--root /r vm run --name=otter --vcpu 4 -m2G --net nat --no-nat -qd -e A=1 --env B=2 --rm -- "
			"sh -c --name",
		&g, &p, &e));
	assert_ptr_equal(p.command, &vm_run);
	assert_string_equal(p.path, "vm run");
	assert_false(p.help);
	in = p.in;
	assert_string_equal(in->name, "otter");
	assert_int_equal(in->vcpus, 4);
	assert_int_equal(in->memory_mib, 2048);
	assert_int_equal(in->net, 3);
	assert_int_equal(in->nat, -1);
	assert_true(in->rm && in->detach && g.quiet);
	assert_string_equal(g.root, "/r");
	assert_int_equal(in->env.n, 2);
	assert_string_equal(in->env.items[1], "B=2");
	assert_int_equal(in->command.n, 3);
	assert_string_equal(in->command.items[2], "--name");
	opt_done(&p);

	assert_ok(parse("vm run --nat --name _ -n a", &g, &p, &e));
	in = p.in;
	assert_int_equal(in->nat, 1);
	assert_string_equal(in->name, "a");
	assert_int_equal(in->vcpus, 0);
	opt_done(&p);
}

static void test_args(void **state)
{
	struct globals g = { 0 };
	struct opt_parsed p;
	struct err e = { 0 };
	struct names_in *in;

	assert_ok(parse("vm stop a -f b", &g, &p, &e));
	in = p.in;
	assert_true(in->force);
	assert_int_equal(in->vms.n, 2);
	assert_string_equal(in->vms.items[1], "b");
	opt_done(&p);
	assert_ok(parse("halt a", &g, &p, &e));
	assert_ptr_equal(p.command, &vm_stop);
	assert_string_equal(p.path, "halt");
	opt_done(&p);
	assert_ok(parse("vm exec a ls --force -- x", &g, &p, &e));
	in = p.in;
	assert_string_equal(in->first, "a");
	assert_int_equal(in->command.n, 4);
	assert_string_equal(in->command.items[1], "--force");
	opt_done(&p);
	assert_ok(parse("vm exec a -- -x", &g, &p, &e));
	assert_string_equal(((struct names_in *)p.in)->command.items[0], "-x");
	opt_done(&p);
	assert_ok(parse("import name", &g, &p, &e));
	opt_done(&p);
	assert_ok(parse("import name -", &g, &p, &e));
	assert_string_equal(((struct names_in *)p.in)->vms.items[0], "-");
	opt_done(&p);
}

static const struct {
	const char *line, *error, *hint;
} bad[] = {
	{ "vn", "unknown command 'vn'", "did you mean 'x vm'?" },
	{ "nothing", "unknown command 'nothing'", "x --help lists the commands" },
	{ "vm rnu", "vm: unknown command 'vm rnu'", "did you mean 'x vm run'?" },
	{ "vm run --nam x", "vm run: unknown option '--nam'", "did you mean '--name'?" },
	{ "vm run --memroy=4G", "vm run: unknown option '--memroy'", "did you mean '--memory'?" },
	{ "vm run --zzz", "vm run: unknown option '--zzz'", "x vm run --help lists the options" },
	{ "vm run -dz", "vm run: unknown option '-z'", "x vm run --help lists the options" },
	{ "--zzz", "unknown option '--zzz'", "x --help lists the options" },
	{ "vm run --no-rm", "vm run: unknown option '--no-rm'", "x vm run --help lists the options" },
	{ "vm run --rm=yes", "vm run: option '--rm' takes no value", "" },
	{ "vm run --name", "vm run: option '--name' needs a value (NAME)", "" },
	{ "vm run --vcpu two", "vm run: --vcpu 'two' is not a whole number", "" },
	{ "vm run --vcpu 0", "vm run: --vcpu 0 is not between 1 and 32", "" },
	{ "vm run --memory 1M", "vm run: --memory '1M' is not between 64M and 1T", "" },
	{ "vm run --memory big", "vm run: --memory 'big' is not a size (try 512M or 4G)", "" },
	{ "vm run --net lan", "vm run: --net 'lan' is none of none, private, nat", "" },
	{ "vm run uname", "vm run: unexpected argument 'uname'",
		"a command for the guest goes behind '--': x vm run -- uname" },
	{ "import", "import: NAME is missing", "x import --help shows how it is called" },
	{ "vm stop", "vm stop: VM is missing", "x vm stop --help shows how it is called" },
	{ "vm stop a -- b", "vm stop: nothing may follow '--' here", "" },
	{ "-- a", "nothing may follow '--' here", "" },
};

static void test_errors(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct globals g = { 0 };
		struct opt_parsed p;
		struct err e = { 0 };

		assert_int_equal(parse(bad[i].line, &g, &p, &e), -1);
		assert_string_equal(e.msg, bad[i].error);
		assert_string_equal(e.hint, bad[i].hint);
		assert_int_equal(e.code, ERR_INVALID);
		opt_done(&p);
	}
}

static const char run_page[] =
	"Usage: x vm run [OPTIONS] [-- COMMAND...]\n"
	"\n"
	"make and start a VM\n"
	"\n"
	"Options:\n"
	"  -n, --name NAME       name of the VM\n"
	"      --vcpu N          virtual processors (default 4)\n"
	"  -m, --memory SIZE     memory\n"
	"      --net MODE        what the guest reaches: none, private, nat\n"
	"      --[no-]nat        short for --net nat\n"
	"      --rm              delete it afterwards\n"
	"  -d, --detach          leave it running\n"
	"  -e, --env NAME=VALUE  set a variable; the long text of this help is there to see that a page\n"
	"                        breaks lines before they are too wide for a terminal of usual size\n"
	"\n"
	"Examples:\n"
	"  x vm run -- true\n";

static void test_help(void **state)
{
	static const char *const asks[] = { "", "vm", "vm --help", "vm run -h", "--help vm run --zzz", "vm run -dh" };
	AUTO_DONE(str_done) struct str page = STR_INIT;
	struct globals g = { 0 };
	struct opt_parsed p;
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
		assert_ok(parse(asks[i], &g, &p, &e));
		assert_true(p.help);
		opt_done(&p);
	}
	opt_help(&root, &vm_run, "vm run", &page);
	assert_string_equal(page.data, run_page);
	str_done(&page);
	opt_help(&root, &root, "", &page);
	assert_non_null(strstr(page.data, "Usage: x COMMAND\n"));
	assert_non_null(strstr(page.data, "  halt    same as vm stop\n"));
	assert_non_null(strstr(page.data, "      --root DIR  keep everything below DIR\n"));
	assert_null(strstr(page.data, "__hidden"));
	str_done(&page);
	opt_help(&root, &vm_exec, "vm exec", &page);
	assert_non_null(strstr(page.data, "Usage: x vm exec VM [--] COMMAND...\n"));
	str_done(&page);
	opt_help(&root, &import, "import", &page);
	assert_non_null(strstr(page.data, "Usage: x import NAME [FILE...]\n"));
}

static void words(int kind, struct str *out, void *arg)
{
	assert_int_equal(kind, WORDS_VM);
	str_add(out, "calm-otter\trunning\ncalm-seal\nold-fox\n");
}

static const struct {
	const char *line, *want; /* the last word is completed; "_" for an empty one */
} completions[] = {
	{ "_", "vm\tvirtual machines\nimport\timport\nhalt\tsame as vm stop\n" },
	{ "v", "vm\tvirtual machines\n" },
	{ "vm s", "stop\tshut down\n" },
	{ "vm stop _", "calm-otter\trunning\ncalm-seal\nold-fox\n" },
	{ "halt x calm", "calm-otter\trunning\ncalm-seal\n" },
	{ "vm exec calm-s", "calm-seal\n" },
	{ "vm exec a _", "" },
	{ "vm exec a -- _", "" },
	{ "vm run --n",
		"--name\tname of the VM\n--net\twhat the guest reaches\n--nat\tshort for --net nat\n--no-nat\n" },
	{ "vm run --net _", "none\nprivate\nnat\n" },
	{ "vm run --net=p", "--net=private\n" },
	{ "vm run --name o", "old-fox\n" },
	{ "vm run -n o", "old-fox\n" },
	{ "vm run --name=o", "--name=old-fox\n" },
	{ "vm run --vcpu _", "" },
	{ "vm run --root _", ":dir\n" },
	{ "vm --root x s", "stop\tshut down\n" },
	{ "import _", "" },
	{ "import name _", ":file\n" },
	{ "vm stop --", "--force\tdo not ask\n--root\tkeep everything below DIR\n--quiet\tsay nothing\n--help\n" },
	{ "nonsense _", "" },
};

static void test_complete(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(completions); i++) {
		AUTO_DONE(str_done) struct str out = STR_INIT;
		const char *list[10];
		char copy[100];
		size_t n = 0;

		snprintf(copy, sizeof(copy), "%s", completions[i].line);
		for (char *w = strtok(copy, " "); w; w = strtok(NULL, " "))
			list[n++] = strcmp(w, "_") == 0 ? "" : w;
		opt_complete(&root, n, list, words, NULL, &out);
		assert_string_equal(out.data ? out.data : "", completions[i].want);
	}
}

static void test_nearest(void **state)
{
	const char *const names[] = { "start", "stop", "restart", "delete", NULL };

	assert_string_equal(opt_nearest("strat", names), "start");
	assert_string_equal(opt_nearest("stpo", names), "stop");
	assert_string_equal(opt_nearest("del", names), "delete");
	assert_string_equal(opt_nearest("restar", names), "restart");
	assert_null(opt_nearest("purge", names));
	assert_null(opt_nearest("zz", names));
	assert_null(opt_nearest("0123456789012345678901234567890123456789012345", names));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_args),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
