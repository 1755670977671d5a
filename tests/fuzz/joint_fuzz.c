/*
 * What a partner's key signs, to the correlator: sightings, heartbeats, answers, contacts, notices.  Input: parts
 * divided by c0 de, each a message: the control byte chooses what it claims to be and whose it is, key and value are
 * divided by the first line break.  What is read goes into a joint set, is linked, weighed and written; a node comes
 * out of its bytes as it went in.
 */
#include "fuzz/fuzz.h"

#include "joint/joint_own.h"
#include "output/output.h"

static void
touch_sighting(const struct joint_sighting *s)
{
	const struct slice text[] = {s->message, s->organisation, s->sensor, s->key, s->value, s->origin_of,
	    s->attacker, s->attacker_pseudonym, s->victim, s->sector, s->stack, s->ja3, s->ja3s, s->ja4, s->hassh,
	    s->hassh_server,
	    s->cert, s->key_sha256, s->agent, s->headers, s->rule_name, s->rule, s->rule_class, s->domain, s->url,
	    s->file};

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		FUZZ_CHECK(text[i].size <= JOINT_TEXT_MAX + 16);
		(void)fuzz_touch(text[i]);
	}
	FUZZ_CHECK(s->first != 0 && s->last >= s->first && (unsigned)s->kind < CC_KIND_COUNT);
	FUZZ_CHECK((unsigned)s->proof <= CC_PROOF_CONTENT && s->loss >= 0 && s->loss <= 1);
}

static void
take_sighting(void *ctx, const struct joint_sighting *s)
{
	touch_sighting(s);
	FUZZ_CHECK(joint_add(ctx, s) != CC_NOMEM);
}

static enum cc_status
sealed(void *ctx, struct slice responder, struct slice id, struct slice text, struct slice *ret_plain)
{
	(void)ctx;
	(void)responder;
	(void)id;
	ret_plain->p = fuzz_copy(text);
	ret_plain->size = text.size;
	return CC_OK;
}

static void
read_message(struct joint *joint, const struct cc_message *msg, struct slice who, struct buf *scratch)
{
	struct joint_sighting s;
	struct joint_heartbeat beat;
	struct joint_word word;

	(void)joint_answers(msg, who, scratch, take_sighting, sealed, joint);
	if (joint_read(msg, who, scratch, &s) == CC_OK)
		take_sighting(joint, &s);
	if (joint_read_heartbeat(msg, who, scratch, &beat) == CC_OK)
		(void)joint_watched(joint, &beat);
	if (joint_read_word(msg, who, scratch, &word) == CC_OK) {
		for (unsigned i = 0; i < HEARD_TEXTS; i++)
			(void)fuzz_touch(word.text[i]);
		FUZZ_CHECK(joint_heard(joint, &word) != CC_NOMEM);
	}
}

/* As a partner's file or topic has it, with the parts of the input as values. */
static void
read_part(struct joint *joint, uint8_t control, struct slice bytes, struct buf *scratch)
{
	static const char *const type[] = {"org.concert.sighting.v1", "org.concert.health.v1", "org.concert.request.v1",
	    "org.concert.contact.v1", "org.concert.notice.v1"};
	static const char *const who[] = {"cert.a", "cert.b", "cert.c"};
	struct cc_message msg = {.header_count = 6};
	struct slice signer = slice_str(who[control / 8 % 3]);
	uint8_t *copy = fuzz_copy(bytes);
	const uint8_t *line = bytes.size > 0 ? memchr(copy, '\n', bytes.size) : NULL;
	size_t front = line != NULL ? (size_t)(line - copy) : 0;
	char id[16], source[40];

	snprintf(id, sizeof(id), "m%u", control);
	snprintf(source, sizeof(source), "urn:concert:%s/s1", who[control / 8 % 3]);
	msg.key = slice_of(copy, front);
	msg.value = line != NULL ? slice_of(line + 1, bytes.size - front - 1) : slice_of(copy, bytes.size);
	msg.header[0] = (struct cc_header){"ce_id", slice_str(id)};
	msg.header[1] = (struct cc_header){"ce_type", slice_str(type[control % 5])};
	msg.header[2] = (struct cc_header){"ce_source", slice_str(source)};
	msg.header[3] = (struct cc_header){"ce_time", slice_str("2026-03-02T10:00:00Z")};
	msg.header[4] = (struct cc_header){"tlp", slice_str("amber")};
	msg.header[5] = (struct cc_header){"exercise", slice_str(control & 128 ? "true" : "false")};
	read_message(joint, &msg, signer, scratch);
	fuzz_give(copy, bytes.size);
}

/* All nodes into another set, by their bytes, and out of it: the same. */
static void
compare(struct joint *joint, const struct conf *conf)
{
	struct joint *other = joint_new(conf);
	struct buf bytes, again;

	FUZZ_CHECK(other != NULL);
	buf_open(&bytes, 64u << 20);
	buf_open(&again, 64u << 20);
	for (size_t i = 0; i < joint->node_count; i++) {
		struct cur c;
		uint32_t at;

		if (!joint->node[i].used)
			continue;
		buf_clear(&bytes);
		buf_clear(&again);
		node_encode(joint, &joint->node[i], &bytes);
		c = cur_slice(buf_slice(&bytes));
		FUZZ_CHECK(node_decode(other, &c, &at) == CC_OK && cur_left(&c) == 0);
		if (at == NONE)
			continue; /* taken back */
		node_encode(other, &other->node[at], &again);
		FUZZ_CHECK(slice_eq(buf_slice(&bytes), buf_slice(&again)));
	}
	buf_close(&bytes);
	buf_close(&again);
	joint_free(other);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *conf = fuzz_conf();
	struct joint *joint = joint_new(conf);
	struct cur in = cur_of(data, size);
	struct slice part;
	struct buf scratch, out;
	uint8_t control;

	FUZZ_CHECK(joint != NULL && joint_home(joint, "cert.c", "203.0.113.0/24") == CC_OK);
	buf_open(&scratch, 1u << 24);
	buf_open(&out, 1u << 26);
	while (fuzz_part(&in, &control, &part)) {
		read_part(joint, control, part, &scratch);
		if (control & 64)
			FUZZ_CHECK(joint_settle_some(joint) == CC_OK);
	}
	FUZZ_CHECK(joint_settle(joint) == CC_OK);
	for (size_t i = 0; i < joint_cases(joint); i++) {
		struct json json = json_into(&out);

		buf_clear(&out);
		FUZZ_CHECK(joint_case_json(joint, i, &json, NULL) == CC_OK);
		fuzz_json(buf_slice(&out));
	}
	compare(joint, conf);
	buf_close(&out);
	buf_close(&scratch);
	joint_free(joint);
	return 0;
}
