/*
 * One DNS message (RFC 1035, 4) to one transaction.
 *
 *      0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15
 *     |                      ID                       |
 *     |QR|   Opcode  |AA|TC|RD|RA| Z|AD|CD|   RCODE   |
 *     |      questions        |        answers        |   16 bits each
 *     |     authorities       |      additionals      |
 *
 * A message that breaks off is logged with what was right of it and an anomaly; one whose first question can't be read
 * is none.  Counts are never believed: each record has to be there.
 */
#include "app/dns/own.h"

struct section {
	unsigned row, name, type, ttl, rdata, soa;
	unsigned rows;
};

static const struct section sections[3] = {
	{DNS_F_ANSWERS, DNS_F_ANSWER_RRNAME, DNS_F_ANSWER_RRTYPE, DNS_F_ANSWER_TTL, DNS_F_ANSWER_RDATA,
	    DNS_F_ANSWER_SOA_MNAME, DNS_ANSWER_ROWS},
	{DNS_F_AUTHORITIES, DNS_F_AUTHORITY_RRNAME, DNS_F_AUTHORITY_RRTYPE, DNS_F_AUTHORITY_TTL, DNS_F_AUTHORITY_RDATA,
	    DNS_F_AUTHORITY_SOA_MNAME, DNS_OTHER_ROWS},
	{DNS_F_ADDITIONALS, DNS_F_ADDITIONAL_RRNAME, DNS_F_ADDITIONAL_RRTYPE, DNS_F_ADDITIONAL_TTL,
	    DNS_F_ADDITIONAL_RDATA, DNS_F_NONE, DNS_OTHER_ROWS},
};

struct record {
	struct slice name;
	uint16_t type;
	uint32_t ttl;
	struct slice rdata;
};

static void
wrong(struct dns_message *msg, unsigned what)
{
	msg->wrong |= 1u << what;
}

/* Room for size bytes that live as long as the transaction; NULL: no memory. */
static uint8_t *
out_take(struct dns_out *out, size_t size)
{
	uint8_t *p;

	if (size > out->left) {
		size_t more = size > out->piece ? size : out->piece;

		out->piece = 1024;
		out->p = cc_tx_alloc(out->ctx, out->tx, more);
		out->left = out->p != NULL ? more : 0;
		if (out->p == NULL)
			return NULL;
	}
	p = out->p;
	out->p += size;
	out->left -= size;
	return p;
}

static struct slice
out_keep(struct dns_out *out, const struct dns_text *text)
{
	uint8_t *p = text->size > 0 ? out_take(out, text->size) : NULL;

	if (p == NULL)
		return (struct slice){NULL, 0};
	memcpy(p, text->p, text->size);
	return slice_of(p, text->size);
}

static void
put_ref(struct dns_out *out, unsigned field, struct slice value)
{
	cc_put_ref(out->ctx, out->tx, field, value);
}

static void
put_uint(struct dns_out *out, unsigned field, uint64_t num)
{
	cc_put_uint(out->ctx, out->tx, field, num);
}

/* The mnemonic; a number that has none goes out as the number. */
static struct slice
word_or_number(struct dns_out *out, const char *word, unsigned number)
{
	uint8_t room[12];
	struct dns_text text = {room, 0, sizeof(room)};

	if (word != NULL)
		return slice_str(word);
	dns_text_uint(&text, number);
	return out_keep(out, &text);
}

static enum cc_status
read_name(struct dns_message *msg, struct cur *c, struct dns_out *out, struct slice *ret_name)
{
	uint8_t room[DNS_NAME_MAX + 64];
	struct dns_text text = {room, 0, sizeof(room)};

	if (dns_name(msg, c, &text) != CC_OK)
		return CC_BAD;
	*ret_name = out_keep(out, &text);
	return CC_OK;
}

static void
put_header(struct dns_message *msg, struct dns_out *out)
{
	static const struct {
		uint16_t bit;
		enum dns_field field;
	} bits[] = {
		{DNS_FLAG_QR, DNS_F_QR}, {DNS_FLAG_AA, DNS_F_AA}, {DNS_FLAG_TC, DNS_F_TC}, {DNS_FLAG_RD, DNS_F_RD},
		{DNS_FLAG_RA, DNS_F_RA}, {DNS_FLAG_Z, DNS_F_Z},
	};
	static const char hex[] = "0123456789abcdef";
	bool response = (msg->flags & DNS_FLAG_QR) != 0;
	unsigned opcode = msg->flags >> 11 & 15, rcode = msg->flags & 15;
	uint8_t flags[4];
	struct dns_text text = {flags, 0, sizeof(flags)};

	put_uint(out, DNS_F_VERSION, 2);
	put_ref(out, DNS_F_TYPE, slice_str(response ? "answer" : "query"));
	put_uint(out, DNS_F_ID, msg->id);
	if (!response && out->tx != NULL)
		put_uint(out, DNS_F_TX_ID, out->tx->id);
	for (int shift = 12; shift >= 0; shift -= 4)
		dns_text_bytes(&text, &hex[msg->flags >> shift & 15], 1);
	put_ref(out, DNS_F_FLAGS, out_keep(out, &text));
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if ((msg->flags & bits[i].bit) != 0)
			put_uint(out, bits[i].field, 1);
	put_uint(out, DNS_F_OPCODE, opcode);
	put_uint(out, DNS_F_OPCODE_BUFFER, opcode);
	if (response) {
		put_ref(out, DNS_F_RCODE, word_or_number(out, dns_rcode_word(rcode), rcode));
		put_uint(out, DNS_F_RCODE_BUFFER, rcode);
	}
}

/* Question number i at *c. */
static enum cc_status
put_question(struct dns_message *msg, struct cur *c, struct dns_out *out, unsigned i)
{
	struct slice name, word;
	uint16_t type;

	if (read_name(msg, c, out, &name) != CC_OK)
		return CC_BAD;
	type = cur_u16(c);
	cur_skip(c, 2);
	if (c->bad)
		return CC_BAD;
	if (i >= DNS_QUERY_ROWS) {
		wrong(msg, DNS_TOO_MANY_RECORDS);
		return CC_OK;
	}
	word = word_or_number(out, dns_type_word(type), type);
	if (i == 0) {
		put_ref(out, DNS_F_RRNAME, name);
		put_ref(out, DNS_F_RRTYPE, word);
	}
	if (msg->counts[0] > 1) {
		cc_put_row(out->ctx, out->tx, DNS_F_QUERIES);
		put_ref(out, DNS_F_QUERY_RRNAME, name);
		put_ref(out, DNS_F_QUERY_RRTYPE, word);
	}
	if ((msg->flags & DNS_FLAG_QR) == 0)
		put_ref(out, DNS_F_QUERY_BUFFER, name);
	put_ref(out, DNS_F_QUERY_NAME_BUFFER, name);
	put_uint(out, DNS_F_RRTYPE_BUFFER, type);
	return CC_OK;
}

static enum cc_status
read_record(struct dns_message *msg, struct cur *c, struct dns_out *out, struct record *ret_record)
{
	if (read_name(msg, c, out, &ret_record->name) != CC_OK)
		return CC_BAD;
	ret_record->type = cur_u16(c);
	cur_skip(c, 2); /* class */
	ret_record->ttl = cur_u32(c);
	ret_record->rdata = cur_take(c, cur_u16(c));
	return c->bad ? CC_BAD : CC_OK;
}

static void
put_soa(struct dns_message *msg, struct dns_out *out, unsigned first, struct slice rdata)
{
	struct cur c = cur_slice(rdata);
	struct slice mname, rname;

	if (read_name(msg, &c, out, &mname) != CC_OK || read_name(msg, &c, out, &rname) != CC_OK || cur_left(&c) < 20)
		return;
	put_ref(out, first, mname);
	put_ref(out, first + 1, rname);
	for (unsigned i = 0; i < 5; i++)
		put_uint(out, first + 2 + i, cur_u32(&c));
}

static void
put_srv(struct dns_message *msg, struct dns_out *out, struct slice rdata)
{
	struct cur c = cur_slice(rdata);
	uint64_t number[3];
	struct slice name;

	for (int i = 0; i < 3; i++)
		number[i] = cur_u16(&c);
	if (c.bad || read_name(msg, &c, out, &name) != CC_OK)
		return;
	for (unsigned i = 0; i < 3; i++)
		put_uint(out, DNS_F_ANSWER_SRV_PRIORITY + i, number[i]);
	put_ref(out, DNS_F_ANSWER_SRV_NAME, name);
}

static void
put_sshfp(struct dns_out *out, struct slice rdata)
{
	struct cur c = cur_slice(rdata);
	uint64_t algorithm = cur_u8(&c), type = cur_u8(&c);
	uint8_t room[3 * 64];
	struct dns_text text = {room, 0, sizeof(room)};

	while (cur_left(&c) > 0 && text.size + 3 <= text.room) {
		if (text.size > 0)
			dns_text_bytes(&text, ":", 1);
		dns_text_hex(&text, cur_take(&c, 1));
	}
	if (c.bad || text.size == 0)
		return;
	put_uint(out, DNS_F_ANSWER_SSHFP_ALGO, algorithm);
	put_uint(out, DNS_F_ANSWER_SSHFP_TYPE, type);
	put_ref(out, DNS_F_ANSWER_SSHFP_FINGERPRINT, out_keep(out, &text));
}

static enum dns_field
grouped_field(uint16_t type)
{
	switch (type) {
	case DNS_A:
		return DNS_F_GROUPED_A;
	case DNS_AAAA:
		return DNS_F_GROUPED_AAAA;
	case DNS_CNAME:
		return DNS_F_GROUPED_CNAME;
	case DNS_MX:
		return DNS_F_GROUPED_MX;
	case DNS_NS:
		return DNS_F_GROUPED_NS;
	case DNS_PTR:
		return DNS_F_GROUPED_PTR;
	case DNS_TXT:
		return DNS_F_GROUPED_TXT;
	default:
		return DNS_F_NONE;
	}
}

/* Is a record's data a host name, that a rule on the names of responses wants to see? */
static bool
data_is_name(uint16_t type)
{
	return type == DNS_CNAME || type == DNS_NS || type == DNS_PTR || type == DNS_MX || type == DNS_DNAME;
}

/* The text of a record's data.  Reading stays inside its size; only pointers of names lead out, into the message. */
static enum cc_status
record_text(struct dns_message *msg, const struct record *record, struct dns_out *out, struct slice *ret_text)
{
	uint8_t room[DNS_RDATA_MAX];
	struct dns_text text = {room, 0, sizeof(room)};

	if (dns_rdata_text(msg, record->type, cur_slice(record->rdata), &text) != CC_OK)
		return CC_BAD;
	*ret_text = out_keep(out, &text);
	return CC_OK;
}

static void
put_record(struct dns_message *msg, const struct record *record, struct dns_out *out, const struct section *section)
{
	bool answer = section->row == DNS_F_ANSWERS;
	struct slice text = {NULL, 0};
	bool has_text = false;

	cc_put_row(out->ctx, out->tx, section->row);
	put_ref(out, section->name, record->name);
	put_ref(out, section->type, word_or_number(out, dns_type_word(record->type), record->type));
	if (record->type == DNS_OPT)
		return;
	put_uint(out, section->ttl, record->ttl);
	/* Updates (RFC 2136, 2.4) have records without data. */
	if (record->rdata.size > 0) {
		has_text = record_text(msg, record, out, &text) == CC_OK;
		if (!has_text)
			wrong(msg, DNS_MALFORMED_DATA);
	}
	if (has_text)
		put_ref(out, section->rdata, text);
	if (has_text && record->type == DNS_SOA && section->soa != DNS_F_NONE)
		put_soa(msg, out, section->soa, record->rdata);
	if (has_text && answer && record->type == DNS_SRV)
		put_srv(msg, out, record->rdata);
	if (has_text && answer && record->type == DNS_SSHFP)
		put_sshfp(out, record->rdata);
	if (has_text && answer && grouped_field(record->type) != DNS_F_NONE)
		put_ref(out, grouped_field(record->type), text);
	if (answer) {
		put_ref(out, DNS_F_ANSWER_NAME_BUFFER, record->name);
		put_uint(out, DNS_F_RRTYPE_BUFFER, record->type);
	}
	put_ref(out, DNS_F_RESPONSE_NAME_BUFFER, record->name);
	if (has_text && data_is_name(record->type))
		put_ref(out, DNS_F_RESPONSE_NAME_BUFFER, text);
}

static enum cc_status
put_section(struct dns_message *msg, struct cur *c, struct dns_out *out, unsigned which)
{
	const struct section *section = &sections[which];
	struct dns_out nowhere = {.ctx = out->ctx};

	for (unsigned i = 0; i < msg->counts[which + 1]; i++) {
		bool keep = i < section->rows;
		struct record record;

		if (read_record(msg, c, keep ? out : &nowhere, &record) != CC_OK)
			return CC_BAD;
		if (keep)
			put_record(msg, &record, out, section);
		else
			wrong(msg, DNS_TOO_MANY_RECORDS);
	}
	return CC_OK;
}

static void
put_body(struct dns_message *msg, struct cur *c, struct dns_out *out)
{
	enum cc_status st = CC_OK;

	for (unsigned i = 0; st == CC_OK && i < msg->counts[0]; i++)
		st = put_question(msg, c, out, i);
	for (unsigned i = 0; st == CC_OK && i < 3; i++)
		st = put_section(msg, c, out, i);
	if (st != CC_OK)
		wrong(msg, DNS_MALFORMED_DATA);
	else if (cur_left(c) > 0)
		wrong(msg, DNS_TRAILING_DATA);
}

/* Can the first question be read?  What it spent is given back. */
static bool
first_question_right(const struct dns_message *msg, struct cur c)
{
	struct dns_message copy = *msg;
	struct dns_text none = {NULL, 0, 0};

	return msg->counts[0] == 0 || (dns_name(&copy, &c, &none) == CC_OK && cur_left(&c) >= 4);
}

/*
 * Does a message go the wrong way?  A flow that was picked up at a response may stand the wrong way round as a whole:
 * off port 53 its first message says which way is which.
 */
static bool
against_stream(const struct cc_ctx *ctx, struct dns_state *state, bool crossed)
{
	if (!state->began) {
		state->began = true;
		state->turned = crossed && cc_server_port(ctx) != DNS_PORT;
	}
	return crossed != state->turned;
}

void
dns_message(struct cc_ctx *ctx, struct dns_state *state, enum cc_dir dir, struct slice all)
{
	struct dns_message msg;
	struct dns_out out = {.ctx = ctx, .piece = all.size < 480 ? 2 * all.size + 64 : 1024};
	struct cur c = cur_slice(all);
	bool response;

	if (dns_header(all, &msg) != CC_OK) {
		cc_anomaly(ctx, NULL, DNS_MALFORMED_DATA);
		return;
	}
	cur_skip(&c, DNS_HEADER_SIZE);
	if (!first_question_right(&msg, c)) {
		cc_anomaly(ctx, NULL, DNS_MALFORMED_DATA);
		return;
	}
	response = (msg.flags & DNS_FLAG_QR) != 0;
	if (!state->everybody && against_stream(ctx, state, response != (dir == CC_TO_CLIENT)))
		wrong(&msg, response ? DNS_NOT_REQUEST : DNS_NOT_RESPONSE);
	if ((msg.flags & DNS_FLAG_Z) != 0)
		wrong(&msg, DNS_Z_FLAG_SET);
	if ((msg.flags >> 11 & 15) >= 7)
		wrong(&msg, DNS_INVALID_OPCODE);
	out.tx = cc_tx_new(ctx);
	put_header(&msg, &out);
	put_body(&msg, &c, &out);
	for (unsigned i = 0; i < DNS_ANOMALY_COUNT; i++)
		if ((msg.wrong >> i & 1) != 0)
			cc_anomaly(ctx, out.tx, i);
	cc_tx_side_done(ctx, out.tx, state->everybody ? dir : response ? CC_TO_CLIENT : CC_TO_SERVER);
	cc_tx_done(ctx, out.tx);
}
