/*
 * DNS over UDP and TCP (RFC 1035 and the many after it): messages in, one transaction per message out.
 *
 * Queries and responses are transactions of their own, as in EVE.  The table below is all that rules and logs know;
 * values that stand in rows have a rule buffer of their own, so that a buffer is never tied to its row.
 */
#include "app/dns/own.h"

#define BOTH (CC_REQUEST | CC_RESPONSE)

static const struct cc_field dns_fields[DNS_F_COUNT] = {
	[DNS_F_QUERY_BUFFER] = {"dns.query", NULL, CC_BYTES, CC_REQUEST | CC_MULTI, "Name that a query asks for."},
	[DNS_F_QUERY_NAME_BUFFER] = {"dns.query.name", NULL, CC_BYTES, BOTH | CC_MULTI,
	    "Name in the question section, of queries and responses."},
	[DNS_F_ANSWER_NAME_BUFFER] = {"dns.answer.name", NULL, CC_BYTES, BOTH | CC_MULTI,
	    "Name of a record in the answer section."},
	[DNS_F_RESPONSE_NAME_BUFFER] = {"dns.response.rrname", NULL, CC_BYTES, BOTH | CC_MULTI,
	    "Names of records in all sections, and names that are their data."},
	[DNS_F_OPCODE_BUFFER] = {"dns.opcode", NULL, CC_UINT, BOTH, "Operation code of the header."},
	[DNS_F_RCODE_BUFFER] = {"dns.rcode", NULL, CC_UINT, CC_RESPONSE, "Response code of the header."},
	[DNS_F_RRTYPE_BUFFER] = {"dns.rrtype", NULL, CC_UINT, BOTH | CC_MULTI,
	    "Type of a question or an answer, as a number."},

	[DNS_F_VERSION] = {NULL, "version", CC_UINT, BOTH, "Version of this event's format."},
	[DNS_F_TYPE] = {NULL, "type", CC_BYTES, BOTH, "\"query\" or \"answer\"."},
	[DNS_F_ID] = {"dns.id", "id", CC_UINT, BOTH, "Message id."},
	[DNS_F_TX_ID] = {NULL, "tx_id", CC_UINT, CC_REQUEST, "Number of the transaction in its flow."},
	[DNS_F_FLAGS] = {NULL, "flags", CC_BYTES, BOTH, "The header's flags in hex."},
	[DNS_F_QR] = {NULL, "qr", CC_FLAG, BOTH, "Is it a response?"},
	[DNS_F_AA] = {NULL, "aa", CC_FLAG, BOTH, "Authoritative answer."},
	[DNS_F_TC] = {NULL, "tc", CC_FLAG, BOTH, "Truncated."},
	[DNS_F_RD] = {NULL, "rd", CC_FLAG, BOTH, "Recursion desired."},
	[DNS_F_RA] = {NULL, "ra", CC_FLAG, BOTH, "Recursion available."},
	[DNS_F_Z] = {NULL, "z", CC_FLAG, BOTH, "The reserved bit is set."},
	[DNS_F_OPCODE] = {NULL, "opcode", CC_UINT, BOTH, "Operation code of the header."},
	[DNS_F_RRNAME] = {NULL, "rrname", CC_BYTES, BOTH, "Name of the first question."},
	[DNS_F_RRTYPE] = {NULL, "rrtype", CC_BYTES, BOTH, "Type of the first question."},
	[DNS_F_RCODE] = {NULL, "rcode", CC_BYTES, CC_RESPONSE, "Response code as a word."},
	[DNS_F_QUERIES] = {NULL, "queries[]", CC_ROW, BOTH, "The questions, where there are several."},
	[DNS_F_QUERY_RRNAME] = {NULL, "queries[].rrname", CC_BYTES, BOTH, "Name of a question."},
	[DNS_F_QUERY_RRTYPE] = {NULL, "queries[].rrtype", CC_BYTES, BOTH, "Type of a question."},

	[DNS_F_ANSWERS] = {NULL, "answers[]", CC_ROW, BOTH, "The answer section."},
	[DNS_F_ANSWER_RRNAME] = {NULL, "answers[].rrname", CC_BYTES, BOTH, "Name of a record."},
	[DNS_F_ANSWER_RRTYPE] = {NULL, "answers[].rrtype", CC_BYTES, BOTH, "Type of a record."},
	[DNS_F_ANSWER_TTL] = {NULL, "answers[].ttl", CC_UINT, BOTH, "Time to live in seconds."},
	[DNS_F_ANSWER_RDATA] = {NULL, "answers[].rdata", CC_BYTES, BOTH, "The record's data as text."},
	[DNS_F_ANSWER_SOA_MNAME] = {NULL, "answers[].soa.mname", CC_BYTES, BOTH,
	    "Start of authority: first name server."},
	[DNS_F_ANSWER_SOA_RNAME] = {NULL, "answers[].soa.rname", CC_BYTES, BOTH, "Start of authority: mailbox."},
	[DNS_F_ANSWER_SOA_SERIAL] = {NULL, "answers[].soa.serial", CC_UINT, BOTH, "Start of authority: serial number."},
	[DNS_F_ANSWER_SOA_REFRESH] = {NULL, "answers[].soa.refresh", CC_UINT, BOTH, "Start of authority: refresh."},
	[DNS_F_ANSWER_SOA_RETRY] = {NULL, "answers[].soa.retry", CC_UINT, BOTH, "Start of authority: retry."},
	[DNS_F_ANSWER_SOA_EXPIRE] = {NULL, "answers[].soa.expire", CC_UINT, BOTH, "Start of authority: expire."},
	[DNS_F_ANSWER_SOA_MINIMUM] = {NULL, "answers[].soa.minimum", CC_UINT, BOTH, "Start of authority: minimum."},
	[DNS_F_ANSWER_SRV_PRIORITY] = {NULL, "answers[].srv.priority", CC_UINT, BOTH, "Service: priority."},
	[DNS_F_ANSWER_SRV_WEIGHT] = {NULL, "answers[].srv.weight", CC_UINT, BOTH, "Service: weight."},
	[DNS_F_ANSWER_SRV_PORT] = {NULL, "answers[].srv.port", CC_UINT, BOTH, "Service: port."},
	[DNS_F_ANSWER_SRV_NAME] = {NULL, "answers[].srv.name", CC_BYTES, BOTH, "Service: host."},
	[DNS_F_ANSWER_SSHFP_ALGO] = {NULL, "answers[].sshfp.algo", CC_UINT, BOTH, "SSH key: algorithm."},
	[DNS_F_ANSWER_SSHFP_TYPE] = {NULL, "answers[].sshfp.type", CC_UINT, BOTH, "SSH key: type of the fingerprint."},
	[DNS_F_ANSWER_SSHFP_FINGERPRINT] = {NULL, "answers[].sshfp.fingerprint", CC_BYTES, BOTH,
	    "SSH key: fingerprint."},

	[DNS_F_AUTHORITIES] = {NULL, "authorities[]", CC_ROW, BOTH, "The authority section."},
	[DNS_F_AUTHORITY_RRNAME] = {NULL, "authorities[].rrname", CC_BYTES, BOTH, "Name of a record."},
	[DNS_F_AUTHORITY_RRTYPE] = {NULL, "authorities[].rrtype", CC_BYTES, BOTH, "Type of a record."},
	[DNS_F_AUTHORITY_TTL] = {NULL, "authorities[].ttl", CC_UINT, BOTH, "Time to live in seconds."},
	[DNS_F_AUTHORITY_RDATA] = {NULL, "authorities[].rdata", CC_BYTES, BOTH, "The record's data as text."},
	[DNS_F_AUTHORITY_SOA_MNAME] = {NULL, "authorities[].soa.mname", CC_BYTES, BOTH,
	    "Start of authority: first name server."},
	[DNS_F_AUTHORITY_SOA_RNAME] = {NULL, "authorities[].soa.rname", CC_BYTES, BOTH, "Start of authority: mailbox."},
	[DNS_F_AUTHORITY_SOA_SERIAL] = {NULL, "authorities[].soa.serial", CC_UINT, BOTH,
	    "Start of authority: serial number."},
	[DNS_F_AUTHORITY_SOA_REFRESH] = {NULL, "authorities[].soa.refresh", CC_UINT, BOTH,
	    "Start of authority: refresh."},
	[DNS_F_AUTHORITY_SOA_RETRY] = {NULL, "authorities[].soa.retry", CC_UINT, BOTH, "Start of authority: retry."},
	[DNS_F_AUTHORITY_SOA_EXPIRE] = {NULL, "authorities[].soa.expire", CC_UINT, BOTH, "Start of authority: expire."},
	[DNS_F_AUTHORITY_SOA_MINIMUM] = {NULL, "authorities[].soa.minimum", CC_UINT, BOTH,
	    "Start of authority: minimum."},

	[DNS_F_ADDITIONALS] = {NULL, "additionals[]", CC_ROW, BOTH | CC_DETAIL, "The additional section."},
	[DNS_F_ADDITIONAL_RRNAME] = {NULL, "additionals[].rrname", CC_BYTES, BOTH | CC_DETAIL, "Name of a record."},
	[DNS_F_ADDITIONAL_RRTYPE] = {NULL, "additionals[].rrtype", CC_BYTES, BOTH | CC_DETAIL, "Type of a record."},
	[DNS_F_ADDITIONAL_TTL] = {NULL, "additionals[].ttl", CC_UINT, BOTH | CC_DETAIL, "Time to live in seconds."},
	[DNS_F_ADDITIONAL_RDATA] = {NULL, "additionals[].rdata", CC_BYTES, BOTH | CC_DETAIL,
	    "The record's data as text."},

	[DNS_F_GROUPED_A] = {NULL, "grouped.A", CC_BYTES, BOTH | CC_MULTI, "IPv4 addresses answered."},
	[DNS_F_GROUPED_AAAA] = {NULL, "grouped.AAAA", CC_BYTES, BOTH | CC_MULTI, "IPv6 addresses answered."},
	[DNS_F_GROUPED_CNAME] = {NULL, "grouped.CNAME", CC_BYTES, BOTH | CC_MULTI, "Canonical names answered."},
	[DNS_F_GROUPED_MX] = {NULL, "grouped.MX", CC_BYTES, BOTH | CC_MULTI, "Mail exchangers answered."},
	[DNS_F_GROUPED_NS] = {NULL, "grouped.NS", CC_BYTES, BOTH | CC_MULTI, "Name servers answered."},
	[DNS_F_GROUPED_PTR] = {NULL, "grouped.PTR", CC_BYTES, BOTH | CC_MULTI, "Names of an address answered."},
	[DNS_F_GROUPED_TXT] = {NULL, "grouped.TXT", CC_BYTES, BOTH | CC_MULTI, "Texts answered."},
};

static const struct cc_anomaly dns_anomalies[DNS_ANOMALY_COUNT] = {
	[DNS_MALFORMED_DATA] = {"malformed_data", "The message breaks off, or a record isn't what its type demands."},
	[DNS_NOT_REQUEST] = {"not_request", "A response was sent to the server."},
	[DNS_NOT_RESPONSE] = {"not_response", "A query was sent to the client."},
	[DNS_Z_FLAG_SET] = {"z_flag_set", "The reserved bit of the header is set."},
	[DNS_INVALID_OPCODE] = {"invalid_opcode", "The operation code is not an assigned one."},
	[DNS_INFINITE_LOOP] = {"infinite_loop", "A name's pointers run in a circle, or it has too many of them."},
	[DNS_NAME_TOO_LONG] = {"name_too_long", "A name is longer than 255 bytes."},
	[DNS_TOO_MANY_LABELS] = {"too_many_labels", "A name has more than 127 labels."},
	[DNS_TOO_MANY_RECORDS] = {"too_many_records",
	    "More records or names than are recorded; the rest was left out."},
	[DNS_TRAILING_DATA] = {"trailing_data", "Bytes follow the end of the message."},
};

enum cc_status
dns_header(struct slice all, struct dns_message *ret_msg)
{
	struct cur c = cur_slice(all);
	struct dns_message msg = {.all = all, .jumps_left = DNS_MESSAGE_JUMPS, .names_left = DNS_MESSAGE_NAMES};

	msg.id = cur_u16(&c);
	msg.flags = cur_u16(&c);
	for (int i = 0; i < 4; i++)
		msg.counts[i] = cur_u16(&c);
	if (c.bad)
		return CC_BAD;
	*ret_msg = msg;
	return CC_OK;
}

/* The next message of a stream, behind its size. */
static enum cc_status
next_message(struct cur *in, struct slice *ret_message)
{
	struct cur c = *in;
	struct slice message = cur_take(&c, cur_u16(&c));

	if (c.bad)
		return CC_MORE;
	*in = c;
	*ret_message = message;
	return CC_OK;
}

enum { FRAME_PDU, FRAME_COUNT };

static const struct cc_frame_kind dns_frames[FRAME_COUNT] = {
	[FRAME_PDU] = {"pdu", "A message; over TCP without the two bytes of its size."},
};

static enum cc_status
dns_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct dns_state *state = own;
	struct slice message;

	if (cc_is_udp(ctx)) {
		cc_frame(ctx, NULL, dir, FRAME_PDU, in->p, cur_left(in));
		dns_message(ctx, state, dir, cur_take(in, cur_left(in)));
		return CC_OK;
	}
	if (state->lost[dir]) {
		/* Senders mostly begin a segment with a message; what doesn't look like one is passed by. */
		if (!dns_looks_right(cur_rest(in))) {
			cur_skip(in, cur_left(in));
			return CC_OK;
		}
		state->lost[dir] = false;
	}
	while (cur_left(in) > 0) {
		if (next_message(in, &message) != CC_OK)
			return CC_MORE;
		cc_frame(ctx, NULL, dir, FRAME_PDU, message.p, message.size);
		dns_message(ctx, state, dir, message);
	}
	return CC_OK;
}

static enum cc_status
dns_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	struct dns_state *state = own;

	(void)ctx;
	(void)size;
	state->lost[dir] = true;
	return CC_OK;
}

const struct cc_parser dns_parser = {
	.name = "dns",
	.ports = "udp/53 tcp/53",
	.fields = dns_fields,
	.field_count = DNS_F_COUNT,
	.anomalies = dns_anomalies,
	.anomaly_count = DNS_ANOMALY_COUNT,
	.frames = dns_frames,
	.frame_count = FRAME_COUNT,
	.state_size = sizeof(struct dns_state),
	.unit_max = 65535 + 2,
	.tcp = true,
	.udp = true,
	.one_way = true,
	.probe = dns_probe,
	.feed = dns_feed,
	.gap = dns_gap,
};

static enum cc_status
mdns_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct dns_state *state = own;

	state->everybody = true;
	return dns_feed(ctx, own, dir, in);
}

const struct cc_parser mdns_parser = {
	.name = "mdns",
	.ports = "udp/5353",
	.fields = dns_fields,
	.field_count = DNS_F_COUNT,
	.anomalies = dns_anomalies,
	.anomaly_count = DNS_ANOMALY_COUNT,
	.frames = dns_frames,
	.frame_count = FRAME_COUNT,
	.state_size = sizeof(struct dns_state),
	.udp = true,
	.one_way = true,
	.by_message = true,
	.own_event = true,
	.probe = dns_probe_mdns,
	.feed = mdns_feed,
};

const struct cc_parser llmnr_parser = {
	.name = "llmnr",
	.ports = "udp/5355",
	.fields = dns_fields,
	.field_count = DNS_F_COUNT,
	.anomalies = dns_anomalies,
	.anomaly_count = DNS_ANOMALY_COUNT,
	.frames = dns_frames,
	.frame_count = FRAME_COUNT,
	.state_size = sizeof(struct dns_state),
	.udp = true,
	.one_way = true,
	.own_event = true,
	.probe = dns_probe_llmnr,
	.feed = dns_feed,
};
