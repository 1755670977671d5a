/*
 * The structure of a MIME message (RFC 2046): headers, bodies, boundaries, as a machine over lines that may be cut
 * anywhere.
 *
 * A line's end belongs to the boundary that follows it, so it is kept back until the next line is known.  Every open
 * boundary counts, the innermost first: a part whose end is missing ends with the multipart around it.  What an
 * attacker could try here is depth and number; both only cost what the limits say, since a message within a message
 * opens nothing.
 */
#include "app/smtp/mime_own.h"

#define STANDARD_LINE 998
#define STANDARD_ENCODED 76
#define OUT_SIZE 4096

void
mime_tell(struct cc_ctx *ctx, struct mime *mime, enum mime_odd odd)
{
	if ((mime->odd >> odd & 1) != 0)
		return;
	mime->odd |= 1u << odd;
	mime->sink->odd(ctx, mime->user, odd);
}

struct mime *
mime_open(struct cc_ctx *ctx, const struct mime_limits *limits, const struct mime_sink *sink, void *user)
{
	struct mime *mime = cc_take(ctx, sizeof(*mime));

	if (mime == NULL)
		return NULL;
	mime->limits = *limits;
	mime->sink = sink;
	mime->user = user;
	mime->state = MIME_HEAD;
	mime->bol = true;
	return mime;
}

void
mime_free(struct cc_ctx *ctx, struct mime *mime)
{
	cc_give(ctx, mime, sizeof(*mime));
}

bool
mime_in_body(const struct mime *mime)
{
	return mime != NULL && (mime->inner || mime->state != MIME_HEAD);
}

/* ---- bodies ---- */

/* Bytes of a leaf, still encoded. */
static void
put_body(struct cc_ctx *ctx, struct mime *mime, struct slice in)
{
	uint8_t out[OUT_SIZE];

	if (mime->code.encoding == MIME_IDENTITY) {
		if (in.size > 0)
			mime->sink->body(ctx, mime->user, in);
		return;
	}
	while (in.size > 0) {
		size_t n = mime_decode(&mime->code, &in, out, sizeof(out));

		if (n > 0)
			mime->sink->body(ctx, mime->user, slice_of(out, n));
	}
}

static void
put_eol(struct cc_ctx *ctx, struct mime *mime)
{
	uint8_t size = mime->eol_size;

	mime->eol_size = 0;
	put_body(ctx, mime, slice_of(mime->eol, size));
}

/* Lines may be long where the standard says they may not; that is told, and taken. */
static void
count_line(struct cc_ctx *ctx, struct mime *mime, struct slice in)
{
	const uint8_t *lf;

	while (in.size > 0 && (lf = memchr(in.p, '\n', in.size)) != NULL) {
		mime->line_size += (uint32_t)(lf - in.p);
		if (mime->line_size > STANDARD_LINE + 1)
			mime_tell(ctx, mime, MIME_LONG_LINE);
		if (mime->line_size > STANDARD_ENCODED + 1 && mime->code.encoding != MIME_IDENTITY)
			mime_tell(ctx, mime, MIME_LONG_ENCODED);
		mime->line_size = 0;
		in = mime_drop(in, (size_t)(lf - in.p) + 1);
	}
	mime->line_size += in.size < UINT32_MAX / 2 - mime->line_size ? (uint32_t)in.size : 0;
}

/* Bytes that are no boundary; the line's end at their end, if there is one, is kept back. */
static void
body_bytes(struct cc_ctx *ctx, struct mime *mime, struct slice in)
{
	if (in.size == 0 || mime->state != MIME_BODY)
		return;
	if ((mime->odd & (1u << MIME_LONG_LINE)) == 0 || (mime->odd & (1u << MIME_LONG_ENCODED)) == 0)
		count_line(ctx, mime, in);
	if (mime->eol_size == 1 && mime->eol[0] == '\r' && in.size == 1 && in.p[0] == '\n') {
		mime->eol[mime->eol_size++] = '\n';
		return;
	}
	put_eol(ctx, mime);
	if (in.p[in.size - 1] == '\n') {
		size_t size = in.size > 1 && in.p[in.size - 2] == '\r' ? 2 : 1;

		memcpy(mime->eol, in.p + in.size - size, size);
		mime->eol_size = (uint8_t)size;
	} else if (in.p[in.size - 1] == '\r') {
		mime->eol[0] = '\r';
		mime->eol_size = 1;
	}
	in.size -= mime->eol_size;
	put_body(ctx, mime, in);
}

static void
part_end(struct cc_ctx *ctx, struct mime *mime, bool whole)
{
	uint8_t out[4];
	size_t n;

	if (!mime->part_open)
		return;
	n = mime_decode_end(&mime->code, out, sizeof(out));
	if (n > 0)
		mime->sink->body(ctx, mime->user, slice_of(out, n));
	if (mime->code.bad)
		mime_tell(ctx, mime, mime->code.encoding == MIME_QP ? MIME_BAD_QP : MIME_BAD_BASE64);
	mime->part_open = false;
	mime->sink->part_end(ctx, mime->user, whole);
}

/* ---- heads ---- */

static void
head_begin(struct mime *mime)
{
	mime->state = MIME_HEAD;
	mime->head = (struct mime_head){.encoding = MIME_IDENTITY};
	mime->head_size = 0;
	mime->field_size = mime->row_size = 0;
	mime->field_cut = false;
	mime->eol_size = 0;
	mime->line_size = 0;
	mime->bol = true;
}

static bool
too_deep(struct cc_ctx *ctx, struct mime *mime)
{
	if ((uint64_t)mime->depth + mime->messages < mime->limits.depth && mime->depth < MIME_DEPTH_MAX)
		return false;
	mime_tell(ctx, mime, MIME_TOO_DEEP);
	return true;
}

static bool
multipart_open(struct cc_ctx *ctx, struct mime *mime)
{
	struct mime_head *head = &mime->head;

	if (head->mark_size == 0) {
		mime_tell(ctx, mime, MIME_BAD_MULTIPART);
		return false;
	}
	if (too_deep(ctx, mime) || mime->marks_size + head->mark_size > MIME_MARKS_ROOM)
		return false;
	memcpy(mime->marks + mime->marks_size, head->mark, head->mark_size);
	mime->level[mime->depth++] = (struct mime_level){mime->marks_size, head->mark_size, mime->messages};
	mime->marks_size = (uint16_t)(mime->marks_size + head->mark_size);
	mime->state = MIME_BETWEEN;
	return true;
}

static void
leaf_open(struct cc_ctx *ctx, struct mime *mime)
{
	const struct mime_head *head = &mime->head;
	struct mime_part part = {
	    .type = head->type_size > 0 ? slice_of(head->type, head->type_size) : slice_str("text/plain"),
	    .name = slice_of(head->name, head->name_size),
	    .attachment = head->attachment,
	};

	if (mime->parts >= mime->limits.parts) {
		mime_tell(ctx, mime, MIME_TOO_MANY);
		mime->state = MIME_BETWEEN;
		return;
	}
	mime->parts++;
	if (slice_is(part.type, "text/html"))
		part.text = MIME_TEXT_HTML;
	else if (mime_begins(part.type, "text/"))
		part.text = MIME_TEXT_PLAIN;
	mime->code = (struct mime_code){.encoding = head->encoding};
	mime->state = MIME_BODY;
	mime->part_open = true;
	mime->sink->part(ctx, mime->user, &part);
}

/* The empty line behind the headers. */
static void
head_done(struct cc_ctx *ctx, struct mime *mime)
{
	mime_field(ctx, mime);
	mime->inner = true;
	mime->bol = true;
	if (mime->head.multipart && multipart_open(ctx, mime))
		return;
	if (mime->head.message && mime->head.encoding == MIME_IDENTITY && !too_deep(ctx, mime)) {
		mime->messages++;
		head_begin(mime);
		return;
	}
	leaf_open(ctx, mime);
}

/* ---- boundaries ---- */

/* The line in hold, or in row: does it end a part?  Takes it, if so. */
static bool
take_boundary(struct cc_ctx *ctx, struct mime *mime, struct slice line)
{
	while (line.size > 0 && (line.p[line.size - 1] <= ' '))
		line.size--;
	if (line.size < 3 || line.p[0] != '-' || line.p[1] != '-')
		return false;
	line = mime_drop(line, 2);
	for (uint16_t i = mime->depth; i-- > 0;) {
		const struct mime_level *level = &mime->level[i];
		struct slice mark = slice_of(mime->marks + level->at, level->size);
		bool last = line.size == mark.size + 2 && memcmp(line.p + mark.size, "--", 2) == 0;

		if ((line.size != mark.size && !last) || memcmp(line.p, mark.p, mark.size) != 0)
			continue;
		if (mime->state == MIME_HEAD)
			mime_field(ctx, mime);
		if (i + 1 < mime->depth && mime->state != MIME_BETWEEN)
			mime_tell(ctx, mime, MIME_BAD_MULTIPART);
		part_end(ctx, mime, true);
		mime->messages = level->messages;
		mime->depth = last ? i : (uint16_t)(i + 1);
		mime->marks_size = last ? level->at : (uint16_t)(level->at + level->size);
		mime->eol_size = 0;
		if (last)
			mime->state = MIME_BETWEEN;
		else
			head_begin(mime);
		mime->bol = true;
		return true;
	}
	return false;
}

/* ---- lines ---- */

/* A line of headers is complete in row. */
static void
head_line(struct cc_ctx *ctx, struct mime *mime)
{
	struct slice line = slice_of(mime->row, mime->row_size);
	size_t room;
	bool folded;

	mime->row_size = 0;
	if (mime->depth > 0 && line.size > 2 && line.p[0] == '-' && line.p[1] == '-' && take_boundary(ctx, mime, line))
		return;
	if (line.size > 0 && line.p[line.size - 1] == '\r')
		line.size--;
	if (line.size == 0) {
		head_done(ctx, mime);
		return;
	}
	if (mime->head_size > mime->limits.head) {
		mime_tell(ctx, mime, MIME_LONG_HEAD);
		return;
	}
	folded = line.p[0] == ' ' || line.p[0] == '\t';
	if (!folded)
		mime_field(ctx, mime);
	if (mime->state != MIME_HEAD || (folded && mime->field_size == 0))
		return;
	room = sizeof(mime->field) - mime->field_size;
	if (line.size > room) {
		line.size = room;
		mime->field_cut = true;
	}
	memcpy(mime->field + mime->field_size, line.p, line.size);
	mime->field_size = (uint16_t)(mime->field_size + line.size);
}

static struct slice
head_bytes(struct cc_ctx *ctx, struct mime *mime, struct slice in)
{
	const uint8_t *lf = memchr(in.p, '\n', in.size);
	size_t size = lf != NULL ? (size_t)(lf - in.p) : in.size;
	size_t room = sizeof(mime->row) - mime->row_size;
	size_t take = size < room ? size : room;

	if (take < size)
		mime->field_cut = true;
	memcpy(mime->row + mime->row_size, in.p, take);
	mime->row_size = (uint16_t)(mime->row_size + take);
	mime->head_size += size + 1;
	if (lf != NULL) {
		head_line(ctx, mime);
		size++;
	}
	return mime_drop(in, size);
}

/* A line that begins with "-": kept until it is known not to be a boundary. */
static struct slice
hold_bytes(struct cc_ctx *ctx, struct mime *mime, struct slice in)
{
	const uint8_t *lf = memchr(in.p, '\n', in.size);
	size_t size = lf != NULL ? (size_t)(lf - in.p) + 1 : in.size;
	size_t room = sizeof(mime->hold) - mime->hold_size;
	struct slice held;
	bool whole;

	if (size > room)
		size = room;
	memcpy(mime->hold + mime->hold_size, in.p, size);
	mime->hold_size = (uint16_t)(mime->hold_size + size);
	held = slice_of(mime->hold, mime->hold_size);
	whole = held.p[held.size - 1] == '\n';
	if (!whole && held.size < sizeof(mime->hold) && (held.size < 2 || held.p[1] == '-'))
		return mime_drop(in, size);
	mime->hold_size = 0;
	if (!whole || !take_boundary(ctx, mime, held)) {
		mime->bol = whole;
		body_bytes(ctx, mime, held);
	}
	return mime_drop(in, size);
}

/* Bytes of a body up to the next line that may be a boundary. */
static struct slice
plain_bytes(struct cc_ctx *ctx, struct mime *mime, struct slice in)
{
	const uint8_t *at = mime->depth > 0 ? memmem(in.p, in.size, "\n-", 2) : NULL;
	size_t size = at != NULL ? (size_t)(at - in.p) + 1 : in.size;

	body_bytes(ctx, mime, slice_of(in.p, size));
	mime->bol = in.p[size - 1] == '\n';
	return mime_drop(in, size);
}

void
mime_add(struct cc_ctx *ctx, struct mime *mime, struct slice in)
{
	while (mime != NULL && in.size > 0) {
		if (mime->state == MIME_HEAD)
			in = head_bytes(ctx, mime, in);
		else if (mime->hold_size > 0 || (mime->bol && mime->depth > 0 && in.p[0] == '-'))
			in = hold_bytes(ctx, mime, in);
		else
			in = plain_bytes(ctx, mime, in);
	}
}

static void
flush(struct cc_ctx *ctx, struct mime *mime)
{
	struct slice held = slice_of(mime->hold, mime->hold_size);

	mime->hold_size = 0;
	body_bytes(ctx, mime, held);
	if (mime->state == MIME_BODY)
		put_eol(ctx, mime);
}

/* The bytes that are missing are taken to be the part's; a boundary among them is lost, and the next one counts. */
void
mime_gap(struct cc_ctx *ctx, struct mime *mime, uint64_t size)
{
	if (mime == NULL)
		return;
	flush(ctx, mime);
	mime->bol = false;
	mime->line_size = 0;
	if (mime->part_open)
		mime->sink->part_gap(ctx, mime->user, size);
	if (mime->state == MIME_HEAD)
		mime->row_size = 0;
}

void
mime_end(struct cc_ctx *ctx, struct mime *mime, bool whole)
{
	if (mime == NULL)
		return;
	if (mime->hold_size > 0) {
		struct slice held = slice_of(mime->hold, mime->hold_size);

		mime->hold_size = 0;   /* the last boundary may lack its line's end */
		if (!take_boundary(ctx, mime, held))
			body_bytes(ctx, mime, held);
	}
	if (mime->state == MIME_HEAD) {
		if (mime->row_size > 0)
			head_line(ctx, mime);
		if (mime->state == MIME_HEAD)
			mime_field(ctx, mime);
	}
	flush(ctx, mime);
	if (mime->part_open && mime->depth > 0)
		mime_tell(ctx, mime, MIME_BAD_MULTIPART);
	part_end(ctx, mime, whole);
	mime->state = MIME_BETWEEN;
	mime->depth = 0;
}
