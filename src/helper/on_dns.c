/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/err.h"
#include "helper/helper.h"
#include "helper/resolved.h"
#include "proto/io_banger_helper.h"
#include "proto/server.h"

enum { LOOPBACK = 127 };

int on_dns_serve(struct varlink_call *call, const struct dns_serve_in *in, struct dns_serve_out *ret, struct err *e)
{
	struct helper *h = varlink_call_server_context(call);
	bool ends = !in->address && !in->port;

	if (!ends && (in->address < 0 || in->address > UINT32_MAX || in->address >> 24 != LOOPBACK || in->port < 1 || in->port > UINT16_MAX))
		return err_set(e, ERR_INVALID, "a name server at %lld, port %lld, is not this machine's", (long long)in->address, (long long)in->port);
	resolved_serve(h->resolved, (uint32_t)in->address, (uint16_t)in->port);
	return 0;
}
