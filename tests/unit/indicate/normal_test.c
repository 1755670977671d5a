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

TESTS(T(domains), T(urls), T(urls_are_stable), T(emails))
