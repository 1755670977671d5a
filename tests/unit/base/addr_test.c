/* Addresses: text as inet_ntop() has it but for mapped IPv4, back again; prefixes against a bit by bit comparison. */
#include <arpa/inet.h>

#include "unit/base/rand.h"
#include "unit/test.h"

#include "concert/addr.h"

TEST(rfc5952)
{
	static const char *const pairs[][2] = {
	    {"::", "::"},
	    {"::1", "::1"},
	    {"2001:0DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
	    {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
	    {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
	    {"fe80:0:0:0:0:0:0:0", "fe80::"},
	    {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
	    {"0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"},
	    {"::ffff:192.0.2.33", "192.0.2.33"},
	    {"0.0.0.0", "0.0.0.0"},
	    {"255.255.255.255", "255.255.255.255"},
	    {"10.20.100.109", "10.20.100.109"},
	};
	char text[CC_ADDR_TEXT];
	struct cc_addr a;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		CHECK(cc_addr_parse(pairs[i][0], &a) == CC_OK);
		CHECK_TEXT(cc_addr_text(&a, text), pairs[i][1]);
	}
}

TEST(like_inet_ntop)
{
	uint64_t seed = 1;
	char is[CC_ADDR_TEXT], should[CC_ADDR_TEXT];

	for (int i = 0; i < 300000; i++) {
		struct cc_addr a, back;

		/* Many zero groups and small numbers: where the rules differ. */
		for (int k = 0; k < 16; k += 2) {
			uint64_t r = rand_next(&seed);
			unsigned group = r % 3 != 0 ? 0 : (unsigned)(r >> 16 & 0xffff) >> (r >> 8 & 15);

			group = r % 31 == 0 ? 0xffff : group;
			a.b[k] = (uint8_t)(group >> 8);
			a.b[k + 1] = (uint8_t)group;
		}
		if (i % 5 == 0) {
			uint64_t r = rand_next(&seed);

			memcpy(a.b + 8, &r, 4);
			a = cc_addr4(a.b + 8);
			inet_ntop(AF_INET, a.b + 12, should, sizeof(should));
		} else if (cc_addr_is4(&a)) {
			inet_ntop(AF_INET, a.b + 12, should, sizeof(should));
		} else {
			inet_ntop(AF_INET6, a.b, should, sizeof(should));
		}
		if (strcmp(cc_addr_text(&a, is), should) != 0)
			CHECK_TEXT(is, should);
		CHECK(cc_addr_parse(is, &back) == CC_OK && cc_addr_cmp(&a, &back) == 0);
	}
}

TEST(longest)
{
	char text[CC_ADDR_TEXT];
	struct cc_addr a;

	memset(a.b, 0xff, sizeof(a.b));
	CHECK_UINT(strlen(cc_addr_text(&a, text)), 39);
}

TEST(no_address)
{
	static const char *const bad[] = {"", " ", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ",
	    "::1::", ":::", "g::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "::1%eth0", "[::1]", "1.2.3.4/8"};
	struct cc_addr a = {{42}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(cc_addr_parse(bad[i], &a) == CC_BAD);
		CHECK(a.b[0] == 42);
	}
}

TEST(prefix_text)
{
	static const char *const bad[] = {"", "/8", "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/8 ", "::/129",
	    "1.2.3/8", "1.2.3.4/0x8", "1.2.3.4/+8", "::/1000", "1.2.3.4//8", "1.2.3.4/8/8",
	    "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8"};
	struct cc_prefix p = {{{42}}, 7};
	char text[CC_ADDR_TEXT];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(cc_prefix_parse(bad[i], &p) == CC_BAD && p.bits == 7 && p.addr.b[0] == 42);
	CHECK(cc_prefix_parse("10.1.2.3/8", &p) == CC_OK && p.bits == 104);
	CHECK_TEXT(cc_addr_text(&p.addr, text), "10.0.0.0");
	CHECK(cc_prefix_parse("10.1.2.3", &p) == CC_OK && p.bits == 128);
	CHECK(cc_prefix_parse("0.0.0.0/0", &p) == CC_OK && p.bits == 96);
	CHECK(cc_prefix_parse("2001:db8:ffff::/33", &p) == CC_OK && p.bits == 33);
	CHECK_TEXT(cc_addr_text(&p.addr, text), "2001:db8:8000::");
	CHECK(cc_prefix_parse("::/0", &p) == CC_OK && p.bits == 0);
	CHECK(cc_prefix_parse("::1", &p) == CC_OK && p.bits == 128);
	CHECK(cc_prefix_parse("::ffff:10.0.0.0/104", &p) == CC_OK && p.bits == 104);
}

TEST(prefix_has)
{
	uint64_t seed = 7;

	for (int i = 0; i < 100000; i++) {
		struct cc_prefix p;
		struct cc_addr a;
		unsigned same = 0;

		for (int k = 0; k < 16; k++)
			p.addr.b[k] = (uint8_t)rand_next(&seed);
		p.bits = (uint8_t)rand_below(&seed, 129);
		a = p.addr;
		for (unsigned flips = (unsigned)rand_below(&seed, 3); flips > 0; flips--) {
			unsigned bit = (unsigned)rand_below(&seed, 128);

			a.b[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		}
		while (same < 128 && ((a.b[same / 8] ^ p.addr.b[same / 8]) & 0x80 >> same % 8) == 0)
			same++;
		CHECK(cc_prefix_has(&p, &a) == (same >= p.bits));
	}
}

TESTS(T(rfc5952), T(like_inet_ntop), T(longest), T(no_address), T(prefix_text), T(prefix_has))
