/*
 * The data of a record as text, in the form that zone files and dig use (RFC 1035, 5.1), or as \# size hex (RFC 3597)
 * for types that we have no words for.  A and AAAA are addresses; MX is the host alone, as EVE has it.  TXT's strings
 * are joined.
 */
#include "app/dns/own.h"
#include "concert/addr.h"

static void
text_uint_space(struct dns_text *text, uint64_t n)
{
	dns_text_uint(text, n);
	dns_text_bytes(text, " ", 1);
}

/* A name, "." for the root; a name alone in its record may be empty as EVE's names are. */
static enum cc_status
text_name(struct dns_message *msg, struct cur *c, struct dns_text *text)
{
	size_t start = text->size;

	if (dns_name(msg, c, text) != CC_OK)
		return CC_BAD;
	if (text->size == start)
		dns_text_bytes(text, ".", 1);
	return CC_OK;
}

/* A character-string (RFC 1035, 3.3): a size and as many bytes. */
static struct slice
take_string(struct cur *c)
{
	return cur_take(c, cur_u8(c));
}

static enum cc_status
text_address(struct cur *c, size_t size, struct dns_text *text)
{
	const uint8_t *p = cur_bytes(c, size);
	char word[CC_ADDR_TEXT];
	struct cc_addr addr;

	if (p == NULL)
		return CC_BAD;
	addr = size == 4 ? cc_addr4(p) : cc_addr6(p);
	dns_text_word(text, cc_addr_text(&addr, word));
	return CC_OK;
}

static enum cc_status
text_soa(struct dns_message *msg, struct cur *c, struct dns_text *text)
{
	if (text_name(msg, c, text) != CC_OK)
		return CC_BAD;
	dns_text_bytes(text, " ", 1);
	if (text_name(msg, c, text) != CC_OK)
		return CC_BAD;
	for (int i = 0; i < 5; i++) {
		dns_text_bytes(text, " ", 1);
		dns_text_uint(text, cur_u32(c));
	}
	return c->bad ? CC_BAD : CC_OK;
}

static enum cc_status
text_strings(struct cur *c, struct dns_text *text)
{
	while (cur_left(c) > 0) {
		struct slice s = take_string(c);

		if (c->bad)
			return CC_BAD;
		dns_text_bytes(text, s.p, s.size);
	}
	return CC_OK;
}

static void
text_quoted(struct dns_text *text, struct slice s)
{
	dns_text_bytes(text, "\"", 1);
	dns_text_bytes(text, s.p, s.size);
	dns_text_bytes(text, "\"", 1);
}

/* count numbers of one byte, then hex: SSHFP, TLSA. */
static enum cc_status
text_bytes_hex(struct cur *c, unsigned count, struct dns_text *text)
{
	for (unsigned i = 0; i < count; i++)
		text_uint_space(text, cur_u8(c));
	if (c->bad)
		return CC_BAD;
	dns_text_hex(text, cur_take(c, cur_left(c)));
	return CC_OK;
}

static enum cc_status
text_ds(struct cur *c, struct dns_text *text)
{
	text_uint_space(text, cur_u16(c));
	return text_bytes_hex(c, 2, text);
}

static enum cc_status
text_srv(struct dns_message *msg, struct cur *c, struct dns_text *text)
{
	for (int i = 0; i < 3; i++)
		text_uint_space(text, cur_u16(c));
	return c->bad ? CC_BAD : text_name(msg, c, text);
}

static enum cc_status
text_naptr(struct dns_message *msg, struct cur *c, struct dns_text *text)
{
	text_uint_space(text, cur_u16(c));
	text_uint_space(text, cur_u16(c));
	for (int i = 0; i < 3; i++) {
		text_quoted(text, take_string(c));
		dns_text_bytes(text, " ", 1);
	}
	return c->bad ? CC_BAD : text_name(msg, c, text);
}

static enum cc_status
text_caa(struct cur *c, struct dns_text *text)
{
	struct slice tag;

	text_uint_space(text, cur_u8(c));
	tag = take_string(c);
	if (c->bad)
		return CC_BAD;
	dns_text_bytes(text, tag.p, tag.size);
	dns_text_bytes(text, " ", 1);
	text_quoted(text, cur_take(c, cur_left(c)));
	return CC_OK;
}

static enum cc_status
text_rrsig(struct dns_message *msg, struct cur *c, struct dns_text *text)
{
	uint16_t covered = cur_u16(c);
	const char *word = dns_type_word(covered);

	if (word != NULL)
		dns_text_word(text, word);
	else
		dns_text_uint(text, covered);
	dns_text_bytes(text, " ", 1);
	text_uint_space(text, cur_u8(c));
	text_uint_space(text, cur_u8(c));
	for (int i = 0; i < 3; i++)
		text_uint_space(text, cur_u32(c));
	text_uint_space(text, cur_u16(c));
	return c->bad ? CC_BAD : text_name(msg, c, text);
}

static enum cc_status
text_svc_addresses(struct cur *value, size_t size, struct dns_text *text)
{
	for (bool first = true; cur_left(value) > 0; first = false) {
		if (!first)
			dns_text_bytes(text, ",", 1);
		if (text_address(value, size, text) != CC_OK)
			return CC_BAD;
	}
	return CC_OK;
}

static enum cc_status
text_svc_alpn(struct cur *value, struct dns_text *text)
{
	for (bool first = true; cur_left(value) > 0; first = false) {
		struct slice s = take_string(value);

		if (value->bad || s.size == 0)
			return CC_BAD;
		if (!first)
			dns_text_bytes(text, ",", 1);
		dns_text_bytes(text, s.p, s.size);
	}
	return CC_OK;
}

/* One parameter of a service binding (RFC 9460, 14.3.2). */
static enum cc_status
text_svc_param(struct cur *c, struct dns_text *text)
{
	static const char *const keys[] = {
		"mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath", "ohttp",
	};
	uint16_t key = cur_u16(c);
	struct cur value = cur_sub(c, cur_u16(c));

	if (c->bad)
		return CC_BAD;
	dns_text_bytes(text, " ", 1);
	if (key < sizeof(keys) / sizeof(keys[0])) {
		dns_text_word(text, keys[key]);
	} else {
		dns_text_word(text, "key");
		dns_text_uint(text, key);
	}
	if (cur_left(&value) == 0)
		return CC_OK;
	dns_text_bytes(text, "=", 1);
	switch (key) {
	case 1:
		return text_svc_alpn(&value, text);
	case 3:
		dns_text_uint(text, cur_u16(&value));
		return value.bad || cur_left(&value) > 0 ? CC_BAD : CC_OK;
	case 4:
		return text_svc_addresses(&value, 4, text);
	case 6:
		return text_svc_addresses(&value, 16, text);
	case 7:
		dns_text_bytes(text, value.p, cur_left(&value));
		return CC_OK;
	default:
		dns_text_hex(text, cur_rest(&value));
		return CC_OK;
	}
}

static enum cc_status
text_svcb(struct dns_message *msg, struct cur *c, struct dns_text *text)
{
	text_uint_space(text, cur_u16(c));
	if (c->bad || text_name(msg, c, text) != CC_OK)
		return CC_BAD;
	while (cur_left(c) > 0)
		if (text_svc_param(c, text) != CC_OK)
			return CC_BAD;
	return CC_OK;
}

static void
text_unknown(struct cur *c, struct dns_text *text)
{
	struct slice rest = cur_take(c, cur_left(c));

	dns_text_word(text, "\\# ");
	text_uint_space(text, rest.size);
	dns_text_hex(text, rest);
}

static enum cc_status
rdata_text(struct dns_message *msg, uint16_t type, struct cur *c, struct dns_text *text)
{
	switch (type) {
	case DNS_A:
		return text_address(c, 4, text);
	case DNS_AAAA:
		return text_address(c, 16, text);
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR:
	case DNS_DNAME:
		return dns_name(msg, c, text);
	case DNS_MX:
	case DNS_AFSDB:
	case DNS_KX:
		cur_skip(c, 2);
		return c->bad ? CC_BAD : dns_name(msg, c, text);
	case DNS_SOA:
		return text_soa(msg, c, text);
	case DNS_RP:
		if (text_name(msg, c, text) != CC_OK)
			return CC_BAD;
		dns_text_bytes(text, " ", 1);
		return text_name(msg, c, text);
	case DNS_TXT:
	case DNS_SPF:
		return text_strings(c, text);
	case DNS_HINFO:
		text_quoted(text, take_string(c));
		dns_text_bytes(text, " ", 1);
		text_quoted(text, take_string(c));
		return c->bad ? CC_BAD : CC_OK;
	case DNS_SRV:
		return text_srv(msg, c, text);
	case DNS_NAPTR:
		return text_naptr(msg, c, text);
	case DNS_SSHFP:
		return text_bytes_hex(c, 2, text);
	case DNS_TLSA:
	case DNS_SMIMEA:
		return text_bytes_hex(c, 3, text);
	case DNS_DS:
	case DNS_CDS:
	case DNS_DNSKEY:
	case DNS_CDNSKEY:
		return text_ds(c, text);
	case DNS_RRSIG:
		return text_rrsig(msg, c, text);
	case DNS_NSEC:
		return text_name(msg, c, text);
	case DNS_CAA:
		return text_caa(c, text);
	case DNS_SVCB:
	case DNS_HTTPS:
		return text_svcb(msg, c, text);
	case DNS_URI:
		text_uint_space(text, cur_u16(c));
		text_uint_space(text, cur_u16(c));
		text_quoted(text, cur_take(c, cur_left(c)));
		return c->bad ? CC_BAD : CC_OK;
	case DNS_NULL:
		dns_text_bytes(text, c->p, cur_left(c));
		return CC_OK;
	default:
		text_unknown(c, text);
		return CC_OK;
	}
}

enum cc_status
dns_rdata_text(struct dns_message *msg, uint16_t type, struct cur rdata, struct dns_text *text)
{
	size_t before = text->size;
	struct cur c = rdata;

	if (rdata_text(msg, type, &c, text) == CC_OK && !c.bad)
		return CC_OK;
	text->size = before;
	return CC_BAD;
}
