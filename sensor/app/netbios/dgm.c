/*
 * NetBIOS datagram service (RFC 1002, 4.4) over UDP: who speaks to whom, through which mailslot; a transaction each.
 *
 *     kind 1 | flags 1 | id 2 | source address 4 | source port 2 | size 2 | offset 2 | source name | name | data
 *
 * A name is always whole here.  The data is a transaction of SMB with the mailslot's name; the browser's announcements
 * in it tell what a host is.  One thread, a worker's.
 */
#include "app/netbios/own.h"

enum { UNIQUE = 0x10, GROUP = 0x11, BROADCAST = 0x12, FAILED = 0x13, SMB_TRANSACTION = 0x25, SLOT_MAX = 64 };

enum field {
	F_KIND,
	F_ID,
	F_SOURCE_IP,
	F_SOURCE,
	F_SOURCE_SUFFIX,
	F_SOURCE_SERVICE,
	F_SOURCE_SCOPE,
	F_NAME,
	F_SUFFIX,
	F_SERVICE,
	F_SCOPE,
	F_MAILSLOT,
	F_COUNT
};

#define BOTH (CC_REQUEST | CC_RESPONSE)

static const struct cc_field dgm_fields[F_COUNT] = {
    [F_KIND] = {"nbdgm.type", "type", CC_UINT, BOTH, "16 to one, 17 to a group, 18 to everybody."},
    [F_ID] = {NULL, "id", CC_UINT, BOTH, "Number of the datagram."},
    [F_SOURCE_IP] = {"nbdgm.source_ip", "source_ip", CC_BYTES, BOTH, "Address that the sender says it has."},
    [F_SOURCE] = {"nbdgm.source", "source", CC_BYTES, BOTH, "Its name."},
    [F_SOURCE_SUFFIX] = {NULL, "source_suffix", CC_UINT, BOTH, "What that name is for."},
    [F_SOURCE_SERVICE] = {NULL, "source_service", CC_BYTES, BOTH, "The same in words."},
    [F_SOURCE_SCOPE] = {NULL, "source_scope", CC_BYTES, BOTH, "Its scope."},
    [F_NAME] = {"nbdgm.name", "name", CC_BYTES, BOTH, "Name that it is for."},
    [F_SUFFIX] = {NULL, "suffix", CC_UINT, BOTH, "What that name is for."},
    [F_SERVICE] = {NULL, "service", CC_BYTES, BOTH, "The same in words."},
    [F_SCOPE] = {NULL, "scope", CC_BYTES, BOTH, "Its scope."},
    [F_MAILSLOT] = {"nbdgm.mailslot", "mailslot", CC_BYTES, BOTH, "Mailslot that it is written to."},
};

enum { A_MALFORMED, A_SOURCE, A_COUNT };

static const struct cc_anomaly dgm_anomalies[A_COUNT] = {
    [A_MALFORMED] = {"malformed_message", "A message is none of the datagram service."},
    [A_SOURCE] = {"source_differs", "The sender's address in it is not the one that it came from."},
};

struct datagram {
	uint8_t kind, flags;
	uint16_t id, port, size;
	struct cc_addr addr;
	struct netbios_name source, name;
	struct slice data;
};

static bool
read_datagram(struct slice in, struct datagram *ret)
{
	struct cur c = cur_slice(in);
	const uint8_t *addr;
	uint16_t offset;

	ret->kind = cur_u8(&c);
	ret->flags = cur_u8(&c);
	ret->id = cur_u16(&c);
	addr = cur_bytes(&c, 4);
	ret->port = cur_u16(&c);
	ret->size = cur_u16(&c);
	offset = cur_u16(&c);
	if (c.bad || ret->kind < UNIQUE || ret->kind > BROADCAST || ret->flags >> 4 != 0 || offset != 0)
		return false;
	ret->addr = cc_addr4(addr);
	if (ret->size != cur_left(&c) || !netbios_name(&c, in, &ret->source) || !netbios_name(&c, in, &ret->name))
		return false;
	ret->data = cur_rest(&c);
	return true;
}

static enum cc_status
dgm_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	struct datagram d;

	(void)ctx;
	(void)dir;
	return read_datagram(in, &d) ? CC_OK : CC_BAD;
}

/* "\MAILSLOT\BROWSE" behind the words of SMB's transaction. */
static struct slice
mailslot(struct slice data)
{
	struct slice slot = slice_of(NULL, 0);
	const uint8_t *p;

	if (data.size < 33 || memcmp(data.p, "\xffSMB\x25", 5) != 0)
		return slot;
	p = memmem(data.p + 33, data.size - 33, "\\MAILSLOT\\", 10);
	if (p == NULL)
		return slot;
	slot = slice_of(p, 0);
	while (slot.size < SLOT_MAX && slot.p + slot.size < data.p + data.size && slot.p[slot.size] != 0)
		slot.size++;
	return slot;
}

static enum cc_status
dgm_feed(struct cc_ctx *ctx, void *own, enum cc_dir dir, struct cur *in)
{
	struct slice all = cur_take(in, cur_left(in)), slot;
	char text[CC_ADDR_TEXT];
	struct cc_addr sender = cc_side_addr(ctx, dir);
	struct datagram d;
	struct cc_tx *tx;

	(void)own;
	if (!read_datagram(all, &d)) {
		if (all.size == 0 || all.p[0] < FAILED || all.p[0] > 0x16)
			cc_anomaly(ctx, NULL, A_MALFORMED);
		return CC_OK;
	}
	tx = cc_tx_new(ctx);
	cc_put_uint(ctx, tx, F_KIND, d.kind);
	cc_put_uint(ctx, tx, F_ID, d.id);
	cc_put_text(ctx, tx, F_SOURCE_IP, cc_addr_text(&d.addr, text));
	netbios_put(ctx, tx, F_SOURCE, &d.source);
	netbios_put(ctx, tx, F_NAME, &d.name);
	slot = mailslot(d.data);
	if (slot.size > 0)
		cc_put_ref(ctx, tx, F_MAILSLOT, slot);
	if (memcmp(&sender, &d.addr, sizeof(sender)) != 0)
		cc_anomaly(ctx, tx, A_SOURCE);
	cc_tx_side_done(ctx, tx, dir);
	cc_tx_done(ctx, tx);
	return CC_OK;
}

const struct cc_parser nbdgm_parser = {
    .name = "nbdgm",
    .ports = "udp/138",
    .fields = dgm_fields,
    .field_count = F_COUNT,
    .anomalies = dgm_anomalies,
    .anomaly_count = A_COUNT,
    .udp = true,
    .one_way = true,
    .by_message = true,
    .own_event = true,
    .probe = dgm_probe,
    .feed = dgm_feed,
};
