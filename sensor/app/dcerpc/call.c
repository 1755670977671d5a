/*
 * Calls that wait for their answer: found by call id, bounded in number and in the stub data that they hold.  What one
 * fragment holds is told from where it lies; only what several hold is put together, in memory that grows with what
 * came.
 */
#include <stdio.h>

#include "app/dcerpc/dcerpc.h"

void
dcerpc_put_uint(struct cc_ctx *ctx, const struct dcerpc_user *user, struct cc_tx *tx, enum dcerpc_field field,
    uint64_t num)
{
	if (user->field[field] != DCERPC_NOWHERE)
		cc_put_uint(ctx, tx, user->field[field], num);
}

void
dcerpc_put_text(struct cc_ctx *ctx, const struct dcerpc_user *user, struct cc_tx *tx, enum dcerpc_field field,
    const char *text)
{
	if (user->field[field] != DCERPC_NOWHERE)
		cc_put_text(ctx, tx, user->field[field], text);
}

void
dcerpc_report(struct cc_ctx *ctx, const struct dcerpc_user *user, struct cc_tx *tx, enum dcerpc_wrong wrong)
{
	cc_anomaly(ctx, tx, user->anomaly[wrong]);
}

const char *
dcerpc_type_text(unsigned type, char room[8])
{
	static const char *const word[DCERPC_TYPES] = {
		[DCERPC_REQUEST] = "REQUEST", [DCERPC_PING] = "PING", [DCERPC_RESPONSE] = "RESPONSE",
		[DCERPC_FAULT] = "FAULT", [DCERPC_WORKING] = "WORKING", [DCERPC_NOCALL] = "NOCALL",
		[DCERPC_REJECT] = "REJECT", [DCERPC_ACK] = "ACK", [DCERPC_CL_CANCEL] = "CL_CANCEL",
		[DCERPC_FACK] = "FACK", [DCERPC_CANCEL_ACK] = "CANCEL_ACK", [DCERPC_BIND] = "BIND",
		[DCERPC_BINDACK] = "BINDACK", [DCERPC_BINDNAK] = "BINDNAK", [DCERPC_ALTER] = "ALTER_CONTEXT",
		[DCERPC_ALTER_RESP] = "ALTER_CONTEXT_RESP", [DCERPC_AUTH3] = "AUTH3", [DCERPC_SHUTDOWN] = "SHUTDOWN",
		[DCERPC_CO_CANCEL] = "CO_CANCEL", [DCERPC_ORPHANED] = "ORPHANED", [DCERPC_RTS] = "RTS",
	};

	if (type < DCERPC_TYPES)
		return word[type];
	snprintf(room, 8, "%u", type & 0xff);
	return room;
}

void
dcerpc_uuid_text(const uint8_t uuid[16], char ret_text[37])
{
	static const char digit[] = "0123456789abcdef";
	char *to = ret_text;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*to++ = '-';
		*to++ = digit[uuid[i] >> 4];
		*to++ = digit[uuid[i] & 15];
	}
	*to = '\0';
}

void
dcerpc_uuid_order(const uint8_t wire[16], bool little, uint8_t ret_uuid[16])
{
	static const uint8_t from[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

	for (int i = 0; i < 16; i++)
		ret_uuid[i] = wire[little ? from[i] : i];
}

struct dcerpc_call *
dcerpc_call_find(struct dcerpc_conn *conn, uint32_t id, bool bind)
{
	for (struct dcerpc_call *call = conn->calls; call != NULL; call = call->next)
		if (call->id == id && bind == (call->type != DCERPC_REQUEST))
			return call;
	return NULL;
}

static void
part_free(struct cc_ctx *ctx, struct dcerpc_conn *conn, struct dcerpc_part *part)
{
	cc_give(ctx, part->stub, part->room);
	conn->stub_bytes -= part->room;
	part->stub = NULL;
	part->room = part->size = 0;
}

/* What was gathered of this side is a buffer now. */
static void
part_tell(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_call *call, enum cc_dir dir,
    struct slice stub)
{
	bool request = dir == CC_TO_SERVER;
	struct dcerpc_part *part = &call->part[dir];
	unsigned field = user->field[request ? DCERPC_F_STUB_REQ : DCERPC_F_STUB_RES];

	if (part->done)
		return;
	part->done = true;
	dcerpc_put_uint(ctx, user, call->tx, request ? DCERPC_F_REQ_FRAGS : DCERPC_F_RES_FRAGS, part->frags);
	dcerpc_put_uint(ctx, user, call->tx, request ? DCERPC_F_REQ_SIZE : DCERPC_F_RES_SIZE, part->total);
	if (field != DCERPC_NOWHERE && stub.size > 0)
		cc_put(ctx, call->tx, field, stub);
	cc_tx_side_done(ctx, call->tx, dir);
}

void
dcerpc_call_end(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn, struct dcerpc_call *call)
{
	struct dcerpc_call **link = &conn->calls;

	while (*link != NULL && *link != call)
		link = &(*link)->next;
	if (*link != NULL)
		*link = call->next;
	conn->call_count--;
	for (int dir = 0; dir < 2; dir++) {
		struct dcerpc_part *part = &call->part[dir];

		if (part->frags > 0)
			part_tell(ctx, user, call, (enum cc_dir)dir, slice_of(part->stub, part->size));
		part_free(ctx, conn, part);
	}
	user->done(ctx, user->arg, call->tx);
	cc_give(ctx, call, sizeof(*call));
}

void
dcerpc_call_miss(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn,
    struct dcerpc_call *call)
{
	dcerpc_put_text(ctx, user, call->tx, DCERPC_F_RESPONSE, "UNREPLIED");
	if (call->type == DCERPC_BIND || call->type == DCERPC_ALTER)
		dcerpc_put_bindings(ctx, user, conn, call);
	dcerpc_call_end(ctx, user, conn, call);
}

struct dcerpc_call *
dcerpc_call_new(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn, uint32_t id, uint8_t type)
{
	struct dcerpc_call *call, *oldest = conn->calls;
	char room[8];

	if (conn->call_count >= DCERPC_CALLS_MAX) {
		while (oldest->next != NULL)
			oldest = oldest->next;
		dcerpc_report(ctx, user, oldest->tx, DCERPC_TOO_MANY_CALLS);
		dcerpc_call_miss(ctx, user, conn, oldest);
	}
	call = cc_take(ctx, sizeof(*call));
	if (call == NULL)
		return NULL;
	call->id = id;
	call->type = type;
	call->tx = user->open(ctx, user->arg);
	call->next = conn->calls;
	conn->calls = call;
	conn->call_count++;
	if (type != DCERPC_TYPES)
		dcerpc_put_text(ctx, user, call->tx, DCERPC_F_REQUEST, dcerpc_type_text(type, room));
	dcerpc_put_uint(ctx, user, call->tx, DCERPC_F_CALL_ID, id);
	return call;
}

/* Room for more bytes of stub data, by doubling. */
static bool
part_grow(struct cc_ctx *ctx, struct dcerpc_conn *conn, struct dcerpc_part *part, uint32_t size)
{
	uint32_t room = part->room == 0 ? 4096 : part->room;
	uint8_t *grown;

	while (room < size)
		room *= 2;
	if (room == part->room)
		return true;
	if (conn->stub_bytes - part->room + room > DCERPC_STUBS_MAX || (grown = cc_take(ctx, room)) == NULL)
		return false;
	if (part->size > 0)
		memcpy(grown, part->stub, part->size);
	cc_give(ctx, part->stub, part->room);
	conn->stub_bytes += room - part->room;
	part->stub = grown;
	part->room = room;
	return true;
}

void
dcerpc_call_stub(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn, struct dcerpc_call *call,
    enum cc_dir dir, struct slice shown, size_t size, bool last)
{
	struct dcerpc_part *part = &call->part[dir];

	if (part->done)
		return;
	part->frags++;
	part->total += size;
	if (part->frags == 1 && last) {
		if (shown.size > DCERPC_STUB_MAX)
			shown.size = DCERPC_STUB_MAX;
		part_tell(ctx, user, call, dir, shown);
		return;
	}
	if (!part->cut && shown.size > 0) {
		if (part->size + shown.size > DCERPC_STUB_MAX ||
		    !part_grow(ctx, conn, part, part->size + (uint32_t)shown.size)) {
			part->cut = true;
			dcerpc_report(ctx, user, call->tx, DCERPC_STUB_TOO_LONG);
		} else {
			memcpy(part->stub + part->size, shown.p, shown.size);
			part->size += (uint32_t)shown.size;
		}
	}
	if (last) {
		part_tell(ctx, user, call, dir, slice_of(part->stub, part->size));
		part_free(ctx, conn, part);
	}
}

void
dcerpc_close(struct cc_ctx *ctx, const struct dcerpc_user *user, struct dcerpc_conn *conn)
{
	while (conn->calls != NULL)
		dcerpc_call_miss(ctx, user, conn, conn->calls);
	for (int dir = 0; dir < 2; dir++) {
		cc_give(ctx, conn->side[dir].wait, conn->side[dir].room);
		conn->side[dir] = (struct dcerpc_side){.wait = NULL};
	}
	cc_give(ctx, conn->log_on, conn->log_on_size);
	conn->log_on = NULL;
}
