/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hidden command behind the completion scripts: banger __complete -- WORD... prints what may stand in place of the last word. */
#include "base/auto.h"
#include "base/fd.h"
#include "cli/client.h"
#include "store/layout.h"

enum { NAMES_MS = 1000 }; /* nobody waits longer for a TAB */

struct complete {
	struct opt_list words;
};

static void add_vms(struct varlink_client *c, struct str *out)
{
	AUTO_DONE(vm_list_out_done) struct vm_list_out list = { 0 };
	struct err ignored = { 0 };

	if (call_vm_list(c, NULL, &list, &ignored) < 0)
		return;
	for (size_t i = 0; i < list.n_vms; i++)
		str_addf(out, "%s\t%s\n", list.vms[i].name, vm_state_text(list.vms[i].state));
}

static void add_images(struct varlink_client *c, struct str *out)
{
	AUTO_DONE(image_list_out_done) struct image_list_out list = { 0 };
	struct err ignored = { 0 };

	if (call_image_list(c, NULL, &list, &ignored) < 0)
		return;
	for (size_t i = 0; i < list.n_images; i++)
		str_addf(out, "%s\t%s\n", list.images[i].name, list.images[i].os ? list.images[i].os : "image");
}

static void add_kernels(struct varlink_client *c, struct str *out)
{
	AUTO_DONE(kernel_list_out_done) struct kernel_list_out list = { 0 };
	struct err ignored = { 0 };

	if (call_kernel_list(c, NULL, &list, &ignored) < 0)
		return;
	for (size_t i = 0; i < list.n_kernels; i++)
		str_addf(out, "%s\t%s\n", list.kernels[i].name, list.kernels[i].release);
}

/* Live names; without a daemon there are none, and none is started. */
static void add_words(int kind, struct str *out, void *arg)
{
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	struct err ignored = { 0 };

	if (kind == CLI_WORDS_SIGNAL)
		str_add(out, "KILL\nTERM\nINT\nHUP\nQUIT\nUSR1\nUSR2\nABRT\n");
	if (kind == CLI_WORDS_SHELL)
		str_add(out, "bash\nzsh\nfish\n");
	if (kind > CLI_WORDS_KERNEL || client_connect_running(&c, &ignored) < 0)
		return;
	varlink_client_set_deadline(c, time_now_ms() + NAMES_MS);
	if (kind == CLI_WORDS_VM)
		add_vms(c, out);
	else if (kind == CLI_WORDS_IMAGE)
		add_images(c, out);
	else
		add_kernels(c, out);
}

static int run(const void *in, void *cx)
{
	const struct complete *o = in;
	AUTO_DONE(str_done) struct str out = STR_INIT;

	opt_complete(&cli_root, o->words.n, o->words.items, add_words, NULL, &out);
	if (out.len)
		fputs(out.data, stdout);
	return 0;
}

const struct opt_command cli_complete = {
	.name = "__complete",
	.hidden = true,
	.rest = "WORD",
	.rest_at = offsetof(struct complete, words),
	.in_size = sizeof(struct complete),
	.run = run,
};
