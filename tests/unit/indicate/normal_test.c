/* Normal forms of domains and URLs. */
#include "indicate/indicate.h"

#include "unit/test.h"

static const char *
domain(const char *raw)
{
	static char text[512];
	struct buf out;

	buf_over(&out, (uint8_t *)text, sizeof(text) - 1);
	if (indicate_domain(slice_str(raw), &out) != CC_OK)
		return "";
	text[out.size] = '\0';
	return text;
}

static const char *
url(const char *host, uint16_t port, const char *target)
{
	static char text[4096];
	struct buf out;

	buf_over(&out, (uint8_t *)text, sizeof(text) - 1);
	if (indicate_url(slice_str("http"), slice_str(host), port, slice_str(target), &out) != CC_OK)
		return "";
	text[out.size] = '\0';
	return text;
}

TEST(domains)
{
	CHECK_TEXT(domain("Evil.EXAMPLE."), "evil.example");
	CHECK_TEXT(domain("b\xc3\xbc""cher.example"), "xn--bcher-kva.example");
	CHECK_TEXT(domain("B\xc3\x9c""CHER.example"), "xn--bcher-kva.example");
	CHECK_TEXT(domain("fa\xc3\x9f.de"), "xn--fa-hia.de");
	CHECK_TEXT(domain("_dmarc.evil.example"), "_dmarc.evil.example");
	CHECK_TEXT(domain("1.2.3.4"), "");
	CHECK_TEXT(domain("localhost"), "");
	CHECK_TEXT(domain("a..b"), "");
	CHECK_TEXT(domain(".a.b"), "");
	CHECK_TEXT(domain("-a.b"), "");
	CHECK_TEXT(domain("a-.b"), "");
	CHECK_TEXT(domain("a b.example"), "");
	CHECK_TEXT(domain("a.b:80"), "");
	CHECK_TEXT(domain("::1"), "");
	CHECK_TEXT(domain(""), "");
	CHECK_TEXT(domain("."), "");
	CHECK_TEXT(domain("\xff\xfe.example"), "");
	CHECK_TEXT(domain("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example"), "");
}

TEST(urls)
{
	CHECK_TEXT(url("Evil.Example", 80, "/"), "http://evil.example/");
	CHECK_TEXT(url("evil.example", 8080, "/a/./b/../c"), "http://evil.example:8080/a/c");
	CHECK_TEXT(url("evil.example", 0, ""), "http://evil.example/");
	CHECK_TEXT(url("evil.example", 0, "/a/.."), "http://evil.example/");
	CHECK_TEXT(url("evil.example", 0, "/a/%2e%2E/b/."), "http://evil.example/b/");
	CHECK_TEXT(url("evil.example", 0, "/../../x"), "http://evil.example/x");
	CHECK_TEXT(url("evil.example", 0, "/a//b"), "http://evil.example/a//b");
	CHECK_TEXT(url("evil.example", 0, "\\a\\b"), "http://evil.example/a/b");
	CHECK_TEXT(url("evil.example", 0, "/x y\"<>`{}?q='a b'#frag"),
	    "http://evil.example/x%20y%22%3C%3E%60%7B%7D?q=%27a%20b%27");
	CHECK_TEXT(url("evil.example", 0, "/%c3%a4/\xc3\xa4/%zz"), "http://evil.example/%C3%A4/%C3%A4/%25zz");
	CHECK_TEXT(url("evil.example", 0, "/a\tb\r\nc"), "http://evil.example/abc");
	CHECK_TEXT(url("evil.example", 0, "/?"), "http://evil.example/?");
	CHECK_TEXT(
	    url("evil.example", 0, "/a|b[c]^%?d|{e}\\%f"), "http://evil.example/a%7Cb%5Bc%5D%5E%25?d%7C%7Be%7D%5C%25f");
	CHECK_TEXT(url("192.0.2.1", 0, "/"), "http://192.0.2.1/");
	CHECK_TEXT(url("[2001:DB8::0:1]", 81, "/"), "http://[2001:db8::1]:81/");
	CHECK_TEXT(url("proxy.example", 3128, "HTTP://user:pw@Other.Example:80/p?q"), "http://other.example/p?q");
	CHECK_TEXT(url("proxy.example", 3128, "https://other.example:8443"), "https://other.example:8443/");
	CHECK_TEXT(url("proxy.example", 3128, "http://other.example:99999/"), "");
	CHECK_TEXT(url("evil.example", 0, "*"), "");
	CHECK_TEXT(url("evil.example", 0, "other.example:443"), "");
	CHECK_TEXT(url("", 0, "/"), "");
}

/* Every notation of one host is one URL; the ideas are those of the web platform's own test vectors. */
TEST(hosts_of_urls)
{
	static const struct {
		const char *target, *want;
	} tried[] = {
	    /* addresses of IPv4 */
	    {"http://0x7f.1/", "http://127.0.0.1/"},
	    {"http://0177.0.0.1/", "http://127.0.0.1/"},
	    {"http://2130706433/", "http://127.0.0.1/"},
	    {"http://0x7F000001", "http://127.0.0.1/"},
	    {"http://017700000001/", "http://127.0.0.1/"},
	    {"http://192.0x00A80001/", "http://192.168.0.1/"},
	    {"http://192.168.257/", "http://192.168.1.1/"},
	    {"http://192.0.2.1./", "http://192.0.2.1/"},
	    {"http://0/", "http://0.0.0.0/"},
	    {"http://0x/", "http://0.0.0.0/"},
	    {"http://4294967295/", "http://255.255.255.255/"},
	    {"http://4294967296/", ""},
	    {"http://256.0.0.1/", ""},
	    {"http://1.2.3.4.5/", ""},
	    {"http://1.2.3.08/", ""},
	    {"http://1.2.3.0x1g/", "http://1.2.3.0x1g/"},
	    {"http://1..2/", ""},
	    {"http://evil.example.09/", ""},
	    {"http://evil.0x7f/", ""},
	    {"http://99999999999999999999999999/", ""},
	    {"http://%30x7f.%31/", "http://127.0.0.1/"},
	    {"http://\xef\xbc\x91\xe3\x80\x82\xef\xbc\x92\xe3\x80\x82\xef\xbc\x93\xe3\x80\x82\xef\xbc\x94/",
		"http://1.2.3.4/"},
	    /* of IPv6 */
	    {"http://[2001:DB8:0:0:0:0:0:1]/", "http://[2001:db8::1]/"},
	    {"http://[::ffff:192.0.2.1]/", "http://[::ffff:c000:201]/"},
	    {"http://[192.0.2.1]/", ""},
	    {"http://[::1%25eth0]/", ""},
	    {"http://[::1/", ""},
	    /* names */
	    {"http://EVIL.%45xample/", "http://evil.example/"},
	    {"http://evil\xe3\x80\x82"
	     "example/",
		"http://evil.example/"},
	    {"http://ev\xc2\xadil.example/", "http://evil.example/"},
	    {"http://\xef\xbc\xa5vil.example/", "http://evil.example/"},
	    {"http://b%C3%BCcher.example/", "http://xn--bcher-kva.example/"},
	    {"http://fa\xc3\x9f.example/", "http://xn--fa-hia.example/"},
	    {"http://a%00b.example/", ""},
	    {"http://a%2fb.example/", ""},
	    {"http://a<b.example/", ""},
	    {"http://%ff.example/", ""},
	    {"http:///", ""},
	    {"http://:80/", ""},
	    /* slashes, users, ports */
	    {"http:\\\\evil.example\\a", "http://evil.example/a"},
	    {"http:////evil.example/a", "http://evil.example/a"},
	    {"HtTp:/evil.example", "http://evil.example/"},
	    {"https://good.example@evil.example/", "https://evil.example/"},
	    {"https://a@b@evil.example/", "https://evil.example/"},
	    {"https://good.example\\@evil.example/", "https://good.example/@evil.example/"},
	    {"https://evil.example:443/", "https://evil.example/"},
	    {"https://evil.example:00443/", "https://evil.example/"},
	    {"https://evil.example:80/", "https://evil.example:80/"},
	    {"http://evil.example:/", "http://evil.example/"},
	    {"http://evil.example:65536/", ""},
	    {"http://evil.example:8a/", ""},
	    /* tabs, ends of lines, blanks */
	    {" \t http://ev\til.exa\r\nmple/a b\t ", "http://evil.example/a%20b"},
	    {"ht\ntp://evil.example/\na", "http://evil.example/a"},
	    {"http://ev il.example/", ""},
	    /* segments */
	    {"http://evil.example/a/%2E%2e/%2e/b/..", "http://evil.example/"},
	    {"http://evil.example/a/..%2f", "http://evil.example/a/..%2F"},
	    {"http://evil.example/a/...", "http://evil.example/a/..."},
	    {"http://evil.example?q", "http://evil.example/?q"},
	    {"http://evil.example#f", "http://evil.example/"},
	    {"http://evil.example/?a/../b\\c", "http://evil.example/?a/../b%5Cc"},
	};

	for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
		const char *got = url("proxy.example", 0, tried[i].target);

		if (strcmp(got, tried[i].want) != 0)
			fprintf(stderr, "%s\n", tried[i].target);
		CHECK_TEXT(got, tried[i].want);
	}
}

static const char *
unicode(const char *domain)
{
	static char text[1024];
	struct buf out;

	buf_over(&out, (uint8_t *)text, sizeof(text) - 1);
	if (indicate_domain_unicode(slice_str(domain), &out) != CC_OK)
		return "";
	text[out.size] = '\0';
	return text;
}

TEST(both_forms_of_a_domain)
{
	CHECK_TEXT(unicode("xn--bcher-kva.example"), "b\xc3\xbc"
						     "cher.example");
	CHECK_TEXT(unicode("www.xn--fa-hia.de"), "www.fa\xc3\x9f.de");
	CHECK_TEXT(unicode("xn--80ak6aa92e.com"), "\xd0\xb0\xd1\x80\xd1\x80\xd3\x8f\xd0\xb5.com");
	CHECK_TEXT(unicode("evil.example"), "");
	CHECK_TEXT(unicode("xn--a.example"), "");
	CHECK_TEXT(unicode("xn--99999999999.example"), "");
	CHECK_TEXT(unicode(""), "");
	CHECK_TEXT(domain("\xef\xbc\xa5vil\xe3\x80\x82"
			  "example"),
	    "evil.example");
	CHECK_TEXT(domain("1.0x7f"), "");
	CHECK_TEXT(domain("evil.0x"), "");
	CHECK_TEXT(domain("evil.0xyz"), "evil.0xyz");
}

/* Cut at each byte, and long: no read past the end, and what comes out is a URL again and stays as it is. */
TEST(urls_are_stable)
{
	static const char *const targets[] = {
	    "http://u:p@h.example:81/a/%2e./b%zz%4", "/a/../%2e%2e/?q=%", "/..", "/%2", "\\..\\"};
	char text[4096];
	struct buf out;

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		for (size_t size = 0; size <= strlen(targets[i]); size++) {
			char *cut = malloc(size > 0 ? size : 1), *again;

			memcpy(cut, targets[i], size);
			buf_over(&out, (uint8_t *)text, sizeof(text) - 1);
			if (indicate_url(slice_str("http"), slice_str("h.example"), 0, slice_of(cut, size), &out) ==
			    CC_OK) {
				text[out.size] = '\0';
				again = strdup(text);
				CHECK_TEXT(url("other.example", 0, again), again);
				free(again);
			}
			free(cut);
		}
	}
}

static const char *
email(const char *raw)
{
	static char text[600];
	struct buf out;

	buf_over(&out, (uint8_t *)text, sizeof(text) - 1);
	if (indicate_email(slice_str(raw), &out) != CC_OK)
		return "";
	text[out.size] = '\0';
	return text;
}

TEST(emails)
{
	CHECK_TEXT(email("<Bounce-7@Evil.Example>"), "bounce-7@evil.example");
	CHECK_TEXT(email("\"Your <Bank>\" <a.b+c@b\xc3\xbc" "cher.example> "), "a.b+c@xn--bcher-kva.example");
	CHECK_TEXT(email(" x@evil.example."), "x@evil.example");
	CHECK_TEXT(email("<>"), "");
	CHECK_TEXT(email("x@localhost"), "");
	CHECK_TEXT(email("x@192.0.2.1"), "");
	CHECK_TEXT(email("a b@evil.example"), "");
	CHECK_TEXT(email("@evil.example"), "");
	CHECK_TEXT(email("x@"), "");
	CHECK_TEXT(email("0123456789012345678901234567890123456789012345678901234567890123456789@evil.example"), "");
}

TESTS(T(domains), T(urls), T(hosts_of_urls), T(both_forms_of_a_domain), T(urls_are_stable), T(emails))
