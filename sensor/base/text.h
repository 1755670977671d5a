/* Small words on text: hex, base64, UTF-8, numbers with units.  Any thread, no state. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "concert/slice.h"
#include "concert/status.h"

/* Lower-case hex of bytes, NUL-terminated; ret_text has room for 2 * size + 1.  sep '\0': none. */
char *hex_text(struct slice bytes, char *ret_text);
/* "aa:bb:cc": room for 3 * size (at least 1). */
char *hex_colon_text(struct slice bytes, char *ret_text);
int hex_value(uint8_t c); /* 0 to 15; -1: no digit of hex */
enum cc_status hex_parse(struct slice text, uint8_t *ret_bytes, size_t size); /* exactly size bytes */
/* Standard alphabet with padding; room for (size + 2) / 3 * 4 + 1. */
char *base64_text(struct slice bytes, char *ret_text);
char *base64url_text(struct slice bytes, char *ret_text); /* RFC 4648, 5, no padding */
/* Strict: no padding, no other character, no bits left over.  Room for text.size / 4 * 3 + 2. */
enum cc_status base64url_parse(struct slice text, uint8_t *ret_bytes, size_t *ret_size);
bool utf8_valid(struct slice bytes);
/* UTF-16LE up to its end, its first NUL or a room that is too small, as UTF-8; half a pair becomes U+FFFD. */
struct slice utf16le_text(struct slice raw, char *ret_text, size_t room);
/* "64k", "1.5 MiB", "2g": bytes. */
enum cc_status size_parse(const char *text, uint64_t *ret_size);
/* "30s", "5m", "200ms", "1h", "7d"; a bare number is seconds.  Nanoseconds. */
enum cc_status duration_parse(const char *text, uint64_t *ret_ns);
/* Up to 18 decimal digits and nothing else, max at most. */
bool digits_parse(struct slice text, uint64_t max, uint64_t *ret_number);
enum cc_status uint_parse(const char *text, uint64_t *ret_value); /* decimal or 0x; whole string */
/* ASCII only. */
void lower_copy(uint8_t *to, struct slice from);
bool text_eq_nocase(struct slice a, const char *b);
/* For people: 1,234,567 and 1.2 GiB; ret_text has room for 32. */
char *thousands_text(uint64_t n, char ret_text[32]);
char *bytes_text(uint64_t n, char ret_text[32]);

#endif
