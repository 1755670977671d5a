/*
 * The files in a multipart/form-data body (RFC 7578): each part that names a file becomes one; and the ranges in a body
 * of multipart/byteranges (RFC 9110, 14.6).  The delimiter is looked for across calls by keeping back what may be its
 * beginning.  Whether lines end in CR LF, or in LF alone as careless clients write them, the first delimiter says; one
 * that ends otherwise is data.
 */
#include "app/http/http.h"

#define BOUNDARY_MAX 200
#define PART_HEAD_MAX 2048
#define FILE_NAME_MAX 1024 /* of a file's name more is cut by who keeps it */

enum part_state { P_PREAMBLE, P_HEAD, P_DATA, P_END };

struct http_multipart {
	uint8_t state;
	uint16_t mark_size;              /* of CR LF "--" boundary, or LF "--" boundary */
	uint8_t mark[BOUNDARY_MAX + 4];
	uint16_t held_size;              /* bytes that may begin a delimiter, or belong to the head */
	uint8_t held[PART_HEAD_MAX];
	struct cc_file *file;
	bool ranges;                     /* multipart/byteranges */
	bool found;                      /* a part that names a file */
	bool filled;                     /* the file at hand has bytes */
	bool began;                      /* the first delimiter was seen */
};

/* boundary=x or boundary="x" */
static struct slice
boundary_of(struct slice type)
{
	for (size_t i = 0; i + 9 < type.size; i++) {
		struct slice rest = http_drop(type, i);
		size_t n = 0;
		bool quoted;

		if (!http_prefix(rest, "boundary="))
			continue;
		rest = http_drop(rest, 9);
		quoted = rest.size > 0 && rest.p[0] == '"';
		if (quoted)
			rest = http_drop(rest, 1);
		while (n < rest.size && (quoted ? rest.p[n] != '"' : rest.p[n] != ';' && !http_is_space(rest.p[n])))
			n++;
		return slice_of(rest.p, n);
	}
	return slice_of(NULL, 0);
}

struct http_multipart *
http_multipart_open(struct cc_ctx *ctx, struct slice content_type)
{
	struct slice boundary = slice_of(NULL, 0);
	struct http_multipart *multipart;

	bool ranges = http_prefix(content_type, "multipart/byteranges");

	if (ranges || http_prefix(content_type, "multipart/form-data"))
		boundary = boundary_of(content_type);
	if (boundary.size == 0 || boundary.size > BOUNDARY_MAX)
		return NULL;
	multipart = cc_take(ctx, sizeof(*multipart));
	if (multipart == NULL)
		return NULL;
	multipart->ranges = ranges;
	memcpy(multipart->mark, "\r\n--", 4);
	memcpy(multipart->mark + 4, boundary.p, boundary.size);
	multipart->mark_size = (uint16_t)(boundary.size + 4);
	/* The first delimiter stands at the very beginning, without its CR LF. */
	multipart->held_size = 2;
	return multipart;
}

static struct slice
file_name_of(struct slice head)
{
	for (size_t i = 0; i + 9 < head.size; i++) {
		struct slice rest = http_drop(head, i);
		size_t n = 0;

		if (!http_prefix(rest, "filename="))
			continue;
		rest = http_drop(rest, 9);
		if (rest.size > 0 && rest.p[0] == '"') {
			rest = http_drop(rest, 1);
			while (n < rest.size && rest.p[n] != '"' && rest.p[n] != '\n')
				n++;
		} else {
			while (n < rest.size && rest.p[n] != ';' && !http_is_space(rest.p[n]))
				n++;
		}
		return slice_of(rest.p, n);
	}
	return slice_of(NULL, 0);
}

/* The value of Content-Range among the lines of a part's head. */
static struct slice
range_of(struct slice head)
{
	while (head.size > 0) {
		const uint8_t *lf = memchr(head.p, '\n', head.size);
		size_t size = lf != NULL ? (size_t)(lf - head.p) + 1 : head.size;

		if (http_prefix(slice_of(head.p, size), "content-range:"))
			return http_trim(slice_of(head.p + 14, size - 14));
		head = http_drop(head, size);
	}
	return head;
}

/* The part's head, up to its empty line; CC_MORE until then. */
static enum cc_status
part_head(struct cc_ctx *ctx, struct http_multipart *multipart, struct http_body *body, uint8_t byte)
{
	struct slice head, name;

	if (multipart->held_size == PART_HEAD_MAX) {
		cc_anomaly(ctx, body->tx, body->odd->multipart_header);
		return CC_BAD;
	}
	if (!multipart->began && byte == '\n') {
		multipart->mark_size--;
		memmove(multipart->mark, multipart->mark + 1, multipart->mark_size);
	}
	multipart->began = true;
	multipart->held[multipart->held_size++] = byte;
	head = slice_of(multipart->held, multipart->held_size);
	if (head.size == 2 && memcmp(head.p, "--", 2) == 0) /* the last delimiter */
		return CC_END;
	if (byte != '\n' || !((head.size >= 4 && memcmp(head.p + head.size - 4, "\r\n\r\n", 4) == 0) ||
	    (head.size >= 2 && head.p[head.size - 2] == '\n')))
		return CC_MORE;
	if (multipart->ranges) {
		http_ranges_part(ctx, body, range_of(head));
		return CC_OK;
	}
	name = file_name_of(head);
	if (name.size > 0) {
		if (name.size > FILE_NAME_MAX)
			cc_anomaly(ctx, body->tx, body->odd->long_name);
		multipart->file = cc_file_open(ctx, body->tx, CC_TO_SERVER, name);
		multipart->filled = false;
		cc_file_part(multipart->file);
		multipart->found = true;
	}
	return CC_OK;
}

static void
put_data(struct cc_ctx *ctx, struct http_multipart *multipart, struct http_body *body, struct slice bytes)
{
	multipart->filled = multipart->filled || bytes.size > 0;
	if (multipart->ranges)
		http_ranges_add(ctx, body, bytes);
	else
		cc_file_data(ctx, multipart->file, bytes);
}

/*
 * Data up to the next delimiter.  What is held is always the beginning of one, so when it doesn't go on as one, all
 * that can still begin one is found by looking for its first byte, CR or LF, which a boundary doesn't contain again.
 */
static size_t
part_data(
    struct cc_ctx *ctx, struct http_multipart *multipart, struct http_body *body, struct slice in, bool *ret_found)
{
	size_t n = 0;

	*ret_found = false;
	while (multipart->held_size > 0 && n < in.size) {
		if (in.p[n] != multipart->mark[multipart->held_size]) {
			put_data(ctx, multipart, body, slice_of(multipart->mark, multipart->held_size));
			multipart->held_size = 0;
			break;
		}
		n++;
		if (++multipart->held_size == multipart->mark_size) {
			multipart->held_size = 0;
			*ret_found = true;
			return n;
		}
	}
	if (n < in.size && multipart->held_size == 0) {
		const uint8_t *first = memchr(in.p + n, multipart->mark[0], in.size - n);
		size_t size = first != NULL ? (size_t)(first - in.p) - n : in.size - n;

		put_data(ctx, multipart, body, slice_of(in.p + n, size));
		n += size;
		if (first != NULL) {
			multipart->held_size = 1;
			n++;
		}
	}
	return n;
}

void
http_multipart_add(struct cc_ctx *ctx, struct http_multipart *multipart, struct http_body *body, struct slice bytes)
{
	while (bytes.size > 0 && multipart->state != P_END) {
		size_t n = 1;
		bool found;

		if (multipart->state == P_HEAD) {
			enum cc_status st = part_head(ctx, multipart, body, bytes.p[0]);

			if (st == CC_OK)
				multipart->state = P_DATA;
			else if (st != CC_MORE)
				multipart->state = P_END;
			if (st != CC_MORE)
				multipart->held_size = 0;
		} else {
			n = part_data(ctx, multipart, body, bytes, &found);
			if (found) {
				if (multipart->file != NULL && !multipart->filled)
					cc_anomaly(ctx, body->tx, body->odd->no_data);
				cc_file_close(ctx, multipart->file, true);
				multipart->file = NULL;
				multipart->state = P_HEAD;
				if (multipart->ranges)
					body->ranged = false;
			}
		}
		bytes = http_drop(bytes, n);
	}
}

bool
http_multipart_close(struct cc_ctx *ctx, struct http_multipart *multipart, struct http_body *body, bool whole)
{
	bool found = multipart->found;

	if (whole && multipart->state != P_END)
		cc_anomaly(ctx, body->tx, body->odd->multipart);
	cc_file_close(ctx, multipart->file, false);
	cc_give(ctx, multipart, sizeof(*multipart));
	return found;
}

void
http_multipart_forget(struct cc_ctx *ctx, struct http_multipart *multipart)
{
	cc_give(ctx, multipart, sizeof(*multipart));
}
