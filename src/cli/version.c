/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/auto.h"
#include "base/build.h"
#include "base/json_write.h"
#include "base/licenses.h"
#include "cli/cli_internal.h"

struct version {
	bool json, licenses;
};

static int run(const void *in, void *cx)
{
	const struct version *o = in;

	if (o->licenses) {
		fputs(licenses_text(), stdout);
	} else if (o->json) {
		AUTO_DONE(str_done) struct str out = STR_INIT;
		struct json_writer w = { .out = &out, .pretty = true };

		json_open(&w, NULL, '{');
		json_put_string(&w, "version", build_version());
		json_put_string(&w, "build", build_id());
		json_close(&w);
		printf("%s\n", out.data);
	} else {
		printf("version: %s\nbuild:   %s\n", build_version(), build_id());
	}
	return 0;
}

static const struct opt opts[] = {
	CLI_JSON(struct version),
	{ 0, "licenses", OPT_FLAG, offsetof(struct version, licenses), NULL, "what is linked in, with its notices" },
	{ 0 },
};
const struct opt_command cli_version = {
	.name = "version",
	.brief = "version, build and licences of this program",
	.opts = opts,
	.in_size = sizeof(struct version),
	.run = run,
};
