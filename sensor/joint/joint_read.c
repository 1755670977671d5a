/*
 * A verified message to a sighting: the bundle is read in place, without a tree, since twenty thousand a second have to
 * be.
 *
 * The verifier has judged the form already (strict JSON, no member twice); still nothing here trusts it: all goes
 * through struct cur, depth is bounded, and what is not as expected is left out.  Thread: any, no state.
 */
#include "joint/joint.h"
#include "joint/pull.h"
#include "output/output.h"
#include "record/record.h"

#include <stdio.h>
#include <stdlib.h>

#define ANSWERS_MAX 64 /* results of one answer */
#define COUNT_MAX 1000000000000000 /* of packets, sights: more was counted by nobody */

/* ---- the basic information ---- */

struct reading {
	struct joint_sighting *s;
	struct buf *scratch;
};

/* A text of the sighting; longer than a sensor writes one it is none. */
static struct slice
text_of(struct reading *r, struct slice value)
{
	struct slice text = pull_text(value, r->scratch);

	return text.size <= JOINT_TEXT_MAX ? text : slice_of(NULL, 0);
}

/* Each of these reads the value at c, and passes it: so every byte of a bundle is looked at once. */
static void
read_coverage(struct reading *r, struct cur *c)
{
	uint64_t seen = 0, gone = 0;
	struct slice name;

	if (!pull_enter(c, '{'))
		return;
	while (pull_step(c, &name)) {
		if (slice_is(name, "from"))
			r->s->from = pull_time(pull_take(c), r->scratch);
		else if (slice_is(name, "until"))
			r->s->until = pull_time(pull_take(c), r->scratch);
		else if (slice_is(name, "packets"))
			seen = pull_uint(pull_take(c), COUNT_MAX, 0);
		else if (slice_is(name, "lost_kernel") || slice_is(name, "lost_interface") ||
			 slice_is(name, "lost_ring") || slice_is(name, "lost_errors") || slice_is(name, "lost"))
			gone += pull_uint(pull_take(c), COUNT_MAX, 0);
		else
			(void)pull_take(c);
	}
	if (gone > 0)
		r->s->loss = (double)gone / (double)(seen + gone);
}

static void
read_endpoint(struct reading *r, struct cur *c)
{
	struct joint_sighting *s = r->s;
	struct slice name;

	if (!pull_enter(c, '{'))
		return;
	while (pull_step(c, &name)) {
		struct slice value = pull_take(c);

		if (slice_is(name, "attacker"))
			s->attacker = text_of(r, value);
		else if (slice_is(name, "attacker_port"))
			s->port = (uint16_t)pull_uint(value, UINT16_MAX, 0);
		else if (slice_is(name, "attacker_role"))
			s->client = slice_is(text_of(r, value), "client");
		else if (slice_is(name, "attacker_pseudonym"))
			s->attacker_pseudonym = text_of(r, value);
		else if (slice_is(name, "victim"))
			s->victim = text_of(r, value);
		else if (slice_is(name, "victim_sector"))
			s->sector = text_of(r, value);
	}
}

/* Texts of an object by their names. */
struct named_text {
	const char *name;
	struct slice *to;
};

static void
read_texts(struct reading *r, struct cur *c, const struct named_text *item, size_t count)
{
	struct slice name;

	if (!pull_enter(c, '{'))
		return;
	while (pull_step(c, &name)) {
		struct slice value = pull_take(c);

		for (size_t i = 0; i < count; i++) {
			if (slice_is(name, item[i].name))
				*item[i].to = text_of(r, value);
		}
	}
}

static void
read_fingerprints(struct reading *r, struct cur *c)
{
	struct joint_sighting *s = r->s;
	const struct named_text item[] = {{"attacker_tcp_stack", &s->stack}, {"ja3", &s->ja3}, {"ja3s", &s->ja3s},
	    {"ja4", &s->ja4}, {"certificate_sha256", &s->cert}, {"key_sha256", &s->key_sha256},
	    {"user_agent", &s->agent}, {"http_header_order", &s->headers}};

	read_texts(r, c, item, sizeof(item) / sizeof(item[0]));
}

static void
read_level(struct reading *r, struct slice value)
{
	static const char *const word[] = {"spoofable", "handshake", "dialogue", "keyed", "content"};
	struct slice level = text_of(r, value);

	for (unsigned i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		if (slice_is(level, word[i]))
			r->s->proof = (enum cc_proof)i;
	}
}

static void
read_detection(struct reading *r, struct cur *c)
{
	struct joint_sighting *s = r->s;
	const struct named_text item[] = {{"name", &s->rule_name}, {"rule", &s->rule}, {"class", &s->rule_class}};

	read_texts(r, c, item, sizeof(item) / sizeof(item[0]));
}

static void
read_behaviour(struct reading *r, struct cur *c)
{
	struct slice name;

	r->s->jitter = 1;
	if (!pull_enter(c, '{'))
		return;
	while (pull_step(c, &name)) {
		struct slice value = pull_take(c);

		if (slice_is(name, "period_seconds"))
			r->s->period = pull_number(value, 0);
		else if (slice_is(name, "jitter"))
			r->s->jitter = pull_number(value, 1);
	}
}

static void
read_origin(struct reading *r, struct cur *c)
{
	struct slice kind = slice_of(NULL, 0);
	const struct named_text item[] = {{"kind", &kind}, {"of", &r->s->origin_of}};

	read_texts(r, c, item, sizeof(item) / sizeof(item[0]));
	r->s->origin = slice_is(kind, "relay") ? JOINT_RELAY : slice_is(kind, "answer") ? JOINT_ANSWER : JOINT_OWN;
}

static void
read_information(struct reading *r, struct cur *c)
{
	struct joint_sighting *s = r->s;
	struct slice name;

	if (!pull_enter(c, '{'))
		return;
	while (pull_step(c, &name)) {
		if (slice_is(name, "vantage"))
			s->one_sided = slice_is(pull_text(pull_take_member(c, "sides"), r->scratch), "one");
		else if (slice_is(name, "coverage"))
			read_coverage(r, c);
		else if (slice_is(name, "clock"))
			s->clock_error = pull_number(pull_take_member(c, "error_bound_seconds"), -1);
		else if (slice_is(name, "path"))
			s->hops = (unsigned)pull_uint(pull_take_member(c, "hops_estimate"), 255, 255);
		else if (slice_is(name, "endpoint"))
			read_endpoint(r, c);
		else if (slice_is(name, "fingerprints"))
			read_fingerprints(r, c);
		else if (slice_is(name, "detection"))
			read_detection(r, c);
		else if (slice_is(name, "proof"))
			read_level(r, pull_take_member(c, "level"));
		else if (slice_is(name, "behaviour"))
			read_behaviour(r, c);
		else if (slice_is(name, "origin"))
			read_origin(r, c);
		else if (slice_is(name, "completeness"))
			s->completeness = (unsigned)pull_uint(pull_take(c), 100, 0);
		else
			(void)pull_take(c);
	}
}

static void
read_extensions(struct reading *r, struct cur *c)
{
	struct slice name;

	if (!pull_enter(c, '{'))
		return;
	while (pull_step(c, &name))
		read_information(r, c);
}

/* A sighting, or the observed data behind one. */
static void
read_sight(struct reading *r, struct cur *c, bool sighting)
{
	struct joint_sighting *s = r->s;
	struct slice name;

	while (pull_step(c, &name)) {
		if (slice_is(name, "extensions"))
			read_extensions(r, c);
		else if (sighting && slice_is(name, "first_seen"))
			s->first = pull_time(pull_take(c), r->scratch);
		else if (sighting && slice_is(name, "last_seen"))
			s->last = pull_time(pull_take(c), r->scratch);
		else if (sighting && slice_is(name, "count"))
			s->count = pull_uint(pull_take(c), COUNT_MAX, 1);
		else
			(void)pull_take(c);
	}
}

static void
read_indicator(struct reading *r, struct cur *c)
{
	struct joint_sighting *s = r->s;
	struct slice name, modified = slice_of(NULL, 0);

	while (pull_step(c, &name)) {
		struct slice value = pull_take(c);

		if (slice_is(name, "revoked"))
			s->revoked = s->revoked || slice_is(value, "true");
		else if (slice_is(name, "modified"))
			modified = value;
	}
	if (s->revoked && s->first == 0)
		s->first = pull_time(modified, r->scratch);
}

/* The object at c, by its type, which stands at its beginning as a rule. */
static void
read_object(struct reading *r, struct cur *c)
{
	struct joint_sighting *s = r->s;
	struct slice type = pull_text(pull_member(slice_of(c->p, cur_left(c)), "type"), r->scratch), name;
	struct slice *value = slice_is(type, "domain-name") ? &s->domain : slice_is(type, "url") ? &s->url : NULL;
	bool file = slice_is(type, "file");

	if (!pull_enter(c, '{'))
		return;
	if (slice_is(type, "sighting") || slice_is(type, "observed-data")) {
		read_sight(r, c, slice_is(type, "sighting"));
		return;
	}
	if (slice_is(type, "indicator")) {
		read_indicator(r, c);
		return;
	}
	while (pull_step(c, &name)) {
		if (value != NULL && slice_is(name, "value"))
			*value = text_of(r, pull_take(c));
		else if (file && slice_is(name, "hashes"))
			s->file = text_of(r, pull_take_member(c, "SHA-256"));
		else
			(void)pull_take(c);
	}
}

static void
read_objects(struct reading *r, struct cur *c)
{
	if (!pull_enter(c, '['))
		return;
	while (pull_step(c, NULL))
		read_object(r, c);
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
			return s->value.size > 0 && s->value.size <= JOINT_TEXT_MAX;
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

/* What the writer marked it; the verifier refuses what has no marking, so the default is for those who skip it. */
static enum cc_tlp
marking(const struct cc_message *msg)
{
	enum cc_tlp tlp;

	return record_tlp_parse(message_header(msg, "tlp"), &tlp) == CC_OK ? tlp : CC_TLP_AMBER;
}

enum cc_status
joint_read(
    const struct cc_message *msg, struct slice organisation, struct buf *scratch, struct joint_sighting *ret_sighting)
{
	struct joint_sighting s = {.organisation = organisation, .clock_error = -1, .hops = 255, .count = 1};
	struct reading r = {&s, scratch};
	struct slice source = message_header(msg, "ce_source"), name;
	const uint8_t *slash = source.size > 0 ? memchr(source.p, '/', source.size) : NULL;
	struct cur c = cur_slice(msg->value);

	if (!slice_is(message_header(msg, "ce_type"), "org.concert.sighting.v1"))
		return CC_ABSENT;
	buf_clear(scratch);
	/* Escapes only shorten: scratch never moves below what borrows from it. */
	if (!buf_reserve(scratch, msg->value.size + 64) || !read_key(&s, msg->key))
		return CC_BAD;
	s.message = message_header(msg, "ce_id");
	s.tlp = marking(msg);
	s.exercise = slice_is(message_header(msg, "exercise"), "true");
	if (slash != NULL)
		s.sensor = slice_of(slash + 1, source.size - (size_t)(slash + 1 - source.p));
	if (!pull_enter(&c, '{'))
		return CC_BAD;
	while (pull_step(&c, &name)) {
		if (slice_is(name, "objects"))
			read_objects(&r, &c);
		else
			(void)pull_take(&c);
	}
	if (c.bad || s.first == 0 || s.message.size == 0 || s.message.size > JOINT_NAME_MAX ||
	    s.sensor.size > JOINT_NAME_MAX)
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
	struct cur c = pull_inside(pull_member(value, "objects"), '['), e;
	struct slice object, is, extension, part;

	while (pull_next(&c, NULL, &object)) {
		for (e = pull_inside(pull_member(object, "extensions"), '{'); pull_next(&e, &is, &extension);) {
			part = pull_member(extension, name);
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
	struct slice health, bound, when_sent = message_header(msg, "ce_time");
	struct cur coverage;
	char word[40];
	uint64_t ns;

	if (!slice_is(message_header(msg, "ce_type"), "org.concert.health.v1"))
		return CC_ABSENT;
	buf_clear(scratch);
	if (!buf_reserve(scratch, msg->value.size + 64))
		return CC_NOMEM;
	health = extension_part(msg->value, "health");
	if (health.size == 0 || when_sent.size >= sizeof(word))
		return CC_BAD;
	snprintf(word, sizeof(word), "%.*s", (int)when_sent.size, (const char *)when_sent.p);
	if (time_rfc3339_parse(word, &ns) != CC_OK || ns > INT64_MAX)
		return CC_BAD;
	coverage = cur_slice(pull_member(health, "coverage"));
	read_coverage(&r, &coverage);
	bound = pull_text(pull_member(pull_member(health, "clock"), "error_bound"), scratch);
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
	struct cur c = pull_inside(pull_member(value, "objects"), '['), e;
	struct slice object, name, extension, step;

	while (pull_next(&c, NULL, &object)) {
		for (e = pull_inside(pull_member(object, "extensions"), '{'); pull_next(&e, &name, &extension);) {
			step = pull_member(extension, "request");
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
	bool seen = slice_is(pull_member(result, "seen"), "true");

	if (!read_key(s, pull_text(pull_member(result, "indicator"), r->scratch)) || (!seen && s->kind != CC_KIND_ADDR))
		return false;
	s->count = 0;
	if (seen)
		s->count = pull_uint(pull_member(result, "count"), COUNT_MAX, 0) +
			   pull_uint(pull_member(result, "flows"), COUNT_MAX, 0);
	s->first = seen ? pull_time(pull_member(result, "first"), r->scratch) : s->from;
	s->last = seen ? pull_time(pull_member(result, "last"), r->scratch) : s->until;
	s->proof = CC_PROOF_SPOOFABLE;
	read_level(r, pull_member(result, "proof"));
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
	struct slice sealed = pull_text(pull_member(step, "encrypted"), scratch);

	if (sealed.size == 0 || open == NULL)
		return pull_member(step, "answer");
	if (open(ctx, responder, pull_text(pull_member(step, "id"), scratch), sealed, ret_plain) != CC_OK)
		return slice_of(NULL, 0);
	return pull_member(*ret_plain, "answer");
}

static enum cc_status
read_answer(struct reading *r, struct slice answer, joint_sighting_fn *fn, void *ctx)
{
	struct joint_sighting *s = r->s, plain;
	enum cc_status st = CC_ABSENT;
	struct slice result;
	struct cur c = cur_slice(pull_member(answer, "coverage"));
	unsigned count = 0;

	read_coverage(r, &c);
	plain = *s;
	c = pull_inside(pull_member(answer, "results"), '[');
	for (; pull_next(&c, NULL, &result) && count < ANSWERS_MAX; count++) {
		/* Nothing of one result goes on into the next. */
		*s = plain;
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

	if (!slice_is(message_header(msg, "ce_type"), "org.concert.request.v1"))
		return CC_ABSENT;
	buf_clear(scratch);
	/* Of the message, and of what is under its seal, which is shorter. */
	if (!buf_reserve(scratch, 4 * msg->value.size + 64))
		return CC_NOMEM;
	step = step_of(msg->value);
	/* Who answers is who was asked: a step that the requester writes tells nothing. */
	if (!slice_is(pull_text(pull_member(step, "state"), scratch), "answered") ||
	    !slice_eq(pull_text(pull_member(step, "responder"), scratch), organisation))
		return CC_ABSENT;
	answer = answer_of(step, organisation, scratch, open, ctx, &plain);
	if (answer.size > 0 && message_header(msg, "ce_id").size <= JOINT_NAME_MAX) {
		s.message = message_header(msg, "ce_id");
		s.tlp = marking(msg);
		s.exercise = slice_is(message_header(msg, "exercise"), "true");
		s.origin_of = text_of(&r, pull_member(step, "id"));
		s.sensor = slice_str("desk");
		st = read_answer(&r, answer, fn, ctx);
	}
	free((void *)(uintptr_t)plain.p);
	return st;
}
