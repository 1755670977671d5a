/*
 * Is this DNS?  On any port by a strict look at the content; on the server port 53 a lenient one, for there even odd
 * messages are meant as DNS.  Multicast DNS and LLMNR have DNS's format, but are protocols of their own: not taken.
 */
#include "app/dns/own.h"

/* Could a message with these counts be as short as this?  A count may lie, so only the least size is asked of it. */
static bool
counts_fit(const struct dns_message *msg)
{
	size_t least = DNS_HEADER_SIZE;

	for (int i = 0; i < 4; i++)
		least += 2 * (size_t)msg->counts[i];
	return least <= msg->all.size;
}

/* What a well-behaved message has in its header; opcodes QUERY, NOTIFY, UPDATE. */
static bool
header_strict(const struct dns_message *msg)
{
	unsigned opcode = msg->flags >> 11 & 15, rcode = msg->flags & 15;
	bool query = (msg->flags & DNS_FLAG_QR) == 0;

	if ((opcode != 0 && opcode != 4 && opcode != 5) || rcode > 10 || (msg->flags & DNS_FLAG_Z) != 0)
		return false;
	if (msg->counts[0] != 1 || msg->counts[3] > 64)
		return false;
	if (query && opcode == 0 && (rcode != 0 || msg->counts[1] > 0 || msg->counts[2] > 1 || msg->counts[3] > 4 ||
		(msg->flags & (DNS_FLAG_AA | DNS_FLAG_RA)) != 0))
		return false;
	return true;
}

static bool
name_plain(const struct dns_text *name)
{
	for (size_t i = 0; i < name->size; i++)
		if (name->p[i] <= ' ' || name->p[i] >= 0x7f)
			return false;
	return true;
}

/* The question at *c: its name, and with strict that name, type and class are usual ones. */
static enum cc_status
question(struct dns_message *msg, struct cur *c, bool strict)
{
	uint8_t room[DNS_NAME_WIRE_MAX + 1];
	struct dns_text name = {room, 0, sizeof(room)};
	uint16_t type, class;
	size_t before = cur_left(c);

	if (dns_name(msg, c, &name) != CC_OK)
		return before < DNS_NAME_WIRE_MAX ? CC_MORE : CC_BAD;
	type = cur_u16(c);
	class = cur_u16(c);
	if (c->bad)
		return CC_MORE;
	if (msg->wrong != 0)
		return CC_BAD;
	return strict && (dns_type_word(type) == NULL || !dns_class_known(class) ||
	    !name_plain(&name)) ? CC_BAD : CC_OK;
}

/* Walks over all records: do names and sizes lead exactly to the end? */
bool
dns_records_lead_to_end(struct dns_message *msg, struct cur *c)
{
	unsigned count = (unsigned)msg->counts[1] + msg->counts[2] + msg->counts[3];

	if (count > 4096)
		return false;
	for (; count > 0; count--) {
		struct dns_text none = {NULL, 0, 0};

		if (dns_name(msg, c, &none) != CC_OK)
			return false;
		cur_skip(c, 8);
		cur_skip(c, cur_u16(c));
		if (c->bad)
			return (msg->flags & DNS_FLAG_TC) != 0;
	}
	return cur_left(c) == 0;
}

/* A message that is all here. */
static enum cc_status
probe_message(struct slice all, bool strict)
{
	struct dns_message msg;
	struct cur c;

	if (dns_header(all, &msg) != CC_OK || (strict && !header_strict(&msg)))
		return CC_BAD;
	c = cur_of(all.p, all.size);
	cur_skip(&c, DNS_HEADER_SIZE);
	/* Even on its port, counts that lie must be made good by a question that is beyond doubt. */
	if (!counts_fit(&msg) && (strict || msg.counts[0] == 0))
		return CC_BAD;
	if (msg.counts[0] > 0 && question(&msg, &c, strict || !counts_fit(&msg)) != CC_OK)
		return CC_BAD;
	if (strict)
		return dns_records_lead_to_end(&msg, &c) ? CC_OK : CC_BAD;
	/* Nothing asked and nothing answered is only credible as a refusal. */
	if (msg.counts[0] == 0 && all.size > DNS_HEADER_SIZE && msg.counts[1] == 0 && msg.counts[2] == 0 &&
	    msg.counts[3] == 0)
		return CC_BAD;
	/* An operation that nobody has assigned is an event, if all else is right to the last byte. */
	return (msg.flags >> 11 & 15) <= 6 || dns_records_lead_to_end(&msg, &c) ? CC_OK : CC_BAD;
}

/* TCP: a size before each message (RFC 1035, 4.2.2), and perhaps only its beginning here. */
static enum cc_status
probe_stream(struct slice in, bool strict)
{
	struct cur c = cur_slice(in);
	uint16_t size = cur_u16(&c);
	struct dns_message msg;
	struct slice rest;

	if (c.bad)
		return CC_MORE;
	if (size < DNS_HEADER_SIZE)
		return CC_BAD;
	rest = cur_rest(&c);
	if (rest.size >= size)
		return probe_message(slice_of(rest.p, size), strict);
	if (dns_header(rest, &msg) != CC_OK)
		return CC_MORE;
	msg.all.size = size;
	if (!counts_fit(&msg) || (strict && !header_strict(&msg)))
		return CC_BAD;
	msg.all.size = rest.size;
	cur_skip(&c, DNS_HEADER_SIZE);
	return msg.counts[0] > 0 ? question(&msg, &c, strict) : CC_MORE;
}

static bool
is_response(struct slice in, bool udp)
{
	struct cur c = cur_slice(in);

	cur_skip(&c, udp ? 2 : 4);
	return (cur_u16(&c) & DNS_FLAG_QR) != 0;
}

enum cc_status
dns_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	uint16_t port = cc_server_port(ctx);
	bool strict = port != DNS_PORT;

	if (cc_may_turn(ctx) && is_response(in, cc_is_udp(ctx)) != (dir == CC_TO_CLIENT))
		return CC_BAD;
	if (!cc_is_udp(ctx))
		return probe_stream(in, strict);
	if (port == DNS_MDNS_PORT || port == DNS_LLMNR_PORT || port == DNS_NBNS_PORT)
		return CC_BAD;
	return probe_message(in, strict);
}

/* After a gap: does a message begin here?  As strict as on a foreign port. */
bool
dns_looks_right(struct slice all)
{
	return probe_stream(all, true) == CC_OK;
}
