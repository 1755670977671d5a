/*
 * Is this multicast DNS (RFC 6762) or LLMNR (RFC 4795)?  Both are written as DNS is, and nothing in a message says
 * which of the three it is: the port does.  All else is looked at as strictly as DNS on a foreign port.
 *
 * In multicast DNS the class's highest bit is a flag of its own (answer by unicast; forget what you had), a message may
 * ask many questions, and answers go to everybody, from a host that was never asked.
 */
#include "app/dns/own.h"

enum { CLASS_BITS = 0x7fff, QUESTIONS_MAX = 64, RECORDS_MAX = 1024 };

static bool
questions_right(struct dns_message *msg, struct cur *c)
{
	for (unsigned i = 0; i < msg->counts[0]; i++) {
		struct dns_text none = {NULL, 0, 0};
		uint16_t type, class;

		if (dns_name(msg, c, &none) != CC_OK)
			return false;
		type = cur_u16(c);
		class = cur_u16(c) & CLASS_BITS;
		if (c->bad || dns_type_word(type) == NULL || !dns_class_known(class))
			return false;
	}
	return true;
}

static bool
message_right(struct slice in)
{
	struct dns_message msg;
	struct cur c = cur_slice(in);
	unsigned records, opcode;

	if (dns_header(in, &msg) != CC_OK)
		return false;
	cur_skip(&c, DNS_HEADER_SIZE);
	records = (unsigned)msg.counts[1] + msg.counts[2] + msg.counts[3];
	opcode = msg.flags >> 11 & 15;
	if (opcode != 0 || (msg.flags & 15) > 5 || msg.counts[0] > QUESTIONS_MAX || records > RECORDS_MAX ||
	    msg.counts[0] + records == 0)
		return false;
	return questions_right(&msg, &c) && msg.wrong == 0 && dns_records_lead_to_end(&msg, &c);
}

static bool
is_response(struct slice in)
{
	struct cur c = cur_slice(in);

	cur_skip(&c, 2);
	return (cur_u16(&c) & DNS_FLAG_QR) != 0;
}

/* From 5353 to 5353 an answer may well be the first; else who answers is the server. */
enum cc_status
dns_probe_mdns(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	if (cc_server_port(ctx) != DNS_MDNS_PORT)
		return CC_BAD;
	if (cc_may_turn(ctx) && cc_side_port(ctx, CC_TO_SERVER) != DNS_MDNS_PORT &&
	    is_response(in) != (dir == CC_TO_CLIENT))
		return CC_BAD;
	return message_right(in) ? CC_OK : CC_BAD;
}

enum cc_status
dns_probe_llmnr(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	if (cc_server_port(ctx) != DNS_LLMNR_PORT)
		return CC_BAD;
	if (cc_may_turn(ctx) && is_response(in) != (dir == CC_TO_CLIENT))
		return CC_BAD;
	return message_right(in) ? CC_OK : CC_BAD;
}
