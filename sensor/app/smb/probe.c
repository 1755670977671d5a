/*
 * Is this SMB?  A NetBIOS session message (RFC 1002, 4.3) whose payload begins with one of SMB's four signatures, or a
 * session request with its two encoded names; an answer to that says nothing alone.
 */
#include "app/smb/own.h"

static enum cc_status
probe_message(struct cur c)
{
	static const uint8_t mark[3] = {'S', 'M', 'B'};
	uint32_t size = cur_u24(&c);
	uint8_t version = cur_u8(&c);
	struct slice rest = cur_rest(&c);

	if (c.bad)
		return CC_MORE;
	if (version < 0xfc || size < SMB1_HEADER)
		return CC_BAD;
	if (rest.size < 3)
		return memcmp(rest.p, mark, rest.size) == 0 ? CC_MORE : CC_BAD;
	return memcmp(rest.p, mark, 3) == 0 ? CC_OK : CC_BAD;
}

/* Two names: a size of 32, 32 letters A to P, and an end. */
static enum cc_status
probe_request(struct cur c)
{
	uint32_t size = cur_u24(&c);

	if (c.bad)
		return CC_MORE;
	if (size != 68)
		return CC_BAD;
	for (int name = 0; name < 2; name++)
		for (int i = 0; i < 34 && cur_left(&c) > 0; i++) {
			uint8_t letter = cur_u8(&c);
			bool right = i == 0 ? letter == 32 : i == 33 ? letter == 0 : letter >= 'A' && letter <= 'P';

			if (!right)
				return CC_BAD;
		}
	return cur_left(&c) > 0 ? CC_OK : CC_MORE;
}

enum cc_status
smb_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	struct cur c = cur_slice(in);
	uint8_t type = cur_u8(&c);
	uint32_t size;

	(void)ctx;
	(void)dir;
	if (c.bad)
		return CC_MORE;
	switch (type) {
	case 0x00:
		return probe_message(c);
	case 0x81:
		return probe_request(c);
	case 0x82: /* positive response, keep-alive: empty */
	case 0x85:
		size = cur_u24(&c);
		if (c.bad)
			return CC_MORE;
		if (size != 0)
			return CC_BAD;
		if (cur_left(&c) == 0)
			return CC_MORE;
		return cur_u8(&c) == 0 ? probe_message(c) : CC_BAD;
	default:
		return CC_BAD;
	}
}
