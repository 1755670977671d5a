/*
 * ClientHello and ServerHello (RFC 8446, 4.1.2 and 4.1.3; RFC 5246, 7.4.1), to plain lists.  Reads one whole message
 * and writes nothing but *ret_hello.
 *
 *     version 2 | random 32 | session id 1+n | ciphers 2+n | compressions 1+n | extensions 2+n     client
 *                                              (DTLS: cookie 1+n)
 *     version 2 | random 32 | session id 1+n | cipher 2    | compression 1    | extensions 2+n     server
 *
 * A hello whose extensions are broken is still a hello: `broken` says so, and what came before is kept.
 */
#include "app/tls/own.h"

/* Of a HelloRetryRequest: SHA-256 of its name (RFC 8446, 4.1.3). */
static const uint8_t retry_random[32] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2,
	0x11, 0x16,
	0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

bool
tls_is_retry(const struct tls_hello *hello)
{
	return slice_eq(hello->random, slice_of(retry_random, sizeof(retry_random)));
}

static void
hello_open(struct tls_hello *hello)
{
	/* The lists are large, and their counts say what of them is real. */
	memset(hello, 0, offsetof(struct tls_hello, cipher));
}

static void
list_add(struct tls_hello *hello, uint16_t *list, uint16_t *count, unsigned max, uint16_t value)
{
	if (tls_is_grease(value))
		return;
	if (*count < max)
		list[(*count)++] = value;
	else
		hello->overflow = true;
}

static void
read_numbers(struct tls_hello *hello, struct cur *c, uint16_t *list, uint16_t *count, unsigned max)
{
	while (cur_left(c) >= 2)
		list_add(hello, list, count, max, cur_u16(c));
	if (cur_left(c) > 0)
		hello->broken = true;
}

/* server_name (RFC 6066, 3): a list of which only one host name makes sense. */
static void
read_sni(struct tls_hello *hello, struct cur c)
{
	struct cur list;
	bool again = hello->has_sni;

	hello->has_sni = true;
	if (again) {
		hello->wrong_sni = TLS_MULTIPLE_SNI + 1;
		return;
	}
	if (cur_left(&c) == 0)
		return; /* a server's consent */
	list = cur_sub(&c, cur_u16(&c));
	while (!list.bad && cur_left(&list) > 0) {
		unsigned type = cur_u8(&list);
		struct slice name = cur_take(&list, cur_u16(&list));

		if (list.bad)
			break;
		if (type != 0)
			hello->wrong_sni = TLS_INVALID_SNI_TYPE + 1;
		else if (name.size == 0)
			hello->wrong_sni = TLS_INVALID_SNI_LENGTH + 1;
		else if (hello->sni.size > 0)
			hello->wrong_sni = TLS_MULTIPLE_SNI + 1;
		else
			hello->sni = name;
	}
	if (list.bad)
		hello->wrong_sni = TLS_INVALID_SNI_LENGTH + 1;
}

static void
read_versions(struct tls_hello *hello, struct cur c, bool of_client)
{
	struct cur list = of_client ? cur_sub(&c, cur_u8(&c)) : c;

	hello->has_versions = true;
	while (cur_left(&list) >= 2) {
		uint16_t version = cur_u16(&list);

		bool higher = hello->datagram && hello->chosen != 0 ? version < hello->chosen : version > hello->chosen;

		if (!tls_is_grease(version) && higher)
			hello->chosen = version;
	}
}

static void
read_extension(struct tls_hello *hello, uint16_t type, struct slice data, bool of_client)
{
	struct cur c = cur_slice(data), list;

	switch (type) {
	case TLS_EXT_SERVER_NAME:
		read_sni(hello, c);
		break;
	case TLS_EXT_GROUPS:
		list = cur_sub(&c, cur_u16(&c));
		read_numbers(hello, &list, hello->group, &hello->group_count, TLS_LIST_MAX);
		break;
	case TLS_EXT_SIGNATURES:
		list = cur_sub(&c, cur_u16(&c));
		read_numbers(hello, &list, hello->sig, &hello->sig_count, TLS_LIST_MAX);
		break;
	case TLS_EXT_POINT_FORMATS:
		list = cur_sub(&c, cur_u8(&c));
		while (cur_left(&list) > 0 && hello->format_count < TLS_LIST_MAX)
			hello->format[hello->format_count++] = cur_u8(&list);
		break;
	case TLS_EXT_ALPN:
		list = cur_sub(&c, cur_u16(&c));
		if (hello->alpn.size == 0)
			hello->alpn = cur_rest(&list);
		break;
	case TLS_EXT_TICKET:
		hello->ticket = data;
		break;
	case TLS_EXT_PSK:
		hello->has_psk = true;
		break;
	case TLS_EXT_ECH:
		/* type 1 (0: outer) | KDF 2 | AEAD 2 | id of the key's configuration 1 | ... */
		if (of_client && cur_u8(&c) == 0) {
			cur_skip(&c, 4);
			hello->ech_config = cur_u8(&c);
			hello->has_ech = !c.bad;
		}
		break;
	case TLS_EXT_VERSIONS:
		read_versions(hello, c, of_client);
		break;
	default:
		break;
	}
}

static void
read_extensions(struct tls_hello *hello, struct cur *c, bool of_client)
{
	struct cur all;

	if (cur_left(c) == 0)
		return; /* before RFC 3546 there were none */
	all = cur_sub(c, cur_u16(c));
	hello->has_extensions = true;
	if (all.bad) {
		hello->broken = true;
		return;
	}
	while (cur_left(&all) > 0) {
		uint16_t type = cur_u16(&all);
		struct slice data = cur_take(&all, cur_u16(&all));

		if (all.bad) {
			hello->broken = true;
			return;
		}
		list_add(hello, hello->ext, &hello->ext_count, TLS_LIST_MAX, type);
		read_extension(hello, type, data, of_client);
	}
}

enum cc_status
tls_client_hello(struct slice body, bool datagram, struct tls_hello *ret_hello)
{
	struct cur c = cur_slice(body), ciphers;

	hello_open(ret_hello);
	ret_hello->datagram = datagram;
	ret_hello->version = cur_u16(&c);
	ret_hello->random = cur_take(&c, 32);
	ret_hello->session = cur_take(&c, cur_u8(&c));
	if (datagram)
		ret_hello->cookie = cur_take(&c, cur_u8(&c));
	ciphers = cur_sub(&c, cur_u16(&c));
	cur_skip(&c, cur_u8(&c));
	if (c.bad)
		return CC_BAD;
	read_numbers(ret_hello, &ciphers, ret_hello->cipher, &ret_hello->cipher_count, TLS_CIPHERS_MAX);
	read_extensions(ret_hello, &c, true);
	return CC_OK;
}

enum cc_status
tls_server_hello(struct slice body, struct tls_hello *ret_hello)
{
	struct cur c = cur_slice(body);
	bool draft;

	hello_open(ret_hello);
	ret_hello->version = cur_u16(&c);
	ret_hello->random = cur_take(&c, 32);
	/* The drafts of TLS 1.3 before 22 had neither session id nor compression. */
	draft = ret_hello->version >> 8 == 0x7f;
	if (!draft)
		ret_hello->session = cur_take(&c, cur_u8(&c));
	ret_hello->cipher[0] = cur_u16(&c);
	ret_hello->cipher_count = 1;
	if (!draft)
		cur_skip(&c, 1);
	if (c.bad)
		return CC_BAD;
	read_extensions(ret_hello, &c, false);
	if (draft && !ret_hello->has_versions)
		ret_hello->chosen = ret_hello->version;
	return CC_OK;
}

bool
tls_next_protocol(struct cur *list, struct slice *ret_name)
{
	struct slice name = cur_take(list, cur_u8(list));

	if (list->bad)
		return false;
	*ret_name = name;
	return true;
}
