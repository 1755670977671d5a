/*
 * Content transfer encodings undone (RFC 2045, 6.7 and 6.8), a slice at a time.  Both readers take what receivers take:
 * base64 passes over what is no digit and goes on behind padding, quoted-printable leaves what is no escape as it is.
 */
#include "app/smtp/mime.h"

#define NO 0x80

/* A table: no branch can foresee of which kind the next digit is. */
static const uint8_t base64_value[128] = {
	NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
	NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
	NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, 62, NO, NO, NO, 63,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, NO, NO, NO, NO, NO, NO,
	NO, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, NO, NO, NO, NO, NO,
	NO, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, NO, NO, NO, NO, NO,
};

static inline uint8_t
base64_digit(uint8_t c)
{
	return c < 128 ? base64_value[c] : NO;
}

/* Whole groups of four digits, as long as nothing else comes between; *at moves on. */
static size_t
base64_groups(struct slice in, size_t *at, uint8_t *out, size_t room)
{
	size_t i = *at, n = 0;

	for (; in.size - i >= 4 && room - n >= 3; i += 4, n += 3) {
		uint8_t a = base64_digit(in.p[i]), b = base64_digit(in.p[i + 1]), c = base64_digit(in.p[i + 2]),
			d = base64_digit(in.p[i + 3]);

		if (((a | b | c | d) & NO) != 0)
			break;
		out[n] = (uint8_t)(a << 2 | b >> 4);
		out[n + 1] = (uint8_t)(b << 4 | c >> 2);
		out[n + 2] = (uint8_t)(c << 6 | d);
	}
	*at = i;
	return n;
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
		uint8_t c = in->p[i], digit = base64_digit(c);

		if (digit != NO && code->held_size == 0 && in->size - i >= 4) {
			size_t before = i;

			n += base64_groups(*in, &i, out + n, room - n);
			if (i > before) {
				code->pad = 0;
				i--; /* the loop's own step */
				continue;
			}
		}
		if (digit != NO) {
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
