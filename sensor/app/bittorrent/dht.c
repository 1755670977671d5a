/*
 * BitTorrent's distributed hash table (BEP 5, BEP 32) over UDP: messages in, a transaction for each out.
 *
 *     d 1:a d … e 1:q <name> 1:t <id> 1:y 1:q e        a query; answers have 1:r, refusals 1:e
 *
 * Bencoding: "4:text", "i12e", "l … e", "d key value … e".  A message is looked through twice: once whether it is well
 * formed to its last byte, then for what is told.
 */
#include "base/base.h"
#include "concert/parser.h"

enum { DEPTH_MAX = 8, NODE_ID = 20, NODE4 = 26, NODE6 = 38, PEER4 = 6, PEER6 = 18 };

enum dht_field {
	F_ID, F_VERSION, F_TYPE, F_REQ_ID, F_INFO_HASH, F_TARGET, F_REQ_TOKEN, F_IMPLIED_PORT, F_PORT, F_RES_ID,
	F_NODES, F_NODE_ID, F_NODE_IP, F_NODE_PORT, F_NODES6, F_NODE6_ID, F_NODE6_IP, F_NODE6_PORT, F_VALUES,
	F_VALUE_IP, F_VALUE_PORT, F_RES_TOKEN, F_ERROR, F_ERROR_TEXT, F_COUNT
};

#define BOTH (CC_REQUEST | CC_RESPONSE)

static const struct cc_field dht_fields[F_COUNT] = {
	[F_ID] = {"bittorrent_dht.transaction_id", "transaction_id", CC_BYTES, BOTH | CC_HEX,
	    "The query's id, which its answer repeats."},
	[F_VERSION] = {"bittorrent_dht.client_version", "client_version", CC_BYTES, BOTH | CC_HEX,
	    "Program and version of the sender."},
	[F_TYPE] = {"bittorrent_dht.request_type", "request_type", CC_BYTES, BOTH,
	    "ping, find_node, get_peers, announce_peer."},
	[F_REQ_ID] = {NULL, "request.id", CC_BYTES, BOTH | CC_HEX, "Node that asks."},
	[F_INFO_HASH] = {"bittorrent_dht.info_hash", "request.info_hash", CC_BYTES, BOTH | CC_HEX,
	    "Torrent that is asked for."},
	[F_TARGET] = {NULL, "request.target", CC_BYTES, BOTH | CC_HEX, "Node that is looked for."},
	[F_REQ_TOKEN] = {NULL, "request.token", CC_BYTES, BOTH | CC_HEX, "Token of an earlier answer."},
	[F_IMPLIED_PORT] = {NULL, "request.implied_port", CC_UINT, BOTH,
	    "1: the port is the one that the message came from."},
	[F_PORT] = {"bittorrent_dht.port", "request.port", CC_UINT, BOTH, "Port where the sender has the torrent."},
	[F_RES_ID] = {NULL, "response.id", CC_BYTES, BOTH | CC_HEX, "Node that answers."},
	[F_NODES] = {NULL, "response.nodes[]", CC_ROW, BOTH, "Nodes that may know more."},
	[F_NODE_ID] = {NULL, "response.nodes[].id", CC_BYTES, BOTH | CC_HEX, "A node."},
	[F_NODE_IP] = {NULL, "response.nodes[].ip", CC_BYTES, BOTH, "Its address."},
	[F_NODE_PORT] = {NULL, "response.nodes[].port", CC_UINT, BOTH, "Its port."},
	[F_NODES6] = {NULL, "response.nodes6[]", CC_ROW, BOTH, "Nodes of IPv6."},
	[F_NODE6_ID] = {NULL, "response.nodes6[].id", CC_BYTES, BOTH | CC_HEX, "A node."},
	[F_NODE6_IP] = {NULL, "response.nodes6[].ip", CC_BYTES, BOTH, "Its address."},
	[F_NODE6_PORT] = {NULL, "response.nodes6[].port", CC_UINT, BOTH, "Its port."},
	[F_VALUES] = {NULL, "response.values[]", CC_ROW, BOTH, "Peers that have the torrent."},
	[F_VALUE_IP] = {NULL, "response.values[].ip", CC_BYTES, BOTH, "A peer's address."},
	[F_VALUE_PORT] = {NULL, "response.values[].port", CC_UINT, BOTH, "Its port."},
	[F_RES_TOKEN] = {NULL, "response.token", CC_BYTES, BOTH | CC_HEX, "Token for a later announcement."},
	[F_ERROR] = {"bittorrent_dht.error", "error.num", CC_UINT, BOTH, "Code of a refusal."},
	[F_ERROR_TEXT] = {NULL, "error.msg", CC_BYTES, BOTH, "Text of a refusal."},
};

enum { A_MALFORMED, A_TOO_MANY, A_COUNT };

static const struct cc_anomaly dht_anomalies[A_COUNT] = {
    [A_MALFORMED] = {"malformed_packet", "A message is not well formed, or lacks what it must have."},
    [A_TOO_MANY] = {"too_many_nodes", "More nodes or peers than bittorrent_dht.nodes_limit; the rest was left out."},
};

/* ---- bencoding ---- */

static bool
is_digit(const struct cur *c)
{
	return cur_left(c) > 0 && c->p[0] >= '0' && c->p[0] <= '9';
}

static uint64_t
digits(struct cur *c)
{
	uint64_t n = 0;

	if (!is_digit(c))
		c->bad = true;
	for (unsigned i = 0; is_digit(c); i++) {
		if (i == 18)
			c->bad = true;
		if (c->bad)
			return 0;
		n = n * 10 + (uint64_t)(cur_u8(c) - '0');
	}
	return n;
}

static struct slice
text(struct cur *c)
{
	uint64_t size = digits(c);

	if (cur_u8(c) != ':')
		c->bad = true;
	return c->bad ? slice_of(NULL, 0) : cur_take(c, (size_t)size);
}

/* A number; below zero 0. */
static uint64_t
number(struct cur *c)
{
	bool minus;
	uint64_t n;

	if (cur_u8(c) != 'i')
		c->bad = true;
	minus = cur_left(c) > 0 && c->p[0] == '-';
	if (minus)
		cur_skip(c, 1);
	n = digits(c);
	if (cur_u8(c) != 'e')
		c->bad = true;
	return minus ? 0 : n;
}

/* Any value; lists and dictionaries with all that is in them. */
static void
skip(struct cur *c, unsigned depth)
{
	uint8_t kind = cur_left(c) > 0 ? c->p[0] : 0;

	if (is_digit(c)) {
		(void)text(c);
	} else if (kind == 'i') {
		(void)number(c);
	} else if ((kind == 'l' || kind == 'd') && depth < DEPTH_MAX) {
		cur_skip(c, 1);
		while (!c->bad && cur_left(c) > 0 && c->p[0] != 'e') {
			if (kind == 'd')
				(void)text(c);
			skip(c, depth + 1);
		}
		cur_skip(c, 1);
	} else {
		c->bad = true;
	}
}

/* The value of a dictionary's key, in *ret_value.  false: it hasn't any. */
static bool
find(struct cur dict, const char *key, struct cur *ret_value)
{
	if (cur_u8(&dict) != 'd')
		return false;
	while (!dict.bad && cur_left(&dict) > 0 && dict.p[0] != 'e') {
		if (slice_is(text(&dict), key)) {
			*ret_value = dict;
			return !dict.bad;
		}
		skip(&dict, 1);
	}
	return false;
}

static bool
find_text(struct cur dict, const char *key, struct slice *ret_text)
{
	struct cur value;

	if (!find(dict, key, &value))
		return false;
	*ret_text = text(&value);
	return !value.bad;
}

/* ---- messages ---- */

static bool
well_formed(struct slice in)
{
	struct cur c = cur_slice(in);
	struct slice y, t;

	if (in.size < 2 || in.p[0] != 'd')
		return false;
	skip(&c, 0);
	c.bad = c.bad || cur_left(&c) > 0;
	return !c.bad && find_text(cur_slice(in), "y", &y) && find_text(cur_slice(in), "t", &t) && y.size == 1 &&
	    (y.p[0] == 'q' || y.p[0] == 'r' || y.p[0] == 'e');
}

static void
put_text(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, struct cur dict, const char *key)
{
	struct slice value;

	if (find_text(dict, key, &value))
		cc_put_ref(ctx, tx, field, value);
}

static void
put_number(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, struct cur dict, const char *key)
{
	struct cur value;
	uint64_t n;

	if (!find(dict, key, &value))
		return;
	n = number(&value);
	if (!value.bad)
		cc_put_uint(ctx, tx, field, n);
}

static void
put_peer(struct cc_ctx *ctx, struct cc_tx *tx, unsigned field, struct cur *c, bool ip6)
{
	const uint8_t *p = cur_bytes(c, ip6 ? 16 : 4);
	struct cc_addr addr;
	char room[CC_ADDR_TEXT];

	if (p == NULL)
		return;
	addr = ip6 ? cc_addr6(p) : cc_addr4(p);
	cc_put_text(ctx, tx, field, cc_addr_text(&addr, room));
	cc_put_uint(ctx, tx, field + 1, cur_u16(c));
}

static void
put_nodes(struct cc_ctx *ctx, struct cc_tx *tx, unsigned row, struct slice all)
{
	bool ip6 = row == F_NODES6;
	struct cur c = cur_slice(all);
	uint64_t limit = cc_limit(ctx, "bittorrent_dht.nodes_limit");

	if (all.size % (ip6 ? NODE6 : NODE4) != 0)
		cc_anomaly(ctx, tx, A_MALFORMED);
	while (cur_left(&c) >= (ip6 ? NODE6 : NODE4)) {
		if (limit-- == 0) {
			cc_anomaly(ctx, tx, A_TOO_MANY);
			return;
		}
		cc_put_row(ctx, tx, row);
		cc_put_ref(ctx, tx, row + 1, cur_take(&c, NODE_ID));
		put_peer(ctx, tx, row + 2, &c, ip6);
	}
}

static void
put_values(struct cc_ctx *ctx, struct cc_tx *tx, struct cur dict)
{
	uint64_t limit = cc_limit(ctx, "bittorrent_dht.nodes_limit");
	struct cur list;

	if (!find(dict, "values", &list) || cur_u8(&list) != 'l')
		return;
	while (is_digit(&list)) {
		struct slice peer = text(&list);
		struct cur c = cur_slice(peer);

		if (list.bad || (peer.size != PEER4 && peer.size != PEER6))
			continue;
		if (limit-- == 0) {
			cc_anomaly(ctx, tx, A_TOO_MANY);
			return;
		}
		cc_put_row(ctx, tx, F_VALUES);
		put_peer(ctx, tx, F_VALUE_IP, &c, peer.size == PEER6);
	}
}

static void
put_query(struct cc_ctx *ctx, struct cc_tx *tx, struct cur all)
{
	struct cur a;

	put_text(ctx, tx, F_TYPE, all, "q");
	if (!find(all, "a", &a)) {
		cc_anomaly(ctx, tx, A_MALFORMED);
		return;
	}
	put_text(ctx, tx, F_REQ_ID, a, "id");
	put_text(ctx, tx, F_INFO_HASH, a, "info_hash");
	put_text(ctx, tx, F_TARGET, a, "target");
	put_text(ctx, tx, F_REQ_TOKEN, a, "token");
	put_number(ctx, tx, F_IMPLIED_PORT, a, "implied_port");
	put_number(ctx, tx, F_PORT, a, "port");
}

static void
put_answer(struct cc_ctx *ctx, struct cc_tx *tx, struct cur all)
{
	struct slice nodes;
	struct cur r;

	if (!find(all, "r", &r)) {
		cc_anomaly(ctx, tx, A_MALFORMED);
		return;
	}
	put_text(ctx, tx, F_RES_ID, r, "id");
	if (find_text(r, "nodes", &nodes))
		put_nodes(ctx, tx, F_NODES, nodes);
	if (find_text(r, "nodes6", &nodes))
		put_nodes(ctx, tx, F_NODES6, nodes);
	put_values(ctx, tx, r);
	put_text(ctx, tx, F_RES_TOKEN, r, "token");
}

/* "e" is a list of a code and a text. */
static void
put_error(struct cc_ctx *ctx, struct cc_tx *tx, struct cur all)
{
	struct slice words = slice_of(NULL, 0);
	struct cur e;
	uint64_t code;

	if (!find(all, "e", &e) || cur_u8(&e) != 'l') {
		cc_anomaly(ctx, tx, A_MALFORMED);
		return;
	}
	code = number(&e);
	words = text(&e);
	if (e.bad) {
		cc_anomaly(ctx, tx, A_MALFORMED);
		return;
	}
	cc_put_uint(ctx, tx, F_ERROR, code);
	cc_put_ref(ctx, tx, F_ERROR_TEXT, words);
}

static enum cc_status
dht_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	(void)ctx;
	(void)dir;
	return well_formed(in) ? CC_OK : CC_BAD;
}

static enum cc_status
dht_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct slice all = cur_take(in, cur_left(in)), y;
	struct cc_tx *tx;

	(void)own;
	/* The same ports carry the files themselves (uTP). */
	if (all.size == 0 || all.p[0] != 'd')
		return CC_OK;
	if (!well_formed(all) || !find_text(cur_slice(all), "y", &y)) {
		cc_anomaly(ctx, NULL, A_MALFORMED);
		return CC_OK;
	}
	tx = cc_tx_new(ctx);
	put_text(ctx, tx, F_ID, cur_slice(all), "t");
	put_text(ctx, tx, F_VERSION, cur_slice(all), "v");
	if (y.p[0] == 'q')
		put_query(ctx, tx, cur_slice(all));
	else if (y.p[0] == 'r')
		put_answer(ctx, tx, cur_slice(all));
	else
		put_error(ctx, tx, cur_slice(all));
	cc_tx_side_done(ctx, tx, dir);
	cc_tx_done(ctx, tx);
	return CC_OK;
}

const struct cc_parser bittorrent_dht_parser = {
	.name = "bittorrent-dht",
	.event = "bittorrent_dht",
	.ports = "udp/6881",
	.fields = dht_fields,
	.field_count = F_COUNT,
	.anomalies = dht_anomalies,
	.anomaly_count = A_COUNT,
	.udp = true,
	.one_way = true,
	.by_message = true,
	.probe = dht_probe,
	.feed = dht_feed,
};
