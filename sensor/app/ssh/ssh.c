/*
 * SSH as far as it is in clear (RFC 4253): banners, KEXINIT of both sides, the server's host key; one transaction a
 * flow.
 *
 *     "SSH-2.0-software comment" CR LF                      a server may say other lines before
 *     size 4 | padding size 1 | payload | padding           a packet; size counts what follows it
 *
 * NEWKEYS ends a side: behind it nobody can read, so nobody assembles.  A packet is read in place; one longer than RFC
 * 4253 asks of anybody is passed by, so that no announced size costs memory.
 */
#include "app/ssh/own.h"

#define TRANSPORT_LAST 4   /* disconnect, ignore, unimplemented, debug */
#define BINARY_KEXINIT 20
#define BINARY_NEWKEYS 21

static const struct cc_field ssh_fields[SSH_F_COUNT] = {
	[SSH_F_CLIENT_PROTO] = {"ssh.proto", "client.proto_version", CC_BYTES, CC_REQUEST,
	    "Protocol version that a side names, the client's."},
	[SSH_F_CLIENT_SOFTWARE] = {"ssh.software", "client.software_version", CC_BYTES, CC_REQUEST,
	    "Software that a side names, the client's."},
	[SSH_F_CLIENT_COMMENT] = {NULL, "concert.client_comment", CC_BYTES, CC_REQUEST | CC_DETAIL,
	    "Comment behind the client's software."},
	[SSH_F_HASSH] = {"ssh.hassh", "client.hassh.hash", CC_BYTES, CC_REQUEST, "HASSH fingerprint of the client."},
	[SSH_F_HASSH_STRING] = {"ssh.hassh.string", "client.hassh.string", CC_BYTES, CC_REQUEST,
	    "What HASSH is the hash of."},
	[SSH_F_SERVER_PROTO] = {"ssh.proto", "server.proto_version", CC_BYTES, CC_RESPONSE,
	    "Protocol version that a side names, the server's."},
	[SSH_F_SERVER_SOFTWARE] = {"ssh.software", "server.software_version", CC_BYTES, CC_RESPONSE,
	    "Software that a side names, the server's."},
	[SSH_F_SERVER_COMMENT] = {NULL, "concert.server_comment", CC_BYTES, CC_RESPONSE | CC_DETAIL,
	    "Comment behind the server's software."},
	[SSH_F_HASSH_SERVER] = {"ssh.hassh.server", "server.hassh.hash", CC_BYTES, CC_RESPONSE,
	    "HASSH fingerprint of the server."},
	[SSH_F_HASSH_SERVER_STRING] = {"ssh.hassh.server.string", "server.hassh.string", CC_BYTES, CC_RESPONSE,
	    "What the server's HASSH is the hash of."},
	[SSH_F_HOST_KEY_TYPE] = {NULL, "concert.host_key_type", CC_BYTES, CC_RESPONSE | CC_DETAIL,
	    "Type of the server's host key."},
	[SSH_F_HOST_KEY_SHA256] = {"ssh.host_key", "concert.host_key_sha256", CC_BYTES, CC_RESPONSE | CC_DETAIL,
	    "SHA-256 of the server's host key, in hex."},
};

static const struct cc_anomaly ssh_anomalies[SSH_ANOMALY_COUNT] = {
    [SSH_INVALID_BANNER] = {"invalid_banner", "A side's first line is no banner."},
    [SSH_LONG_BANNER] = {"long_banner", "A banner is longer than 255 bytes."},
    [SSH_INVALID_RECORD] = {"invalid_record", "A packet before encryption can't be one."},
    [SSH_LONG_KEX_RECORD] = {"long_kex_record", "A packet of the key exchange is too long; it was passed by."},
    [SSH_INVALID_KEX] = {"invalid_kex", "The lists of a KEXINIT are broken."},
    [SSH_OBSOLETE_VERSION] = {"obsolete_version", "A side speaks SSH 1."},
    [SSH_WEAK_KEX] = {"weak_kex", "A key exchange over a group of 1024 bits or with SHA-1 was agreed on."},
    [SSH_WEAK_HOST_KEY] = {"weak_host_key", "The server's key is of DSA, or of RSA with less than 2048 bits."},
    [SSH_WEAK_CIPHER] = {"weak_cipher", "No encryption, or one that is broken or of small blocks, was agreed on."},
    [SSH_WEAK_MAC] = {"weak_mac", "No authentication of packets, or one over MD5 or of 96 bits, was agreed on."},
};

static void
report(struct cc_ctx *ctx, struct ssh_state *state, unsigned anomaly)
{
	if ((state->reported >> anomaly & 1) != 0)
		return;
	state->reported |= 1u << anomaly;
	cc_anomaly(ctx, state->tx, anomaly);
}

static void
tell(struct cc_ctx *ctx, struct ssh_state *state)
{
	struct cc_tx *tx = state->tx;

	if (state->done)
		return;
	state->done = true;
	state->tx = NULL;
	state->side[CC_TO_SERVER].kex = state->side[CC_TO_CLIENT].kex = NULL;
	cc_tx_side_done(ctx, tx, CC_TO_SERVER);
	cc_tx_side_done(ctx, tx, CC_TO_CLIENT);
	cc_tx_done(ctx, tx);
}

static struct cc_tx *
the_tx(struct cc_ctx *ctx, struct ssh_state *state)
{
	if (state->tx == NULL && !state->done)
		state->tx = cc_tx_new(ctx);
	return state->tx;
}

/* What the side said in clear is through; with both, all is. */
static void
side_over(struct cc_ctx *ctx, struct ssh_state *state, enum cc_dir dir)
{
	if (state->side[dir].step == SSH_OVER)
		return;
	state->side[dir].step = SSH_OVER;
	cc_enough(ctx, dir);
	if (state->side[cc_dir_other(dir)].step == SSH_OVER)
		tell(ctx, state);
}

/* "1.5" but not "1.99", which is a server that speaks both. */
static bool
is_old(struct slice proto)
{
	return proto.size >= 2 && proto.p[0] == '1' && proto.p[1] == '.' && !slice_is(proto, "1.99");
}

static void
banner(struct cc_ctx *ctx, struct ssh_state *state, enum cc_dir dir, struct slice line)
{
	bool client = dir == CC_TO_SERVER;
	struct cc_tx *tx = the_tx(ctx, state);
	struct ssh_banner b;

	if (line.size + 2 > SSH_BANNER_MAX)
		report(ctx, state, SSH_LONG_BANNER);
	if (ssh_banner_read(line, &b) != CC_OK) {
		report(ctx, state, SSH_INVALID_BANNER);
		side_over(ctx, state, dir);
		return;
	}
	cc_put(ctx, tx, client ? SSH_F_CLIENT_PROTO : SSH_F_SERVER_PROTO, b.proto);
	cc_put(ctx, tx, client ? SSH_F_CLIENT_SOFTWARE : SSH_F_SERVER_SOFTWARE, b.software);
	if (b.comment.size > 0)
		cc_put(ctx, tx, client ? SSH_F_CLIENT_COMMENT : SSH_F_SERVER_COMMENT, b.comment);
	cc_tx_update(ctx, tx, dir);
	state->side[dir].step = SSH_PACKETS;
	state->side[dir].both = slice_is(b.proto, "1.99");
	if (!is_old(b.proto))
		return;
	state->old = true;
	report(ctx, state, SSH_OBSOLETE_VERSION);
}

/*
 * The next line.  CC_MORE: it hasn't its end yet.  One that is too long is cut: what is here is its beginning, and the
 * rest is passed by.
 */
static enum cc_status
next_line(struct ssh_side *side, struct cur *in, struct slice *ret_line)
{
	struct slice rest = cur_rest(in);
	const uint8_t *end = rest.size > 0 ? memchr(rest.p, '\n', rest.size) : NULL;
	size_t size = end != NULL ? (size_t)(end - rest.p) : rest.size;

	if (end == NULL && !side->in_line && size < SSH_LINE_MAX)
		return CC_MORE;
	cur_skip(in, size + (end != NULL ? 1 : 0));
	*ret_line = slice_of(rest.p, side->in_line ? 0 : size);
	side->in_line = end == NULL;
	while (ret_line->size > 0 && ret_line->p[ret_line->size - 1] == '\r')
		ret_line->size--;
	return CC_OK;
}

/* Lines until the one that begins with "SSH-"; only a server may say others. */
static enum cc_status
lines(struct cc_ctx *ctx, struct ssh_state *state, enum cc_dir dir, struct cur *in)
{
	struct ssh_side *side = &state->side[dir];
	struct slice line;
	enum cc_status st = next_line(side, in, &line);

	if (st != CC_OK)
		return st;
	if (line.size >= 4 && memcmp(line.p, "SSH-", 4) == 0) {
		banner(ctx, state, dir, line);
	} else if (dir == CC_TO_SERVER || ++side->lines > SSH_PRE_LINES) {
		the_tx(ctx, state);
		report(ctx, state, SSH_INVALID_BANNER);
		side_over(ctx, state, dir);
	}
	return CC_OK;
}

/* What is agreed on needs both sides' lists: those that come first are copied. */
static void
keep(struct cc_ctx *ctx, struct cc_tx *tx, struct ssh_side *side, const struct ssh_kexinit *kex)
{
	struct ssh_kexinit *copy;
	size_t size = 0;
	uint8_t *at;

	for (unsigned i = 0; i <= SSH_MAC_TC; i++)
		size += kex->list[i].size;
	copy = size <= SSH_LISTS_MAX ? cc_tx_alloc(ctx, tx, sizeof(*copy) + size) : NULL;
	if (copy == NULL)
		return;
	memset(copy, 0, sizeof(*copy));
	at = (uint8_t *)(copy + 1);
	for (unsigned i = 0; i <= SSH_MAC_TC; i++) {
		if (kex->list[i].size > 0)
			memcpy(at, kex->list[i].p, kex->list[i].size);
		copy->list[i] = slice_of(at, kex->list[i].size);
		at += kex->list[i].size;
	}
	side->kex = copy;
}

static void
kexinit(struct cc_ctx *ctx, struct ssh_state *state, enum cc_dir dir, struct slice payload)
{
	struct ssh_side *side = &state->side[dir];
	struct cc_tx *tx = the_tx(ctx, state);
	struct ssh_kexinit kex;

	if (side->kexinit)
		return;
	side->kexinit = true;
	if (ssh_kexinit_read(payload, &kex) != CC_OK) {
		report(ctx, state, SSH_INVALID_KEX);
		return;
	}
	ssh_put_hassh(ctx, tx, dir, &kex);
	keep(ctx, tx, side, &kex);
	if (side->kex != NULL && state->side[cc_dir_other(dir)].kex != NULL) {
		unsigned weak = ssh_weak_choice(state->side[CC_TO_SERVER].kex, state->side[CC_TO_CLIENT].kex);

		for (unsigned i = 0; i < SSH_ANOMALY_COUNT; i++)
			if ((weak >> i & 1) != 0)
				report(ctx, state, i);
	}
	cc_tx_update(ctx, tx, dir);
}

static void
host_key(struct cc_ctx *ctx, struct ssh_state *state, struct slice payload)
{
	struct slice blob, type;
	uint8_t sha256[32];
	char hex[65];

	if (state->host_key || ssh_host_key_read(payload, &blob, &type) != CC_OK)
		return;
	state->host_key = true;
	sha256_of(blob, sha256);
	cc_put(ctx, state->tx, SSH_F_HOST_KEY_TYPE, type);
	cc_put_text(ctx, state->tx, SSH_F_HOST_KEY_SHA256, hex_text(slice_of(sha256, 32), hex));
	if (ssh_weak_key(blob))
		report(ctx, state, SSH_WEAK_HOST_KEY);
	cc_tx_update(ctx, state->tx, CC_TO_CLIENT);
}

static void
packet(struct cc_ctx *ctx, struct ssh_state *state, enum cc_dir dir, struct slice payload)
{
	switch (payload.p[0]) {
	case BINARY_KEXINIT:
		kexinit(ctx, state, dir, payload);
		break;
	case BINARY_NEWKEYS:
		side_over(ctx, state, dir);
		break;
	default:
		if (dir == CC_TO_CLIENT && payload.p[0] >= 30)
			host_key(ctx, state, payload);
		break;
	}
}

/*
 * Nothing but the transport's own messages goes before KEXINIT.  What has another type there, from a side that speaks
 * SSH 1 as well, is SSH 1: its packets have bytes of chance in these places.
 */
static bool
may_be_first(uint32_t size, uint32_t padding, uint8_t type)
{
	return padding >= 4 && size >= padding + 2 && (type == BINARY_KEXINIT || (type > 0 && type <= TRANSPORT_LAST));
}

static enum cc_status
packets(struct cc_ctx *ctx, struct ssh_state *state, enum cc_dir dir, struct cur *in)
{
	struct ssh_side *side = &state->side[dir];
	struct cur c = *in;
	uint32_t size = cur_u32(&c), padding = cur_u8(&c);
	struct slice body;

	if (c.bad)
		return CC_MORE;
	if (!side->began && (cur_left(&c) == 0 || !may_be_first(size, padding, c.p[0]))) {
		if (cur_left(&c) == 0)
			return CC_MORE;
		report(ctx, state, side->both ? SSH_OBSOLETE_VERSION : SSH_INVALID_RECORD);
		side_over(ctx, state, dir);
		return CC_OK;
	}
	side->began = true;
	if (size < padding + 2) { /* RFC 4253, 6: at least the padding's size and one byte of payload */
		report(ctx, state, SSH_INVALID_RECORD);
		side_over(ctx, state, dir);
		return CC_OK;
	}
	if (size > SSH_PACKET_MAX) {
		report(ctx, state, SSH_LONG_KEX_RECORD);
		side->skip = size - 1;
		*in = c;
		return CC_OK;
	}
	body = cur_take(&c, size - 1);
	if (c.bad)
		return CC_MORE;
	*in = c;
	packet(ctx, state, dir, slice_of(body.p, size - 1 - padding));
	return CC_OK;
}

static enum cc_status
ssh_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct ssh_state *state = own;
	struct ssh_side *side = &state->side[dir];
	enum cc_status st = CC_OK;

	while (st == CC_OK && cur_left(in) > 0 && side->step != SSH_OVER) {
		if (side->skip > 0) {
			size_t size = side->skip < cur_left(in) ? side->skip : cur_left(in);

			cur_skip(in, size);
			side->skip -= (uint32_t)size;
		} else if (side->step == SSH_BANNER || side->in_line) {
			struct slice rest;

			st = side->step == SSH_BANNER ? lines(ctx, state, dir, in) : next_line(side, in, &rest);
		} else if (state->old) {
			side_over(ctx, state, dir);
		} else {
			st = packets(ctx, state, dir, in);
		}
	}
	if (side->step == SSH_OVER)
		cur_skip(in, cur_left(in));
	return CC_OK;
}

/* Packets can't be found again behind a gap. */
static enum cc_status
ssh_gap(struct cc_ctx *ctx, void *own, enum cc_dir dir, uint64_t size)
{
	struct ssh_state *state = own;
	struct ssh_side *side = &state->side[dir];

	if (side->step == SSH_PACKETS && !side->in_line && side->skip >= size) { /* of a packet that is passed by */
		side->skip -= (uint32_t)size;
		return CC_OK;
	}
	side_over(ctx, state, dir);
	return CC_OK;
}

static void
ssh_finish(struct cc_ctx *ctx, void *own, enum cc_dir dir)
{
	struct ssh_state *state = own;
	const struct ssh_side *other = &state->side[cc_dir_other(dir)];

	state->side[dir].finished = true;
	if (other->finished || other->step == SSH_OVER)
		tell(ctx, state);
}

const struct cc_parser ssh_parser = {
	.name = "ssh",
	.ports = "tcp/22 tcp/2222",
	.fields = ssh_fields,
	.field_count = SSH_F_COUNT,
	.anomalies = ssh_anomalies,
	.anomaly_count = SSH_ANOMALY_COUNT,
	.state_size = sizeof(struct ssh_state),
	.unit_max = SSH_UNIT_MAX,
	.tcp = true,
	.server_first = true,
	.probe = ssh_probe,
	.feed = ssh_feed,
	.gap = ssh_gap,
	.finish = ssh_finish,
};
