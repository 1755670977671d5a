/*
 * WireGuard over UDP: identified by its handshake; what follows is encrypted.
 *
 *     initiation: 1 | 0 0 0 | sender 4 | ephemeral 32 | static 48 | time 28 | mac1 16 | mac2 16      148 bytes
 *     response:   2 | 0 0 0 | sender 4 | receiver 4 | ephemeral 32 | nothing 16 | mac1 16 | mac2 16   92 bytes
 *
 * mac2 is zero unless a server under load had asked for it.  One thread, a worker's.
 */
#include "concert/parser.h"

enum { F_KIND, F_COUNT };

static const struct cc_field wireguard_fields[F_COUNT] = {
    [F_KIND] = {"wireguard.type", NULL, CC_UINT, CC_REQUEST | CC_RESPONSE, "Kind of a handshake's message: 1 to 3."},
};

struct message {
	uint8_t kind;
	bool mac2; /* is there */
};

/* false: none of a handshake. */
static bool
read_message(struct slice in, struct message *ret)
{
	static const uint8_t none[16];
	static const uint16_t sizes[] = {0, 148, 92, 64};
	struct cur c = cur_slice(in);

	ret->kind = cur_u8(&c);
	if (cur_u24(&c) != 0 || c.bad || ret->kind < 1 || ret->kind > 3 || in.size != sizes[ret->kind])
		return false;
	ret->mac2 = ret->kind == 3 || memcmp(in.p + in.size - 16, none, 16) != 0;
	return true;
}

/* Four bytes, a size and sixteen zeros; those aren't asked for once the other side is known, or on the usual port. */
static enum cc_status
wireguard_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	struct message m;

	if (!read_message(in, &m) || m.kind != (dir == CC_TO_SERVER ? 1 : 2))
		return CC_BAD;
	return !m.mac2 || cc_other_known(ctx) || cc_server_port(ctx) == 51820 ? CC_OK : CC_BAD;
}

static enum cc_status
wireguard_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct slice all = cur_take(in, cur_left(in));
	struct message m;
	struct cc_tx *tx;

	(void)own;
	if (!read_message(all, &m))
		return CC_OK;
	tx = cc_tx_new(ctx);
	cc_put_uint(ctx, tx, F_KIND, m.kind);
	cc_tx_side_done(ctx, tx, dir);
	cc_tx_done(ctx, tx);
	return CC_OK;
}

const struct cc_parser wireguard_parser = {
	.name = "wireguard",
	.ports = "udp/51820",
	.fields = wireguard_fields,
	.field_count = F_COUNT,
	.udp = true,
	.one_way = true,
	.by_message = true,
	.probe = wireguard_probe,
	.feed = wireguard_feed,
};
