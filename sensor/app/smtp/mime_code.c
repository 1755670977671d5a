/*
 * Content transfer encodings undone (RFC 2045, 6.7 and 6.8), a slice at a time.  Both readers take what receivers take:
 * base64 passes over what is no digit and goes on behind padding, quoted-printable leaves what is no escape as it is.
 */
#include "app/smtp/mime.h"

static int
base64_digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int
mime_hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The bytes of fewer than four digits; held are their values. */
static size_t
base64_rest(struct mime_code *code, uint8_t *out)
{
	size_t n = 0;

	if (code->held_size >= 2)
		out[n++] = (uint8_t)(code->held[0] << 2 | code->held[1] >> 4);
	if (code->held_size == 3)
		out[n++] = (uint8_t)(code->held[1] << 4 | code->held[2] >> 2);
	if (code->held_size == 1)
		code->bad = true;
	code->held_size = 0;
	return n;
}

static size_t
base64_decode(struct mime_code *code, struct slice *in, uint8_t *out, size_t room)
{
	size_t i = 0, n = 0;

	for (; i < in->size && room - n >= 3; i++) {
		uint8_t c = in->p[i];
		int digit = base64_digit(c);

		if (digit >= 0) {
			code->pad = 0;
			if (code->held_size < 3) {
				code->held[code->held_size++] = (uint8_t)digit;
				continue;
			}
			out[n++] = (uint8_t)(code->held[0] << 2 | code->held[1] >> 4);
			out[n++] = (uint8_t)(code->held[1] << 4 | code->held[2] >> 2);
			out[n++] = (uint8_t)(code->held[2] << 6 | digit);
			code->held_size = 0;
		} else if (c == '=') {
			if (code->pad++ == 0)
				n += base64_rest(code, out + n);
			code->pad &= 3;
		} else if (c != '\r' && c != '\n' && c != ' ' && c != '\t') {
			code->bad = true;
		}
	}
	*in = mime_drop(*in, i);
	return n;
}

/* held: "=", "=X" or "=\r", whose rest is still to come. */
static size_t
qp_decode(struct mime_code *code, struct slice *in, uint8_t *out, size_t room)
{
	size_t i = 0, n = 0;

	while (i < in->size && room - n >= 3) {
		uint8_t c = in->p[i];

		if (code->held_size == 0) {
			if (c == '=')
				code->held[code->held_size++] = c;
			else
				out[n++] = c;
			i++;
			continue;
		}
		if (code->held_size == 1) {
			i++;
			if (c == '\n') {
				code->held_size = 0;
			} else if (c == '\r' || mime_hex(c) >= 0) {
				code->held[code->held_size++] = c;
			} else if (c != ' ' && c != '\t') { /* white space before a soft line break is transport's */
				code->bad = true;
				out[n++] = '=';
				code->held_size = 0;
				i--;             /* looked at again */
			}
			continue;
		}
		code->held_size = 0;
		if (code->held[1] == '\r') {
			i += c == '\n';
			continue;
		}
		if (mime_hex(c) >= 0) {
			out[n++] = (uint8_t)(mime_hex(code->held[1]) << 4 | mime_hex(c));
			i++;
			continue;
		}
		code->bad = true;
		out[n++] = '=';
		out[n++] = code->held[1];
	}
	*in = mime_drop(*in, i);
	return n;
}

size_t
mime_decode(struct mime_code *code, struct slice *in, uint8_t *out, size_t room)
{
	size_t n = in->size < room ? in->size : room;

	if (code->encoding == MIME_BASE64)
		return base64_decode(code, in, out, room);
	if (code->encoding == MIME_QP)
		return qp_decode(code, in, out, room);
	if (n > 0)
		memcpy(out, in->p, n);
	*in = mime_drop(*in, n);
	return n;
}

size_t
mime_decode_end(struct mime_code *code, uint8_t *out, size_t room)
{
	size_t n = 0;

	if (room < 3 || code->held_size == 0)
		return 0;
	if (code->encoding == MIME_BASE64) {
		code->bad = true;        /* padding is missing */
		return base64_rest(code, out);
	}
	if (code->held_size == 2 && code->held[1] != '\r') { /* an escape cut in half; "=" alone is a soft break */
		code->bad = true;
		out[n++] = '=';
		out[n++] = code->held[1];
	}
	code->held_size = 0;
	return n;
}
