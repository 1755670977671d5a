/* The record as bytes: what goes in comes out, and nothing else comes out of anything. */
#include "record/record.h"

#include "unit/test.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct cc_record
example(void)
{
	struct cc_record rec = {
	    .kind = CC_KIND_URL,
	    .value = slice_str("http://evil.example/a?b"),
	    .detector = CC_BY_YARA,
	    .class = CC_CLASS_SIGHTING,
	    .proof = CC_PROOF_KEYED,
	    .tlp = CC_TLP_AMBER_STRICT,
	    .severity = 2,
	    .first = 1700000000123456789ull,
	    .last = 1700000001123456789ull,
	    .count = 7,
	    .gid = 1,
	    .sid = 2000001,
	    .rev = 3,
	    .rule_name = slice_str("a rule's name \xff"),
	    .rule_class = slice_str("trojan-activity"),
	    .rule_digest = {1, 2, 3},
	    .rule_set_digest = {4, 5, 6},
	    .offset = 77,
	    .buffer = slice_str("http.uri"),
	    .attacker_is_client = true,
	    .proto = 6,
	    .vlan = {5, 4095},
	    .tunnel = 0xdeadbeef,
	    .encapsulation = slice_str("eth:vlan:ip:gre:ip:tcp"),
	    .app = slice_str("http"),
	    .community_id = slice_str("1:CNoRSTojR3yfNlmjFE/wFMOT/rY="),
	    .flow_start = 1700000000000000000ull,
	    .direction = CC_INBOUND,
	    .one_sided = true,
	    .loss = 100,
	    .domain = slice_str("evil.example"),
	    .url = slice_str("http://evil.example/a?b"),
	    .http_method = slice_str("GET"),
	    .user_agent = slice_str("curl/8"),
	    .header_order = slice_str("host,user-agent,accept"),
	    .ja3 = slice_str("0123456789abcdef0123456789abcdef"),
	    .ja4 = slice_str("t13d1516h2_8daaf6152771_000000000001"),
	    .file_sha256 = slice_str(HEX64),
	    .file_name = slice_str("a\nb"),
	    .file_type = slice_str("PE32"),
	    .cert_sha256 = slice_str(HEX64),
	    .file_size = 12345,
	    .interface = slice_str("eth0"),
	    .snaplen = 65535,
	};

	rec.attacker = (struct cc_endpoint){.addr = cc_addr4((const uint8_t[]){203, 0, 113, 9}),
	    .port = 4444,
	    .ttl = 57,
	    .hops = 7,
	    .packets = 10,
	    .bytes = 1000,
	    .stack = slice_str("4:64:0:1460:mss*20,7:mss,sok,ts,nop,ws:df,id+:0")};
	rec.victim.hops = 255;
	return rec;
}

static struct slice
encode(const struct cc_record *rec, struct buf *out)
{
	buf_clear(out);
	CHECK(record_encode(rec, out) == CC_OK);
	return buf_slice(out);
}

TEST(comes_back_as_it_was)
{
	struct cc_record rec = example(), back;
	struct buf one, two;
	struct slice bytes;

	buf_open(&one, RECORD_SIZE_MAX);
	buf_open(&two, RECORD_SIZE_MAX);
	bytes = encode(&rec, &one);
	CHECK(record_decode(bytes, &back) == CC_OK);
	CHECK(slice_eq(bytes, encode(&back, &two)));
	CHECK(slice_eq(back.value, rec.value));
	CHECK(slice_eq(back.attacker.stack, rec.attacker.stack));
	CHECK_UINT(back.first, rec.first);
	CHECK_UINT(back.offset, 77);
	CHECK_UINT(back.victim.hops, 255);
	CHECK(back.attacker_is_client && back.one_sided && back.direction == CC_INBOUND &&
	      back.tlp == CC_TLP_AMBER_STRICT);
	buf_close(&one);
	buf_close(&two);
}

TEST(no_cut_is_a_record)
{
	struct cc_record rec = example(), back = {.sid = 5};
	struct buf out;
	struct slice bytes;

	buf_open(&out, RECORD_SIZE_MAX);
	bytes = encode(&rec, &out);
	for (size_t size = 0; size < bytes.size; size++) {
		uint8_t *copy = malloc(size > 0 ? size : 1); /* so that a read past the end is seen */

		memcpy(copy, bytes.p, size);
		CHECK(record_decode(slice_of(copy, size), &back) == CC_BAD);
		CHECK_UINT(back.sid, 5);
		free(copy);
	}
	buf_add_u8(&out, 0);
	CHECK(record_decode(buf_slice(&out), &back) == CC_BAD);
	buf_close(&out);
}

/* Whatever a flip makes of it, what is accepted keeps its ranges and encodes again. */
TEST(flips_stay_in_range)
{
	struct cc_record rec = example(), back;
	struct buf out, again;
	unsigned accepted = 0;

	buf_open(&out, RECORD_SIZE_MAX);
	buf_open(&again, RECORD_SIZE_MAX);
	(void)encode(&rec, &out);
	for (size_t i = 0; i < out.size; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			out.p[i] ^= (uint8_t)(1u << bit);
			if (record_decode(buf_slice(&out), &back) == CC_OK) {
				accepted++;
				CHECK(back.kind < CC_KIND_COUNT && back.severity >= 1 && back.severity <= 4 &&
				      back.loss <= 100);
				CHECK(back.first <= back.last && back.count > 0);
				CHECK(slice_eq(buf_slice(&out), encode(&back, &again)));
			}
			out.p[i] ^= (uint8_t)(1u << bit);
		}
	}
	CHECK(accepted > 100);
	buf_close(&out);
	buf_close(&again);
}

TEST(values_have_their_form)
{
	static const struct {
		enum cc_kind kind;
		const char *value;
		bool good;
	} cases[] = {
	    {CC_KIND_ADDR, "203.0.113.9", true}, {CC_KIND_ADDR, "2001:db8::1", true},
	    {CC_KIND_ADDR, "evil.example", false},
	    {CC_KIND_ADDR, "", false}, {CC_KIND_DOMAIN, "evil.example", true}, {CC_KIND_DOMAIN, "Evil.example", false},
	    {CC_KIND_DOMAIN, "evil..example", false}, {CC_KIND_DOMAIN, "evil.example'", false},
	    {CC_KIND_DOMAIN, ".", false},
	    {CC_KIND_URL, "http://a/", true}, {CC_KIND_URL, "http://a/ b", false}, {CC_KIND_URL, "a/b", false},
	    {CC_KIND_FILE_SHA256, HEX64, true}, {CC_KIND_FILE_SHA256, "abc", false},
	    {CC_KIND_JA3, "0123456789abcdef0123456789abcdef", true}, {CC_KIND_JA3, HEX64, false},
	    {CC_KIND_JA4, "t13d1516h2_8daaf6152771_000000000001", true}, {CC_KIND_JA4, "", false},
	    {CC_KIND_CERT_SHA256, HEX64, true}, {CC_KIND_USER_AGENT, "\xff any", true}, {CC_KIND_USER_AGENT, "", false},
	    {CC_KIND_EMAIL, "a@b.example", true}, {CC_KIND_EMAIL, "@b.example", false},
	    {CC_KIND_EMAIL, "a b@b.example", false},
	    {CC_KIND_SSH_HOST_KEY, HEX64, true}, {CC_KIND_HASSH, HEX64, false},
	};
	struct buf out;

	buf_open(&out, RECORD_SIZE_MAX);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cc_record rec = example(), back;

		rec.kind = cases[i].kind;
		rec.value = slice_str(cases[i].value);
		if ((record_decode(encode(&rec, &out), &back) == CC_OK) != cases[i].good) {
			printf("%s %s\n", record_kind_text(cases[i].kind), cases[i].value);
			CHECK(false);
		}
	}
	buf_close(&out);
}

TEST(long_texts_are_cut)
{
	static uint8_t text[70000];
	struct cc_record rec = example(), back;
	struct buf out;
	uint8_t small[300];
	struct buf fixed;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 == 0 ? 0xc3 : 0xa4;
	rec.rule_name = rec.user_agent = rec.file_name = rec.file_type = rec.interface = slice_of(text, sizeof(text));
	buf_open(&out, RECORD_SIZE_MAX);
	CHECK(record_decode(encode(&rec, &out), &back) == CC_OK);
	CHECK(back.rule_name.size <= 1024 && back.rule_name.size % 2 == 0);
	CHECK(utf8_valid(back.user_agent));
	buf_close(&out);
	buf_over(&fixed, small, sizeof(small));
	CHECK(record_encode(&rec, &fixed) == CC_FULL);
	CHECK_UINT(fixed.size, 0);
}

TEST(keys)
{
	struct cc_record a = example(), b = example();
	uint8_t ka[32], kb[32];

	b.count = 9;
	b.rule_name = slice_str("reworded");
	b.rev = 4;
	record_key(&a, ka);
	record_key(&b, kb);
	CHECK(memcmp(ka, kb, 32) == 0);
	b.sid++;
	record_key(&b, kb);
	CHECK(memcmp(ka, kb, 32) != 0);
	a.sid = b.sid = 0;
	record_key(&a, ka);
	record_key(&b, kb);
	CHECK(memcmp(ka, kb, 32) != 0);
}

TEST(words)
{
	enum cc_kind kind;
	enum cc_tlp tlp;

	for (int i = 0; i < CC_KIND_COUNT; i++) {
		CHECK(record_kind_parse(slice_str(record_kind_text((enum cc_kind)i)), &kind) == CC_OK);
		CHECK_UINT(kind, i);
	}
	CHECK(record_kind_parse(slice_str("nothing"), &kind) == CC_BAD);
	for (int i = CC_TLP_CLEAR; i <= CC_TLP_RED; i++) {
		CHECK(record_tlp_parse(slice_str(record_tlp_text((enum cc_tlp)i)), &tlp) == CC_OK);
		CHECK_UINT(tlp, i);
	}
	CHECK(record_tlp_parse(slice_str("TLP:AMBER+STRICT"), &tlp) == CC_OK && tlp == CC_TLP_AMBER_STRICT);
	CHECK(record_tlp_parse(slice_str("tlp:"), &tlp) == CC_BAD);
}

/* Nothing of the wire reaches a terminal as a control character. */
TEST(print_is_safe)
{
	struct cc_record rec = example();
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	rec.file_name = slice_str("\x1b[2J\xc2\x9b\x9b\x7f");
	record_print(&rec, out);
	fclose(out);
	for (size_t i = 0; i < size; i++)
		CHECK((text[i] >= ' ' && (unsigned char)text[i] < 0x7f) || text[i] == '\n');
	CHECK(strstr(text, "TLP:AMBER+STRICT") != NULL && strstr(text, "203.0.113.9") != NULL);
	free(text);
}

TESTS(T(comes_back_as_it_was), T(no_cut_is_a_record), T(flips_stay_in_range), T(values_have_their_form),
    T(long_texts_are_cut), T(keys), T(words), T(print_is_safe))
