/*
 * Fingerprints of a hello: JA3 and JA3S (Salesforce, BSD-3), JA4 of the TLS client (FoxIO's technical_details/JA4.md,
 * BSD-3).  All over lists that are without GREASE already.
 *
 * JA4 of a hello that sends no signature algorithms ends its third part without an underscore; one without extensions
 * other than SNI and ALPN has twelve zeros there.  Tools differ in these corners; the specification doesn't.
 */
#include <assert.h>

#include "app/tls/own.h"

struct writer {
	char *p;
	size_t size;
};

static void
put_char(struct writer *w, char c)
{
	w->p[w->size++] = c;
}

static void
put_decimal(struct writer *w, unsigned n)
{
	char digits[5];
	unsigned count = 0;

	do {
		digits[count++] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0 && count < sizeof(digits));
	while (count > 0)
		put_char(w, digits[--count]);
}

static void
put_decimals(struct writer *w, const uint16_t *list, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (i > 0)
			put_char(w, '-');
		put_decimal(w, list[i]);
	}
}

size_t
tls_ja3_text(const struct tls_hello *hello, char ret_text[TLS_JA3_MAX])
{
	struct writer w = {ret_text, 0};

	put_decimal(&w, hello->version);
	put_char(&w, ',');
	put_decimals(&w, hello->cipher, hello->cipher_count);
	put_char(&w, ',');
	put_decimals(&w, hello->ext, hello->ext_count);
	put_char(&w, ',');
	put_decimals(&w, hello->group, hello->group_count);
	put_char(&w, ',');
	for (unsigned i = 0; i < hello->format_count; i++) {
		if (i > 0)
			put_char(&w, '-');
		put_decimal(&w, hello->format[i]);
	}
	assert(w.size <= TLS_JA3_MAX);
	return w.size;
}

size_t
tls_ja3s_text(const struct tls_hello *hello, char ret_text[TLS_JA3_MAX])
{
	struct writer w = {ret_text, 0};

	put_decimal(&w, hello->version);
	put_char(&w, ',');
	put_decimal(&w, hello->cipher[0]);
	put_char(&w, ',');
	put_decimals(&w, hello->ext, hello->ext_count);
	return w.size;
}

void
tls_md5_text(struct slice bytes, char ret_text[32])
{
	char text[33];
	uint8_t md5[16];

	md5_of(bytes, md5);
	hex_text(slice_of(md5, sizeof(md5)), text);
	memcpy(ret_text, text, 32);
}

/* Shell's sort with Ciura's gaps: small lists are nearly free, and a hostile one of the largest size stays cheap. */
static void
sort_numbers(uint16_t *list, unsigned count)
{
	static const unsigned gaps[] = {701, 301, 132, 57, 23, 10, 4, 1};

	for (size_t g = 0; g < sizeof(gaps) / sizeof(gaps[0]); g++) {
		unsigned gap = gaps[g];

		for (unsigned i = gap; i < count; i++) {
			uint16_t value = list[i];
			unsigned at = i;

			for (; at >= gap && list[at - gap] > value; at -= gap)
				list[at] = list[at - gap];
			list[at] = value;
		}
	}
}

static void
put_hex4(struct writer *w, const uint16_t *list, unsigned count)
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned i = 0; i < count; i++) {
		if (i > 0)
			put_char(w, ',');
		for (int shift = 12; shift >= 0; shift -= 4)
			put_char(w, digits[list[i] >> shift & 15]);
	}
}

/* The first twelve digits of the SHA-256 of what stands in text. */
static void
put_sha12(struct writer *w, const struct writer *text)
{
	uint8_t sha[32];
	char hex[13];

	sha256_of(slice_of(text->p, text->size), sha);
	hex_text(slice_of(sha, 6), hex);
	memcpy(w->p + w->size, hex, 12);
	w->size += 12;
}

static void
put_word(struct writer *w, const char *word)
{
	for (; *word != '\0'; word++)
		put_char(w, *word);
}

static const char *
ja4_version(uint16_t version)
{
	switch (version) {
	case TLS_VERSION_13:
		return "13";
	case TLS_VERSION_12:
		return "12";
	case TLS_VERSION_11:
		return "11";
	case TLS_VERSION_10:
		return "10";
	case TLS_VERSION_SSL3:
		return "s3";
	case TLS_VERSION_SSL2:
		return "s2";
	case 0xfeff:
		return "d1";
	case 0xfefd:
		return "d2";
	case 0xfefc:
		return "d3";
	default:
		return "00";
	}
}

static void
put_count(struct writer *w, unsigned count)
{
	if (count > 99)
		count = 99;
	put_char(w, (char)('0' + count / 10));
	put_char(w, (char)('0' + count % 10));
}

static bool
is_alphanumeric(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* First and last character of the first protocol; of its hex text when either is no letter or digit. */
static void
put_protocol(struct writer *w, struct slice alpn)
{
	static const char digits[] = "0123456789abcdef";
	struct cur list = cur_slice(alpn);
	struct slice name = {NULL, 0};
	uint8_t first, last;

	/* GREASE is ignored wherever it stands. */
	while (cur_left(&list) > 0 && tls_next_protocol(&list, &name))
		if (name.size != 2 || !tls_is_grease((unsigned)name.p[0] << 8 | name.p[1]))
			break;
		else
			name.size = 0;
	if (name.size == 0) {
		put_word(w, "00");
		return;
	}
	first = name.p[0];
	last = name.p[name.size - 1];
	if (is_alphanumeric(first) && is_alphanumeric(last)) {
		put_char(w, (char)first);
		put_char(w, (char)last);
	} else {
		put_char(w, digits[first >> 4]);
		put_char(w, digits[last & 15]);
	}
}

static void
put_cipher_hash(struct writer *w, const struct tls_hello *hello)
{
	uint16_t sorted[TLS_CIPHERS_MAX];
	char room[5 * TLS_CIPHERS_MAX];
	struct writer text = {room, 0};

	if (hello->cipher_count == 0) {
		put_word(w, "000000000000");
		return;
	}
	memcpy(sorted, hello->cipher, hello->cipher_count * sizeof(sorted[0]));
	sort_numbers(sorted, hello->cipher_count);
	put_hex4(&text, sorted, hello->cipher_count);
	put_sha12(w, &text);
}

static void
put_extension_hash(struct writer *w, const struct tls_hello *hello)
{
	uint16_t sorted[TLS_LIST_MAX];
	char room[5 * 2 * TLS_LIST_MAX];
	struct writer text = {room, 0};
	unsigned count = 0;

	for (unsigned i = 0; i < hello->ext_count; i++)
		if (hello->ext[i] != TLS_EXT_SERVER_NAME && hello->ext[i] != TLS_EXT_ALPN)
			sorted[count++] = hello->ext[i];
	if (count == 0) {
		put_word(w, "000000000000");
		return;
	}
	sort_numbers(sorted, count);
	put_hex4(&text, sorted, count);
	if (hello->sig_count > 0) {
		put_char(&text, '_');
		put_hex4(&text, hello->sig, hello->sig_count);
	}
	put_sha12(w, &text);
}

void
tls_ja4_text(const struct tls_hello *hello, char protocol, char ret_text[TLS_JA4_SIZE])
{
	struct writer w = {ret_text, 0};

	put_char(&w, protocol);
	put_word(&w, ja4_version(hello->has_versions ? hello->chosen : hello->version));
	put_char(&w, hello->has_sni ? 'd' : 'i');
	put_count(&w, hello->cipher_count);
	put_count(&w, hello->ext_count);
	put_protocol(&w, hello->alpn);
	put_char(&w, '_');
	put_cipher_hash(&w, hello);
	put_char(&w, '_');
	put_extension_hash(&w, hello);
	assert(w.size == TLS_JA4_SIZE);
}
