/*
 * Header blocks to lines (RFC 7541).  The representations are told apart here, since only so one knows which headers
 * can be trusted; their contents (Huffman, tables) are nghttp2's work.
 *
 * After bytes were lost the peer's table holds headers that ours lacks.  Indices count from the newest entry, so what
 * was inserted since then is right all the same, and only what lies beyond is unknown: such a header is left out, and
 * when it is inserted a stand-in takes its place.  A table made empty by the peer makes all well again.
 *
 * nghttp2's memory is the pool's, up to http2.hpack_memory for each direction; blocks begin with their size.
 */
#include "app/http2/own.h"

#define BLOCK_HEAD 16
#define STATIC_ENTRIES 61

/* ---- nghttp2's memory ---- */

static void *
mem_take(size_t size, void *opaque)
{
	struct http2_hpack *hpack = opaque;
	size_t *block;

	if (size > cc_limit(hpack->ctx, "http2.hpack_memory") ||
	    hpack->used > cc_limit(hpack->ctx, "http2.hpack_memory") - size)
		return NULL;
	block = cc_take(hpack->ctx, size + BLOCK_HEAD);
	if (block == NULL)
		return NULL;
	*block = size;
	hpack->used += size;
	return (uint8_t *)block + BLOCK_HEAD;
}

static size_t *
mem_head(void *p)
{
	return (size_t *)(void *)((uint8_t *)p - BLOCK_HEAD);
}

static void
mem_give(void *p, void *opaque)
{
	struct http2_hpack *hpack = opaque;

	if (p == NULL)
		return;
	hpack->used -= *mem_head(p);
	cc_give(hpack->ctx, mem_head(p), *mem_head(p) + BLOCK_HEAD);
}

static void *
mem_take_many(size_t count, size_t size, void *opaque)
{
	return size == 0 || count <= SIZE_MAX / 2 / size ? mem_take(count * size, opaque) : NULL; /* zeroed as it is */
}

static void *
mem_change(void *p, size_t size, void *opaque)
{
	void *fresh = mem_take(size, opaque);

	if (p == NULL || fresh == NULL)
		return fresh;
	memcpy(fresh, p, *mem_head(p) < size ? *mem_head(p) : size);
	mem_give(p, opaque);
	return fresh;
}

void
http2_hpack_close(struct cc_ctx *ctx, struct http2_hpack *hpack)
{
	hpack->ctx = ctx;
	if (hpack->inflater != NULL)
		nghttp2_hd_inflate_del(hpack->inflater);
	hpack->inflater = NULL;
}

static bool
hpack_open(struct cc_ctx *ctx, struct http2_hpack *hpack)
{
	hpack->ctx = ctx;
	if (hpack->inflater != NULL)
		return true;
	hpack->mem = (nghttp2_mem){hpack, mem_take, mem_give, mem_take_many, mem_change};
	if (nghttp2_hd_inflate_new2(&hpack->inflater, &hpack->mem) != 0) {
		hpack->inflater = NULL;
		return false;
	}
	/* What the peer allows is not asked: the encoder says which size it uses. */
	(void)nghttp2_hd_inflate_change_table_size(hpack->inflater, cc_limit(ctx, "http2.table_size"));
	return true;
}

void
http2_hpack_lose(struct cc_ctx *ctx, struct http2_hpack *hpack)
{
	http2_hpack_close(ctx, hpack);
	hpack->lost = true;
}

/* ---- lines ---- */

/* Room for one more element; the block grows by doubling. */
static void *
grow(struct cc_ctx *ctx, void *p, uint32_t *room, uint32_t need, size_t element)
{
	uint32_t more = *room > 0 ? *room * 2 : 1024;
	void *fresh;

	while (more < need)
		more *= 2;
	fresh = cc_take(ctx, more * element);
	if (fresh == NULL)
		return NULL;
	if (*room > 0) {
		memcpy(fresh, p, *room * element);
		cc_give(ctx, p, *room * element);
	}
	*room = more;
	return fresh;
}

static struct http2_line *
line_new(struct cc_ctx *ctx, struct http2_block *block)
{
	if (block->line_count == HTTP2_HEADERS)
		return NULL;
	if (block->line_count == block->line_room) {
		uint32_t room = block->line_room;
		void *fresh = grow(ctx, block->line, &room, room > 0 ? room + 1 : 64, sizeof(*block->line));

		if (fresh == NULL)
			return NULL;
		block->line = fresh;
		block->line_room = room;
	}
	block->line[block->line_count] = (struct http2_line){.at = block->text_size};
	return &block->line[block->line_count];
}

void
http2_block_add(struct cc_ctx *ctx, struct http2_block *block, struct slice name, struct slice value)
{
	uint64_t limit = cc_limit(ctx, "http.header_limit");
	size_t size = name.size + value.size + 4;
	struct http2_line *line;
	uint8_t *at;

	if (block->over)
		return;
	line = size <= limit - block->text_size ? line_new(ctx, block) : NULL;
	if (line != NULL && size > block->text_room - block->text_size) {
		uint32_t room = block->text_room;
		void *fresh = grow(ctx, block->text, &room, (uint32_t)(block->text_size + size), 1);

		if (fresh != NULL) {
			block->text = fresh;
			block->text_room = room;
		} else {
			line = NULL;
		}
	}
	if (line == NULL) {
		block->over = true;
		return;
	}
	line->name = (uint32_t)name.size;
	line->value = (uint32_t)value.size;
	at = block->text + block->text_size;
	if (name.size > 0)
		memcpy(at, name.p, name.size);
	memcpy(at + name.size, ": ", 2);
	if (value.size > 0)
		memcpy(at + name.size + 2, value.p, value.size);
	memcpy(at + name.size + 2 + value.size, "\r\n", 2);
	block->text_size += (uint32_t)size;
	block->line_count++;
}

void
http2_block_free(struct cc_ctx *ctx, struct http2_block *block)
{
	if (block->rest_room > 0)
		cc_give(ctx, block->rest, block->rest_room);
	if (block->text_room > 0)
		cc_give(ctx, block->text, block->text_room);
	if (block->line_room > 0)
		cc_give(ctx, block->line, block->line_room * sizeof(*block->line));
	memset(block, 0, sizeof(*block));
}

/* ---- representations ---- */

enum rep_kind { REP_INDEXED, REP_INSERTED, REP_LITERAL, REP_SIZE };

struct rep {
	enum rep_kind kind;
	uint64_t number;          /* index, 0: the name is a literal; or the size */
	struct slice all, value;  /* value: coded, with its length */
};

/* An integer with a prefix of that many bits (5.1).  CC_BAD: beyond all bounds. */
static enum cc_status
read_integer(struct cur *c, unsigned bits, uint64_t *ret_number)
{
	uint64_t most = (1u << bits) - 1, number = cur_u8(c) & most;
	unsigned shift = 0;
	uint8_t byte;

	if (number == most) {
		do {
			byte = cur_u8(c);
			if (c->bad)
				return CC_MORE;
			if (shift > 28)
				return CC_BAD;
			number += (uint64_t)(byte & 0x7f) << shift;
			shift += 7;
		} while ((byte & 0x80) != 0);
	}
	*ret_number = number;
	return c->bad ? CC_MORE : CC_OK;
}

static enum cc_status
skip_string(struct cur *c)
{
	uint64_t size;
	enum cc_status st = read_integer(c, 7, &size);

	if (st != CC_OK)
		return st;
	if (size > HTTP2_STRING_MAX)
		return CC_BAD;
	cur_skip(c, (size_t)size);
	return c->bad ? CC_MORE : CC_OK;
}

/* The next representation (6).  *in moves only on CC_OK. */
static enum cc_status
rep_next(struct cur *in, struct rep *ret_rep)
{
	struct cur c = *in;
	uint8_t first = c.p < c.end ? c.p[0] : 0;
	enum cc_status st;

	ret_rep->kind = (first & 0x80) != 0 ? REP_INDEXED : (first & 0x40) != 0 ? REP_INSERTED :
	    (first & 0x20) != 0 ? REP_SIZE : REP_LITERAL;
	st = read_integer(&c, (first & 0x80) != 0 ? 7 : (first & 0x40) != 0 ? 6 : (first & 0x20) != 0 ? 5 : 4,
	    &ret_rep->number);
	if (st == CC_OK && (ret_rep->kind == REP_INSERTED || ret_rep->kind == REP_LITERAL)) {
		const uint8_t *from;

		if (ret_rep->number == 0)
			st = skip_string(&c);
		from = c.p;
		if (st == CC_OK)
			st = skip_string(&c);
		ret_rep->value = slice_of(from, (size_t)(c.p - from));
	}
	if (st != CC_OK)
		return st;
	ret_rep->all = slice_of(in->p, (size_t)(c.p - in->p));
	in->p = c.p;
	return CC_OK;
}

/* Bytes to the inflater; what it emits becomes a line if `lines`. */
static bool
inflate_bytes(struct cc_ctx *ctx, struct http2_side *side, struct slice bytes, bool lines)
{
	while (bytes.size > 0) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t used = nghttp2_hd_inflate_hd2(side->hpack.inflater, &nv, &flags, bytes.p, bytes.size, 0);

		if (used < 0)
			return false;
		bytes = slice_of(bytes.p + used, bytes.size - (size_t)used);
		if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0 && lines)
			http2_block_add(
			    ctx, &side->block, slice_of(nv.name, nv.namelen), slice_of(nv.value, nv.valuelen));
		if (used == 0 && (flags & NGHTTP2_HD_INFLATE_EMIT) == 0)
			return false;
	}
	return true;
}

/* A header whose name isn't known goes into the table under another. */
static bool
insert_stand_in(struct cc_ctx *ctx, struct http2_side *side, const struct rep *rep)
{
	static const uint8_t name[] = {0x40, 1, '?'};

	return inflate_bytes(ctx, side, slice_of(name, sizeof(name)), false) &&
	    inflate_bytes(ctx, side, rep->value, false);
}

static bool
table_size(struct cc_ctx *ctx, struct http2_side *side, const struct rep *rep)
{
	uint64_t limit = cc_limit(ctx, "http2.table_size");
	struct http2_line *line = line_new(ctx, &side->block);
	uint8_t coded[8] = {0x3f};
	uint64_t size = limit - 31;
	unsigned n = 1;

	if (line != NULL) {
		line->update = true;
		line->value = (uint32_t)(rep->number < UINT32_MAX ? rep->number : UINT32_MAX);
		side->block.line_count++;
	}
	if (rep->number == 0)
		side->hpack.lost = false;
	if (rep->number <= limit)
		return inflate_bytes(ctx, side, rep->all, false);
	side->hpack.lost = true; /* we keep as much as we may: the newest */
	for (; size >= 0x80; size >>= 7)
		coded[n++] = (uint8_t)(size | 0x80);
	coded[n++] = (uint8_t)size;
	return inflate_bytes(ctx, side, slice_of(coded, n), false);
}

static bool
rep_take(struct cc_ctx *ctx, struct http2 *http2, struct http2_side *side, const struct rep *rep)
{
	if (rep->kind == REP_SIZE)
		return table_size(ctx, side, rep);
	/* The static table is among its entries. */
	if (side->hpack.lost && rep->number > STATIC_ENTRIES &&
	    rep->number > nghttp2_hd_inflate_get_num_table_entries(side->hpack.inflater)) {
		http2_odd_once(ctx, http2, NULL, A_TABLE_LOST);
		return rep->kind != REP_INSERTED || insert_stand_in(ctx, side, rep);
	}
	return inflate_bytes(ctx, side, rep->all, true);
}

static bool
keep_rest(struct cc_ctx *ctx, struct http2_block *block, struct slice rest)
{
	if (rest.size > 2 * HTTP2_STRING_MAX)
		return false;
	if (rest.size > block->rest_room) {
		uint32_t room = block->rest_room;
		void *fresh = grow(ctx, block->rest, &room, (uint32_t)rest.size, 1);

		if (fresh == NULL)
			return false;
		block->rest = fresh;
		block->rest_room = room;
	}
	if (rest.size > 0)
		memmove(block->rest, rest.p, rest.size);
	block->rest_size = (uint32_t)rest.size;
	return true;
}

static bool
add_whole(struct cc_ctx *ctx, struct http2 *http2, struct http2_side *side, struct cur *in)
{
	enum cc_status st = CC_OK;
	struct rep rep = {.kind = REP_INDEXED};

	while (cur_left(in) > 0) {
		st = rep_next(in, &rep);
		if (st != CC_OK)
			break;
		if (!rep_take(ctx, http2, side, &rep))
			return false;
	}
	if (st == CC_BAD)
		http2_odd_once(ctx, http2, NULL, A_INTEGER);
	return st != CC_BAD;
}

bool
http2_hpack_add(struct cc_ctx *ctx, struct http2 *http2, enum cc_dir dir, struct slice bytes)
{
	struct http2_side *side = &http2->side[dir];
	struct http2_block *block = &side->block;
	struct cur in;

	if (!hpack_open(ctx, &side->hpack))
		return false;
	block->coded += bytes.size;
	if (block->rest_size > 0) {
		uint32_t room = block->rest_room, size = block->rest_size;

		if (bytes.size > room - size) {
			void *fresh = grow(ctx, block->rest, &room, (uint32_t)(size + bytes.size), 1);

			if (fresh == NULL)
				return false;
			block->rest = fresh;
			block->rest_room = room;
		}
		if (bytes.size > 0)
			memcpy(block->rest + size, bytes.p, bytes.size);
		bytes = slice_of(block->rest, size + bytes.size);
	}
	in = cur_slice(bytes);
	return add_whole(ctx, http2, side, &in) && keep_rest(ctx, block, cur_rest(&in));
}

bool
http2_hpack_end(struct cc_ctx *ctx, struct http2_side *side)
{
	side->hpack.ctx = ctx;
	if (side->hpack.inflater != NULL)
		(void)nghttp2_hd_inflate_end_headers(side->hpack.inflater);
	return side->block.rest_size == 0;
}
