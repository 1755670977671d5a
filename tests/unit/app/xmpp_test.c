/* XMPP: streams and stanzas of both sides, logins, TLS, what is odd; who is taken; cuts and flips. */
#include "torture.h"

extern const struct cc_parser xmpp_parser;

#define LIT(text) slice_of(text, sizeof(text) - 1)
#define ROOT "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"

static bool
is(const struct cc_ctx *rig, unsigned tx, const char *name, const char *want)
{
	const char *value = rig_value(rig, tx, name, 0);

	return value != NULL && strcmp(value, want) == 0;
}

static void
begin(struct cc_ctx *rig)
{
	rig_open(rig, &xmpp_parser, false, 5222);
	rig_feed(
	    rig, CC_TO_SERVER, LIT("<?xml version='1.0'?>" ROOT " to='chat.example' version='1.0' xml:lang=\"en\">"));
	rig_feed(rig, CC_TO_CLIENT, LIT("<?xml version='1.0'?>" ROOT " from='chat.example' id='1'>"));
}

static void
end(struct cc_ctx *rig)
{
	rig_end(rig);
	rig_free(rig);
}

TEST(stanzas)
{
	struct cc_ctx rig;

	begin(&rig);
	CHECK_UINT(rig.done_count, 2);
	CHECK(is(&rig, 0, "xmpp.element", "stream") && is(&rig, 0, "xmpp.to", "chat.example"));
	CHECK(is(&rig, 0, "xmpp.namespace", "jabber:client") && is(&rig, 0, "lang", "en"));
	CHECK(is(&rig, 1, "xmpp.from", "chat.example"));
	rig_feed(&rig, CC_TO_CLIENT,
	    LIT("<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><mechanisms "
		"xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1</mechanism><mechanism>PLA"));
	rig_feed(&rig, CC_TO_CLIENT, LIT("IN</mechanism></mechanisms></stream:features>"));
	CHECK(is(&rig, 2, "xmpp.element", "features") && is(&rig, 2, "xmpp.child", "starttls"));
	CHECK_TEXT(rig_value(&rig, 2, "xmpp.mechanism", 1), "PLAIN");
	rig_feed(&rig, CC_TO_SERVER,
	    LIT("<message from='a@b' to='c@d' type='chat' id='7'><body>x &gt; <![CDATA[</message>"));
	CHECK_UINT(rig.done_count, 3);
	rig_feed(&rig, CC_TO_SERVER,
	    LIT("]]></body></message> <iq type='get' id='8'><query xmlns='jabber:iq:roster'/></iq>"));
	CHECK_UINT(rig.done_count, 5);
	CHECK(is(&rig, 3, "xmpp.from", "a@b") && is(&rig, 3, "xmpp.to", "c@d") && is(&rig, 3, "xmpp.child", "body"));
	CHECK(is(&rig, 4, "xmpp.child_namespace", "jabber:iq:roster") && is(&rig, 4, "xmpp.type", "get"));
	CHECK_UINT(rig.anomaly_count, 0);
	rig_feed(&rig, CC_TO_SERVER, LIT("</stream:stream>"));
	end(&rig);
}

TEST(logins_in_clear)
{
	struct cc_ctx rig;

	begin(&rig);
	rig_feed(&rig, CC_TO_SERVER, LIT("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHJvbWVv"));
	rig_feed(&rig, CC_TO_SERVER, LIT("AHNlY3JldA==</auth>"));
	CHECK(rig_has_anomaly(&rig, "plaintext_credentials"));
	CHECK(is(&rig, 2, "xmpp.user", "romeo") && is(&rig, 2, "xmpp.mechanism", "PLAIN"));
	CHECK(strstr(rig.said, "secret") == NULL && strstr(rig.said, "AHNl") == NULL);
	end(&rig);
	begin(&rig);
	rig_feed(&rig, CC_TO_SERVER,
	    LIT("<iq type='set' id='1'><query xmlns='jabber:iq:auth'><username>romeo</username>"
		"<password>secret</password></query></iq>"));
	CHECK(rig_has_anomaly(&rig, "plaintext_credentials") && is(&rig, 2, "xmpp.user", "romeo"));
	CHECK(strstr(rig.said, "secret") == NULL);
	end(&rig);
	begin(&rig);
	rig_feed(&rig, CC_TO_SERVER,
	    LIT("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>biws</auth>"));
	CHECK_UINT(rig.anomaly_count, 0);
	end(&rig);
}

TEST(tls_is_handed_on)
{
	struct cc_ctx rig;

	begin(&rig);
	rig_feed(&rig, CC_TO_SERVER, LIT("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
	CHECK(strstr(rig.said, "switch") == NULL);
	rig_feed(&rig, CC_TO_CLIENT, LIT("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
	CHECK(strstr(rig.said, "switch") != NULL);
	end(&rig);
	begin(&rig);
	rig_feed(&rig, CC_TO_SERVER, LIT("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\x16\3\1"));
	CHECK(strstr(rig.said, "switch") != NULL); /* the server's side was not seen */
	end(&rig);
	begin(&rig);
	rig_feed(&rig, CC_TO_SERVER, LIT("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><iq type='get' id='1'/>"));
	CHECK(rig_has_anomaly(&rig, "starttls_injection"));
	end(&rig);
}

TEST(odd_xml_and_gaps)
{
	static char tag[3 << 20], deep[400] = "<iq>";
	struct cc_ctx rig;

	memset(tag, 'a', sizeof(tag));
	tag[0] = '<';
	begin(&rig);
	rig_feed(&rig, CC_TO_SERVER, slice_of(tag, sizeof(tag)));
	CHECK(rig_has_anomaly(&rig, "tag_too_long"));
	rig_feed(&rig, CC_TO_SERVER, LIT("'><!-- no --><><iq type='get' id='2'/>"));
	CHECK(rig_has_anomaly(&rig, "forbidden_xml") && rig_has_anomaly(&rig, "malformed_xml"));
	CHECK(is(&rig, 2, "xmpp.id", "2"));
	rig_feed(&rig, CC_TO_SERVER, LIT("<message to='a'><bo"));
	rig_gap(&rig, CC_TO_SERVER, 50);
	rig_feed(&rig, CC_TO_SERVER, LIT("dy>x</body></message><presence fro"));
	rig_feed(&rig, CC_TO_SERVER, LIT("m='me'/>"));
	CHECK(is(&rig, 4, "xmpp.from", "me"));
	for (unsigned i = 0; i < 70; i++)
		memcpy(deep + 4 + i * 3, "<a>", 3);
	rig_feed(&rig, CC_TO_SERVER, slice_str(deep));
	CHECK(rig_has_anomaly(&rig, "too_deep"));
	end(&rig);
}

TEST(who_is_taken)
{
	static const struct {
		const char *text;
		enum cc_status want;
	} asked[] = {
	    {"<?xml version='1.0'?>" ROOT ">", CC_OK},
	    {ROOT ">", CC_OK},
	    {ROOT, CC_MORE},
	    {"<?xml version='1.0'?>", CC_MORE},
	    {"<?xml version='1.0'?><soap:Envelope>", CC_BAD},
	    {"<stream:stream to='x'>", CC_BAD},
	    {"<html>", CC_BAD},
	    {"  \n<iq type='get' id='1'/>", CC_OK},
	    {"<iq>", CC_BAD},
	    {"<message to='a' type='chat'>", CC_OK},
	    {"<presence from='a' type='x'>", CC_OK},
	    {"GET / HTTP/1.1\r\n", CC_BAD},
	    {"<", CC_MORE},
	    {"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", CC_OK},
	};

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		enum cc_status st = torture_probe(&xmpp_parser, false, 9, CC_TO_SERVER, slice_str(asked[i].text));

		if (st != asked[i].want)
			fprintf(stderr, "%s\n", asked[i].text);
		CHECK(st == asked[i].want);
	}
}

TEST(cut_and_flipped)
{
	static const struct said said[] = {
	    SAID(CC_TO_SERVER, "<?xml version='1.0'?>" ROOT " to='x'>"),
	    SAID(CC_TO_CLIENT, ROOT "><a:b><mechanism>PLAIN</mechanism></a:b>"),
	    SAID(CC_TO_SERVER, "<auth mechanism='PLAIN'>AGEAYg==</auth><iq id='1'><![CDATA[<]]><q/></iq>"),
	    SAID(CC_TO_SERVER, "<starttls/>"),
	    SAID(CC_TO_CLIENT, "<proceed/>"),
	};

	torture(&xmpp_parser, false, 5222, said, sizeof(said) / sizeof(said[0]));
}

TESTS(T(stanzas), T(logins_in_clear), T(tls_is_handed_on), T(odd_xml_and_gaps), T(who_is_taken), T(cut_and_flipped))
