/*
 * Echoes of ICMP and ICMPv6 (RFC 792, RFC 4443): what pings carry, and whether somebody speaks through them.
 *
 *     type 1 | code 1 | checksum 2 | identifier 2 | sequence 2 | payload      8: request, 0: reply; ICMPv6 128, 129
 *
 * In: the messages of the pings of one host to another, whole.  Out: nothing while they are what pings are: a filling
 * that comes back as it was sent.  A reply that differs from its request, a packet or a protocol in a payload, payloads
 * that are ever new, too large, too many, are told as anomalies, each once in a flow and with a transaction that has
 * the message at hand and the flow's sums so far; a flow with a tunnel is told again at its end.
 *
 * What others may try: pings to a whole network, so a flow's state is small, and the count of bytes is made only where
 * payloads are new.  One thread, a worker's.
 */
#include "app/icmp/own.h"

enum { REQUEST4 = 8, REPLY4 = 0, REQUEST6 = 128, REPLY6 = 129 };
enum {
	SENT = 8,              /* requests that are remembered */
	KNOWN = 8,             /* payloads that are known: several programs may ping one host */
	STAMPS = 24,           /* bytes at the beginning that a ping may change: time stamps, numbers */
	CHANGED_MANY = 4,      /* replies that differ: no accident any more */
	UNASKED_MANY = 8,
	SHOWN = 256,           /* bytes of a payload in the log */
};
#define SPREAD_BYTES 4096      /* so many have to be new before they are judged */
#define SPREAD_HIGH 200        /* of 256 byte values in use evenly: encrypted or packed */

enum field {
	F_TYPE, F_ID, F_SEQ, F_SIZE, F_PAYLOAD, F_INNER, F_REQUESTS, F_REPLIES, F_BYTES_TO_SERVER, F_BYTES_TO_CLIENT,
	F_CHANGED, F_UNASKED, F_LARGEST, F_RATE, F_NOVEL, F_SPREAD, F_TUNNEL, F_TOOL, F_INNER_SRC, F_INNER_DST,
	F_INNER_PROTO, F_INNER_SPORT, F_INNER_DPORT, F_COUNT
};

#define BOTH (CC_REQUEST | CC_RESPONSE)

static const struct cc_field icmp_fields[F_COUNT] = {
    [F_TYPE] = {NULL, "type", CC_BYTES, BOTH, "Message that showed it: request or reply."},
    [F_ID] = {"icmp_echo.id", "id", CC_UINT, BOTH, "Its identifier."},
    [F_SEQ] = {"icmp_echo.seq", "seq", CC_UINT, BOTH, "Its sequence number."},
    [F_SIZE] = {"icmp_echo.size", "size", CC_UINT, BOTH, "Bytes of its payload."},
    [F_PAYLOAD] = {"icmp_echo.payload", "payload", CC_BYTES, BOTH | CC_BASE64, "The beginning of its payload."},
    [F_INNER] = {"icmp_echo.inner", "inner", CC_BYTES, BOTH,
	"What a payload holds: ipv4, ipv6, tcp_relay, ssh, tls, http, dns."},
    [F_REQUESTS] = {"icmp_echo.requests", "requests", CC_UINT, BOTH, "Requests of the flow so far."},
    [F_REPLIES] = {"icmp_echo.replies", "replies", CC_UINT, BOTH, "Replies of the flow so far."},
    [F_BYTES_TO_SERVER] = {"icmp_echo.request_bytes", "request_bytes", CC_UINT, BOTH, "Bytes that requests carried."},
    [F_BYTES_TO_CLIENT] = {"icmp_echo.reply_bytes", "reply_bytes", CC_UINT, BOTH, "Bytes that replies carried."},
    [F_CHANGED] = {"icmp_echo.changed", "changed", CC_UINT, BOTH, "Replies that were not what their requests were."},
    [F_UNASKED] = {"icmp_echo.unasked", "unasked", CC_UINT, BOTH, "Replies without a request that was seen."},
    [F_LARGEST] = {"icmp_echo.largest", "largest", CC_UINT, BOTH, "Bytes of the largest payload."},
    [F_RATE] = {"icmp_echo.rate", "rate", CC_UINT, BOTH, "Most requests in a second."},
    [F_NOVEL] = {"icmp_echo.novel_bytes", "novel_bytes", CC_UINT, BOTH,
	"Bytes of payloads that are no filling and were not sent before."},
    [F_SPREAD] = {"icmp_echo.spread", "spread", CC_UINT, BOTH,
	"How many byte values those make use of, evenly: 256 is what random bytes have."},
    [F_TUNNEL] = {"icmp_echo.tunnel", "tunnel", CC_FLAG, BOTH, "Somebody speaks through these echoes."},
    [F_TOOL] = {"icmp_echo.tool", "tool", CC_BYTES, BOTH,
	"Program whose mark the payload begins with: ptunnel, hans."},
    [F_INNER_SRC] = {"icmp_echo.inner_src", "inner_src", CC_BYTES, BOTH, "Sender of the packet inside."},
    [F_INNER_DST] = {"icmp_echo.inner_dst", "inner_dst", CC_BYTES, BOTH, "Receiver of the packet inside."},
    [F_INNER_PROTO] = {"icmp_echo.inner_proto", "inner_proto", CC_UINT, BOTH,
	"What that packet carries, by IP's number."},
    [F_INNER_SPORT] = {"icmp_echo.inner_sport", "inner_sport", CC_UINT, BOTH, "Its source port."},
    [F_INNER_DPORT] = {"icmp_echo.inner_dport", "inner_dport", CC_UINT, BOTH, "Its destination port."},
};

enum { A_TUNNEL, A_INNER, A_CHANGED, A_UNASKED, A_NOVEL, A_SPREAD, A_LARGE, A_RATE, A_MALFORMED, A_COUNT };

static const struct cc_anomaly icmp_anomalies[A_COUNT] = {
    [A_TUNNEL] = {"tunnel", "Echoes carry another protocol, or an exchange of their own."},
    [A_INNER] = {"embedded_protocol", "A payload holds a packet or a message of another protocol."},
    [A_CHANGED] = {"reply_differs", "A reply's payload is not that of its request."},
    [A_UNASKED] = {"unasked_replies", "Replies come that nobody asked for, more than requests."},
    [A_NOVEL] = {"changing_payload", "Requests carry ever new bytes, more than icmp_echo.novel_limit."},
    [A_SPREAD] = {"high_entropy", "The new bytes look encrypted or packed."},
    [A_LARGE] = {"large_payload", "A payload is larger than icmp_echo.payload_limit, and no filling."},
    [A_RATE] = {"high_rate", "More requests in a second than icmp_echo.rate_limit."},
    [A_MALFORMED] = {"malformed_message", "A message is no echo as it should be."},
};

struct sent {
	uint16_t id, seq;
	uint32_t size;
	uint64_t hash;
	bool is;
};

struct echo_state {
	struct sent sent[SENT];
	uint64_t requests, replies, bytes[2], changed, unasked, largest;
	uint64_t second, novel, last[KNOWN]; /* last: hashes of payloads before, behind their stamps */
	uint32_t in_second, rate;
	uint32_t *seen;                  /* how often each byte value was new; NULL: nothing was */
	uint16_t reported;
	uint8_t next, next_last;
	bool tunnel;
	const char *inner;
};

struct message {
	bool reply;
	uint16_t id, seq;
	struct slice payload;
};

static bool
read_message(struct slice in, struct message *ret)
{
	struct cur c = cur_slice(in);
	uint8_t type = cur_u8(&c);

	cur_skip(&c, 3);
	ret->reply = type == REPLY4 || type == REPLY6;
	ret->id = cur_u16(&c);
	ret->seq = cur_u16(&c);
	ret->payload = cur_rest(&c);
	return !c.bad && (ret->reply || type == REQUEST4 || type == REQUEST6);
}

static enum cc_status
echo_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	struct message m;

	(void)ctx;
	(void)dir;
	return read_message(in, &m) ? CC_OK : CC_BAD;
}

/* What random bytes come to is 256: the inverse of the chance that two of them are the same. */
static unsigned
spread(const struct echo_state *state)
{
	uint64_t all = 0, same = 0;

	if (state->seen == NULL)
		return 0;
	for (unsigned i = 0; i < 256; i++) {
		uint64_t n = state->seen[i];

		all += n;
		same += n * (n > 0 ? n - 1 : 0);
	}
	if (same == 0)
		return 256;
	return (unsigned)(all * (all - 1) / same);
}

static void
put_sums(struct cc_ctx *ctx, struct cc_tx *tx, const struct echo_state *state)
{
	if (state->inner != NULL)
		cc_put_text(ctx, tx, F_INNER, state->inner);
	cc_put_uint(ctx, tx, F_REQUESTS, state->requests);
	cc_put_uint(ctx, tx, F_REPLIES, state->replies);
	cc_put_uint(ctx, tx, F_BYTES_TO_SERVER, state->bytes[0]);
	cc_put_uint(ctx, tx, F_BYTES_TO_CLIENT, state->bytes[1]);
	cc_put_uint(ctx, tx, F_CHANGED, state->changed);
	cc_put_uint(ctx, tx, F_UNASKED, state->unasked);
	cc_put_uint(ctx, tx, F_LARGEST, state->largest);
	cc_put_uint(ctx, tx, F_RATE, state->rate);
	cc_put_uint(ctx, tx, F_NOVEL, state->novel);
	if (state->seen != NULL)
		cc_put_uint(ctx, tx, F_SPREAD, spread(state));
	cc_put_uint(ctx, tx, F_TUNNEL, state->tunnel);
}

/* Who speaks through it, and to whom. */
static void
put_inner(struct cc_ctx *ctx, struct cc_tx *tx, struct slice payload)
{
	const char *tool = icmp_tool(payload);
	struct icmp_packet packet;
	char text[CC_ADDR_TEXT];

	if (tool != NULL)
		cc_put_text(ctx, tx, F_TOOL, tool);
	if (!icmp_inner_packet(payload, &packet))
		return;
	cc_put_text(ctx, tx, F_INNER_SRC, cc_addr_text(&packet.src, text));
	cc_put_text(ctx, tx, F_INNER_DST, cc_addr_text(&packet.dst, text));
	cc_put_uint(ctx, tx, F_INNER_PROTO, packet.proto);
	if (!packet.has_ports)
		return;
	cc_put_uint(ctx, tx, F_INNER_SPORT, packet.sport);
	cc_put_uint(ctx, tx, F_INNER_DPORT, packet.dport);
}

/* All that this message showed for the first time, as one transaction. */
static void
tell(struct cc_ctx *ctx, struct echo_state *state, enum cc_dir dir, const struct message *m, uint16_t odd)
{
	struct cc_tx *tx;

	odd = (uint16_t)(odd & ~state->reported);
	if (odd == 0)
		return;
	state->reported |= odd;
	tx = cc_tx_new(ctx);
	cc_put_text(ctx, tx, F_TYPE, m->reply ? "reply" : "request");
	cc_put_uint(ctx, tx, F_ID, m->id);
	cc_put_uint(ctx, tx, F_SEQ, m->seq);
	cc_put_uint(ctx, tx, F_SIZE, m->payload.size);
	cc_put_ref(ctx, tx, F_PAYLOAD, slice_of(m->payload.p, m->payload.size < SHOWN ? m->payload.size : SHOWN));
	put_sums(ctx, tx, state);
	if ((odd >> A_INNER & 1) != 0)
		put_inner(ctx, tx, m->payload);
	for (unsigned i = 0; i < A_COUNT; i++)
		if ((odd >> i & 1) != 0)
			cc_anomaly(ctx, tx, i);
	cc_tx_side_done(ctx, tx, dir);
	cc_tx_done(ctx, tx);
}

static struct slice
behind_stamps(struct slice payload)
{
	return payload.size > STAMPS ? slice_of(payload.p + STAMPS, payload.size - STAMPS) : slice_of(payload.p, 0);
}

/* Bytes that are no filling and not those of the requests before. */
static void
note_new(struct cc_ctx *ctx, struct echo_state *state, struct slice payload)
{
	struct slice rest = behind_stamps(payload);
	uint64_t hash;

	if (rest.size < 8 || icmp_is_filling(rest))
		return;
	hash = hash64(rest, 1);
	for (unsigned i = 0; i < KNOWN; i++)
		if (hash == state->last[i])
			return;
	/* The first of all is what a ping goes on with. */
	if (state->last[0] != 0) {
		state->novel += rest.size;
		if (state->seen == NULL)
			state->seen = cc_take(ctx, 256 * sizeof(*state->seen));
		for (size_t i = 0; state->seen != NULL && i < rest.size; i++)
			state->seen[rest.p[i]] += state->seen[rest.p[i]] < UINT32_MAX / 2;
	}
	state->last[state->next_last++ % KNOWN] = hash;
}

static uint16_t
on_request(struct cc_ctx *ctx, struct echo_state *state, const struct message *m)
{
	struct sent *sent = &state->sent[state->next++ % SENT];
	uint64_t second = cc_now(ctx) / NS_PER_S;
	unsigned odd = 0;

	*sent = (struct sent){.is = true, .id = m->id, .seq = m->seq, .size = (uint32_t)m->payload.size,
	    .hash = hash64(m->payload, 0)};
	state->requests++;
	state->in_second = second == state->second ? state->in_second + 1 : 1;
	state->second = second;
	if (state->in_second > state->rate)
		state->rate = state->in_second;
	if (state->rate > cc_limit(ctx, "icmp_echo.rate_limit"))
		odd |= 1u << A_RATE;
	note_new(ctx, state, m->payload);
	if (state->novel > cc_limit(ctx, "icmp_echo.novel_limit"))
		odd |= 1u << A_NOVEL;
	if (state->novel >= SPREAD_BYTES && (state->reported >> A_SPREAD & 1) == 0 && spread(state) >= SPREAD_HIGH)
		odd |= 1u << A_SPREAD;
	return (uint16_t)odd;
}

/* An unchanged copy may come twice: broadcasts, mirrors.  What differs counts against the newest of that number. */
static uint16_t
on_reply(struct echo_state *state, const struct message *m)
{
	uint64_t hash = hash64(m->payload, 0);
	bool asked = false, same = false;

	state->replies++;
	for (unsigned i = 0; i < SENT; i++) {
		const struct sent *sent = &state->sent[i];

		if (!sent->is || sent->id != m->id || sent->seq != m->seq)
			continue;
		asked = true;
		same |= sent->size == m->payload.size && sent->hash == hash;
	}
	if (asked && !same) {
		state->changed++;
		return 1u << A_CHANGED;
	}
	if (asked)
		return 0;
	state->unasked++;
	return state->requests > 0 && state->unasked >= UNASKED_MANY && state->unasked > state->requests
	    ? 1u << A_UNASKED : 0;
}

static bool
is_tunnel(const struct echo_state *state)
{
	bool both = state->novel > 0 && state->changed > 0;

	return state->inner != NULL || state->changed >= CHANGED_MANY || (both && state->changed > 1);
}

static enum cc_status
echo_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct slice all = cur_take(in, cur_left(in));
	struct echo_state *state = own;
	const char *inner;
	struct message m;
	unsigned odd;

	if (!read_message(all, &m)) {
		m = (struct message){.payload = all};
		tell(ctx, state, dir, &m, 1u << A_MALFORMED);
		return CC_OK;
	}
	odd = m.reply ? on_reply(state, &m) : on_request(ctx, state, &m);
	state->bytes[m.reply] += m.payload.size;
	if (m.payload.size > state->largest)
		state->largest = m.payload.size;
	if (m.payload.size > cc_limit(ctx, "icmp_echo.payload_limit") && !icmp_is_filling(behind_stamps(m.payload)))
		odd |= 1u << A_LARGE;
	inner = (state->reported >> A_INNER & 1) == 0 ? icmp_inner(m.payload) : NULL;
	if (inner != NULL) {
		state->inner = inner;
		odd |= 1u << A_INNER;
	}
	if (!state->tunnel && is_tunnel(state)) {
		state->tunnel = true;
		odd |= 1u << A_TUNNEL;
	}
	if (odd != 0)
		tell(ctx, state, dir, &m, (uint16_t)odd);
	return CC_OK;
}

/* What a tunnel came to in all. */
static void
echo_finish(struct cc_ctx *ctx, void *own, enum cc_dir dir)
{
	struct echo_state *state = own;
	struct cc_tx *tx;

	if (!state->tunnel || dir != CC_TO_CLIENT)
		return;
	tx = cc_tx_new(ctx);
	put_sums(ctx, tx, state);
	cc_tx_side_done(ctx, tx, CC_TO_SERVER);
	cc_tx_side_done(ctx, tx, CC_TO_CLIENT);
	cc_tx_done(ctx, tx);
}

static void
echo_close(struct cc_ctx *ctx, void *own)
{
	struct echo_state *state = own;

	cc_give(ctx, state->seen, 256 * sizeof(*state->seen));
	state->seen = NULL;
}

const struct cc_parser icmp_echo_parser = {
    .name = "icmp-echo",
    .event = "icmp_echo",
    .fields = icmp_fields,
    .field_count = F_COUNT,
    .anomalies = icmp_anomalies,
    .anomaly_count = A_COUNT,
    .state_size = sizeof(struct echo_state),
    .icmp = true,
    .one_way = true,
    .by_message = true,
    .own_event = true,
    .probe = echo_probe,
    .feed = echo_feed,
    .finish = echo_finish,
    .close = echo_close,
};
