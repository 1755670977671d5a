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
