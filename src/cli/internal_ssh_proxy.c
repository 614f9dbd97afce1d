/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ProxyCommand of our ssh settings: it hands ssh a connected socket (ProxyUseFdpass) and ends, so no byte passes through it. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/ssh.h"
#include "proto/io_banger_agent.h"

enum { NETWORK_MS = 1000, AGENT_MS = 15000 };

struct ssh_proxy {
	const char *host, *port;
};

/* Over the network, which is not waited for long: vsock is there as well. */
static int connect_network(const char *address, int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct err why = { 0 };
	int error = 0;
	socklen_t n = sizeof(error);

	if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1)
		return -1;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && (errno != EINPROGRESS || fd_wait(fd, POLLOUT, time_now_ms() + NETWORK_MS, &why) < 0))
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 || error || fd_set_nonblock(fd, false, &why) < 0)
		return -1;
	return TAKE_FD(fd);
}

static MUST int connect_vsock(struct varlink_client *c, const struct ssh_target *t, int port, int *ret_fd, struct err *e)
{
	AUTO(varlink_client_free) struct varlink_client *agent = NULL;
	AUTO_DONE(str_done) struct str nothing = STR_INIT;
	struct connect_in in = { .port = port };

	if (client_connect_agent(c, t->id, &agent, e) < 0)
		return -1;
	varlink_client_read_exactly(agent);
	varlink_client_set_deadline(agent, time_now_ms() + AGENT_MS);
	if (call_connect_upgrade(agent, &in, NULL, e) < 0)
		return err_wrap(e, "reach '%s'", t->name);
	varlink_client_steal_fd(agent, ret_fd, &nothing);
	return 0;
}

static MUST int proxy(struct cli *cli, const struct ssh_proxy *o, struct err *e)
{
	AUTO(varlink_client_free) struct varlink_client *c = NULL;
	AUTO_DONE(ssh_target_done) struct ssh_target target = { 0 };
	AUTO_MEM char *vm = mem_strndup(o->host, strlen(o->host) - (str_ends(o->host, ".vm") ? 3 : 0));
	AUTO_FD int fd = -1;
	int64_t port;

	if (str_to_int(o->port, 1, UINT16_MAX, "port", &port, e) < 0 || client_connect(cli, &c, e) < 0 ||
	    ssh_prepare(cli, c, vm, o->host, &target, e) < 0)
		return -1;
	if (target.address)
		fd = connect_network(target.address, (int)port);
	if (fd < 0 && connect_vsock(c, &target, (int)port, &fd, e) < 0)
		return -1;
	if (fd_send_msg(STDOUT_FILENO, "", 1, &fd, 1) == 1)
		return 0;
	err_sys(e, errno, "hand the connection over");
	return err_hint(e, "this command is for OpenSSH's ProxyCommand with ProxyUseFdpass");
}

static int run(const void *in, void *cx)
{
	struct err e = { 0 };

	return proxy(cx, in, &e) < 0 ? cli_fail(&e, 1) : 0;
}

static const struct opt_arg args[] = {
	{ "HOST", offsetof(struct ssh_proxy, host), .words = CLI_WORDS_VM }, { "PORT", offsetof(struct ssh_proxy, port) }, { 0 }
};
const struct opt_command cli_internal_ssh_proxy = {
	.name = "ssh-proxy",
	.brief = "OpenSSH's way into a VM",
	.args = args,
	.in_size = sizeof(struct ssh_proxy),
	.run = run,
};
