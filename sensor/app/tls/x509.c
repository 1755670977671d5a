/*
 * Just enough of DER (X.690) and X.509 (RFC 5280) to tell what a certificate says: issuer, subject, validity, serial,
 * alternative names.  Nothing is verified but form.  Bytes in, slices of them and text out; no memory, any thread.
 *
 *     Certificate ::= SEQUENCE {
 *         tbsCertificate SEQUENCE {
 *             [0] version, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo,
 *             [1] issuerUniqueID, [2] subjectUniqueID, [3] extensions },
 *         signatureAlgorithm, signature }
 */
#include <stdio.h>

#include "app/tls/own.h"
#include "base/utf8.h"

enum {
	DER_BOOLEAN = 0x01, DER_INTEGER = 0x02, DER_BIT_STRING = 0x03, DER_OCTET_STRING = 0x04, DER_OID = 0x06,
	DER_UTF8 = 0x0c, DER_NUMERIC = 0x12, DER_PRINTABLE = 0x13, DER_T61 = 0x14, DER_IA5 = 0x16, DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18, DER_VISIBLE = 0x1a, DER_UNIVERSAL = 0x1c, DER_BMP = 0x1e, DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
};

/* One element: its tag, and what is in it.  CC_BAD: no definite length, or longer than what is here. */
static enum cc_status
der_next(struct cur *c, uint8_t *ret_tag, struct slice *ret_value)
{
	uint8_t tag = cur_u8(c);
	uint32_t size = cur_u8(c);

	if ((tag & 0x1f) == 0x1f)
		return CC_BAD; /* tags of several bytes don't occur here */
	if (size >= 0x80) {
		unsigned count = size & 0x7f;

		if (count == 0 || count > 4)
			return CC_BAD;
		for (size = 0; count > 0; count--)
			size = size << 8 | cur_u8(c);
	}
	*ret_value = cur_take(c, size);
	*ret_tag = tag;
	return c->bad ? CC_BAD : CC_OK;
}

/* The next element, which has to be of this tag. */
static enum cc_status
der_expect(struct cur *c, uint8_t tag, struct slice *ret_value)
{
	uint8_t is;
	struct slice value;

	if (der_next(c, &is, &value) != CC_OK || is != tag)
		return CC_BAD;
	*ret_value = value;
	return CC_OK;
}

/* Is the next element of this tag? */
static bool
der_is(const struct cur *c, uint8_t tag)
{
	return cur_left(c) > 0 && c->p[0] == tag;
}

static bool
two_digits(struct cur *c, int *ret_number)
{
	unsigned tens = cur_u8(c) - (unsigned)'0', ones = cur_u8(c) - (unsigned)'0';

	*ret_number = (int)(tens * 10 + ones);
	return !c->bad && tens <= 9 && ones <= 9;
}

/* Days since 1970-01-01 of a date in the Gregorian calendar: years begin in March, so that the leap day is the last. */
static int64_t
days_of(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year, era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* "+hhmm" behind a time, which DER forbids and old software writes, in seconds. */
static bool
zone_offset(struct cur *c, int64_t *ret_seconds)
{
	uint8_t sign = cur_u8(c);
	int hour, minute;

	*ret_seconds = 0;
	if (c->bad || sign == 'Z')
		return true;
	if ((sign != '+' && sign != '-') || !two_digits(c, &hour) || !two_digits(c, &minute))
		return false;
	*ret_seconds = (hour * 3600 + minute * 60) * (sign == '-' ? -1 : 1);
	return true;
}

/* UTCTime or GeneralizedTime (RFC 5280, 4.1.2.5). */
static bool
read_time(struct cur *c, int64_t *ret_seconds)
{
	int year, month, day, hour, minute, second = 0;
	uint8_t tag;
	struct slice value;
	struct cur text;
	int64_t offset;

	if (der_next(c, &tag, &value) != CC_OK)
		return false;
	text = cur_slice(value);
	if (tag == DER_GENERALIZED_TIME) {
		int century;

		if (!two_digits(&text, &century) || !two_digits(&text, &year))
			return false;
		year += century * 100;
	} else if (tag == DER_UTC_TIME && two_digits(&text, &year)) {
		year += year >= 50 ? 1900 : 2000;
	} else {
		return false;
	}
	if (!two_digits(&text, &month) || !two_digits(&text, &day) || !two_digits(&text, &hour) || !two_digits(&text,
	    &minute))
		return false;
	if (cur_left(&text) > 0 && text.p[0] >= '0' && text.p[0] <= '9' && !two_digits(&text, &second))
		return false;
	if (cur_left(&text) > 0 && text.p[0] == '.') {
		cur_skip(&text, 1);
		while (cur_left(&text) > 0 && text.p[0] >= '0' && text.p[0] <= '9')
			cur_skip(&text, 1);
	}
	if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 24 || minute > 59 || second > 60)
		return false;
	if (!zone_offset(&text, &offset))
		return false;
	*ret_seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
	return true;
}

static unsigned
read_validity(struct cur *tbs, struct x509 *cert)
{
	struct slice validity;
	struct cur c;

	if (der_expect(tbs, DER_SEQUENCE, &validity) != CC_OK)
		return X509_MISSING_ELEMENT | X509_INVALID_VALIDITY;
	c = cur_slice(validity);
	cert->has_not_before = read_time(&c, &cert->not_before);
	cert->has_not_after = cert->has_not_before && read_time(&c, &cert->not_after);
	if (!cert->has_not_after)
		return X509_INVALID_DATE | (validity.size == 0 ? X509_INVALID_VALIDITY : 0u);
	return cert->not_after < cert->not_before ? X509_INVALID_VALIDITY : 0;
}

/*
 * [3] EXPLICIT SEQUENCE OF { OID, critical BOOLEAN DEFAULT FALSE, OCTET STRING }: only the alternative names are
 * read.
 */
static unsigned
read_extensions(struct slice explicit, struct x509 *cert)
{
	static const uint8_t alt_name_oid[] = {0x55, 0x1d, 0x11};
	struct cur c = cur_slice(explicit), list;
	struct slice all;

	if (der_expect(&c, DER_SEQUENCE, &all) != CC_OK)
		return X509_INVALID_EXTENSIONS;
	list = cur_slice(all);
	while (cur_left(&list) > 0) {
		struct slice extension, oid, critical, value;
		struct cur e;

		if (der_expect(&list, DER_SEQUENCE, &extension) != CC_OK)
			return X509_INVALID_EXTENSIONS;
		e = cur_slice(extension);
		if (der_expect(&e, DER_OID, &oid) != CC_OK)
			return X509_INVALID_EXTENSIONS;
		if (der_is(&e, DER_BOOLEAN) && der_expect(&e, DER_BOOLEAN, &critical) != CC_OK)
			return X509_INVALID_EXTENSIONS;
		if (der_expect(&e, DER_OCTET_STRING, &value) != CC_OK)
			return X509_INVALID_EXTENSIONS;
		if (slice_eq(oid, slice_of(alt_name_oid, sizeof(alt_name_oid)))) {
			e = cur_slice(value);
			if (der_expect(&e, DER_SEQUENCE, &cert->alt_names) != CC_OK)
				return X509_INVALID_EXTENSIONS;
		}
	}
	return 0;
}

/* AlgorithmIdentifier ::= SEQUENCE { algorithm OID, parameters ANY }: is it a signature over a broken hash? */
static bool
is_weak_signature(struct slice algorithm)
{
	static const struct {
		uint8_t oid[9];
		uint8_t size;
	} weak[] = {
	    {{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x02}, 9}, /* md2WithRSAEncryption */
	    {{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x03}, 9}, /* md4 */
	    {{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x04}, 9}, /* md5 */
	    {{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05}, 9}, /* sha1 */
	    {{0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x03}, 7},             /* dsa-with-sha1 */
	    {{0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01}, 7},             /* ecdsa-with-SHA1 */
	    {{0x2b, 0x0e, 0x03, 0x02, 0x1d}, 5},                         /* sha1WithRSA, of OIW */
	};
	struct cur c = cur_slice(algorithm);
	struct slice oid;

	if (der_expect(&c, DER_OID, &oid) != CC_OK)
		return false;
	for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++)
		if (slice_eq(oid, slice_of(weak[i].oid, weak[i].size)))
			return true;
	return false;
}

/* Bits of a positive INTEGER. */
static uint32_t
bits_of(struct slice number)
{
	uint32_t bits;

	while (number.size > 0 && number.p[0] == 0)
		number = slice_of(number.p + 1, number.size - 1);
	if (number.size == 0 || number.size > 65536)
		return 0;
	bits = (uint32_t)(number.size - 1) * 8;
	for (unsigned top = number.p[0]; top > 0; top >>= 1)
		bits++;
	return bits;
}

/* SubjectPublicKeyInfo ::= SEQUENCE { AlgorithmIdentifier, BIT STRING }; RSA's holds SEQUENCE { modulus, exponent }. */
static uint32_t
read_key_bits(struct slice info)
{
	static const uint8_t rsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
	static const uint8_t dsa[] = {0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01};
	struct slice algorithm, oid, key, number = {NULL, 0};
	struct cur c = cur_slice(info), a, k;

	if (der_expect(&c, DER_SEQUENCE, &algorithm) != CC_OK || der_expect(&c, DER_BIT_STRING, &key) != CC_OK)
		return 0;
	a = cur_slice(algorithm);
	if (der_expect(&a, DER_OID, &oid) != CC_OK)
		return 0;
	k = slice_eq(oid, slice_of(dsa, sizeof(dsa))) ? a : cur_slice(key);
	if (slice_eq(oid, slice_of(rsa, sizeof(rsa))))
		cur_skip(&k, 1); /* unused bits */
	else if (!slice_eq(oid, slice_of(dsa, sizeof(dsa))))
		return 0;
	if (der_expect(&k, DER_SEQUENCE, &key) != CC_OK)
		return 0;
	k = cur_slice(key);
	return der_expect(&k, DER_INTEGER, &number) == CC_OK ? bits_of(number) : 0;
}

static unsigned
read_version(struct cur *tbs)
{
	struct slice explicit, number;
	struct cur c;

	if (!der_is(tbs, 0xa0))
		return 0; /* version 1 is the default */
	if (der_expect(tbs, 0xa0, &explicit) != CC_OK)
		return X509_INVALID_DER;
	c = cur_slice(explicit);
	if (der_expect(&c, DER_INTEGER, &number) != CC_OK || number.size != 1 || number.p[0] > 2)
		return X509_INVALID_VERSION;
	return 0;
}

static unsigned
read_tbs(struct slice bytes, struct x509 *cert, struct slice *ret_algorithm)
{
	struct cur c = cur_slice(bytes);
	struct slice key, other;
	unsigned wrong = read_version(&c);

	if ((wrong & X509_INVALID_DER) != 0)
		return wrong;
	if (der_expect(&c, DER_INTEGER, &cert->serial) != CC_OK)
		return wrong | X509_INVALID_SERIAL;
	if (cert->serial.size == 0)
		wrong |= X509_INVALID_SERIAL;
	if (der_expect(&c, DER_SEQUENCE, ret_algorithm) != CC_OK)
		return wrong | X509_INVALID_ALGORITHM;
	cert->weak_signature = is_weak_signature(*ret_algorithm);
	if (der_expect(&c, DER_SEQUENCE, &cert->issuer) != CC_OK)
		return wrong | X509_INVALID_NAME | X509_INVALID_ISSUER;
	wrong |= read_validity(&c, cert);
	if ((wrong & X509_MISSING_ELEMENT) != 0)
		return wrong;
	if (der_expect(&c, DER_SEQUENCE, &cert->subject) != CC_OK)
		return wrong | X509_INVALID_NAME | X509_INVALID_SUBJECT;
	if (der_expect(&c, DER_SEQUENCE, &key) != CC_OK)
		return wrong | X509_MISSING_ELEMENT;
	cert->key_bits = read_key_bits(key);
	while (cur_left(&c) > 0) {
		uint8_t tag;

		if (der_next(&c, &tag, &other) != CC_OK)
			return wrong | X509_INVALID_DER;
		if (tag == 0xa3)
			wrong |= read_extensions(other, cert);
	}
	return wrong;
}

unsigned
x509_read(struct slice der, struct x509 *ret_cert)
{
	struct cur c = cur_slice(der);
	struct slice cert, tbs, inner = {NULL, 0}, outer, signature;
	unsigned wrong;

	memset(ret_cert, 0, sizeof(*ret_cert));
	if (der_expect(&c, DER_SEQUENCE, &cert) != CC_OK)
		return X509_INVALID_DER;
	wrong = cur_left(&c) > 0 ? X509_INVALID_LENGTH : 0;
	c = cur_slice(cert);
	if (der_expect(&c, DER_SEQUENCE, &tbs) != CC_OK)
		return wrong | X509_INVALID_DER;
	wrong |= read_tbs(tbs, ret_cert, &inner);
	if (der_expect(&c, DER_SEQUENCE, &outer) != CC_OK)
		return wrong | X509_MISSING_ELEMENT;
	if (!slice_eq(inner, outer))
		wrong |= X509_INVALID_ALGORITHM;
	if (der_expect(&c, DER_BIT_STRING, &signature) != CC_OK)
		wrong |= X509_MISSING_ELEMENT;
	return wrong;
}

static void
put_utf8(struct buf *text, uint32_t rune)
{
	uint8_t b[4];

	if (rune >= 0x110000 || (rune >= 0xd800 && rune < 0xe000))
		rune = 0xfffd;
	buf_add(text, b, utf8_put(rune, b));
}

/* An object identifier in dots. */
static void
put_oid(struct buf *text, struct slice oid)
{
	uint64_t arc = 0;
	bool first = true;
	char word[24];

	for (size_t i = 0; i < oid.size; i++) {
		arc = arc << 7 | (oid.p[i] & 0x7f);
		if ((oid.p[i] & 0x80) != 0)
			continue;
		if (first) {
			unsigned top = arc < 40 ? 0 : arc < 80 ? 1 : 2;

			snprintf(word, sizeof(word), "%u.%llu", top, (unsigned long long)(arc - top * 40));
		} else {
			snprintf(word, sizeof(word), ".%llu", (unsigned long long)arc);
		}
		buf_add(text, word, strlen(word));
		first = false;
		arc = 0;
	}
}

/* The attribute types' short names (RFC 4519 and what certificates of today carry), as EVE spells them. */
static const char *
attribute_word(struct slice oid)
{
	static const char *const x520[] = {
		[3] = "CN", [4] = "SN", [5] = "serialNumber", [6] = "C", [7] = "L", [8] = "ST", [9] = "streetAddress",
		[10] = "O",
		[11] = "OU", [12] = "title", [13] = "description", [15] = "businessCategory", [16] = "postalAddress",
		[17] = "postalCode", [18] = "postOfficeBox", [20] = "telephoneNumber", [41] = "name",
		[42] = "givenName",
		[43] = "initials", [44] = "generationQualifier", [45] = "x500UniqueIdentifier", [46] = "dnQualifier",
		[65] = "pseudonym", [97] = "organizationIdentifier",
	};
	static const struct {
		uint8_t oid[11];
		uint8_t size;
		const char *word;
	} others[] = {
		{{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01}, 9, "Email"},
		{{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x02}, 9, "unstructuredName"},
		{{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x08}, 9, "unstructuredAddress"},
		{{0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01}, 10, "UID"},
		{{0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19}, 10, "DC"},
		{{0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x3c, 0x02, 0x01, 0x01}, 11, "msJurisdictionLocality"},
		{{0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x3c, 0x02, 0x01, 0x02}, 11,
		    "msJurisdictionStateOrProvince"},
		{{0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x3c, 0x02, 0x01, 0x03}, 11, "msJurisdictionCountry"},
	};

	if (oid.size == 3 && oid.p[0] == 0x55 && oid.p[1] == 0x04)
		return oid.p[2] < sizeof(x520) / sizeof(x520[0]) ? x520[oid.p[2]] : NULL;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (slice_eq(oid, slice_of(others[i].oid, others[i].size)))
			return others[i].word;
	return NULL;
}

static void
put_attribute_value(struct buf *text, uint8_t tag, struct slice value)
{
	static const char digits[] = "0123456789abcdef";
	struct cur c = cur_slice(value);

	switch (tag) {
	case DER_UTF8:
	case DER_NUMERIC:
	case DER_PRINTABLE:
	case DER_T61:
	case DER_IA5:
	case DER_VISIBLE:
		buf_add_slice(text, value);
		break;
	case DER_BMP:
		while (cur_left(&c) >= 2)
			put_utf8(text, cur_u16(&c));
		break;
	case DER_UNIVERSAL:
		while (cur_left(&c) >= 4)
			put_utf8(text, cur_u32(&c));
		break;
	default:
		buf_add_u8(text, '#');
		for (size_t i = 0; i < value.size && !text->full; i++) {
			buf_add_u8(text, (uint8_t)digits[value.p[i] >> 4]);
			buf_add_u8(text, (uint8_t)digits[value.p[i] & 15]);
		}
		break;
	}
}

/* AttributeTypeAndValue ::= SEQUENCE { type OID, value ANY } */
static bool
put_attribute(struct buf *text, struct slice attribute)
{
	struct cur c = cur_slice(attribute);
	struct slice oid, value;
	const char *word;
	uint8_t tag;

	if (der_expect(&c, DER_OID, &oid) != CC_OK || der_next(&c, &tag, &value) != CC_OK)
		return false;
	word = attribute_word(oid);
	if (word != NULL)
		buf_add(text, word, strlen(word));
	else
		put_oid(text, oid);
	buf_add_u8(text, '=');
	put_attribute_value(text, tag, value);
	return true;
}

bool
x509_name_text(struct slice name, struct buf *text)
{
	struct cur c = cur_slice(name);
	bool first = true;

	while (cur_left(&c) > 0) {
		const char *between = first ? "" : ", ";
		struct slice set, attribute;
		struct cur s;

		if (der_expect(&c, DER_SET, &set) != CC_OK)
			return false;
		s = cur_slice(set);
		while (cur_left(&s) > 0) {
			if (der_expect(&s, DER_SEQUENCE, &attribute) != CC_OK)
				return false;
			buf_add(text, between, strlen(between));
			if (!put_attribute(text, attribute))
				return false;
			between = " + ";
			first = false;
		}
	}
	return true;
}

void
x509_serial_text(struct slice serial, struct buf *text)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < serial.size && !text->full; i++) {
		const char pair[3] = {digits[serial.p[i] >> 4], digits[serial.p[i] & 15], ':'};

		buf_add(text, pair, i + 1 < serial.size ? 3 : 2);
	}
}

bool
x509_time_text(int64_t seconds, char ret_text[20])
{
	int64_t days = seconds / 86400, rest = seconds % 86400, z, era, of_era, year_of_era, year, of_year, month, day;

	if (rest < 0) {
		rest += 86400;
		days--;
	}
	z = days + 719468;
	era = (z >= 0 ? z : z - 146096) / 146097;
	of_era = z - era * 146097;
	year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	month = (5 * of_year + 2) / 153;
	day = of_year - (153 * month + 2) / 5 + 1;
	month += month < 10 ? 3 : -9;
	year = year_of_era + era * 400 + (month <= 2);
	if (year < 1000 || year > 9999)
		return false;
	snprintf(ret_text, 20, "%04u-%02u-%02uT%02u:%02u:%02u", (unsigned)(year % 10000), (unsigned)(month % 100),
	    (unsigned)(day % 100), (unsigned)(rest / 3600 % 100), (unsigned)(rest / 60 % 60), (unsigned)(rest % 60));
	return true;
}

bool
x509_next_alt_name(struct cur *names, char room[48], struct slice *ret_name)
{
	while (cur_left(names) > 0) {
		uint8_t tag;
		struct slice value;
		struct cc_addr addr;

		if (der_next(names, &tag, &value) != CC_OK)
			return false;
		if (tag == 0x82 || tag == 0x86) { /* dNSName, uniformResourceIdentifier */
			*ret_name = value;
			return true;
		}
		if (tag == 0x87 && (value.size == 4 || value.size == 16)) { /* iPAddress */
			addr = value.size == 4 ? cc_addr4(value.p) : cc_addr6(value.p);
			*ret_name = slice_str(cc_addr_text(&addr, room));
			return true;
		}
	}
	return false;
}
