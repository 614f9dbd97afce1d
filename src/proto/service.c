/* SPDX-License-Identifier: GPL-2.0-or-later */
/* org.varlink.service: what a server says about itself. */
#include "base/mem.h"
#include "proto/org_varlink_service.h"
#include "proto/proto_internal.h"

static char *copy_or(const char *text, const char *fallback)
{
	return mem_strdup(text ? text : fallback);
}

int on_get_info(struct varlink_call *call, const struct get_info_in *in, struct get_info_out *ret, struct err *e)
{
	const struct varlink_server *srv = call->srv;

	ret->vendor = copy_or(srv->conf.vendor, "banger");
	ret->product = copy_or(srv->conf.product, "banger");
	ret->version = copy_or(srv->conf.version, BANGER_VERSION);
	ret->url = copy_or(srv->conf.url, "");
	ret->interfaces = mem_array(srv->n_ifaces + 1, sizeof(char *));
	ret->n_interfaces = srv->n_ifaces + 1;
	ret->interfaces[0] = mem_strdup(org_varlink_service_interface.name);
	for (size_t i = 0; i < srv->n_ifaces; i++)
		ret->interfaces[i + 1] = mem_strdup(srv->ifaces[i]->name);
	return 0;
}

int on_get_interface_description(struct varlink_call *call, const struct get_interface_description_in *in,
	struct get_interface_description_out *ret, struct err *e)
{
	const struct varlink_server *srv = call->srv;

	if (str_eq(in->interface, org_varlink_service_interface.name)) {
		ret->description = mem_strdup(org_varlink_service_interface.description);
		return 0;
	}
	for (size_t i = 0; i < srv->n_ifaces; i++) {
		if (str_eq(in->interface, srv->ifaces[i]->name)) {
			ret->description = mem_strdup(srv->ifaces[i]->description);
			return 0;
		}
	}
	AUTO_MEM char *message = mem_printf("no interface '%s'", in->interface);
	varlink_call_service_error(call, "InvalidParameter", "parameter", "interface", message);
	return VARLINK_LATER;
}
