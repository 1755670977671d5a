/*
 * A message's signature: a detached compact JWS (RFC 7515, appendix F) over the value as it is (RFC 7797, b64 false),
 * by EdDSA with Ed25519 (RFC 8037).  The record header is
 *
 *   jws = BASE64URL(protected) ".." BASE64URL(signature of BASE64URL(protected) "." value)
 *   protected = {"alg":"EdDSA","kid":…,"b64":false,"crit":["b64"],"topic":…,"key":…, every header of the record,
 * "prev":…}
 *
 * so that nothing of a record that anybody acts on is unsigned, and any JOSE library can check it.  prev is the SHA-256
 * of the message before in its lane, over its jws, a dot and its value: absent only in a lane's first.
 *
 * Reading is of strangers' bytes: form is judged to the last one, since what is not covered would be theirs to choose.
 * Any thread, no state.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "exchange/jws_own.h"

#define JWS_MAX 65535   /* what a header of a segment can hold */
#define SIGNATURE_TEXT 86
#define TAIL_TEXT 96  /* prev and what is around it, encoded or not, with room */
#define NEAR 2048     /* of most protected headers; longer ones are put together elsewhere */
#define TEXT_MAX (1u << 20) /* of the characters of one member */

/* ---- writing ---- */

/* All but prev and the end. */
static void
put_front(struct buf *out, const struct key *key, const struct cc_message *msg)
{
	struct json json = json_into(out);

	json_object(&json, NULL);
	json_text(&json, "alg", "EdDSA");
	json_text(&json, "kid", key_kid(key));
	json_bool(&json, "b64", false);
	json_array(&json, "crit");
	json_text(&json, NULL, "b64");
	json_end_array(&json);
	json_string(&json, "topic", msg->topic);
	json_string(&json, "key", msg->key);
	for (unsigned i = 0; i < msg->header_count; i++)
		json_string(&json, msg->header[i].name, msg->header[i].value);
}

/* What a reader could not tell from other bytes is not signed. */
static bool
can_be_signed(const struct cc_message *msg)
{
	bool good = utf8_valid(msg->topic) && utf8_valid(msg->key);

	for (unsigned i = 0; i < msg->header_count && good; i++)
		good = utf8_valid(msg->header[i].value) && strcmp(msg->header[i].name, "jws") != 0;
	return good;
}

enum cc_status
jws_prepare(const struct key *key, const struct cc_message *msg, struct jws_front *ret_front, struct buf *ret_jws)
{
	uint8_t near[NEAR];
	struct buf front;
	enum cc_status st = CC_OK;
	size_t whole;

	if (!can_be_signed(msg))
		return CC_BAD;
	buf_over(&front, near, sizeof(near));
	put_front(&front, key, msg);
	if (front.full) {
		buf_open(&front, JWS_MAX);
		put_front(&front, key, msg);
	}
	whole = front.size - front.size % 3;
	if (front.full || whole / 3 * 4 + TAIL_TEXT + 2 + SIGNATURE_TEXT > JWS_MAX ||
	    !buf_reserve(ret_jws, whole / 3 * 4 + TAIL_TEXT + 4 + SIGNATURE_TEXT + msg->value.size)) {
		st = CC_FULL;
	} else {
		base64url_text(slice_of(front.p, whole), (char *)ret_jws->p + ret_jws->size);
		ret_jws->size += whole / 3 * 4;
		ret_front->count = front.size - whole;
		memcpy(ret_front->rest, front.p + whole, ret_front->count);
	}
	buf_close(&front);
	return st;
}

/* What is signed is put together in ret_jws, whose front is the header's: nothing is allocated for one that has its
 * room. */
enum cc_status
jws_finish(const struct key *key, const struct jws_front *front, struct slice value, const uint8_t *prev,
    struct buf *ret_jws)
{
	uint8_t signature[KEY_SIGNATURE], tail[TAIL_TEXT];
	char text[KEY_ID];
	size_t size = front->count, end;
	enum cc_status st;

	memcpy(tail, front->rest, size);
	size += (size_t)snprintf((char *)tail + size, sizeof(tail) - size, prev != NULL ? ",\"prev\":\"%s\"}" : "}",
	    prev != NULL ? base64url_text(slice_of(prev, 32), text) : "");
	if (!buf_reserve(ret_jws, TAIL_TEXT + 4 + SIGNATURE_TEXT + value.size))
		return CC_FULL;
	base64url_text(slice_of(tail, size), (char *)ret_jws->p + ret_jws->size);
	ret_jws->size += (size * 4 + 2) / 3;
	end = ret_jws->size;
	buf_add_u8(ret_jws, '.');
	buf_add_slice(ret_jws, value);
	st = key_sign(key, buf_slice(ret_jws), signature);
	if (st != CC_OK)
		return st;
	ret_jws->size = end;
	buf_add_text(ret_jws, "..");
	base64url_text(slice_of(signature, sizeof(signature)), (char *)ret_jws->p + ret_jws->size);
	ret_jws->size += SIGNATURE_TEXT;
	return CC_OK;
}

enum cc_status
jws_sign(const struct key *key, const struct cc_message *msg, const uint8_t *prev, struct buf *ret_jws)
{
	struct jws_front front = {.count = 0};
	enum cc_status st;

	buf_clear(ret_jws);
	st = jws_prepare(key, msg, &front, ret_jws);
	if (st == CC_OK)
		st = jws_finish(key, &front, msg->value, prev, ret_jws);
	if (st != CC_OK)
		buf_clear(ret_jws);
	return st;
}

void
jws_digest(const struct cc_message *msg, uint8_t ret_digest[32])
{
	struct digest digest;

	digest_open(&digest, DIGEST_SHA256);
	digest_add(&digest, message_header(msg, "jws"));
	digest_add(&digest, slice_of(".", 1));
	digest_add(&digest, msg->value);
	digest_close(&digest, NULL, NULL, ret_digest);
}

/* ---- reading ---- */

struct reading {
	const struct cc_message *msg;
	struct jws *jws;
	struct buf *text; /* of the member at hand */
	char *why;
	enum verdict verdict;
	bool alg, kid, b64, crit, topic, key;
	unsigned headers; /* bits of the record's headers that are covered */
};

static bool
fail(struct reading *r, enum verdict verdict, const char *text)
{
	r->verdict = verdict;
	snprintf(r->why, 160, "%s", text);
	return false;
}

static bool
fail_header(struct reading *r, enum verdict verdict, const char *name, const char *what)
{
	r->verdict = verdict;
	snprintf(r->why, 160, "the header %s %s", name, what);
	return false;
}

/* The characters of a string member. */
static bool
take_text(struct reading *r, struct cur *c, struct slice *ret_text)
{
	struct slice raw;
	bool plain;

	if (cur_u8(c) != '"' || !scan_string(c, &raw, &plain))
		return fail(r, VERDICT_MALFORMED, "the protected header is not as agreed");
	*ret_text = raw;
	if (plain)
		return true;
	buf_clear(r->text);
	if (!scan_unescape(raw, r->text))
		return fail(r, VERDICT_MALFORMED, "the protected header is not as agreed");
	*ret_text = buf_slice(r->text);
	return true;
}

static bool
take_header(struct reading *r, struct slice name, struct slice text)
{
	for (unsigned i = 0; i < r->msg->header_count; i++) {
		const struct cc_header *h = &r->msg->header[i];

		if (!slice_is(name, h->name))
			continue;
		if (!slice_eq(h->value, text))
			return fail_header(r, VERDICT_HEADER_MISMATCH, h->name, "is not the one that was signed");
		r->headers |= 1u << i;
		return true;
	}
	snprintf(r->why, 160, "the signed header %.*s is missing", (int)name.size, (const char *)name.p);
	r->verdict = VERDICT_HEADER_MISMATCH;
	return false;
}

static bool
take_crit(struct reading *r, struct cur *c)
{
	struct slice text = {NULL, 0};

	scan_space(c);
	if (cur_u8(c) != '[')
		return fail(r, VERDICT_MALFORMED, "crit is no list");
	scan_space(c);
	if (!take_text(r, c, &text))
		return false;
	scan_space(c);
	if (!slice_is(text, "b64") || cur_u8(c) != ']')
		return fail(r, VERDICT_MALFORMED, "crit names what is not understood");
	return r->crit = true;
}

static bool
take_member(struct reading *r, struct slice name, struct cur *c)
{
	struct slice text = {NULL, 0};

	if (slice_is(name, "b64")) {
		if (!slice_is(cur_take(c, 5), "false"))
			return fail(r, VERDICT_MALFORMED, "b64 is not false");
		return r->b64 = true;
	}
	if (slice_is(name, "crit"))
		return take_crit(r, c);
	if (slice_is(name, "alg")) {
		if (!take_text(r, c, &text))
			return false;
		return (r->alg = slice_is(text, "EdDSA")) || fail(r, VERDICT_MALFORMED, "alg is not EdDSA");
	}
	if (slice_is(name, "kid")) {
		uint8_t bytes[32];

		if (!take_text(r, c, &text))
			return false;
		if (key_parse(text, bytes) != CC_OK)
			return fail(r, VERDICT_MALFORMED, "kid is no thumbprint");
		memcpy(r->jws->kid, text.p, text.size);
		r->jws->kid[text.size] = '\0';
		return r->kid = true;
	}
	if (slice_is(name, "prev")) {
		if (!take_text(r, c, &text))
			return false;
		if (key_parse(text, r->jws->prev) != CC_OK)
			return fail(r, VERDICT_MALFORMED, "prev is no SHA-256");
		return r->jws->chained = true;
	}
	if (slice_is(name, "topic")) {
		if (!take_text(r, c, &text))
			return false;
		return (r->topic = slice_eq(text, r->msg->topic)) ||
		       fail(r, VERDICT_WRONG_TOPIC, "signed for another topic");
	}
	if (slice_is(name, "key")) {
		if (!take_text(r, c, &text))
			return false;
		return (r->key = slice_eq(text, r->msg->key)) ||
		    fail(r, VERDICT_HEADER_MISMATCH, "the key is not the one that was signed");
	}
	if (message_header_name(name) != NULL)
		return take_text(r, c, &text) && take_header(r, name, text);
	/* Of a later version: it says nothing that we act on. */
	return scan_value(c, 1) || fail(r, VERDICT_MALFORMED, "the protected header is no JSON");
}

static bool
take_protected(struct reading *r, struct slice json)
{
	struct cur c = cur_slice(json);
	struct slice name[64];
	size_t count = 0;
	bool plain;

	scan_space(&c);
	if (cur_u8(&c) != '{')
		return fail(r, VERDICT_MALFORMED, "the protected header is no JSON object");
	for (;;) {
		uint8_t b;

		scan_space(&c);
		if (count == 64 || cur_u8(&c) != '"' || !scan_string(&c, &name[count], &plain) || !plain)
			return fail(r, VERDICT_MALFORMED, "the protected header is not as agreed");
		for (size_t i = 0; i < count; i++) {
			if (slice_eq(name[i], name[count]))
				return fail(r, VERDICT_MALFORMED, "the protected header has a member twice");
		}
		count++;
		scan_space(&c);
		if (cur_u8(&c) != ':')
			return fail(r, VERDICT_MALFORMED, "the protected header is not as agreed");
		scan_space(&c);
		if (!take_member(r, name[count - 1], &c))
			return false;
		scan_space(&c);
		b = cur_u8(&c);
		if (b == '}')
			break;
		if (b != ',')
			return fail(r, VERDICT_MALFORMED, "the protected header is not as agreed");
	}
	scan_space(&c);
	if (cur_left(&c) != 0 || c.bad)
		return fail(r, VERDICT_MALFORMED, "something follows the protected header");
	return true;
}

/* All that we act on must be there, covered, once. */
static bool
check_cover(struct reading *r)
{
	static const char *const needed[] = {
	    "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_sequence", "tlp", "exercise"};
	const struct cc_message *msg = r->msg;
	bool signature = false;

	if (!r->alg || !r->kid || !r->b64 || !r->crit || !r->topic || !r->key)
		return fail(r, VERDICT_MALFORMED, "the protected header lacks alg, kid, b64, crit, topic or key");
	for (unsigned i = 0; i < msg->header_count; i++) {
		bool jws = strcmp(msg->header[i].name, "jws") == 0;

		if ((r->headers >> i & 1) != 0 || (jws && !signature))
			signature = signature || jws;
		else
			return fail_header(
			    r, VERDICT_HEADER_MISMATCH, msg->header[i].name, "is not signed, or there twice");
	}
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (message_header(msg, needed[i]).size == 0)
			return fail_header(r, VERDICT_MALFORMED, needed[i], "is missing");
	}
	return true;
}

static bool
take_number(struct slice text, uint64_t *ret_n)
{
	uint64_t n = 0;

	if (text.size == 0 || text.size > 19 || text.p[0] == '0')
		return false;
	for (size_t i = 0; i < text.size; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(text.p[i] - '0');
	}
	*ret_n = n;
	return true;
}

enum verdict
jws_read(const struct cc_message *msg, struct buf *memory, struct jws *ret_jws, char ret_why[160])
{
	struct slice text = message_header(msg, "jws");
	uint8_t signature[SIGNATURE_TEXT];
	struct buf chars;
	struct reading r = {.msg = msg, .jws = ret_jws, .text = &chars, .why = ret_why, .verdict = VERDICT_ACCEPTED};
	const uint8_t *dot = text.size > 0 ? memchr(text.p, '.', text.size) : NULL;
	size_t front = dot != NULL ? (size_t)(dot - text.p) : 0, size = 0;

	memset(ret_jws, 0, sizeof(*ret_jws));
	ret_why[0] = '\0';
	if (text.size == 0) {
		snprintf(ret_why, 160, "has no jws header");
		return VERDICT_UNSIGNED;
	}
	buf_clear(memory);
	if (dot == NULL || text.size - front != 2 + SIGNATURE_TEXT || dot[1] != '.' || text.size > JWS_MAX ||
	    base64url_parse(slice_of(dot + 2, SIGNATURE_TEXT), signature, &size) != CC_OK || size != KEY_SIGNATURE ||
	    !buf_reserve(memory, front + 4) || base64url_parse(slice_of(text.p, front), memory->p, &size) != CC_OK) {
		snprintf(ret_why, 160, "the jws header is no detached compact JWS of EdDSA");
		return VERDICT_MALFORMED;
	}
	memcpy(ret_jws->signature, signature, KEY_SIGNATURE);
	ret_jws->protected = slice_of(text.p, front);
	buf_open(&chars, TEXT_MAX);
	if (take_protected(&r, slice_of(memory->p, size)) && check_cover(&r) &&
	    !take_number(message_header(msg, "ce_sequence"), &ret_jws->sequence))
		(void)fail(&r, VERDICT_MALFORMED, "ce_sequence is no number from 1 on");
	else if (r.verdict == VERDICT_ACCEPTED && !ret_jws->chained && ret_jws->sequence != 1)
		(void)fail(&r, VERDICT_MALFORMED, "prev is missing");
	else if (r.verdict == VERDICT_ACCEPTED && ret_jws->chained && ret_jws->sequence == 1)
		(void)fail(&r, VERDICT_MALFORMED, "the first of a lane has no prev");
	buf_close(&chars);
	return r.verdict;
}

bool
jws_fits(const struct jws *jws, struct slice value, void *pkey, struct buf *memory)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good;

	buf_clear(memory);
	buf_add_slice(memory, jws->protected);
	buf_add_u8(memory, '.');
	buf_add_slice(memory, value);
	good = ctx != NULL && !memory->full && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
	    EVP_DigestVerify(ctx, jws->signature, KEY_SIGNATURE, memory->p, memory->size) == 1;
	EVP_MD_CTX_free(ctx);
	if (!good)
		ERR_clear_error();
	return good;
}
