/*
 * What the headers of a part say of its body (RFC 2045, 5 and 6; RFC 2183): type, encoding, boundary, file name.  The
 * first header of a kind counts.
 */
#include "app/smtp/mime_own.h"

#define STANDARD_MARK 70 /* the longest boundary that RFC 2046 allows */
#define NAME_LONG 128    /* of a header */

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* The file name of a parameter, its encoded words undone. */
static void
take_name(struct cc_ctx *ctx, struct mime *mime, struct slice value, const char *parameter, bool disposition)
{
	struct mime_head *head = &mime->head;
	uint8_t raw[MIME_NAME_MAX * 4];
	bool cut;
	size_t size;

	if (head->name_size > 0 && (head->name_disposition || !disposition))
		return;
	size = mime_parameter(value, parameter, raw, sizeof(raw), &cut);
	if (size == 0)
		return;
	size = mime_words(slice_of(raw, size), head->name, sizeof(head->name));
	if (size > MIME_NAME_MAX) {
		size = MIME_NAME_MAX;
		cut = true;
	}
	if (cut)
		mime_tell(ctx, mime, MIME_LONG_FILENAME);
	head->name_size = (uint16_t)size;
	head->name_disposition = disposition;
}

static void
content_type(struct cc_ctx *ctx, struct mime *mime, struct slice value)
{
	struct mime_head *head = &mime->head;
	size_t n = 0, size;
	bool cut;

	if (head->has_type)
		return;
	head->has_type = true;
	while (n < value.size && n < sizeof(head->type) && value.p[n] != ';' && value.p[n] > ' ') {
		head->type[n] = (char)lower(value.p[n]);
		n++;
	}
	head->type_size = (uint8_t)n;
	head->multipart = mime_begins(value, "multipart/");
	head->message =
	    mime_is(slice_of(head->type, n), "message/rfc822") || mime_is(slice_of(head->type, n), "message/global");
	take_name(ctx, mime, value, "name", false);
	size = mime_parameter(value, "boundary", head->mark, sizeof(head->mark), &cut);
	if (size > STANDARD_MARK)
		mime_tell(ctx, mime, MIME_LONG_BOUNDARY);
	head->mark_size = size <= MIME_MARK_MAX ? (uint16_t)size : 0;
}

static void
content_encoding(struct mime *mime, struct slice value)
{
	if (mime_is(value, "base64"))
		mime->head.encoding = MIME_BASE64;
	else if (mime_is(value, "quoted-printable"))
		mime->head.encoding = MIME_QP;
}

void
mime_field(struct cc_ctx *ctx, struct mime *mime)
{
	struct slice field = slice_of(mime->field, mime->field_size), name, value;
	size_t colon = 0;

	mime->field_size = 0;
	if (field.size == 0)
		return;
	if (mime->field_cut)
		mime_tell(ctx, mime, MIME_LONG_VALUE);
	mime->field_cut = false;
	while (colon < field.size && field.p[colon] != ':')
		colon++;
	name = mime_trim(slice_of(field.p, colon));
	if (colon == field.size || name.size == 0 || memchr(name.p, ' ', name.size) != NULL) {
		if (!mime_begins(field, "from "))  /* mbox's line */
			mime_tell(ctx, mime, MIME_BAD_HEADER);
		return;
	}
	if (name.size > NAME_LONG)
		mime_tell(ctx, mime, MIME_LONG_NAME);
	mime->any_header = true;
	value = mime_trim(mime_drop(field, colon + 1));
	if (!mime->inner)
		mime->sink->header(ctx, mime->user, name, value);
	if (mime_is(name, "content-type")) {
		content_type(ctx, mime, value);
	} else if (mime_is(name, "content-transfer-encoding")) {
		content_encoding(mime, value);
	} else if (mime_is(name, "content-disposition")) {
		mime->head.attachment = mime_begins(value, "attachment");
		take_name(ctx, mime, value, "filename", true);
	}
}
