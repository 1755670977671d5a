/*
 * DHCP for IPv4 (RFC 2131, 2132): a datagram in, a transaction out.
 *
 *     op 1 | htype 1 | hlen 1 | hops 1 | xid 4 | secs 2 | flags 2 | ciaddr 4 | yiaddr 4 | siaddr 4 | giaddr 4 |
 *     chaddr 16 | sname 64 | file 128 | 63 82 53 63 | options: code 1, size 1, bytes …  (0: padding, 255: end)
 *
 * The codes of a client's options, in their order, tell what kind of system it is: dhcp.option_order.  One thread, a
 * worker's.
 */
#include "base/base.h"
#include "concert/parser.h"

#include <stdio.h>

#define BOTH (CC_REQUEST | CC_RESPONSE)
#define HEADER_SIZE 240
#define COOKIE 0x63825363
#define ORDER_TEXT 1024 /* 255 codes of up to three digits and a comma */

enum {
	O_MASK = 1, O_ROUTER = 3, O_DNS = 6, O_HOSTNAME = 12, O_DOMAIN = 15, O_REQUESTED = 50, O_LEASE = 51,
	O_OVERLOAD = 52, O_TYPE = 53, O_SERVER = 54, O_PARAMS = 55, O_RENEWAL = 58, O_REBINDING = 59, O_VENDOR = 60,
	O_CLIENT_ID = 61, O_USER_CLASS = 77, O_FQDN = 81, O_WPAD = 252, O_END = 255,
};

enum {
	F_TYPE, F_ID, F_CLIENT_MAC, F_ASSIGNED, F_CLIENT_IP, F_RELAY_IP, F_NEXT_SERVER, F_DHCP_TYPE, F_CLIENT_ID,
	F_HOSTNAME, F_PARAMS, F_REQUESTED, F_LEASE, F_RENEWAL, F_REBINDING, F_MASK, F_ROUTERS, F_DNS, F_VENDOR,
	F_SERVER_ID, F_DOMAIN, F_FQDN, F_WPAD, F_BOOT_FILE, F_ORDER, F_PARAMETER_LIST,
	/* a buffer has one index for each side */
	F_LEASE_TS, F_LEASE_TC, F_RENEWAL_TS, F_RENEWAL_TC, F_REBINDING_TS, F_REBINDING_TC, F_HOSTNAME_TS,
	F_HOSTNAME_TC, F_VENDOR_TS, F_VENDOR_TC, F_ORDER_TS, F_ORDER_TC,
	F_COUNT,
};

static const struct cc_field dhcp_fields[F_COUNT] = {
	[F_TYPE] = {NULL, "type", CC_BYTES, BOTH, "\"request\" or \"reply\"."},
	[F_ID] = {NULL, "id", CC_UINT, BOTH, "Number that a request and its replies have in common."},
	[F_CLIENT_MAC] = {NULL, "client_mac", CC_BYTES, BOTH, "The client's hardware address."},
	[F_ASSIGNED] = {NULL, "assigned_ip", CC_BYTES, BOTH, "Address that the client gets."},
	[F_CLIENT_IP] = {NULL, "client_ip", CC_BYTES, BOTH, "Address that the client has."},
	[F_RELAY_IP] = {NULL, "relay_ip", CC_BYTES, BOTH, "Address of the relay."},
	[F_NEXT_SERVER] = {NULL, "next_server_ip", CC_BYTES, BOTH, "Server to boot from."},
	[F_DHCP_TYPE] = {NULL, "dhcp_type", CC_BYTES, BOTH, "What the message is for, \"discover\"."},
	[F_CLIENT_ID] = {NULL, "client_id", CC_BYTES, BOTH, "How the client names itself, in hex with colons."},
	[F_HOSTNAME] = {NULL, "hostname", CC_BYTES, BOTH, "The client's host name."},
	[F_PARAMS] = {NULL, "params", CC_BYTES, BOTH | CC_MULTI, "Parameters that the client asks for, by name."},
	[F_REQUESTED] = {NULL, "requested_ip", CC_BYTES, BOTH, "Address that the client asks for."},
	[F_LEASE] = {NULL, "lease_time", CC_UINT, BOTH, "Seconds that the address is lent for."},
	[F_RENEWAL] = {NULL, "renewal_time", CC_UINT, BOTH, "Seconds until the client asks its server again."},
	[F_REBINDING] = {NULL, "rebinding_time", CC_UINT, BOTH, "Seconds until it asks any server."},
	[F_MASK] = {NULL, "subnet_mask", CC_BYTES, BOTH, "Mask of the client's network."},
	[F_ROUTERS] = {NULL, "routers", CC_BYTES, BOTH | CC_MULTI, "Routers for the client."},
	[F_DNS] = {NULL, "dns_servers", CC_BYTES, BOTH | CC_MULTI, "Name servers for the client."},
	[F_VENDOR] = {NULL, "vendor_class_identifier", CC_BYTES, BOTH, "What the client is, by its vendor."},
	[F_SERVER_ID] = {NULL, "concert.server_id", CC_BYTES, BOTH, "Address of the server that is meant, or speaks."},
	[F_DOMAIN] = {NULL, "concert.domain", CC_BYTES, BOTH, "Domain for the client."},
	[F_FQDN] = {NULL, "concert.fqdn", CC_BYTES, BOTH, "Full name that the client wants to have."},
	[F_WPAD] = {NULL, "concert.wpad", CC_BYTES, BOTH, "Where the client finds its proxy settings."},
	[F_BOOT_FILE] = {NULL, "concert.boot_file", CC_BYTES, BOTH, "File to boot."},
	[F_ORDER] = {NULL, "concert.option_order", CC_BYTES, BOTH,
	    "Codes of the options in their order, \"53,61,50,12\"."},
	[F_PARAMETER_LIST] = {NULL, "concert.parameter_list", CC_BYTES, BOTH,
	    "Codes of the parameters that the client asks for, in their order."},
	[F_LEASE_TS] = {"dhcp.leasetime", NULL, CC_UINT, CC_REQUEST, "Seconds that the address is lent for."},
	[F_LEASE_TC] = {"dhcp.leasetime", NULL, CC_UINT, CC_RESPONSE, "Seconds that the address is lent for."},
	[F_RENEWAL_TS] = {"dhcp.renewal_time", NULL, CC_UINT, CC_REQUEST,
	    "Seconds until the client asks its server again."},
	[F_RENEWAL_TC] = {"dhcp.renewal_time", NULL, CC_UINT, CC_RESPONSE,
	    "Seconds until the client asks its server again."},
	[F_REBINDING_TS] = {"dhcp.rebinding_time", NULL, CC_UINT, CC_REQUEST, "Seconds until it asks any server."},
	[F_REBINDING_TC] = {"dhcp.rebinding_time", NULL, CC_UINT, CC_RESPONSE, "Seconds until it asks any server."},
	[F_HOSTNAME_TS] = {"dhcp.hostname", NULL, CC_BYTES, CC_REQUEST, "The client's host name."},
	[F_HOSTNAME_TC] = {"dhcp.hostname", NULL, CC_BYTES, CC_RESPONSE, "The client's host name."},
	[F_VENDOR_TS] = {"dhcp.vendor_class", NULL, CC_BYTES, CC_REQUEST, "What the client is, by its vendor."},
	[F_VENDOR_TC] = {"dhcp.vendor_class", NULL, CC_BYTES, CC_RESPONSE, "What the client is, by its vendor."},
	[F_ORDER_TS] = {"dhcp.option_order", NULL, CC_BYTES, CC_REQUEST, "Codes of the options in their order."},
	[F_ORDER_TC] = {"dhcp.option_order", NULL, CC_BYTES, CC_RESPONSE, "Codes of the options in their order."},
};

enum { A_MALFORMED, A_TRUNCATED, A_TOO_MANY, A_COUNT };

static const struct cc_anomaly dhcp_anomalies[A_COUNT] = {
	[A_MALFORMED] = {"malformed_options", "An option isn't what its code demands."},
	[A_TRUNCATED] = {"truncated_options", "The options break off."},
	[A_TOO_MANY] = {"too_many_options", "More options than are recorded; the rest was left out."},
};

struct header {
	uint8_t op, hw_type, hw_size;
	uint32_t id;
	struct slice addr[4]; /* client, assigned, next server, relay */
	struct slice hardware, server_name, file;
	struct slice options;
};

static enum cc_status
read_header(struct slice in, struct header *ret_header)
{
	struct cur c = cur_slice(in);
	struct header h;

	h.op = cur_u8(&c);
	h.hw_type = cur_u8(&c);
	h.hw_size = cur_u8(&c);
	cur_skip(&c, 1);
	h.id = cur_u32(&c);
	cur_skip(&c, 4);
	for (unsigned i = 0; i < 4; i++)
		h.addr[i] = cur_take(&c, 4);
	h.hardware = cur_take(&c, 16);
	h.server_name = cur_take(&c, 64);
	h.file = cur_take(&c, 128);
	if (cur_u32(&c) != COOKIE || c.bad || (h.op != 1 && h.op != 2) || h.hw_size > 16)
		return CC_BAD;
	h.options = cur_rest(&c);
	*ret_header = h;
	return CC_OK;
}

/* The cookie is as good as a name; the first option has to be one besides. */
static enum cc_status
dhcp_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	struct header header;
	struct cur c;

	(void)ctx;
	(void)dir;
	if (read_header(in, &header) != CC_OK)
		return CC_BAD;
	c = cur_slice(header.options);
	if (cur_left(&c) > 0 && *c.p != 0 && *c.p != O_END) {
		cur_skip(&c, 1);
		cur_skip(&c, cur_u8(&c));
	}
	return c.bad ? CC_BAD : CC_OK;
}

static const char *
type_text(unsigned type)
{
	static const char *const text[] = {"unknown", "discover", "offer", "request", "decline", "ack", "nak",
	    "release", "inform", "forcerenew", "leasequery", "leaseunassigned", "leaseunknown", "leaseactive"};

	return type < sizeof(text) / sizeof(text[0]) ? text[type] : "unknown";
}

/* Names as Suricata has them; the others say nothing. */
static const char *
param_text(unsigned code)
{
	static const struct {
		uint8_t code;
		const char *text;
	} names[] = {{1, "subnet_mask"}, {3, "router"}, {6, "dns_server"}, {15, "domain"}, {35, "arp_timeout"},
	    {42, "ntp_server"}, {66, "tftp_server_name"}, {67, "boot_file_name"}, {120, "sip_server"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].code == code)
			return names[i].text;
	return NULL;
}

static void
put_addr(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, struct slice addr)
{
	char text[16];

	if (addr.size != 4)
		return;
	snprintf(text, sizeof(text), "%u.%u.%u.%u", addr.p[0], addr.p[1], addr.p[2], addr.p[3]);
	cc_put_text(ctx, tx, field, text);
}

/* "53,61,12": codes as text. */
struct order {
	char text[ORDER_TEXT];
	size_t size;
};

static void
order_add(struct order *order, unsigned code)
{
	if (order->size + 4 < sizeof(order->text))
		order->size += (size_t)snprintf(order->text + order->size, sizeof(order->text) - order->size,
		    order->size > 0 ? ",%u" : "%u", code);
}

static void
put_params(struct cc_ctx *ctx, struct cc_tx *tx, struct slice value)
{
	struct order list = {.size = 0};

	for (size_t i = 0; i < value.size; i++) {
		const char *name = param_text(value.p[i]);

		if (name != NULL)
			cc_put_text(ctx, tx, F_PARAMS, name);
		order_add(&list, value.p[i]);
	}
	cc_put_text(ctx, tx, F_PARAMETER_LIST, list.text);
}

/* Text options may be padded with NULs. */
static struct slice
trimmed(struct slice text)
{
	while (text.size > 0 && text.p[text.size - 1] == 0)
		text.size--;
	return text;
}

static void
put_text_option(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, struct slice text)
{
	text = trimmed(text);
	if (text.size > 0)
		cc_put_ref(ctx, tx, field, text);
}

static void
put_addrs(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, struct slice value)
{
	for (size_t at = 0; at + 4 <= value.size; at += 4)
		put_addr(ctx, tx, field, slice_of(value.p + at, 4));
}

static void
put_seconds(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, unsigned buffer, struct slice value)
{
	struct cur c = cur_slice(value);
	uint32_t seconds = cur_u32(&c);

	cc_put_uint(ctx, tx, field, seconds);
	cc_put_uint(ctx, tx, buffer, seconds);
}

static void
put_client_id(struct cc_ctx *ctx, struct cc_tx *tx, struct slice value)
{
	char hex[256 * 3];

	cc_put_text(ctx, tx, F_CLIENT_ID, hex_colon_text(value, hex));
}

/* How many bytes a code demands: at least, and a multiple of what. */
static bool
size_fits(unsigned code, size_t size)
{
	switch (code) {
	case O_MASK:
	case O_REQUESTED:
	case O_LEASE:
	case O_SERVER:
	case O_RENEWAL:
	case O_REBINDING:
		return size == 4;
	case O_TYPE:
	case O_OVERLOAD:
		return size == 1;
	case O_ROUTER:
	case O_DNS:
		return size >= 4 && size % 4 == 0;
	case O_FQDN:
		return size >= 3;
	default:
		return true;
	}
}

static void
put_option(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, unsigned code, struct slice value)
{
	switch (code) {
	case O_MASK:
		put_addr(ctx, tx, F_MASK, value);
		break;
	case O_ROUTER:
		put_addrs(ctx, tx, F_ROUTERS, value);
		break;
	case O_DNS:
		put_addrs(ctx, tx, F_DNS, value);
		break;
	case O_HOSTNAME:
		put_text_option(ctx, tx, F_HOSTNAME, value);
		put_text_option(ctx, tx, F_HOSTNAME_TS + dir, value);
		break;
	case O_DOMAIN:
		put_text_option(ctx, tx, F_DOMAIN, value);
		break;
	case O_REQUESTED:
		put_addr(ctx, tx, F_REQUESTED, value);
		break;
	case O_LEASE:
		put_seconds(ctx, tx, F_LEASE, F_LEASE_TS + dir, value);
		break;
	case O_RENEWAL:
		put_seconds(ctx, tx, F_RENEWAL, F_RENEWAL_TS + dir, value);
		break;
	case O_REBINDING:
		put_seconds(ctx, tx, F_REBINDING, F_REBINDING_TS + dir, value);
		break;
	case O_TYPE:
		cc_put_text(ctx, tx, F_DHCP_TYPE, type_text(value.p[0]));
		break;
	case O_SERVER:
		put_addr(ctx, tx, F_SERVER_ID, value);
		break;
	case O_PARAMS:
		put_params(ctx, tx, value);
		break;
	case O_VENDOR:
		put_text_option(ctx, tx, F_VENDOR, value);
		put_text_option(ctx, tx, F_VENDOR_TS + dir, value);
		break;
	case O_CLIENT_ID:
		put_client_id(ctx, tx, value);
		break;
	case O_FQDN: /* flags and two codes that are of no use stand before the name */
		put_text_option(ctx, tx, F_FQDN, slice_of(value.p + 3, value.size - 3));
		break;
	case O_WPAD:
		put_text_option(ctx, tx, F_WPAD, value);
		break;
	default:
		break;
	}
}

static void
put_options(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, struct slice options)
{
	struct cur c = cur_slice(options);
	uint64_t most = cc_limit(ctx, "dhcp.options_limit"), count = 0;
	struct order order = {.size = 0};
	bool wrong = false, ended = false;

	while (cur_left(&c) > 0 && !ended) {
		unsigned code = cur_u8(&c);
		struct slice value;

		if (code == 0)
			continue;
		order_add(&order, code);
		ended = code == O_END;
		if (ended)
			break;
		value = cur_take(&c, cur_u8(&c));
		if (c.bad)
			break;
		if (count++ == most) {
			cc_anomaly(ctx, tx, A_TOO_MANY);
			break;
		}
		if (size_fits(code, value.size))
			put_option(ctx, tx, dir, code, value);
		else
			wrong = true;
	}
	cc_put_text(ctx, tx, F_ORDER, order.text);
	cc_put_text(ctx, tx, F_ORDER_TS + dir, order.text);
	if (c.bad)
		cc_anomaly(ctx, tx, A_TRUNCATED);
	if (wrong)
		cc_anomaly(ctx, tx, A_MALFORMED);
}

static bool
is_zero(struct slice addr)
{
	for (size_t i = 0; i < addr.size; i++)
		if (addr.p[i] != 0)
			return false;
	return true;
}

static void
message(struct cc_ctx *ctx, enum cc_dir dir, const struct header *header)
{
	static const unsigned addr_field[] = {F_CLIENT_IP, F_ASSIGNED, F_NEXT_SERVER, F_RELAY_IP};
	struct cc_tx *tx = cc_tx_new(ctx);
	const uint8_t *end = memchr(header->file.p, 0, header->file.size);
	char mac[16 * 3];

	cc_put_text(ctx, tx, F_TYPE, header->op == 1 ? "request" : "reply");
	cc_put_uint(ctx, tx, F_ID, header->id);
	cc_put_text(ctx, tx, F_CLIENT_MAC, hex_colon_text(slice_of(header->hardware.p, header->hw_size), mac));
	for (unsigned i = 0; i < 4; i++)
		if (i == 1 || !is_zero(header->addr[i]))
			put_addr(ctx, tx, addr_field[i], header->addr[i]);
	if (end != header->file.p)
		cc_put_ref(ctx, tx, F_BOOT_FILE,
		    slice_of(header->file.p, end != NULL ? (size_t)(end - header->file.p) : header->file.size));
	put_options(ctx, tx, dir, header->options);
	cc_tx_side_done(ctx, tx, dir);
	cc_tx_done(ctx, tx);
}

static enum cc_status
dhcp_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct header header;

	(void)own;
	if (read_header(cur_take(in, cur_left(in)), &header) != CC_OK)
		cc_anomaly(ctx, NULL, A_MALFORMED);
	else
		message(ctx, dir, &header);
	return CC_OK;
}

const struct cc_parser dhcp_parser = {
	.name = "dhcp",
	.ports = "udp/67 udp/68 udp/4011",
	.fields = dhcp_fields,
	.field_count = F_COUNT,
	.anomalies = dhcp_anomalies,
	.anomaly_count = A_COUNT,
	.udp = true,
	.one_way = true,
	.by_message = true,
	.probe = dhcp_probe,
	.feed = dhcp_feed,
};
