/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdlib.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/many.h"
#include "cli/table.h"
#include "cli/web_probe.h"
#include "proto/io_banger_agent.h"

enum { PORTS_MS = 10000, PROBE_MS = 2000, SSH_PORT = 22 };

struct vm_ports {
	struct opt_list vms;
	bool json;
};

/* One VM's; there is one for each word of the command line. */
struct found {
	const char *ref;
	struct vm_show_out vm;
	struct ports_out out;
	char **urls; /* n_ports of them, NULL where no web server answers */
};

struct all {
	struct found *items;
	size_t n;
};

static bool reachable(const struct port *p, const char *address)
{
	return str_eq(p->protocol, "tcp") && p->port != SSH_PORT && p->port > 0 && p->port <= UINT16_MAX &&
	       (str_eq(p->address, "*") || str_eq(p->address, address));
}

static void find_urls(struct found *f)
{
	AUTO_MEM struct web_port *asked = mem_array(f->out.n_ports + 1, sizeof(*asked));
	AUTO_MEM size_t *of = mem_array(f->out.n_ports + 1, sizeof(*of));
	const char *address = f->vm.vm.address;
	size_t n = 0;

	f->urls = mem_array(f->out.n_ports + 1, sizeof(*f->urls));
	for (size_t i = 0; address && i < f->out.n_ports; i++) {
		if (!reachable(&f->out.ports[i], address))
			continue;
		of[n] = i;
		asked[n++] = (struct web_port){ .address = address, .port = (uint16_t)f->out.ports[i].port };
	}
	web_probe(asked, n, time_now_ms() + PROBE_MS);
	for (size_t i = 0; i < n; i++) {
		bool tls = asked[i].found == WEB_HTTPS;
		if (asked[i].found == WEB_NONE)
			continue;
		if (asked[i].port == (tls ? 443 : 80))
			f->urls[of[i]] = mem_printf("http%s://%s/", tls ? "s" : "", address);
		else
			f->urls[of[i]] = mem_printf("http%s://%s:%d/", tls ? "s" : "", address, asked[i].port);
	}
}

static int ports_of(struct varlink_client *c, const char *vm, struct progress_view *v, const void *arg, char **ret_text, struct err *e)
{
	const struct all *all = arg;
	AUTO(varlink_client_free) struct varlink_client *agent = NULL;
	AUTO_MEM char *ref = mem_strdup(vm);
	struct vm_show_in in = { .vm = ref };
	size_t i = 0;

	while (all->items[i].ref != vm)
		i++;
	if (call_vm_show(c, &in, &all->items[i].vm, e) < 0 || client_connect_agent(c, vm, &agent, e) < 0)
		return -1;
	varlink_client_set_deadline(agent, time_now_ms() + PORTS_MS);
	if (call_ports(agent, NULL, &all->items[i].out, e) < 0)
		return err_wrap(e, "ask '%s'", vm);
	find_urls(&all->items[i]);
	return 0;
}

static void print_table(const struct all *all)
{
	static const char *const headers[] = { "VM", "PROTOCOL", "ADDRESS", "PORT", "PROCESS", "URL", NULL };
	AUTO_DONE(table_done) struct table t;

	table_init(&t, headers);
	for (size_t i = 0; i < all->n; i++) {
		const struct found *f = &all->items[i];
		for (size_t k = 0; f->urls && k < f->out.n_ports; k++) {
			const struct port *p = &f->out.ports[k];
			table_add(&t, f->vm.vm.name);
			table_add(&t, p->protocol);
			table_add(&t, p->address);
			table_addf(&t, "%" PRId64, p->port);
			table_add(&t, p->process);
			table_add(&t, f->urls[k]);
		}
	}
	table_print(&t);
}

static void print_json(const struct all *all)
{
	AUTO_DONE(str_done) struct str out = STR_INIT;
	struct json_writer w = { .out = &out, .pretty = true };

	json_open(&w, NULL, '[');
	for (size_t i = 0; i < all->n; i++) {
		const struct found *f = &all->items[i];
		for (size_t k = 0; f->urls && k < f->out.n_ports; k++) {
			const struct port *p = &f->out.ports[k];
			json_open(&w, NULL, '{');
			json_put_string(&w, "vm", f->vm.vm.name);
			json_put_string(&w, "protocol", p->protocol);
			json_put_string(&w, "address", p->address);
			json_put_int(&w, "port", p->port);
			json_put_string(&w, "process", p->process);
			if (p->has_pid)
				json_put_int(&w, "pid", p->pid);
			else
				json_put_raw(&w, "pid", "null");
			json_put_string(&w, "url", f->urls[k]);
			json_close(&w);
		}
	}
	json_close(&w);
	printf("%s\n", out.data);
}

static void found_done(struct found *f)
{
	for (size_t k = 0; f->urls && k < f->out.n_ports; k++)
		free(f->urls[k]);
	free(f->urls);
	vm_show_out_done(&f->vm);
	ports_out_done(&f->out);
}

static int run(const void *in, void *cx)
{
	const struct vm_ports *o = in;
	struct all all = { .items = mem_array(o->vms.n, sizeof(*all.items)), .n = o->vms.n };
	int status;

	for (size_t i = 0; i < all.n; i++)
		all.items[i].ref = o->vms.items[i];
	status = many_run(cx, &o->vms, ports_of, &all);
	if (o->json)
		print_json(&all);
	else if (!status || all.n > 1)
		print_table(&all);
	for (size_t i = 0; i < all.n; i++)
		found_done(&all.items[i]);
	free(all.items);
	return status;
}

static const struct opt opts[] = { CLI_JSON(struct vm_ports), { 0 } };
static const struct opt_arg args[] = { { "VM", offsetof(struct vm_ports, vms), .many = true, .words = CLI_WORDS_VM }, { 0 } };
static const char *const examples[] = {
	"banger vm ports web",
	"banger vm ports web db --json",
	NULL,
};
const struct opt_command cli_vm_ports = {
	.name = "ports",
	.brief = "what listens inside VMs, and where a web server answers",
	.about = "The TCP and UDP ports that processes in running VMs listen at; address * is all of them. URL is given where a web server answers this\n"
		 "host over the VM's network.",
	.examples = examples,
	.opts = opts,
	.args = args,
	.in_size = sizeof(struct vm_ports),
	.run = run,
};
