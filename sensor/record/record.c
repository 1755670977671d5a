/*
 * The indicator record as bytes.
 *
 *   "CR" version:u8 kind:u8 …numbers, big endian, in the order of put_numbers()… then the texts of texts[], each
 * size:u16 and its bytes
 *
 * The courier decodes what an inspect process wrote that hostile traffic may have taken over: every number is held
 * against its range and every text against its form, so that nothing behind record_decode() has to wonder.  A record of
 * another version is refused: both sides of the ring are one program.  Any thread, no state.
 */
#include "record/record.h"

#include <stddef.h>

#include "base/digest.h"

#define VERSION 4
#define COUNT_MAX ((1ull << 53) - 1) /* what readers of JSON keep exactly, and all that STIX 2.1 allows (2.8) */

enum form {
	FORM_ANY,    /* any bytes: names and user agents are what the wire said */
	FORM_WORD,   /* printable ASCII without blanks, quotes or backslashes */
	FORM_MD5,    /* 32 lower-case hex digits */
	FORM_SHA256, /* 64 of them */
	FORM_DOMAIN,
	FORM_URL,
};

/* Each text's place, most bytes and form; the sum of the sizes is below RECORD_SIZE_MAX. */
static const struct text_info {
	uint16_t at;
	uint16_t max;
	enum form form;
} texts[] = {
    {offsetof(struct cc_record, value), 2048, FORM_ANY},
    {offsetof(struct cc_record, rule_name), 1024, FORM_ANY},
    {offsetof(struct cc_record, rule_class), 256, FORM_ANY},
    {offsetof(struct cc_record, answer_to), 256, FORM_ANY},
    {offsetof(struct cc_record, buffer), 64, FORM_WORD},
    {offsetof(struct cc_record, attacker.stack), 256, FORM_WORD},
    {offsetof(struct cc_record, victim.stack), 256, FORM_WORD},
    {offsetof(struct cc_record, encapsulation), 512, FORM_WORD},
    {offsetof(struct cc_record, app), 32, FORM_WORD},
    {offsetof(struct cc_record, community_id), 64, FORM_WORD},
    {offsetof(struct cc_record, domain), 253, FORM_DOMAIN},
    {offsetof(struct cc_record, url), 2048, FORM_URL},
    {offsetof(struct cc_record, http_method), 32, FORM_WORD},
    {offsetof(struct cc_record, user_agent), 1024, FORM_ANY},
    {offsetof(struct cc_record, header_order), 1024, FORM_ANY},
    {offsetof(struct cc_record, ja3), 32, FORM_MD5},
    {offsetof(struct cc_record, ja3s), 32, FORM_MD5},
    {offsetof(struct cc_record, ja4), 64, FORM_WORD},
    {offsetof(struct cc_record, file_sha256), 64, FORM_SHA256},
    {offsetof(struct cc_record, file_name), 512, FORM_ANY},
    {offsetof(struct cc_record, file_type), 256, FORM_ANY},
    {offsetof(struct cc_record, cert_sha256), 64, FORM_SHA256},
    {offsetof(struct cc_record, interface), 256, FORM_ANY},
};

#define TEXT_COUNT (sizeof(texts) / sizeof(texts[0]))

static struct slice *
text_at(struct cc_record *rec, size_t i)
{
	return (struct slice *)((char *)rec + texts[i].at);
}

static void
put_endpoint(struct buf *out, const struct cc_endpoint *end)
{
	buf_add(out, end->addr.b, sizeof(end->addr.b));
	buf_add_u16(out, end->port);
	buf_add_u8(out, end->ttl);
	buf_add_u8(out, end->hops);
	buf_add_u64(out, end->packets);
	buf_add_u64(out, end->bytes);
}

static void
put_numbers(struct buf *out, const struct cc_record *rec)
{
	buf_add(out, "CR", 2);
	buf_add_u8(out, VERSION);
	buf_add_u8(out, (uint8_t)rec->kind);
	buf_add_u8(out, (uint8_t)rec->detector);
	buf_add_u8(out, (uint8_t)rec->class);
	buf_add_u8(out, (uint8_t)rec->proof);
	buf_add_u8(out, (uint8_t)rec->tlp);
	buf_add_u8(out, rec->severity);
	buf_add_u8(out, (uint8_t)rec->direction);
	buf_add_u8(out, rec->attacker_is_client);
	buf_add_u8(out, rec->one_sided);
	buf_add_u8(out, rec->loss);
	buf_add_u8(out, rec->proto);
	buf_add_u64(out, rec->first);
	buf_add_u64(out, rec->last);
	buf_add_u64(out, rec->count);
	buf_add_u64(out, rec->flow_start);
	buf_add_u64(out, rec->offset);
	buf_add_u64(out, rec->file_size);
	buf_add_u32(out, rec->gid);
	buf_add_u32(out, rec->sid);
	buf_add_u32(out, rec->rev);
	buf_add_u32(out, rec->tunnel);
	buf_add_u32(out, rec->snaplen);
	buf_add_u16(out, rec->vlan[0]);
	buf_add_u16(out, rec->vlan[1]);
	buf_add(out, rec->rule_digest, 32);
	buf_add(out, rec->rule_set_digest, 32);
	buf_add(out, rec->evidence_sha256, 32);
	buf_add_u64(out, rec->evidence_size);
	buf_add_u32(out, rec->evidence_packets);
	buf_add_u8(out, rec->evidence_whole);
	put_endpoint(out, &rec->attacker);
	put_endpoint(out, &rec->victim);
}

/* At most max bytes of s, not within a UTF-8 sequence. */
static size_t
cut(struct slice s, size_t max)
{
	size_t size = max;

	if (s.size <= max)
		return s.size;
	while (size > 0 && max - size < 4 && (s.p[size] & 0xc0) == 0x80)
		size--;
	return max - size < 4 ? size : max;
}

enum cc_status
record_encode(const struct cc_record *rec, struct buf *out)
{
	size_t start = out->size;

	put_numbers(out, rec);
	for (size_t i = 0; i < TEXT_COUNT; i++) {
		const struct slice *s = (const struct slice *)((const char *)rec + texts[i].at);
		size_t size = cut(*s, texts[i].max);

		buf_add_u16(out, (uint16_t)size);
		buf_add(out, s->p, size);
	}
	if (out->full) {
		out->size = start;
		return CC_FULL;
	}
	return CC_OK;
}

static bool
is_hex(struct slice s, size_t size)
{
	if (s.size != size)
		return false;
	for (size_t i = 0; i < s.size; i++) {
		if (!(s.p[i] >= '0' && s.p[i] <= '9') && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
			return false;
	}
	return true;
}

static bool
is_word(struct slice s)
{
	for (size_t i = 0; i < s.size; i++) {
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '"' || s.p[i] == '\\')
			return false;
	}
	return true;
}

static bool
is_domain(struct slice s)
{
	size_t label = 0;

	if (s.size == 0 || s.size > 253)
		return false;
	for (size_t i = 0; i < s.size; i++) {
		uint8_t c = s.p[i];

		if (c == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return false;
		if (++label > 63)
			return false;
	}
	return label > 0;
}

/* scheme "://" and printable ASCII without what would end a string or a tag. */
static bool
is_url(struct slice s)
{
	size_t i = 0;

	while (i < s.size && s.p[i] >= 'a' && s.p[i] <= 'z')
		i++;
	if (i == 0 || s.size - i <= 3 || memcmp(s.p + i, "://", 3) != 0)
		return false;
	for (; i < s.size; i++) {
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '"' || s.p[i] == '<' || s.p[i] == '>')
			return false;
	}
	return true;
}

static bool
form_ok(struct slice s, enum form form)
{
	switch (form) {
	case FORM_ANY:
		return true;
	case FORM_WORD:
		return is_word(s);
	case FORM_MD5:
		return s.size == 0 || is_hex(s, 32);
	case FORM_SHA256:
		return s.size == 0 || is_hex(s, 64);
	case FORM_DOMAIN:
		return s.size == 0 || is_domain(s);
	case FORM_URL:
		return s.size == 0 || is_url(s);
	}
	return false;
}

static bool
is_addr(struct slice s)
{
	char text[CC_ADDR_TEXT];
	struct cc_addr addr;

	if (s.size == 0 || s.size >= sizeof(text) || memchr(s.p, 0, s.size) != NULL)
		return false;
	memcpy(text, s.p, s.size);
	text[s.size] = '\0';
	return cc_addr_parse(text, &addr) == CC_OK;
}

/* local@domain, in printable ASCII. */
static bool
is_email(struct slice s)
{
	const uint8_t *at = s.size > 0 ? memrchr(s.p, '@', s.size) : NULL;
	size_t local = at != NULL ? (size_t)(at - s.p) : 0;

	if (local == 0 || local > 64)
		return false;
	for (size_t i = 0; i < local; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
			return false;
	return local + 1 < s.size && is_domain(slice_of(at + 1, s.size - local - 1));
}

static bool
value_ok(const struct cc_record *rec)
{
	switch (rec->kind) {
	case CC_KIND_ADDR:
		return is_addr(rec->value);
	case CC_KIND_DOMAIN:
		return is_domain(rec->value);
	case CC_KIND_URL:
		return is_url(rec->value);
	case CC_KIND_FILE_SHA256:
	case CC_KIND_CERT_SHA256:
	case CC_KIND_SSH_HOST_KEY:
		return is_hex(rec->value, 64);
	case CC_KIND_JA3:
	case CC_KIND_JA3S:
	case CC_KIND_HASSH:
	case CC_KIND_HASSH_SERVER:
		return is_hex(rec->value, 32);
	case CC_KIND_JA4:
		return rec->value.size > 0 && rec->value.size <= 64 && is_word(rec->value);
	case CC_KIND_USER_AGENT:
		return rec->value.size > 0;
	case CC_KIND_EMAIL:
		return is_email(rec->value);
	case CC_KIND_COUNT:
		break;
	}
	return false;
}

/* Enums are read as bytes and judged before they become one. */
static void
take_heads(struct cur *c, struct cc_record *rec)
{
	uint8_t kind = cur_u8(c), detector = cur_u8(c), class = cur_u8(c), proof = cur_u8(c), tlp = cur_u8(c);
	uint8_t severity = cur_u8(c), direction = cur_u8(c), client = cur_u8(c), one_sided = cur_u8(c);

	rec->loss = cur_u8(c);
	rec->proto = cur_u8(c);
	if (kind >= CC_KIND_COUNT || detector > CC_BY_POLICY || class >= CC_CLASS_COUNT || proof > CC_PROOF_CONTENT ||
	    tlp > CC_TLP_RED || severity < 1 || severity > 4 || direction > CC_OUTSIDE || client > 1 || one_sided > 1 ||
	    rec->loss > 100) {
		c->bad = true;
		return;
	}
	rec->kind = (enum cc_kind)kind;
	rec->detector = (enum cc_detector)detector;
	rec->class = (enum cc_class) class;
	rec->proof = (enum cc_proof)proof;
	rec->tlp = (enum cc_tlp)tlp;
	rec->severity = severity;
	rec->direction = (enum cc_direction)direction;
	rec->attacker_is_client = client != 0;
	rec->one_sided = one_sided != 0;
}

static void
take_endpoint(struct cur *c, struct cc_endpoint *end)
{
	const uint8_t *p = cur_bytes(c, sizeof(end->addr.b));

	if (p != NULL)
		end->addr = cc_addr6(p);
	end->port = cur_u16(c);
	end->ttl = cur_u8(c);
	end->hops = cur_u8(c);
	end->packets = cur_u64(c);
	end->bytes = cur_u64(c);
	if (end->packets > COUNT_MAX || end->bytes > COUNT_MAX)
		c->bad = true;
}

static void
take_digest(struct cur *c, uint8_t digest[32])
{
	const uint8_t *p = cur_bytes(c, 32);

	if (p != NULL)
		memcpy(digest, p, 32);
}

static void
take_numbers(struct cur *c, struct cc_record *rec)
{
	uint8_t whole;

	take_heads(c, rec);
	rec->first = cur_u64(c);
	rec->last = cur_u64(c);
	rec->count = cur_u64(c);
	rec->flow_start = cur_u64(c);
	rec->offset = cur_u64(c);
	rec->file_size = cur_u64(c);
	rec->gid = cur_u32(c);
	rec->sid = cur_u32(c);
	rec->rev = cur_u32(c);
	rec->tunnel = cur_u32(c);
	rec->snaplen = cur_u32(c);
	rec->vlan[0] = cur_u16(c);
	rec->vlan[1] = cur_u16(c);
	take_digest(c, rec->rule_digest);
	take_digest(c, rec->rule_set_digest);
	take_digest(c, rec->evidence_sha256);
	rec->evidence_size = cur_u64(c);
	rec->evidence_packets = cur_u32(c);
	whole = cur_u8(c);
	rec->evidence_whole = whole == 1;
	take_endpoint(c, &rec->attacker);
	take_endpoint(c, &rec->victim);
	if (rec->first > rec->last || rec->last > INT64_MAX || rec->flow_start > INT64_MAX || rec->count == 0 ||
	    rec->vlan[0] > 4095 || rec->vlan[1] > 4095 || rec->count > COUNT_MAX || rec->file_size > COUNT_MAX ||
	    rec->evidence_size > COUNT_MAX || whole > 1 || (rec->offset > COUNT_MAX && rec->offset != UINT64_MAX))
		c->bad = true;
}

enum cc_status
record_decode(struct slice bytes, struct cc_record *ret_rec)
{
	struct cur c = cur_slice(bytes);
	struct cc_record rec = {0};
	const uint8_t *magic = cur_bytes(&c, 3);

	if (magic == NULL || magic[0] != 'C' || magic[1] != 'R' || magic[2] != VERSION)
		return CC_BAD;
	take_numbers(&c, &rec);
	for (size_t i = 0; i < TEXT_COUNT && !c.bad; i++) {
		struct slice *s = text_at(&rec, i);
		uint16_t size = cur_u16(&c);

		if (size > texts[i].max)
			return CC_BAD;
		*s = cur_take(&c, size);
		if (!form_ok(*s, texts[i].form))
			return CC_BAD;
	}
	if (c.bad || cur_left(&c) != 0 || !value_ok(&rec))
		return CC_BAD;
	*ret_rec = rec;
	return CC_OK;
}

void
record_key(const struct cc_record *rec, uint8_t ret_key[32])
{
	uint8_t head[20];
	struct buf out;
	struct digest digest;

	buf_over(&out, head, sizeof(head));
	buf_add_u8(&out, (uint8_t)rec->kind);
	buf_add_u8(&out, (uint8_t)rec->detector);
	buf_add_u32(&out, rec->gid);
	buf_add_u32(&out, rec->sid);
	buf_add_u64(&out, rec->value.size);
	digest_open(&digest, DIGEST_SHA256);
	digest_add(&digest, buf_slice(&out));
	digest_add(&digest, rec->value);
	/* A YARA rule has no number, its name is all it has; a signature's msg may be edited without being another
	 * rule. */
	if (rec->sid == 0)
		digest_add(&digest, rec->rule_name);
	digest_close(&digest, NULL, NULL, ret_key);
}
