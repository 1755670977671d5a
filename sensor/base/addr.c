/*
 * IP addresses and prefixes from and to text: RFC 5952 out, whatever RFC 4291 allows in.  No state, any thread.
 * The texts read here come from configuration and rules; those written go into every record, so writing is quick.
 */
#include <arpa/inet.h>

#include "concert/addr.h"

static char *
write_octet(char *to, unsigned octet)
{
	if (octet >= 100) {
		*to++ = (char)('0' + octet / 100);
		octet %= 100;
		*to++ = (char)('0' + octet / 10);
	} else if (octet >= 10) {
		*to++ = (char)('0' + octet / 10);
	}
	*to++ = (char)('0' + octet % 10);
	return to;
}

static char *
write_dotted(char *to, const uint8_t *p)
{
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			*to++ = '.';
		to = write_octet(to, p[i]);
	}
	return to;
}

static char *
write_group(char *to, unsigned group)
{
	static const char digits[] = "0123456789abcdef";

	if (group >= 0x1000)
		*to++ = digits[group >> 12];
	if (group >= 0x100)
		*to++ = digits[group >> 8 & 15];
	if (group >= 0x10)
		*to++ = digits[group >> 4 & 15];
	*to++ = digits[group & 15];
	return to;
}

/* The longest run of two or more zero groups, the first of equals (RFC 5952, 4.2); *ret_at is 8 when there is none. */
static void
find_gap(const unsigned group[8], int *ret_at, int *ret_count)
{
	int at = 8, count = 1;

	for (int i = 0; i < 8; i++) {
		int run = 0;

		while (i + run < 8 && group[i + run] == 0)
			run++;
		if (run > count) {
			at = i;
			count = run;
		}
		i += run;
	}
	*ret_at = at;
	*ret_count = at < 8 ? count : 0;
}

char *
cc_addr_text(const struct cc_addr *a, char ret_text[CC_ADDR_TEXT])
{
	unsigned group[8];
	int gap, gap_count;
	char *to = ret_text;

	if (cc_addr_is4(a)) {
		*write_dotted(to, a->b + 12) = '\0';
		return ret_text;
	}
	for (int i = 0; i < 8; i++)
		group[i] = (unsigned)a->b[2 * i] << 8 | a->b[2 * i + 1];
	find_gap(group, &gap, &gap_count);
	for (int i = 0; i < 8;) {
		if (i == gap) {
			*to++ = ':';
			*to++ = ':';
			i += gap_count;
			/* ::a.b.c.d, the old form that inet_ntop() still writes so. */
			if (gap == 0 && gap_count == 6) {
				to = write_dotted(to, a->b + 12);
				break;
			}
			continue;
		}
		if (i > 0 && i != gap + gap_count)
			*to++ = ':';
		to = write_group(to, group[i++]);
	}
	*to = '\0';
	return ret_text;
}

enum cc_status
cc_addr_parse(const char *text, struct cc_addr *ret_addr)
{
	uint8_t b[16];

	if (inet_pton(AF_INET, text, b) == 1)
		*ret_addr = cc_addr4(b);
	else if (inet_pton(AF_INET6, text, b) == 1)
		*ret_addr = cc_addr6(b);
	else
		return CC_BAD;
	return CC_OK;
}

/* One to three digits up to most. */
static enum cc_status
parse_bits(const char *text, unsigned most, unsigned *ret_bits)
{
	unsigned bits = 0;
	int count = 0;

	for (; text[count] >= '0' && text[count] <= '9' && count < 3; count++)
		bits = bits * 10 + (unsigned)(text[count] - '0');
	if (count == 0 || text[count] != '\0' || bits > most)
		return CC_BAD;
	*ret_bits = bits;
	return CC_OK;
}

/* Zero behind the prefix, so that equal prefixes have equal bytes. */
static void
clear_host_bits(struct cc_addr *addr, unsigned bits)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = bits <= 8 * i ? 0 : bits - 8 * i;

		if (keep < 8)
			addr->b[i] = (uint8_t)(addr->b[i] & ~(0xffu >> keep));
	}
}

enum cc_status
cc_prefix_parse(const char *text, struct cc_prefix *ret_prefix)
{
	const char *slash = strchr(text, '/');
	size_t size = slash != NULL ? (size_t)(slash - text) : strlen(text);
	char alone[CC_ADDR_TEXT + 1];
	struct cc_addr addr;
	unsigned bits;
	bool dotted;

	if (size >= sizeof(alone))
		return CC_BAD;
	memcpy(alone, text, size);
	alone[size] = '\0';
	if (cc_addr_parse(alone, &addr) != CC_OK)
		return CC_BAD;
	/* ::ffff:a.b.c.d/n is written as IPv6: n counts all 128 bits. */
	dotted = strchr(alone, ':') == NULL;
	bits = dotted ? 32 : 128;
	if (slash != NULL && parse_bits(slash + 1, bits, &bits) != CC_OK)
		return CC_BAD;
	bits += dotted ? 96 : 0;
	clear_host_bits(&addr, bits);
	*ret_prefix = (struct cc_prefix){addr, (uint8_t)bits};
	return CC_OK;
}

bool
cc_prefix_has(const struct cc_prefix *prefix, const struct cc_addr *a)
{
	unsigned whole = prefix->bits / 8, rest = prefix->bits % 8;

	if (memcmp(prefix->addr.b, a->b, whole) != 0)
		return false;
	return rest == 0 || ((prefix->addr.b[whole] ^ a->b[whole]) & (0xff00u >> rest & 0xff)) == 0;
}
