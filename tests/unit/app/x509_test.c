/* X.509: a certificate that openssl made, cut and flipped; names, times and serials made here. */
#include "parser_rig.h"
#include "../test.h"
#include "app/tls/own.h"
#include "x509_cert.h"

static const char *
name_of(struct slice name)
{
	static char room[2][512];
	static unsigned which;
	struct buf text;

	which ^= 1;
	buf_over(&text, room[which], sizeof(room[which]) - 1);
	if (!x509_name_text(name, &text))
		return "(broken)";
	room[which][text.size] = '\0';
	return room[which];
}

TEST(reads_what_openssl_wrote)
{
	static const char *const alt[] = {"www.example.org", "*.example.org", "192.0.2.1", "2001:db8::1",
	    "https://example.org/"};
	struct x509 cert;
	struct buf text;
	char serial[64] = "", when[20], room[48];
	struct cur names;
	struct slice name;
	unsigned count = 0;

	CHECK_UINT(x509_read(slice_of(cert_der, sizeof(cert_der)), &cert), 0);
	CHECK_TEXT(name_of(cert.subject),
	    "C=HR, O=Primjer, d.o.o., OU=\xc4\x8cvor, CN=www.example.org, Email=a@example.org, "
	    "msJurisdictionCountry=HR, dnQualifier=odd");
	CHECK(slice_eq(cert.subject, cert.issuer));
	buf_over(&text, serial, sizeof(serial) - 1);
	x509_serial_text(cert.serial, &text);
	CHECK_TEXT(serial, "00:A1:B2:C3");
	CHECK(cert.has_not_before && x509_time_text(cert.not_before, when));
	CHECK_TEXT(when, "2026-11-22T22:12:17");
	CHECK(cert.has_not_after && x509_time_text(cert.not_after, when));
	CHECK_TEXT(when, "2036-11-19T22:12:17");
	names = cur_slice(cert.alt_names);
	while (x509_next_alt_name(&names, room, &name)) {
		CHECK(count < 5 && slice_is(name, alt[count]));
		count++;
	}
	CHECK_UINT(count, 5);
}

TEST(weak_ones)
{
	struct x509 cert;

	CHECK_UINT(x509_read(slice_of(weak_der, sizeof(weak_der)), &cert), 0);
	CHECK(cert.weak_signature);
	CHECK_UINT(cert.key_bits, 1024);
	CHECK_UINT(x509_read(slice_of(cert_der, sizeof(cert_der)), &cert), 0);
	CHECK(!cert.weak_signature);
	CHECK_UINT(cert.key_bits, 0); /* of a curve */
	for (size_t size = 0; size < sizeof(weak_der); size++) {
		uint8_t *copy = malloc(size > 0 ? size : 1);

		memcpy(copy, weak_der, size);
		CHECK(x509_read(slice_of(copy, size), &cert) != 0);
		free(copy);
	}
}

TEST(cut_anywhere_is_wrong_and_harmless)
{
	for (size_t size = 0; size < sizeof(cert_der); size++) {
		uint8_t *copy = malloc(size > 0 ? size : 1);
		struct x509 cert;

		memcpy(copy, cert_der, size);
		CHECK(x509_read(slice_of(copy, size), &cert) != 0);
		free(copy);
	}
}

/* All text is made of what was read, however broken. */
static void
use(const struct x509 *cert)
{
	char memory[256], when[20], room[48];
	struct cur names = cur_slice(cert->alt_names);
	struct slice name;
	struct buf text;

	buf_over(&text, memory, sizeof(memory));
	(void)x509_name_text(cert->subject, &text);
	(void)x509_name_text(cert->issuer, &text);
	buf_clear(&text);
	x509_serial_text(cert->serial, &text);
	(void)x509_time_text(cert->not_before, when);
	(void)x509_time_text(cert->not_after, when);
	while (x509_next_alt_name(&names, room, &name))
		CHECK(name.size <= sizeof(cert_der));
}

TEST(flipped_bytes)
{
	srand(3);
	for (int i = 0; i < 200000; i++) {
		uint8_t *copy = malloc(sizeof(cert_der));
		struct x509 cert;

		memcpy(copy, cert_der, sizeof(cert_der));
		for (int j = rand() % 6; j >= 0; j--)
			copy[(size_t)rand() % sizeof(cert_der)] = (uint8_t)rand();
		(void)x509_read(slice_of(copy, sizeof(cert_der)), &cert);
		use(&cert);
		free(copy);
	}
}

TEST(bytes_behind_are_told)
{
	uint8_t copy[sizeof(cert_der) + 1] = {0};
	struct x509 cert;

	memcpy(copy, cert_der, sizeof(cert_der));
	CHECK_UINT(x509_read(slice_of(copy, sizeof(copy)), &cert), X509_INVALID_LENGTH);
}

/* A name of one attribute: OID 2.5.4.type, tag, value. */
static const char *
attribute(uint8_t type, uint8_t tag, const char *value, uint8_t size)
{
	uint8_t b[128] = {0x31, (uint8_t)(size + 9), 0x30, (uint8_t)(size + 7), 0x06, 3, 0x55, 0x04, type, tag, size};

	memcpy(b + 11, value, size);
	return name_of(slice_of(b, 11u + size));
}

TEST(strings_of_all_kinds)
{
	CHECK_TEXT(attribute(3, 0x13, "plain", 5), "CN=plain");
	CHECK_TEXT(attribute(3, 0x1e, "\0A\x01\x0c\x20\xac", 6), "CN=A\xc4\x8c\xe2\x82\xac");
	CHECK_TEXT(attribute(3, 0x1c, "\0\1\xf6\0", 4), "CN=\xf0\x9f\x98\x80");
	CHECK_TEXT(attribute(3, 0x1e, "\xd8\0", 2), "CN=\xef\xbf\xbd");
	CHECK_TEXT(attribute(10, 0x04, "\xde\xad", 2), "O=#dead");
	CHECK_TEXT(attribute(99, 0x13, "x", 1), "2.5.4.99=x");
	CHECK_TEXT(name_of(slice_of(NULL, 0)), "");
	CHECK_TEXT(name_of(slice_of("\x31\x05xx", 4)), "(broken)");
}

TEST(several_attributes_of_one_set)
{
	static const uint8_t b[] = {
		0x31, 22, 0x30, 9, 0x06, 3, 0x55, 4, 3, 0x13, 2, 'a', 'b', 0x30, 9, 0x06, 3, 0x55, 4, 10, 0x13, 2, 'c',
		'd',
	};

	CHECK_TEXT(name_of(slice_of(b, sizeof(b))), "CN=ab + O=cd");
}

TEST(times)
{
	char when[20];

	CHECK(x509_time_text(0, when));
	CHECK_TEXT(when, "1970-01-01T00:00:00");
	CHECK(x509_time_text(-1, when));
	CHECK_TEXT(when, "1969-12-31T23:59:59");
	CHECK(x509_time_text(951782400, when));
	CHECK_TEXT(when, "2000-02-29T00:00:00");
	CHECK(x509_time_text(253402300799, when));
	CHECK_TEXT(when, "9999-12-31T23:59:59");
	CHECK(!x509_time_text(253402300800, when));
	CHECK(!x509_time_text(-62167219200, when));
}

TESTS(T(reads_what_openssl_wrote), T(weak_ones), T(cut_anywhere_is_wrong_and_harmless), T(flipped_bytes),
    T(bytes_behind_are_told), T(strings_of_all_kinds), T(several_attributes_of_one_set), T(times))
