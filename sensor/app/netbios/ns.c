/*
 * NetBIOS name service (RFC 1002, 4.2) over UDP: names asked for, registered, released; a transaction a message.
 *
 *     id 2 | response 1, opcode 4, flags 7, code 4 bits | questions 2 | answers 2 | authority 2 | additional 2
 *     question: name | type 2 | class 2        record: name | type 2 | class 2 | lives 4 | size 2 | data
 *
 * Whoever hears a broadcast question may answer it, which is how names are hijacked: an answer that has an address for
 * WPAD is told.  One thread, a worker's.
 */
#include "app/netbios/own.h"

enum { NB = 0x20, NBSTAT = 0x21, CLASS_IN = 1, HEADER = 12, RECORDS_MAX = 32 };
enum { QUERY = 0, REGISTRATION = 5, RELEASE = 6, WAIT = 7, REFRESH = 8, REFRESH_ALSO = 9, MULTI = 15 };
enum { RESPONSE = 0x8000, BROADCAST = 0x10, GROUP = 0x8000 };

enum field {
	F_ID,
	F_TYPE,
	F_OPCODE,
	F_RCODE,
	F_BROADCAST,
	F_NAME,
	F_SUFFIX,
	F_SERVICE,
	F_SCOPE,
	F_RRTYPE,
	F_TTL,
	F_ADDRESSES,
	F_NAMES,
	F_NAMES_NAME,
	F_NAMES_SUFFIX,
	F_NAMES_SERVICE,
	F_NAMES_GROUP,
	F_MAC,
	F_COUNT
};

#define BOTH (CC_REQUEST | CC_RESPONSE)

static const struct cc_field ns_fields[F_COUNT] = {
    [F_ID] = {"nbns.id", "id", CC_UINT, BOTH, "The question's id, which its answer repeats."},
    [F_TYPE] = {NULL, "type", CC_BYTES, BOTH, "request or response."},
    [F_OPCODE] = {"nbns.opcode", "opcode", CC_UINT, BOTH, "What is done: 0 query, 5 registration, 6 release ..."},
    [F_RCODE] = {"nbns.rcode", "rcode", CC_UINT, CC_RESPONSE, "Result of a response; 0: right."},
    [F_BROADCAST] = {NULL, "broadcast", CC_FLAG, BOTH, "It is for everybody."},
    [F_NAME] = {"nbns.name", "name", CC_BYTES, BOTH, "Name that it is about."},
    [F_SUFFIX] = {"nbns.suffix", "suffix", CC_UINT, BOTH, "What the name is for: its sixteenth byte."},
    [F_SERVICE] = {NULL, "service", CC_BYTES, BOTH, "The same in words."},
    [F_SCOPE] = {"nbns.scope", "scope", CC_BYTES, BOTH, "Scope behind the name."},
    [F_RRTYPE] = {"nbns.rrtype", "rrtype", CC_BYTES, BOTH, "NB: addresses; NBSTAT: the names of a host."},
    [F_TTL] = {NULL, "ttl", CC_UINT, BOTH, "Seconds that the name lives."},
    [F_ADDRESSES] = {"nbns.address", "addresses", CC_BYTES, BOTH | CC_MULTI, "Addresses of the name."},
    [F_NAMES] = {NULL, "names[]", CC_ROW, CC_RESPONSE, "The names of a host."},
    [F_NAMES_NAME] = {NULL, "names[].name", CC_BYTES, CC_RESPONSE, "A name."},
    [F_NAMES_SUFFIX] = {NULL, "names[].suffix", CC_UINT, CC_RESPONSE, "What it is for."},
    [F_NAMES_SERVICE] = {NULL, "names[].service", CC_BYTES, CC_RESPONSE, "The same in words."},
    [F_NAMES_GROUP] = {NULL, "names[].group", CC_FLAG, CC_RESPONSE, "It is a group's."},
    [F_MAC] = {"nbns.mac", "mac", CC_BYTES, CC_RESPONSE, "Hardware address that a host gives."},
};

static const struct cc_word opcode_words[] = {{"query", QUERY}, {"registration", REGISTRATION}, {"release", RELEASE},
    {"wait", WAIT}, {"refresh", REFRESH}, {"refresh", REFRESH_ALSO}, {"multi_homed", MULTI}};
static const struct cc_words ns_words[] = {
    {F_OPCODE, CC_ONE_OF, opcode_words, sizeof(opcode_words) / sizeof(opcode_words[0])}};

enum { A_MALFORMED, A_WPAD, A_TOO_MANY, A_COUNT };

static const struct cc_anomaly ns_anomalies[A_COUNT] = {
    [A_MALFORMED] = {"malformed_message", "A message is none of the name service."},
    [A_WPAD] = {"wpad_answer", "Somebody says where WPAD is: who believes it has a proxy."},
    [A_TOO_MANY] = {"too_many_records", "More than 32 addresses or names; the rest was left out."},
};

struct header {
	uint16_t id, flags, questions, answers, others;
};

static bool
read_header(struct cur *c, struct header *ret)
{
	ret->id = cur_u16(c);
	ret->flags = cur_u16(c);
	ret->questions = cur_u16(c);
	ret->answers = cur_u16(c);
	ret->others = cur_u16(c);
	ret->others = (uint16_t)(ret->others + cur_u16(c));
	return !c->bad;
}

static unsigned
opcode(const struct header *h)
{
	return h->flags >> 11 & 15;
}

static bool
opcode_known(unsigned code)
{
	return code == QUERY || (code >= REGISTRATION && code <= REFRESH_ALSO) || code == MULTI;
}

static enum cc_status
ns_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	struct cur c = cur_slice(in);
	struct netbios_name name;
	struct header h;
	uint16_t type;

	if (!read_header(&c, &h) || h.questions > 1 || h.answers > 1 || h.others > 2 || !opcode_known(opcode(&h)) ||
	    h.questions + h.answers == 0)
		return CC_BAD;
	if (cc_may_turn(ctx) && cc_side_port(ctx, CC_TO_SERVER) != cc_server_port(ctx) &&
	    ((h.flags & RESPONSE) != 0) != (dir == CC_TO_CLIENT))
		return CC_BAD;
	if (!netbios_name(&c, in, &name))
		return CC_BAD;
	type = cur_u16(&c);
	/* A host that hasn't the name answers with type 10, "nothing". */
	return (type == NB || type == NBSTAT || type == 10) && cur_u16(&c) == CLASS_IN && !c.bad ? CC_OK : CC_BAD;
}

static bool
is_wpad(const struct netbios_name *name)
{
	return text_eq_nocase(slice_of(name->name, name->size), "wpad");
}

/* Each: flags 2 | address 4 */
static void
put_addresses(struct cc_ctx *ctx, struct cc_tx *tx, struct cur data)
{
	unsigned count = 0;

	while (cur_left(&data) >= 6) {
		char text[CC_ADDR_TEXT];
		const uint8_t *p;
		struct cc_addr addr;

		cur_skip(&data, 2);
		p = cur_bytes(&data, 4);
		if (count++ == RECORDS_MAX) {
			cc_anomaly(ctx, tx, A_TOO_MANY);
			return;
		}
		addr = cc_addr4(p);
		cc_put_text(ctx, tx, F_ADDRESSES, cc_addr_text(&addr, text));
	}
}

/* count 1 | (name 15 | suffix 1 | flags 2) ... | hardware address 6 | statistics */
static void
put_status(struct cc_ctx *ctx, struct cc_tx *tx, struct cur data)
{
	unsigned count = cur_u8(&data);
	const uint8_t *mac;
	char text[18];

	for (unsigned i = 0; i < count; i++) {
		const uint8_t *name = cur_bytes(&data, NETBIOS_NAME);
		uint8_t suffix = cur_u8(&data);
		uint16_t flags = cur_u16(&data);
		size_t size = NETBIOS_NAME;

		if (data.bad) {
			cc_anomaly(ctx, tx, A_MALFORMED);
			return;
		}
		if (i == RECORDS_MAX)
			cc_anomaly(ctx, tx, A_TOO_MANY);
		if (i >= RECORDS_MAX)
			continue;
		while (size > 0 && (name[size - 1] == ' ' || name[size - 1] == 0))
			size--;
		cc_put_row(ctx, tx, F_NAMES);
		cc_put(ctx, tx, F_NAMES_NAME, slice_of(name, size));
		cc_put_uint(ctx, tx, F_NAMES_SUFFIX, suffix);
		if (netbios_suffix(suffix) != NULL)
			cc_put_text(ctx, tx, F_NAMES_SERVICE, netbios_suffix(suffix));
		cc_put_uint(ctx, tx, F_NAMES_GROUP, (flags & GROUP) != 0);
	}
	mac = cur_bytes(&data, 6);
	if (mac != NULL)
		cc_put_text(ctx, tx, F_MAC, hex_colon_text(slice_of(mac, 6), text));
}

/* An answer's record, or the one that a registration brings. */
static bool
put_record(struct cc_ctx *ctx, struct cc_tx *tx, const struct header *h, struct cur *c, struct slice all)
{
	struct netbios_name name;
	struct cur data;
	uint16_t type;

	if (!netbios_name(c, all, &name))
		return false;
	type = cur_u16(c);
	cur_skip(c, 2);
	if (cc_get(tx, F_NAME) == NULL) {
		netbios_put(ctx, tx, F_NAME, &name);
		cc_put_text(ctx, tx, F_RRTYPE, type == NB ? "NB" : type == NBSTAT ? "NBSTAT" : "NULL");
	}
	cc_put_uint(ctx, tx, F_TTL, cur_u32(c));
	data = cur_sub(c, cur_u16(c));
	if (c->bad)
		return false;
	if (type == NB)
		put_addresses(ctx, tx, data);
	else if (type == NBSTAT)
		put_status(ctx, tx, data);
	if ((h->flags & RESPONSE) != 0 && opcode(h) == QUERY && (h->flags & 15) == 0 && type == NB && is_wpad(&name))
		cc_anomaly(ctx, tx, A_WPAD);
	return true;
}

static bool
put_message(struct cc_ctx *ctx, struct cc_tx *tx, const struct header *h, struct cur *c, struct slice all)
{
	if (h->questions > 0) {
		struct netbios_name name;
		uint16_t type;

		if (!netbios_name(c, all, &name))
			return false;
		type = cur_u16(c);
		cur_skip(c, 2);
		netbios_put(ctx, tx, F_NAME, &name);
		cc_put_text(ctx, tx, F_RRTYPE, type == NBSTAT ? "NBSTAT" : "NB");
	}
	if (c->bad)
		return false;
	return h->answers + h->others == 0 || put_record(ctx, tx, h, c, all);
}

static enum cc_status
ns_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct slice all = cur_take(in, cur_left(in));
	struct cur c = cur_slice(all);
	struct header h;
	struct cc_tx *tx;

	(void)own;
	if (!read_header(&c, &h)) {
		cc_anomaly(ctx, NULL, A_MALFORMED);
		return CC_OK;
	}
	tx = cc_tx_new(ctx);
	cc_put_uint(ctx, tx, F_ID, h.id);
	cc_put_text(ctx, tx, F_TYPE, (h.flags & RESPONSE) != 0 ? "response" : "request");
	cc_put_uint(ctx, tx, F_OPCODE, opcode(&h));
	if ((h.flags & RESPONSE) != 0)
		cc_put_uint(ctx, tx, F_RCODE, h.flags & 15);
	cc_put_uint(ctx, tx, F_BROADCAST, (h.flags & BROADCAST) != 0);
	if (!put_message(ctx, tx, &h, &c, all))
		cc_anomaly(ctx, tx, A_MALFORMED);
	cc_tx_side_done(ctx, tx, dir);
	cc_tx_done(ctx, tx);
	return CC_OK;
}

const struct cc_parser nbns_parser = {
    .name = "nbns",
    .ports = "udp/137",
    .fields = ns_fields,
    .field_count = F_COUNT,
    .anomalies = ns_anomalies,
    .anomaly_count = A_COUNT,
    .words = ns_words,
    .words_count = sizeof(ns_words) / sizeof(ns_words[0]),
    .udp = true,
    .one_way = true,
    .by_message = true,
    .own_event = true,
    .probe = ns_probe,
    .feed = ns_feed,
};
