/* TLS's versions and weak cipher suites (IANA "TLS Cipher Suites"; the first byte 0 unless said).  Any thread. */
#include <stdio.h>

#include "app/tls/own.h"

/* As EVE spells them.  room is for versions that have no name. */
const char *
tls_version_text(uint16_t version, char room[24])
{
	switch (version) {
	case 0:
		return "UNDETERMINED";
	case TLS_VERSION_SSL2:
		return "SSLv2";
	case TLS_VERSION_SSL3:
		return "SSLv3";
	case TLS_VERSION_10:
		return "TLSv1";
	case TLS_VERSION_11:
		return "TLS 1.1";
	case TLS_VERSION_12:
		return "TLS 1.2";
	case TLS_VERSION_13:
		return "TLS 1.3";
	case DTLS_VERSION_BAD:
		return "DTLS 0.9";
	case DTLS_VERSION_10:
		return "DTLS 1.0";
	case DTLS_VERSION_12:
		return "DTLS 1.2";
	case DTLS_VERSION_13:
		return "DTLS 1.3";
	default:
		break;
	}
	if (version >> 8 == 0x7f)
		snprintf(room, 24, "TLS 1.3 draft-%u", version & 0xffu);
	else if (version >> 8 == 0xfb)
		snprintf(room, 24, "TLS 1.3 draft-%u-fb", version & 0xffu);
	else
		snprintf(room, 24, "0x%04x", version);
	return room;
}

static bool
is_in(uint16_t cipher, const uint16_t *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == cipher)
			return true;
	return false;
}

bool
tls_cipher_is_export(uint16_t cipher)
{
	static const uint16_t list[] = {
		0x03, 0x06, 0x08, 0x0b, 0x0e, 0x11, 0x14, 0x17, 0x19, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x2b, 0x60, 0x61,
		0x62,
		0x63, 0x64, 0x65,
	};

	return is_in(cipher, list, sizeof(list) / sizeof(list[0]));
}

bool
tls_cipher_is_null(uint16_t cipher)
{
	static const uint16_t list[] = {
		0x00, 0x01, 0x02, 0x2c, 0x2d, 0x2e, 0x3b, 0xb0, 0xb1, 0xb4, 0xb5, 0xb8, 0xb9, 0xc001, 0xc006, 0xc00b,
		0xc010,
		0xc015, 0xc039, 0xc03a, 0xc03b, 0xc0b4, 0xc0b5,
	};

	return is_in(cipher, list, sizeof(list) / sizeof(list[0]));
}

bool
tls_cipher_is_anonymous(uint16_t cipher)
{
	static const uint16_t list[] = {
		0x17, 0x18, 0x19, 0x1a, 0x1b, 0x34, 0x3a, 0x46, 0x6c, 0x6d, 0x89, 0x9b, 0xa6, 0xa7, 0xbf, 0xc5, 0xc015,
		0xc016,
		0xc017, 0xc018, 0xc019, 0xc046, 0xc047, 0xc05a, 0xc05b, 0xc084, 0xc085,
	};

	return is_in(cipher, list, sizeof(list) / sizeof(list[0]));
}

bool
tls_cipher_is_weak(uint16_t cipher)
{
	static const uint16_t list[] = {
	    0x04, 0x05, 0x18, 0x20, 0x24, 0x8a, 0x8e, 0x92, 0xc002, 0xc007, 0xc00c, 0xc011, 0xc016, 0xc033,   /* RC4 */
	    0x09, 0x0c, 0x0f, 0x12, 0x15, 0x1a, 0x1e, 0x22,                                                   /* DES */
	    0x0a, 0x0d, 0x10, 0x13, 0x16, 0x1b, 0x1f, 0x23, 0x8b, 0x8f, 0x93, 0xc003, 0xc008, 0xc00d, 0xc012, /* 3DES */
	    0xc017, 0xc01a, 0xc01b, 0xc01c, 0xc034, 0x07, 0x21, 0x25,                                         /* IDEA */
	};

	return is_in(cipher, list, sizeof(list) / sizeof(list[0]));
}
