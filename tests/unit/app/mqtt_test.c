/* MQTT: sessions of versions 3.1.1 and 5 in pieces of any size, gaps, what is out of order. */
#include "torture.h"

extern const struct cc_parser mqtt_parser;

#define CONNECT "\x10\x1a\0\x04MQTT\x04\xc2\0\x3c\0\x02" "me" "\0\x04" "user" "\0\x04" "pass"
#define CONNACK "\x20\x02\0\0"
#define SUBSCRIBE "\x82\x0e\0\x01\0\x03" "a/b" "\x01\0\x03" "c/d" "\0"
#define SUBACK "\x90\x04\0\x01\x01\0"
#define PUBLISH "\x34\x0c\0\x05topic\0\x07hey"
#define PUBREC "\x50\x02\0\x07"
#define PUBREL "\x62\x02\0\x07"
#define PUBCOMP "\x70\x02\0\x07"
#define PING "\xc0\0"
#define CONNECT5 "\x10\x12\0\x04MQTT\x05\x02\0\x3c\x03\x21\0\x14\0\x02" "me"
#define CONNACK5 "\x20\x06\0\x86\x03\x22\0\x0a"

static const struct said talk[] = {
    SAID(CC_TO_SERVER, CONNECT),
    SAID(CC_TO_CLIENT, CONNACK),
    SAID(CC_TO_SERVER, SUBSCRIBE PUBLISH),
    SAID(CC_TO_CLIENT, SUBACK PUBREC),
    SAID(CC_TO_SERVER, PUBREL),
    SAID(CC_TO_CLIENT, PUBCOMP),
    SAID(CC_TO_SERVER, PING),
};

static void
say(struct cc_ctx *rig, enum cc_dir dir, const char *bytes, size_t size, size_t piece)
{
	for (size_t at = 0; at < size; at += piece)
		rig_feed(rig, dir, slice_of(bytes + at, size - at < piece ? size - at : piece));
}

#define SAY(rig, dir, text) say(rig, dir, text, sizeof(text) - 1, 1000)

TEST(session_in_pieces_of_any_size)
{
	for (size_t piece = 1; piece < 40; piece++) {
		struct cc_ctx rig;

		rig_open(&rig, &mqtt_parser, false, 1883);
		for (unsigned i = 0; i < 7; i++)
			say(&rig, talk[i].dir, talk[i].bytes, talk[i].size, piece);
		CHECK_UINT(rig.tx_count, 4);
		CHECK_UINT(rig.done_count, 4);
		CHECK_TEXT(rig_value(&rig, 0, "mqtt.connect.clientid", 0), "me");
		CHECK_TEXT(rig_value(&rig, 0, "mqtt.connect.username", 0), "user");
		CHECK_TEXT(rig_value(&rig, 0, "mqtt.connect.password", 0), "pass");
		CHECK_TEXT(rig_value(&rig, 0, "mqtt.type", 1), "2");
		CHECK_TEXT(rig_value(&rig, 0, "mqtt.reason_code", 0), "0");
		CHECK_TEXT(rig_value(&rig, 1, "mqtt.subscribe.topic", 1), "c/d");
		CHECK_TEXT(rig_value(&rig, 1, "suback.qos_granted", 0), "1");
		CHECK_TEXT(rig_value(&rig, 2, "mqtt.publish.topic", 0), "topic");
		CHECK_TEXT(rig_value(&rig, 2, "mqtt.publish.message", 0), "hey");
		CHECK_TEXT(rig_value(&rig, 2, "mqtt.type", 3), "7");
		CHECK_TEXT(rig_value(&rig, 3, "mqtt.type", 0), "12");
		CHECK(rig_has_anomaly(&rig, "plaintext_credentials"));
		CHECK_UINT(rig.anomaly_count, 1);
		rig_end(&rig);
		rig_free(&rig);
	}
}

TEST(version_5)
{
	struct cc_ctx rig;

	rig_open(&rig, &mqtt_parser, false, 1883);
	SAY(&rig, CC_TO_SERVER, CONNECT5);
	SAY(&rig, CC_TO_CLIENT, CONNACK5);
	SAY(&rig, CC_TO_SERVER, "\xe0\0");
	CHECK_UINT(rig.done_count, 2);
	CHECK_TEXT(rig_value(&rig, 0, "connect.properties.receive_maximum", 0), "20");
	CHECK_TEXT(rig_value(&rig, 0, "connack.properties.topic_alias_maximum", 0), "10");
	CHECK_TEXT(rig_value(&rig, 0, "mqtt.reason_code", 0), "134");
	CHECK_TEXT(rig_value(&rig, 1, "disconnect.reason_code", 0), "0");
	CHECK_UINT(rig.anomaly_count, 0);
	rig_end(&rig);
	rig_free(&rig);
}

TEST(odd_things)
{
	struct cc_ctx rig;

	rig_open(&rig, &mqtt_parser, false, 1883);
	SAY(&rig, CC_TO_SERVER, PING);
	CHECK(rig_has_anomaly(&rig, "unintroduced_message"));
	SAY(&rig, CC_TO_CLIENT, CONNACK);
	CHECK(rig_has_anomaly(&rig, "missing_connect"));
	SAY(&rig, CC_TO_CLIENT, SUBACK PUBREC "\xb0\x02\0\x09");
	CHECK(rig_has_anomaly(&rig, "missing_subscribe"));
	CHECK(rig_has_anomaly(&rig, "missing_publish"));
	CHECK(rig_has_anomaly(&rig, "missing_unsubscribe"));
	SAY(&rig, CC_TO_SERVER, CONNECT "\x36\x05\0\x01t\0\x01");
	CHECK(rig_has_anomaly(&rig, "double_connect"));
	CHECK(rig_has_anomaly(&rig, "invalid_qos_level"));
	SAY(&rig, CC_TO_SERVER, "\x32\x05\0\x01t\0\0\x02\0" "\0\0");
	CHECK(rig_has_anomaly(&rig, "missing_msg_id"));
	CHECK(!rig_has_anomaly(&rig, "malformed_traffic"));
	SAY(&rig, CC_TO_SERVER, "\x82\x03\0\x01\0");
	CHECK(rig_has_anomaly(&rig, "malformed_traffic"));
	rig_end(&rig);
	rig_free(&rig);
}

TEST(gap_then_whole_messages)
{
	struct cc_ctx rig;

	rig_open(&rig, &mqtt_parser, false, 1883);
	SAY(&rig, CC_TO_SERVER, CONNECT);
	SAY(&rig, CC_TO_CLIENT, CONNACK);
	rig_gap(&rig, CC_TO_SERVER, 100);
	SAY(&rig, CC_TO_SERVER, "rubbish of a message");
	SAY(&rig, CC_TO_SERVER, PING PUBLISH);
	SAY(&rig, CC_TO_CLIENT, PUBREC);
	CHECK_UINT(rig.tx_count, 3);
	CHECK_UINT(rig.anomaly_count, 1);
	rig_end(&rig);
	rig_free(&rig);
}

TEST(who_is_taken)
{
	CHECK_UINT(torture_probe(&mqtt_parser, false, 9, CC_TO_SERVER, slice_of(CONNECT, sizeof(CONNECT) - 1)), CC_OK);
	CHECK_UINT(torture_probe(&mqtt_parser, false, 9, CC_TO_CLIENT, slice_of(CONNACK, 4)), CC_BAD);
	CHECK_UINT(torture_probe(&mqtt_parser, false, 1883, CC_TO_CLIENT, slice_of(CONNACK, 4)), CC_OK);
	for (size_t cut = 0; cut < 9; cut++)
		CHECK_UINT(torture_probe(&mqtt_parser, false, 1883, CC_TO_SERVER, slice_of(CONNECT, cut)), CC_MORE);
	CHECK_UINT(
	    torture_probe(&mqtt_parser, false, 1883, CC_TO_SERVER, slice_str("\x10\x1c\x04\x04MQTTxxxxxxx")), CC_BAD);
}

TEST(cut_and_flipped)
{
	torture(&mqtt_parser, false, 1883, talk, 7);
}

TESTS(T(session_in_pieces_of_any_size), T(version_5), T(odd_things), T(gap_then_whole_messages), T(who_is_taken),
    T(cut_and_flipped))
