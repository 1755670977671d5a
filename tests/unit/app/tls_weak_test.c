/* TLS: what is told of weaknesses: versions, ciphers, certificates, heartbeats, alerts. */
#include "tls_made.h"

static struct made a, b, plain;

TEST(heartbleed_is_seen)
{
	struct cc_ctx rig;

	make_tls12(&a, &b, 16384);
	rig_open(&rig, &tls_parser, false, 443);
	rig_feed(&rig, CC_TO_CLIENT, slice_of(b.b, b.size - 18 - 5 - 6));
	rig_feed(&rig, CC_TO_SERVER, slice_of("\x18\3\2\0\3\1\x40\0", 8));
	CHECK(rig_has_anomaly(&rig, "overflow_heartbeat_message"));
	CHECK(!rig_has_anomaly(&rig, "dataleak_heartbeat_mismatch"));
	rig_feed(&rig, CC_TO_CLIENT, slice_of("\x18\3\2\0\x6\2\0\3abc", 11));
	CHECK(rig_has_anomaly(&rig, "dataleak_heartbeat_mismatch"));
	rig_end(&rig);
	rig_free(&rig);
}

TEST(what_ends_a_connection_is_told)
{
	struct cc_ctx rig;

	rig_open(&rig, &tls_parser, false, 443);
	make_tls12(&a, &b, 16384);
	rig_feed(&rig, CC_TO_SERVER, made_slice(&a));
	rig_feed(&rig, CC_TO_CLIENT, slice_of("\x80\3\0\0\1", 5));
	CHECK(rig_has_anomaly(&rig, "error_message_encountered"));
	rig_end(&rig);
	rig_free(&rig);
}

TEST(weaknesses_are_told)
{
	struct cc_ctx rig;

	plain.size = b.size = 0;
	{
		static struct made body;

		body.size = 0;
		hello_head(&body, 0x0300, "", 0);
		add(&body, "\0\3\0", 3);
		add_message(&plain, 2, &body);
	}
	make_certificate(&plain, 1);
	add_records(&b, 22, plain.b, plain.size, 16384);
	rig_open(&rig, &tls_parser, false, 443);
	rig.now = 2200000000ull * 1000000000ull;
	rig_feed(&rig, CC_TO_CLIENT, made_slice(&b));
	rig_end(&rig);
	CHECK(rig_has_anomaly(&rig, "export_cipher"));
	CHECK(rig_has_anomaly(&rig, "obsolete_version"));
	CHECK(rig_has_anomaly(&rig, "certificate_expired"));
	CHECK_TEXT(rig_value(&rig, 0, "version", 0), "SSLv3");
	rig_free(&rig);
}

/* A server that chooses this version and cipher suite. */
static void
chooses(struct cc_ctx *rig, uint16_t version, uint16_t cipher)
{
	static struct made body;
	uint8_t chosen[3] = {(uint8_t)(cipher >> 8), (uint8_t)cipher, 0};

	plain.size = b.size = body.size = 0;
	hello_head(&body, version, "", 0);
	add(&body, chosen, 3);
	add_message(&plain, 2, &body);
	add_records(&b, 22, plain.b, plain.size, 16384);
	rig_open(rig, &tls_parser, false, 443);
	rig_feed(rig, CC_TO_CLIENT, made_slice(&b));
	rig_end(rig);
}

TEST(every_weakness_of_a_choice)
{
	static const struct {
		uint16_t version, cipher;
		const char *odd;
	} tried[] = {
	    {0x0303, 0x0003, "export_cipher"},
	    {0x0303, 0x0062, "export_cipher"},
	    {0x0303, 0x003b, "null_cipher"},
	    {0x0303, 0xc006, "null_cipher"},
	    {0x0303, 0x0034, "anonymous_cipher"},
	    {0x0303, 0xc018, "anonymous_cipher"},
	    {0x0303, 0x0005, "weak_cipher"},
	    {0x0303, 0x000a, "weak_cipher"},
	    {0x0303, 0x0009, "weak_cipher"},
	    {0x0303, 0xc011, "weak_cipher"},
	    {0x0303, 0xc012, "weak_cipher"},
	    {0x0300, 0x002f, "obsolete_version"},
	    {0x0301, 0x002f, "obsolete_version"},
	    {0x0302, 0x002f, "obsolete_version"},
	    {0x0303, 0xc02f, NULL},
	    {0x0303, 0x009c, NULL},
	};

	for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
		struct cc_ctx rig;

		chooses(&rig, tried[i].version, tried[i].cipher);
		if (tried[i].odd != NULL)
			CHECK(rig_has_anomaly(&rig, tried[i].odd));
		CHECK_UINT(rig.anomaly_count, tried[i].odd != NULL);
		rig_free(&rig);
	}
}

TEST(weak_certificates)
{
	static struct made body;
	struct cc_ctx rig;

	plain.size = b.size = body.size = 0;
	add24(&body, sizeof(weak_der) + 3);
	add24(&body, sizeof(weak_der));
	add(&body, weak_der, sizeof(weak_der));
	add_message(&plain, 11, &body);
	add_records(&b, 22, plain.b, plain.size, 16384);
	rig_open(&rig, &tls_parser, false, 443);
	rig_feed(&rig, CC_TO_CLIENT, made_slice(&b));
	rig_end(&rig);
	CHECK(rig_has_anomaly(&rig, "certificate_weak_signature"));
	CHECK(rig_has_anomaly(&rig, "certificate_short_key"));
	rig_free(&rig);
}

TESTS(T(heartbleed_is_seen), T(what_ends_a_connection_is_told), T(weaknesses_are_told), T(every_weakness_of_a_choice),
    T(weak_certificates))
