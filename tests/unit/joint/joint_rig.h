/* For tests of the engine: texts that stay until the next world, and its cases as JSON. */
#ifndef JOINT_RIG_H
#define JOINT_RIG_H

#include <jansson.h>

#include "joint/joint.h"
#include "unit/test.h"

#define DAY0 1772409600 /* 2026-03-02 */

static char text_room[1 << 20];
static size_t text_used;

static struct slice
keep(const char *text)
{
	size_t size = strlen(text);

	memcpy(text_room + text_used, text, size);
	text_used += size;
	return slice_of(text_room + text_used - size, size);
}

static struct slice
numbered(const char *word, unsigned n)
{
	char text[64];

	snprintf(text, sizeof(text), "%s%u", word, n);
	return keep(text);
}

/* A victim of who in contact with a server: everything that makes a witness. */
static inline struct joint_sighting
server_seen(const char *who, const char *addr, unsigned n)
{
	struct joint_sighting s = {.message = numbered("m", n), .organisation = keep(who), .sensor = keep("s1"),
	    .kind = CC_KIND_ADDR,
	    .value = keep(addr), .key = keep(addr), .first = (DAY0 + n * 60) * NS_PER_S,
	        .last = (DAY0 + n * 60) * NS_PER_S, .count = 1,
	    .proof = CC_PROOF_DIALOGUE, .clock_error = 0.1, .completeness = 80, .hops = 255, .port = 443,
	        .attacker = keep(addr),
	    .rule = keep("1:3000001:1")};

	s.victim = numbered(who, n);
	return s;
}

static inline struct joint *
fresh_joint(struct conf **ret_conf)
{
	*ret_conf = conf_new();
	text_used = 0;
	return joint_new(*ret_conf);
}

static inline json_t *
settled(struct joint *joint)
{
	struct buf out;
	struct json json;
	json_t *cases;

	CHECK(joint_settle(joint) == CC_OK);
	buf_open(&out, 64u << 20);
	json = json_into(&out);
	base_json_array(&json, NULL);
	for (size_t i = 0; i < joint_cases(joint); i++)
		CHECK(joint_case_json(joint, i, &json, NULL) == CC_OK);
	json_end_array(&json);
	cases = json_loadb((const char *)out.p, out.size, JSON_REJECT_DUPLICATES, NULL);
	CHECK(cases != NULL);
	buf_close(&out);
	return cases;
}

/* The same, and that was its end. */
static inline json_t *
ended(struct conf *conf, struct joint *joint)
{
	json_t *cases = settled(joint);

	joint_free(joint);
	conf_free(conf);
	return cases;
}

#endif
