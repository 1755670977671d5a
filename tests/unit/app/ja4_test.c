/* JA4 and JA3: the examples of FoxIO's specification (technical_details/JA4.md), and its corners. */
#include "parser_rig.h"
#include "../test.h"

#include "app/tls/own.h"

static const uint16_t ciphers[] = {
	0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f,
	0x0035,
};
static const uint16_t exts[] = {
	0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b,
	0x000a,
	0x0015,
};
static const uint16_t sigs[] = {0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601};

#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))

struct made {
	uint8_t b[16384];
	size_t size;
};

static void
add(struct made *m, const void *p, size_t size)
{
	memcpy(m->b + m->size, p, size);
	m->size += size;
}

static void
add16(struct made *m, unsigned n)
{
	uint8_t b[2] = {(uint8_t)(n >> 8), (uint8_t)n};

	add(m, b, 2);
}

/* A client hello's body; an extension's data are made up, except where the fingerprint looks into them. */
static void
make_hello(struct made *m, bool grease, size_t sig_count, const char *alpn, size_t alpn_size)
{
	struct made e = {.size = 0};

	for (size_t i = 0; i < COUNT_OF(exts); i++) {
		if (exts[i] == 0x0010 && alpn == NULL)
			continue;
		if (exts[i] == 0x000d && sig_count == 0)
			continue;
		if (i == 3 && grease) {
			add16(&e, 0x3a3a);
			add16(&e, 0);
		}
		add16(&e, exts[i]);
		if (exts[i] == 0x0010) {
			uint8_t size = (uint8_t)alpn_size;

			add16(&e, (unsigned)alpn_size + 3);
			add16(&e, (unsigned)alpn_size + 1);
			add(&e, &size, 1);
			add(&e, alpn, alpn_size);
		} else if (exts[i] == 0x000d) {
			add16(&e, (unsigned)sig_count * 2 + 2 + (grease ? 2 : 0));
			add16(&e, (unsigned)sig_count * 2 + (grease ? 2 : 0));
			if (grease)
				add16(&e, 0x2a2a);
			for (size_t j = 0; j < sig_count; j++)
				add16(&e, sigs[j]);
		} else if (exts[i] == 0x002b) {
			add(&e, grease ? "\0\7\6\xea\xea\3\3\3\4" : "\0\5\4\3\4\3\3", grease ? 9 : 7);
		} else if (exts[i] == 0x0000) {
			add(&e, "\0\x10\0\x0e\0\0\x0b" "example.com", 18);
		} else {
			add16(&e, 0);
		}
	}
	m->size = 0;
	add16(m, 0x0303);
	add(m, "0123456789abcdef0123456789abcdef", 32);
	add(m, "", 1);
	add16(m, (unsigned)COUNT_OF(ciphers) * 2 + (grease ? 2 : 0));
	if (grease)
		add16(m, 0x8a8a);
	for (size_t i = 0; i < COUNT_OF(ciphers); i++)
		add16(m, ciphers[i]);
	add(m, "\1\0", 2);
	add16(m, (unsigned)e.size);
	add(m, e.b, e.size);
}

static const char *
ja4_of(const struct made *m)
{
	static char text[TLS_JA4_SIZE + 1];
	struct tls_hello hello;

	if (tls_client_hello(slice_of(m->b, m->size), false, &hello) != CC_OK)
		return "(not a hello)";
	if (hello.broken || hello.overflow)
		return "(broken)";
	tls_ja4_text(&hello, 't', text);
	return text;
}

TEST(specification_example)
{
	struct made m;

	make_hello(&m, false, COUNT_OF(sigs), "h2", 2);
	CHECK_TEXT(ja4_of(&m), "t13d1516h2_8daaf6152771_e5627efa2ab1");
}

TEST(grease_is_ignored_everywhere)
{
	struct made m;

	make_hello(&m, true, COUNT_OF(sigs), "h2", 2);
	CHECK_TEXT(ja4_of(&m), "t13d1516h2_8daaf6152771_e5627efa2ab1");
	make_hello(&m, true, COUNT_OF(sigs), "\x1a\x1a", 2);
	CHECK_TEXT(ja4_of(&m), "t13d151600_8daaf6152771_e5627efa2ab1");
}

/* The specification's list without signatures still has 000d in it: an extension whose list is empty. */
TEST(without_signatures_there_is_no_underscore)
{
	struct tls_hello hello = {.version = 0x0303, .chosen = 0x0304, .has_versions = true, .has_sni = true};
	char text[TLS_JA4_SIZE + 1] = "";

	memcpy(hello.cipher, ciphers, sizeof(ciphers));
	hello.cipher_count = COUNT_OF(ciphers);
	memcpy(hello.ext, exts, sizeof(exts));
	hello.ext_count = COUNT_OF(exts);
	tls_ja4_text(&hello, 't', text);
	CHECK_TEXT(text, "t13d151600_8daaf6152771_6d807ffa2a79");
}

TEST(nothing_is_zeros)
{
	struct tls_hello hello = {.version = 0x0301};
	char text[TLS_JA4_SIZE + 1] = "";

	tls_ja4_text(&hello, 't', text);
	CHECK_TEXT(text, "t10i000000_000000000000_000000000000");
	hello.ext[0] = 0;
	hello.ext[1] = 0x10;
	hello.ext_count = 2;
	hello.has_sni = true;
	tls_ja4_text(&hello, 'q', text);
	CHECK_TEXT(text, "q10d000200_000000000000_000000000000");
}

TEST(versions)
{
	static const struct {
		uint16_t version;
		const char *text;
	} cases[] = {
		{0x0304, "t13"}, {0x0303, "t12"}, {0x0302, "t11"}, {0x0301, "t10"}, {0x0300, "ts3"}, {0x0002, "ts2"},
		{0xfeff, "td1"}, {0xfefd, "td2"}, {0xfefc, "td3"}, {0x7f1c, "t00"},
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct tls_hello hello = {.version = 0x0303, .chosen = cases[i].version, .has_versions = true};
		char text[TLS_JA4_SIZE + 1] = "";

		tls_ja4_text(&hello, 't', text);
		text[3] = '\0';
		CHECK_TEXT(text, cases[i].text);
	}
}

TEST(counts_end_at_99)
{
	struct tls_hello hello = {.version = 0x0303, .cipher_count = 150, .ext_count = 100};
	char text[TLS_JA4_SIZE + 1] = "";

	for (unsigned i = 0; i < 150; i++)
		hello.cipher[i] = (uint16_t)(i * 2654435761u >> 7);
	tls_ja4_text(&hello, 't', text);
	text[8] = '\0';
	CHECK_TEXT(text, "t12i9999");
}

TEST(first_protocol)
{
	static const struct {
		const char *alpn;
		size_t size;
		const char *text;
	} cases[] = {
		{"h2", 2, "h2"}, {"http/1.1", 8, "h1"}, {"h", 1, "hh"}, {"", 0, "00"}, {"\xab", 1, "ab"}, {"\xab\xcd",
		2, "ad"},
		{"\x30\xab", 2, "3b"}, {"\x30\x31\xab\xcd", 4, "3d"}, {"\x30\xab\xcd\x31", 4, "01"}, {"a-", 2, "6d"},
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct made m;
		char text[TLS_JA4_SIZE + 1];

		make_hello(&m, false, COUNT_OF(sigs), cases[i].alpn, cases[i].size);
		snprintf(text, sizeof(text), "%s", ja4_of(&m));
		text[10] = '\0';
		CHECK_TEXT(text + 8, cases[i].text);
	}
}

TEST(ja3_example)
{
	/* From the text of Salesforce's specification: a hello, its string and its hash. */
	static const uint16_t list[] = {47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4};
	struct tls_hello hello = {.version = 769, .cipher_count = 12, .ext_count = 3, .group_count = 3,
	    .format_count = 1};
	char text[TLS_JA3_MAX], md5[33] = "";
	size_t size;

	memcpy(hello.cipher, list, sizeof(list));
	hello.ext[0] = 0;
	hello.ext[1] = 10;
	hello.ext[2] = 11;
	hello.group[0] = 23;
	hello.group[1] = 24;
	hello.group[2] = 25;
	size = tls_ja3_text(&hello, text);
	text[size] = '\0';
	CHECK_TEXT(text, "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0");
	tls_md5_text(slice_of(text, size), md5);
	CHECK_TEXT(md5, "ada70206e40642a3e4461f35503241d5");
	hello.ext_count = hello.group_count = hello.format_count = 0;
	hello.cipher_count = 9;
	hello.cipher[0] = 4;
	hello.cipher[1] = 5;
	hello.cipher[2] = 10;
	hello.cipher[3] = 9;
	hello.cipher[4] = 100;
	hello.cipher[5] = 98;
	hello.cipher[6] = 3;
	hello.cipher[7] = 6;
	hello.cipher[8] = 19;
	size = tls_ja3_text(&hello, text);
	text[size] = '\0';
	CHECK_TEXT(text, "769,4-5-10-9-100-98-3-6-19,,,");
}

TEST(largest_lists_fit)
{
	struct tls_hello hello = {.version = 0xffff, .cipher_count = TLS_CIPHERS_MAX, .ext_count = TLS_LIST_MAX,
	    .group_count = TLS_LIST_MAX, .sig_count = TLS_LIST_MAX, .format_count = TLS_LIST_MAX};
	char text[TLS_JA3_MAX], ja4[TLS_JA4_SIZE];

	memset(hello.cipher, 0xff, sizeof(hello.cipher));
	memset(hello.ext, 0xff, sizeof(hello.ext));
	memset(hello.group, 0xff, sizeof(hello.group));
	memset(hello.sig, 0xff, sizeof(hello.sig));
	memset(hello.format, 0xff, sizeof(hello.format));
	CHECK(tls_ja3_text(&hello, text) <= TLS_JA3_MAX);
	tls_ja4_text(&hello, 't', ja4);
	CHECK(ja4[0] == 't');
}

TESTS(T(specification_example), T(grease_is_ignored_everywhere), T(without_signatures_there_is_no_underscore),
    T(nothing_is_zeros), T(versions), T(counts_end_at_99), T(first_protocol), T(ja3_example), T(largest_lists_fit))
