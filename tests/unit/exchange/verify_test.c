/* Signatures and what readers make of one message: every bit that may not change, whose objects, which keys. */
#include "unit/exchange/signed.h"

TEST(thumbprint_of_the_rfc)
{
	/* RFC 8037, A.3 */
	uint8_t x[32];
	char kid[KEY_ID];

	CHECK(key_parse(slice_str("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"), x) == CC_OK);
	key_thumbprint(x, kid);
	CHECK_TEXT(kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
	CHECK(key_parse(slice_str("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURp"), x) == CC_BAD); /* bits left over */
	CHECK(key_parse(slice_str("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUR"), x) == CC_BAD);
}

/* All positions of everything that is read: value, key, topic, each header, the signature. */
TEST(no_bit_may_change)
{
	static struct made m;
	unsigned tried = 0;

	begin();
	make(&m, 1, NULL);
	CHECK(judge(&m.msg) == VERDICT_ACCEPTED);
	for (unsigned part = 0; part < 3 + m.msg.header_count; part++) {
		struct slice s = part == 0   ? m.msg.value
				 : part == 1 ? m.msg.key
				 : part == 2 ? m.msg.topic
					     : m.msg.header[part - 3].value;

		for (size_t bit = 0; bit < s.size * 8; bit++, tried++) {
			uint8_t *p = (uint8_t *)(uintptr_t)s.p + bit / 8;

			*p = (uint8_t)(*p ^ 1u << bit % 8);
			if (judge(&m.msg) == VERDICT_ACCEPTED) {
				printf("part %u bit %zu\n", part, bit);
				CHECK(false);
			}
			*p = (uint8_t)(*p ^ 1u << bit % 8);
		}
		/* Cut at each byte. */
		for (size_t size = 0; size < s.size; size++) {
			struct cc_message cut = m.msg;
			struct slice *at = part == 0   ? &cut.value
					   : part == 1 ? &cut.key
					   : part == 2 ? &cut.topic
						       : &cut.header[part - 3].value;

			at->size = size;
			CHECK(judge(&cut) != VERDICT_ACCEPTED);
		}
	}
	CHECK(tried > 5000);
	CHECK(judge(&m.msg) == VERDICT_ACCEPTED);
	end();
}

TEST(headers_are_all_or_nothing)
{
	static struct made m;
	struct cc_message other;

	begin();
	make(&m, 1, NULL);
	for (unsigned i = 0; i < m.msg.header_count; i++) {
		other = m.msg; /* one is missing */
		memmove(&other.header[i], &other.header[i + 1], (other.header_count - i - 1) * sizeof(other.header[0]));
		other.header_count--;
		CHECK(judge(&other) != VERDICT_ACCEPTED);
		other = m.msg; /* one is there twice */
		other.header[other.header_count++] = other.header[i];
		CHECK(judge(&other) != VERDICT_ACCEPTED);
	}
	other = m.msg; /* one that was not signed */
	other.header[other.header_count++] = (struct cc_header){"ce_subject", slice_str("x")};
	CHECK(judge(&other) == VERDICT_HEADER_MISMATCH);
	other = m.msg;
	other.topic = slice_str("concert.notices");
	CHECK(judge(&other) == VERDICT_WRONG_TOPIC);
	other = m.msg;
	other.header_count--;
	CHECK(judge(&other) == VERDICT_UNSIGNED);
	end();
}

TEST(keys_have_their_time)
{
	static struct made m;
	char text[1024];
	uint64_t now = time_now();
	struct cc_message msg;
	char *why = NULL;

	begin();
	make(&m, 1, NULL);
	/* Another's trust file, without us: nobody knows the key; then by fingerprint alone, then learnt. */
	snprintf(text, sizeof(text), "organisations: [{id: cert.example, keys: [%s]}]", key_kid(key));
	set("sensor.organisation=cert.other");
	write_file("t.yaml", text);
	trust_close(trust);
	trust = NULL;
	snprintf(text, sizeof(text), "%s/none", dir);
	CHECK(trust_open(conf, text, &trust, &why) == CC_OK);
	CHECK(judge(&m.msg) == VERDICT_UNKNOWN_KEY);
	CHECK(trust_learn(trust, key_kid(key), "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo") == CC_DENIED);
	CHECK(trust_learn(trust, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
		  "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo") == CC_ABSENT);
	CHECK(judge(&m.msg) == VERDICT_UNKNOWN_KEY);
	CHECK(trust_learn(trust, key_kid(key), key_x(key)) == CC_OK);
	CHECK(judge(&m.msg) == VERDICT_FOREIGN_SOURCE); /* org.example's message, cert.example's key */
	/* What was learnt stays over a reload, a broken file changes nothing. */
	snprintf(text, sizeof(text),
	    "organisations: [{id: org.example, keys: [{fingerprint: %s, x: %s, until: 2025-12-31T00:00:00Z}]}]",
	    key_kid(key), key_x(key));
	write_file("t.yaml", text);
	CHECK(trust_reload(trust, &why) == CC_OK);
	CHECK(judge(&m.msg) == VERDICT_KEY_NOT_VALID);
	write_file("t.yaml", "organisations: [{id: Not An Id}]");
	CHECK(trust_reload(trust, &why) == CC_BAD && why != NULL && strstr(why, "t.yaml:1") != NULL);
	free(why);
	CHECK(judge(&m.msg) == VERDICT_KEY_NOT_VALID);
	snprintf(text, sizeof(text),
	    "{\"organisations\": [{\"id\": \"org.example\", \"receive\": \"amber\", \"roles\": [\"a\", \"b\"],"
	    " \"policy\": {\"indicators\": {\"accept\": \"yes\"}}, \"keys\": [{\"fingerprint\": \"%s\", \"x\": "
	    "\"%s\"}]}]}",
	    key_kid(key), key_x(key));
	write_file("t.yaml", text);
	CHECK(trust_reload(trust, &why) == CC_OK);
	CHECK(judge(&m.msg) == VERDICT_ACCEPTED);
	CHECK_TEXT(
	    conf_map_get(&trust_organisation(trust, slice_str("org.example"))->policy, "indicators.accept"), "yes");
	CHECK_UINT(trust_organisation(trust, slice_str("org.example"))->receive, CC_TLP_AMBER);
	/* Revoked: what is seen later counts for nothing, what the broker took earlier does. */
	CHECK(trust_revoke(trust, key_kid(key), now) == CC_OK);
	CHECK(judge_at(&m.msg, now - 1).verdict == VERDICT_ACCEPTED);
	CHECK(judge_at(&m.msg, now).verdict == VERDICT_REVOKED_KEY);
	msg = m.msg;
	msg.appended = now - DAY;
	CHECK(judge_at(&msg, now + DAY).verdict == VERDICT_ACCEPTED);
	CHECK(trust_revoke(trust, key_kid(key), now + DAY) == CC_OK); /* an earlier time stays */
	CHECK(judge_at(&m.msg, now).verdict == VERDICT_REVOKED_KEY);
	end();
}

static enum verdict
judge_bundle(const char *value)
{
	static struct made m;

	make_with(&m, OWN, TOPIC, "addr:1", 1, value);
	sign(&m, key, NULL);
	return judge(&m.msg);
}

TEST(whose_objects)
{
	static char text[TEXT_ROOM], deep[1024];
	char own[IDENTITY_ID], other[IDENTITY_ID];
	char *why = NULL;

	begin();
	write_file("t.yaml", "organisations: [{id: cert.other, keys: [kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k]}]");
	CHECK(trust_reload(trust, &why) == CC_OK);
	identity_of("org.example", own);
	identity_of("cert.other", other);
#define BUNDLE(...) (snprintf(text, sizeof(text), __VA_ARGS__), judge_bundle(bundle_with(text)))
#define UUID "00000000-0000-5000-8000-000000000001"
	CHECK(
	    BUNDLE("{\"type\":\"note\",\"id\":\"note--" UUID "\",\"created_by_ref\":\"%s\"}", own) == VERDICT_ACCEPTED);
	CHECK(BUNDLE("{\"type\":\"note\",\"id\":\"note--" UUID "\",\"created_by_ref\":\"%s\"}", other) ==
	      VERDICT_FOREIGN_OBJECT);
	CHECK(BUNDLE("{\"type\":\"note\",\"id\":\"note--" UUID "\"}") == VERDICT_FOREIGN_OBJECT);
	CHECK(BUNDLE("{\"type\":\"note\",\"id\":\"report--" UUID "\",\"created_by_ref\":\"%s\"}", own) ==
	      VERDICT_MALFORMED);
	CHECK(BUNDLE("{\"type\":\"url\",\"id\":\"url--" UUID "\",\"value\":\"x\"}") == VERDICT_ACCEPTED);
	CHECK(BUNDLE("{\"type\":\"identity\",\"id\":\"%s\",\"created_by_ref\":\"%s\"}", other, own) ==
	      VERDICT_FOREIGN_OBJECT);
	CHECK(BUNDLE("{\"type\":\"identity\",\"id\":\"%s\"}", other) == VERDICT_FOREIGN_OBJECT);
	CHECK(BUNDLE("{\"type\":\"identity\",\"id\":\"%s\"}", own) == VERDICT_ACCEPTED);
	CHECK(BUNDLE("{\"type\":\"marking-definition\",\"id\":\"marking-definition--94868c89-83c2-464b-929b-"
		     "a1a8aa3c8487\"}") == VERDICT_ACCEPTED);
	CHECK(BUNDLE("{\"type\":\"marking-definition\",\"id\":\"marking-definition--" UUID "\"}") ==
	      VERDICT_FOREIGN_OBJECT);
	/* What two readers could read differently. */
	CHECK(
	    BUNDLE("{\"type\":\"note\",\"id\":\"note--" UUID "\",\"created_by_ref\":\"%s\",\"created_by_ref\":\"%s\"}",
		other, own) == VERDICT_MALFORMED);
	CHECK(BUNDLE("{\"type\":\"note\",\"id\":\"note--" UUID
		     "\",\"created\\u005fby_ref\":\"%s\",\"created_by_ref\":\"%s\"}",
		  other, own) == VERDICT_MALFORMED);
	CHECK(judge_bundle("{\"type\":\"bundle\",\"objects\":[]}") == VERDICT_ACCEPTED);
	CHECK(judge_bundle("{\"type\":\"bundle\",\"objects\":[]} ") == VERDICT_ACCEPTED);
	CHECK(judge_bundle("{\"type\":\"bundle\",\"objects\":[]}x") == VERDICT_MALFORMED);
	CHECK(judge_bundle("{\"type\":\"bundle\",\"objects\":[],\"objects\":[]}") == VERDICT_MALFORMED);
	CHECK(judge_bundle("{\"type\":\"bundle\"}") == VERDICT_MALFORMED);
	CHECK(judge_bundle("[]") == VERDICT_MALFORMED);
	CHECK(judge_bundle("") == VERDICT_MALFORMED);
	CHECK(judge_bundle("{\"type\":\"bundle\",\"objects\":[],\"x\":\"\xff\"}") == VERDICT_MALFORMED);
	CHECK(judge_bundle("{\"type\":\"bundle\",\"objects\":[],\"x\":01}") == VERDICT_MALFORMED);
	CHECK(
	    judge_bundle("{\"type\":\"bundle\",\"objects\":[],\"x\":-1.5e+7,\"y\":[true,false,null,\"\\u00e9\\n\"]}") ==
	    VERDICT_ACCEPTED);
	memset(deep, 0, sizeof(deep));
	snprintf(deep, sizeof(deep), "{\"type\":\"bundle\",\"objects\":[],\"x\":");
	memset(deep + strlen(deep), '[', 200);
	CHECK(judge_bundle(deep) == VERDICT_MALFORMED);
	end();
}

/* A fingerprint that begins with '-' would be taken for an option where it is given to a command. */
TEST(fingerprints_can_be_typed)
{
	struct key *fresh;
	char *why;

	begin();
	for (unsigned i = 0; i < 400; i++) {
		char name[100];

		snprintf(name, sizeof(name), "exchange.key=%s/%u.key", dir, i);
		set(name);
		CHECK(key_open(conf, dir, true, &fresh, &why) == CC_OK);
		CHECK(key_kid(fresh)[0] != '-');
		key_close(fresh);
	}
	end();
}

TESTS(T(thumbprint_of_the_rfc), T(no_bit_may_change), T(headers_are_all_or_nothing), T(keys_have_their_time),
    T(whose_objects), T(fingerprints_can_be_typed))
