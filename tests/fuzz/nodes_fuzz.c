/*
 * What members of a group and the state on disk hold: nodes, what was taken back, heartbeats and words as bytes.  Both
 * are signed or ours, and read all the same as if they were not.  Input: those bytes.  What decodes is linked, weighed
 * and written; encoded, and decoded again, it is the same.
 */
#include "fuzz/fuzz.h"

#include "joint/joint_own.h"

static void
encode_all(struct joint *joint, struct buf *out)
{
	uint64_t hash;
	size_t at = 0;

	for (size_t i = 0; i < joint->node_count; i++) {
		if (joint->node[i].used)
			node_encode(joint, &joint->node[i], out);
	}
	while (revocation_next(joint, &at, out) || said_next(joint, out, &hash))
		;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *conf = fuzz_conf();
	struct joint *joint = joint_new(conf), *other = joint_new(conf);
	uint8_t *copy = fuzz_copy(slice_of(data, size));
	struct cur in = cur_of(copy, size);
	struct buf out;
	uint32_t node;

	FUZZ_CHECK(joint != NULL && other != NULL);
	buf_open(&out, 1u << 26);
	while (cur_left(&in) > 0) {
		size_t left = cur_left(&in);
		enum cc_status st = node_decode(joint, &in, &node);

		FUZZ_CHECK(st == CC_OK || st == CC_BAD);
		if (st != CC_OK)
			break;
		FUZZ_CHECK(cur_left(&in) < left);
	}
	FUZZ_CHECK(joint_settle(joint) == CC_OK);
	for (size_t i = 0; i < joint_cases(joint); i++) {
		struct json json = json_into(&out);

		buf_clear(&out);
		FUZZ_CHECK(joint_case_json(joint, i, &json, NULL) == CC_OK);
		fuzz_json(buf_slice(&out));
	}
	buf_clear(&out);
	encode_all(joint, &out);
	FUZZ_CHECK(!out.full);
	for (struct cur c = cur_slice(buf_slice(&out)); cur_left(&c) > 0;)
		FUZZ_CHECK(node_decode(other, &c, &node) == CC_OK);
	FUZZ_CHECK(joint_nodes(other) <= joint_nodes(joint));
	buf_close(&out);
	joint_free(joint);
	joint_free(other);
	fuzz_give(copy, size);
	return 0;
}
