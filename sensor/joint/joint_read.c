/*
 * A verified message to a sighting: the bundle is read in place, without a tree, since twenty thousand a second have to
 * be.
 *
 * The verifier has judged the form already (strict JSON, no member twice); still nothing here trusts it: all goes
 * through struct cur, depth is bounded, and what is not as expected is left out.  Thread: any, no state.
 */
#include "joint/joint.h"
#include "record/record.h"

#include <stdio.h>
#include <stdlib.h>

#define DEPTH 32
#define ANSWERS_MAX 64 /* results of one answer */

/* ---- JSON, in place ---- */

static void
space(struct cur *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\r' || *c->p == '\t'))
		c->p++;
}

/* Behind the opening quote, up to and with the closing one. */
static bool
skip_string(struct cur *c)
{
	while (c->p < c->end) {
		const uint8_t *quote = memchr(c->p, '"', cur_left(c)), *p;

		if (quote == NULL)
			break;
		for (p = quote; p > c->p && p[-1] == '\\'; p--)
			;
		/* An even number of backslashes before it escape each other. */
		c->p = quote + 1;
		if ((quote - p) % 2 == 0)
			return true;
	}
	c->bad = true;
	return false;
}

/* One value, whatever it is. */
static bool
skip_value(struct cur *c)
{
	unsigned depth = 0;

	do {
		uint8_t b = cur_u8(c);

		if (b == '"' && !skip_string(c))
			return false;
		if (b == '{' || b == '[')
			depth++;
		if ((b == '}' || b == ']') && depth-- == 0)
			return false;
		if (depth > DEPTH || c->bad)
			return false;
		if (depth == 0 && b != '"' && b != '}' && b != ']') {
			while (c->p < c->end && strchr(",}] \n\r\t", *c->p) == NULL)
				c->p++;
		}
	} while (depth > 0);
	return true;
}

/* The next element of an object (with its name) or array; c is behind the bracket at the beginning.  False at the end.
 */
static bool
next(struct cur *c, struct slice *ret_name, struct slice *ret_value)
{
	const uint8_t *start;

	space(c);
	if (c->p < c->end && *c->p == ',') {
		c->p++;
		space(c);
	}
	if (c->bad || c->p >= c->end || *c->p == '}' || *c->p == ']')
		return false;
	if (ret_name != NULL) {
		if (cur_u8(c) != '"')
			return false;
		start = c->p;
		if (!skip_string(c))
			return false;
		*ret_name = slice_of(start, (size_t)(c->p - 1 - start));
		space(c);
		if (cur_u8(c) != ':')
			return false;
		space(c);
	}
	start = c->p;
	if (!skip_value(c))
		return false;
	*ret_value = slice_of(start, (size_t)(c->p - start));
	return true;
}

/* A cursor into an object or array; empty when it is none. */
static struct cur
inside(struct slice value, char bracket)
{
	if (value.size < 2 || value.p[0] != (uint8_t)bracket)
		return cur_of(NULL, 0);
	return cur_of(value.p + 1, value.size - 1);
}

static struct slice
member(struct slice object, const char *name)
{
	struct cur c = inside(object, '{');
	struct slice is, value;

	while (next(&c, &is, &value)) {
		if (slice_is(is, name))
			return value;
	}
	return slice_of(NULL, 0);
}

static void
add_code(struct buf *out, unsigned code)
{
	if (code < 0x80) {
		buf_add_u8(out, (uint8_t)code);
	} else if (code < 0x800) {
		buf_add_u8(out, (uint8_t)(0xc0 | code >> 6));
		buf_add_u8(out, (uint8_t)(0x80 | (code & 0x3f)));
	} else {
		buf_add_u8(out, (uint8_t)(0xe0 | code >> 12));
		buf_add_u8(out, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
		buf_add_u8(out, (uint8_t)(0x80 | (code & 0x3f)));
	}
}

/* The text of a string; empty when it is none.  What has escapes is written to scratch, which must not move. */
static struct slice
text(struct slice value, struct buf *scratch)
{
	struct cur c;
	size_t start = scratch->size;

	if (value.size < 2 || value.p[0] != '"')
		return slice_of(NULL, 0);
	value = slice_of(value.p + 1, value.size - 2);
	if (memchr(value.p, '\\', value.size) == NULL)
		return value;
	for (c = cur_slice(value); cur_left(&c) > 0;) {
		uint8_t b = cur_u8(&c);

		if (b == '\\') {
			static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
			const char *at;

			b = cur_u8(&c);
			if (b == 'u') {
				const uint8_t *hex = cur_bytes(&c, 4);
				uint8_t code[2] = {0, 0};

				if (hex != NULL && hex_parse(slice_of(hex, 4), code, 2) == CC_OK)
					add_code(scratch, (unsigned)code[0] << 8 | code[1]);
				continue;
			}
			if (b != 0 && (at = strchr(from, b)) != NULL)
				b = (uint8_t)to[at - from];
		}
		buf_add_u8(scratch, b);
	}
	return slice_of(scratch->p + start, scratch->size - start);
}

static double
number(struct slice value, double otherwise)
{
	char word[32], *end;
	double is;

	if (value.size == 0 || value.size >= sizeof(word))
		return otherwise;
	memcpy(word, value.p, value.size);
	word[value.size] = '\0';
	is = strtod(word, &end);
	return *end == '\0' && is >= -1e15 && is <= 1e15 ? is : otherwise;
}

static uint64_t
when(struct slice value, struct buf *scratch)
{
	struct slice s = text(value, scratch);
	char word[48];
	uint64_t ns;

	if (s.size == 0 || s.size >= sizeof(word))
		return 0;
	memcpy(word, s.p, s.size);
	word[s.size] = '\0';
	return time_rfc3339_parse(word, &ns) == CC_OK ? ns : 0;
}

/* ---- the basic information ---- */

struct reading {
	struct joint_sighting *s;
	struct buf *scratch;
};

static void
read_coverage(struct reading *r, struct slice group)
{
	static const char *const lost[] = {"lost_kernel", "lost_interface", "lost_ring", "lost_errors", "lost"};
	double seen = number(member(group, "packets"), 0), gone = 0;

	r->s->from = when(member(group, "from"), r->scratch);
	r->s->until = when(member(group, "until"), r->scratch);
	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++)
		gone += number(member(group, lost[i]), 0);
	if (seen + gone > 0 && gone > 0)
		r->s->loss = gone / (seen + gone);
}

static void
read_endpoint(struct reading *r, struct slice group)
{
	struct cur c = inside(group, '{');
	struct slice name, value;

	while (next(&c, &name, &value)) {
		if (slice_is(name, "attacker"))
			r->s->attacker = text(value, r->scratch);
		else if (slice_is(name, "attacker_port"))
			r->s->port = (uint16_t)number(value, 0);
		else if (slice_is(name, "attacker_role"))
			r->s->client = slice_is(text(value, r->scratch), "client");
		else if (slice_is(name, "attacker_pseudonym"))
			r->s->attacker_pseudonym = text(value, r->scratch);
		else if (slice_is(name, "victim"))
			r->s->victim = text(value, r->scratch);
		else if (slice_is(name, "victim_sector"))
			r->s->sector = text(value, r->scratch);
	}
}

static void
read_fingerprints(struct reading *r, struct slice group)
{
	struct joint_sighting *s = r->s;
	const struct {
		const char *name;
		struct slice *to;
	} item[] = {{"attacker_tcp_stack", &s->stack}, {"ja3", &s->ja3}, {"ja3s", &s->ja3s}, {"ja4", &s->ja4},
	    {"certificate_sha256", &s->cert}, {"key_sha256", &s->key_sha256}, {"user_agent", &s->agent},
	    {"http_header_order", &s->headers}};
	struct cur c = inside(group, '{');
	struct slice name, value;

	while (next(&c, &name, &value)) {
		for (size_t i = 0; i < sizeof(item) / sizeof(item[0]); i++) {
			if (slice_is(name, item[i].name))
				*item[i].to = text(value, r->scratch);
		}
	}
}

static void
read_level(struct reading *r, struct slice value)
{
	static const char *const word[] = {"spoofable", "handshake", "dialogue", "keyed", "content"};
	struct slice level = text(value, r->scratch);

	for (unsigned i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		if (slice_is(level, word[i]))
			r->s->proof = (enum cc_proof)i;
	}
}

static void
read_proof(struct reading *r, struct slice group)
{
	read_level(r, member(group, "level"));
}

static void
read_detection(struct reading *r, struct slice group)
{
	r->s->rule_name = text(member(group, "name"), r->scratch);
	r->s->rule = text(member(group, "rule"), r->scratch);
	r->s->rule_class = text(member(group, "class"), r->scratch);
}

static void
read_behaviour(struct reading *r, struct slice group)
{
	r->s->period = number(member(group, "period_seconds"), 0);
	r->s->jitter = number(member(group, "jitter"), 1);
}

static void
read_origin(struct reading *r, struct slice group)
{
	struct slice kind = text(member(group, "kind"), r->scratch);

	r->s->origin = slice_is(kind, "relay") ? JOINT_RELAY : slice_is(kind, "answer") ? JOINT_ANSWER : JOINT_OWN;
	r->s->origin_of = text(member(group, "of"), r->scratch);
}

static void
read_information(struct reading *r, struct slice extension)
{
	struct cur c = inside(extension, '{');
	struct slice name, value;

	while (next(&c, &name, &value)) {
		if (slice_is(name, "vantage"))
			r->s->one_sided = slice_is(text(member(value, "sides"), r->scratch), "one");
		else if (slice_is(name, "coverage"))
			read_coverage(r, value);
		else if (slice_is(name, "clock"))
			r->s->clock_error = number(member(value, "error_bound_seconds"), -1);
		else if (slice_is(name, "path"))
			r->s->hops = (unsigned)number(member(value, "hops_estimate"), 255) & 0xff;
		else if (slice_is(name, "endpoint"))
			read_endpoint(r, value);
		else if (slice_is(name, "fingerprints"))
			read_fingerprints(r, value);
		else if (slice_is(name, "detection"))
			read_detection(r, value);
		else if (slice_is(name, "proof"))
			read_proof(r, value);
		else if (slice_is(name, "behaviour"))
			read_behaviour(r, value);
		else if (slice_is(name, "origin"))
			read_origin(r, value);
		else if (slice_is(name, "completeness"))
			r->s->completeness = (unsigned)number(value, 0);
	}
}

static void
read_object(struct reading *r, struct slice object)
{
	struct joint_sighting *s = r->s;
	struct slice type = text(member(object, "type"), r->scratch);

	if (slice_is(type, "sighting")) {
		s->first = when(member(object, "first_seen"), r->scratch);
		s->last = when(member(object, "last_seen"), r->scratch);
		s->count = (uint64_t)number(member(object, "count"), 1);
	}
	if (slice_is(type, "sighting") || slice_is(type, "observed-data")) {
		struct cur c = inside(member(object, "extensions"), '{');
		struct slice name, value;

		while (next(&c, &name, &value))
			read_information(r, value);
	} else if (slice_is(type, "indicator")) {
		struct slice revoked = member(object, "revoked");

		s->revoked = s->revoked || slice_is(revoked, "true");
		if (s->revoked && s->first == 0)
			s->first = when(member(object, "modified"), r->scratch);
	} else if (slice_is(type, "domain-name")) {
		s->domain = text(member(object, "value"), r->scratch);
	} else if (slice_is(type, "url")) {
		s->url = text(member(object, "value"), r->scratch);
	} else if (slice_is(type, "file")) {
		s->file = text(member(member(object, "hashes"), "SHA-256"), r->scratch);
	}
}

static bool
read_key(struct joint_sighting *s, struct slice key)
{
	static const char *const word[CC_KIND_COUNT] = {"addr", "domain", "url", "file-sha256", "ja3", "ja3s", "ja4",
	    "cert-sha256", "user-agent", "email", "hassh", "hassh-server", "ssh-host-key"};
	const uint8_t *colon = key.size > 0 ? memchr(key.p, ':', key.size) : NULL;

	if (colon == NULL)
		return false;
	for (unsigned i = 0; i < CC_KIND_COUNT; i++) {
		if (slice_is(slice_of(key.p, (size_t)(colon - key.p)), word[i])) {
			s->kind = (enum cc_kind)i;
			s->key = key;
			s->value = slice_of(colon + 1, key.size - (size_t)(colon - key.p) - 1);
			return s->value.size > 0;
		}
	}
	return false;
}

/* What the indicator names stands beside it, too, where the bundle has no object for it. */
static void
fill_in(struct joint_sighting *s)
{
	struct slice *const to[CC_KIND_COUNT] = {[CC_KIND_DOMAIN] = &s->domain, [CC_KIND_URL] = &s->url,
	    [CC_KIND_FILE_SHA256] = &s->file,
	    [CC_KIND_JA3] = &s->ja3, [CC_KIND_JA3S] = &s->ja3s, [CC_KIND_JA4] = &s->ja4,
	    [CC_KIND_CERT_SHA256] = &s->cert,
	    [CC_KIND_USER_AGENT] = &s->agent, [CC_KIND_HASSH] = &s->hassh, [CC_KIND_HASSH_SERVER] = &s->hassh_server,
	    [CC_KIND_SSH_HOST_KEY] = &s->key_sha256};

	if (to[s->kind] != NULL && to[s->kind]->size == 0)
		*to[s->kind] = s->value;
}

static struct slice
header(const struct cc_message *msg, const char *name)
{
	for (unsigned i = 0; i < msg->header_count; i++) {
		if (strcmp(msg->header[i].name, name) == 0)
			return msg->header[i].value;
	}
	return slice_of(NULL, 0);
}

/* What the writer marked it; the verifier refuses what has no marking, so the default is for those who skip it. */
static enum cc_tlp
marking(const struct cc_message *msg)
{
	enum cc_tlp tlp;

	return record_tlp_parse(header(msg, "tlp"), &tlp) == CC_OK ? tlp : CC_TLP_AMBER;
}

enum cc_status
joint_read(
    const struct cc_message *msg, struct slice organisation, struct buf *scratch, struct joint_sighting *ret_sighting)
{
	struct joint_sighting s = {.organisation = organisation, .clock_error = -1, .hops = 255, .count = 1};
	struct reading r = {&s, scratch};
	struct slice source = header(msg, "ce_source"), object;
	const uint8_t *slash = source.size > 0 ? memchr(source.p, '/', source.size) : NULL;
	struct cur c;

	if (!slice_is(header(msg, "ce_type"), "org.concert.sighting.v1"))
		return CC_ABSENT;
	buf_clear(scratch);
	/* Escapes only shorten: scratch never moves below what borrows from it. */
	if (!buf_reserve(scratch, msg->value.size + 64) || !read_key(&s, msg->key))
		return CC_BAD;
	s.message = header(msg, "ce_id");
	s.tlp = marking(msg);
	s.exercise = slice_is(header(msg, "exercise"), "true");
	if (slash != NULL)
		s.sensor = slice_of(slash + 1, source.size - (size_t)(slash + 1 - source.p));
	for (c = inside(member(msg->value, "objects"), '['); next(&c, NULL, &object);)
		read_object(&r, object);
	if (c.bad || s.first == 0 || s.message.size == 0)
		return CC_BAD;
	if (s.last < s.first)
		s.last = s.first;
	fill_in(&s);
	*ret_sighting = s;
	return CC_OK;
}

/* ---- heartbeats ---- */

/* Our extension's part of this name on any of the bundle's objects; empty: none. */
static struct slice
extension_part(struct slice value, const char *name)
{
	struct cur c = inside(member(value, "objects"), '['), e;
	struct slice object, is, extension, part;

	while (next(&c, NULL, &object)) {
		for (e = inside(member(object, "extensions"), '{'); next(&e, &is, &extension);) {
			part = member(extension, name);
			if (part.size > 0)
				return part;
		}
	}
	return slice_of(NULL, 0);
}

enum cc_status
joint_read_heartbeat(const struct cc_message *msg, struct slice organisation, struct buf *scratch,
    struct joint_heartbeat *ret_heartbeat)
{
	struct joint_sighting s = {.clock_error = -1};
	struct reading r = {&s, scratch};
	struct slice health, bound, when_sent = header(msg, "ce_time");
	char word[40];
	uint64_t ns;

	if (!slice_is(header(msg, "ce_type"), "org.concert.health.v1"))
		return CC_ABSENT;
	buf_clear(scratch);
	if (!buf_reserve(scratch, msg->value.size + 64))
		return CC_NOMEM;
	health = extension_part(msg->value, "health");
	if (health.size == 0 || when_sent.size >= sizeof(word))
		return CC_BAD;
	snprintf(word, sizeof(word), "%.*s", (int)when_sent.size, (const char *)when_sent.p);
	if (time_rfc3339_parse(word, &ns) != CC_OK)
		return CC_BAD;
	read_coverage(&r, member(health, "coverage"));
	bound = text(member(member(health, "clock"), "error_bound"), scratch);
	*ret_heartbeat = (struct joint_heartbeat){.organisation = organisation, .from = s.until != 0 ? s.from : ns,
	    .until = s.until != 0 ? s.until : ns, .lost = s.loss, .clock_error = -1};
	snprintf(word, sizeof(word), "%.*s", (int)(bound.size < sizeof(word) ? bound.size : 0), (const char *)bound.p);
	if (bound.size > 0 && duration_parse(word, &ns) == CC_OK)
		ret_heartbeat->clock_error = (double)ns / 1e9;
	return CC_OK;
}

/* ---- answers to requests ---- */

/* The step of a request in our extension on the bundle's note; empty: none. */
static struct slice
step_of(struct slice value)
{
	struct cur c = inside(member(value, "objects"), '['), e;
	struct slice object, name, extension, step;

	while (next(&c, NULL, &object)) {
		for (e = inside(member(object, "extensions"), '{'); next(&e, &name, &extension);) {
			step = member(extension, "request");
			if (step.size > 0)
				return step;
		}
	}
	return slice_of(NULL, 0);
}

/*
 * What one result says.  A sensor's store has every address that it met, but of names and hashes only those that a rule
 * or a list told it to look for: so only of addresses does 'not seen' mean something.
 */
static bool
read_result(struct reading *r, struct slice result)
{
	struct joint_sighting *s = r->s;
	bool seen = slice_is(member(result, "seen"), "true");

	if (!read_key(s, text(member(result, "indicator"), r->scratch)) || (!seen && s->kind != CC_KIND_ADDR))
		return false;
	s->count = seen ? (uint64_t)(number(member(result, "count"), 0) + number(member(result, "flows"), 0)) : 0;
	s->first = seen ? when(member(result, "first"), r->scratch) : s->from;
	s->last = seen ? when(member(result, "last"), r->scratch) : s->until;
	s->proof = CC_PROOF_SPOOFABLE;
	read_level(r, member(result, "proof"));
	if (s->kind == CC_KIND_ADDR)
		s->attacker = s->value;
	if (s->last < s->first)
		s->last = s->first;
	return s->first != 0 && (seen ? s->count > 0 : s->last > s->first);
}

/* In clear, or under the seal; plain is what was opened, the caller's to free. */
static struct slice
answer_of(struct slice step, struct slice responder, struct buf *scratch, joint_open_fn *open, void *ctx,
    struct slice *ret_plain)
{
	struct slice sealed = text(member(step, "encrypted"), scratch);

	if (sealed.size == 0 || open == NULL)
		return member(step, "answer");
	if (open(ctx, responder, text(member(step, "id"), scratch), sealed, ret_plain) != CC_OK)
		return slice_of(NULL, 0);
	return member(*ret_plain, "answer");
}

static enum cc_status
read_answer(struct reading *r, struct slice answer, joint_sighting_fn *fn, void *ctx)
{
	struct joint_sighting *s = r->s;
	enum cc_status st = CC_ABSENT;
	struct slice result;
	struct cur c;
	unsigned count = 0;

	read_coverage(r, member(answer, "coverage"));
	for (c = inside(member(answer, "results"), '['); next(&c, NULL, &result) && count < ANSWERS_MAX; count++) {
		s->kind = CC_KIND_ADDR;
		s->attacker = s->domain = s->url = s->file = s->cert = s->ja3 = s->ja3s = s->ja4 = s->agent =
		    slice_of(NULL, 0);
		if (!read_result(r, result))
			continue;
		fill_in(s);
		fn(ctx, s);
		st = CC_OK;
	}
	return c.bad ? CC_BAD : st;
}

enum cc_status
joint_answers(const struct cc_message *msg, struct slice organisation, struct buf *scratch, joint_sighting_fn *fn,
    joint_open_fn *open, void *ctx)
{
	struct joint_sighting s = {
	    .organisation = organisation, .clock_error = -1, .hops = 255, .origin = JOINT_ANSWER};
	struct reading r = {&s, scratch};
	struct slice step, answer, plain = slice_of(NULL, 0);
	enum cc_status st = CC_ABSENT;

	if (!slice_is(header(msg, "ce_type"), "org.concert.request.v1"))
		return CC_ABSENT;
	buf_clear(scratch);
	/* Of the message, and of what is under its seal, which is shorter. */
	if (!buf_reserve(scratch, 4 * msg->value.size + 64))
		return CC_NOMEM;
	step = step_of(msg->value);
	/* Who answers is who was asked: a step that the requester writes tells nothing. */
	if (!slice_is(text(member(step, "state"), scratch), "answered") ||
	    !slice_eq(text(member(step, "responder"), scratch), organisation))
		return CC_ABSENT;
	answer = answer_of(step, organisation, scratch, open, ctx, &plain);
	if (answer.size > 0) {
		s.message = header(msg, "ce_id");
		s.tlp = marking(msg);
		s.exercise = slice_is(header(msg, "exercise"), "true");
		s.origin_of = text(member(step, "id"), scratch);
		s.sensor = slice_str("desk");
		st = read_answer(&r, answer, fn, ctx);
	}
	free((void *)(uintptr_t)plain.p);
	return st;
}
