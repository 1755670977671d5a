/*
 * Long headers (RFC 9000, 17.2; RFC 9369, 3.2) off a datagram, which may hold several packets behind each other.
 *
 *     1 1 type:2 x:4 | version 4 | dcid 1+n | scid 1+n | Initial: token v+n | length v | number 1..4 | payload
 */
#include <stdio.h>

#include "app/quic/own.h"

#define BIT(suite) (1u << (suite))

uint64_t
quic_varint(struct cur *c)
{
	uint8_t first = cur_u8(c);
	uint64_t n = first & 0x3f;

	for (unsigned more = (1u << (first >> 6)) - 1; more > 0; more--)
		n = n << 8 | cur_u8(c);
	return c->bad ? 0 : n;
}

bool
quic_is_google(uint32_t version)
{
	return version >= QUIC_Q039 && version <= QUIC_Q046 && (version & 0xff) >= '0' && (version & 0xff) <= '9';
}

unsigned
quic_suites(uint32_t version)
{
	const unsigned drafts = BIT(QUIC_S_V1) | BIT(QUIC_S_D29) | BIT(QUIC_S_D23) | BIT(QUIC_S_D21);

	if (version == QUIC_V1 || version == 0xff000021 || version == 0xff000022)
		return BIT(QUIC_S_V1);
	if (version == QUIC_V2)
		return BIT(QUIC_S_V2);
	if (version >= 0xff00001d && version <= 0xff000020)
		return BIT(QUIC_S_D29);
	if (version >= 0xff000017 && version <= 0xff00001c)
		return BIT(QUIC_S_D23);
	if (version == 0xff000015 || version == 0xff000016)
		return BIT(QUIC_S_D21);
	if (version == QUIC_Q050)
		return BIT(QUIC_S_Q050);
	if (version == QUIC_T051)
		return BIT(QUIC_S_T051);
	/* Reserved to force a negotiation (RFC 9000, 15), and Facebook's own: protected as some real version is. */
	if ((version & 0x0f0f0f0f) == 0x0a0a0a0a || version >> 8 == 0xfaceb0)
		return drafts;
	return 0;
}

const char *
quic_version_text(uint32_t version, char room[12])
{
	if (version == QUIC_V2)
		return "v2";
	if (quic_is_google(version))
		snprintf(room, 12, "Q0%c%c", (char)(version >> 8 & 0xff), (char)(version & 0xff));
	else
		snprintf(room, 12, "%x", (unsigned)version);
	return room;
}

static enum quic_kind
kind_of(uint32_t version, uint8_t first)
{
	unsigned type = first >> 4 & 3;

	if (version == 0)
		return QUIC_NEGOTIATION;
	/* Version 2 turns them by one. */
	return (enum quic_kind)(version == QUIC_V2 ? (type + 3) & 3 : type);
}

enum cc_status
quic_packet(struct cur *in, struct quic_packet *ret_packet)
{
	struct cur c = *in;
	uint8_t first = cur_u8(&c), size;
	uint64_t length = 0;

	ret_packet->version = cur_u32(&c);
	if (c.bad || (first & 0x80) == 0 || (ret_packet->version != 0 && quic_suites(ret_packet->version) == 0))
		return CC_ABSENT;
	ret_packet->kind = kind_of(ret_packet->version, first);
	size = cur_u8(&c);
	ret_packet->dcid = cur_take(&c, size);
	if (size > QUIC_CID_MAX)
		return CC_ABSENT;
	size = cur_u8(&c);
	ret_packet->scid = cur_take(&c, size);
	if (size > QUIC_CID_MAX)
		return CC_ABSENT;
	if (ret_packet->kind == QUIC_INITIAL)
		cur_skip(&c, (size_t)quic_varint(&c));
	if (ret_packet->kind == QUIC_RETRY || ret_packet->kind == QUIC_NEGOTIATION)
		length = cur_left(&c);
	else
		length = quic_varint(&c);
	ret_packet->number = (size_t)(c.p - in->p);
	cur_skip(&c, (size_t)length);
	if (c.bad)
		return CC_ABSENT;
	ret_packet->all = slice_of(in->p, (size_t)(c.p - in->p));
	*in = c;
	return CC_OK;
}
