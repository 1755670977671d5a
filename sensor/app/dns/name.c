/*
 * Domain names (RFC 1035, 3.1 and 4.1.4) to dotted text, and the small text that records are written into.
 *
 * What an attacker tries here: pointers that run in circles, chains of pointers in every record of a large message, and
 * short messages that expand to megabytes.  So a name follows a stated number of pointers, and the message has budgets
 * for pointers and for text.  Forward pointers are followed: real software sends them, and resolvers accept them.
 */
#include "app/dns/own.h"

void
dns_text_bytes(struct dns_text *text, const void *p, size_t size)
{
	if (size > text->room - text->size)
		size = text->room - text->size;
	if (size > 0)
		memcpy(text->p + text->size, p, size);
	text->size += size;
}

void
dns_text_word(struct dns_text *text, const char *word)
{
	dns_text_bytes(text, word, strlen(word));
}

void
dns_text_uint(struct dns_text *text, uint64_t n)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	dns_text_bytes(text, digits + at, sizeof(digits) - at);
}

void
dns_text_hex(struct dns_text *text, struct slice bytes)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < bytes.size && text->size < text->room; i++) {
		const char pair[2] = {digits[bytes.p[i] >> 4], digits[bytes.p[i] & 15]};

		dns_text_bytes(text, pair, 2);
	}
}

/* Moves *at to where a pointer points.  CC_BAD: outside.  One pointer too many ends the name: *ret_end. */
static enum cc_status
name_jump(struct dns_message *msg, struct cur *at, unsigned high, unsigned *jumps, bool *ret_end)
{
	size_t offset = (size_t)(high & 0x3f) << 8 | cur_u8(at);

	if (at->bad || offset >= msg->all.size)
		return CC_BAD;
	if (++*jumps > DNS_NAME_JUMPS || msg->jumps_left == 0) {
		msg->wrong |= 1u << DNS_INFINITE_LOOP;
		*ret_end = true;
		return CC_OK;
	}
	msg->jumps_left--;
	*at = cur_of(msg->all.p + offset, msg->all.size - offset);
	return CC_OK;
}

static void
name_label(struct dns_message *msg, struct dns_text *text, size_t start, struct slice label)
{
	size_t before = text->size;

	if (label.size + 1 > msg->names_left) {
		msg->wrong |= 1u << DNS_TOO_MANY_RECORDS;
		return;
	}
	if (text->size > start)
		dns_text_bytes(text, ".", 1);
	if (text->size - start < DNS_NAME_MAX)
		dns_text_bytes(text, label.p, label.size);
	msg->names_left -= (unsigned)(text->size - before);
}

/*
 * Appends the name at *c to *text, without a final dot: the root is nothing.  *c moves behind the name as it stands
 * there.  CC_BAD: not a name.
 */
enum cc_status
dns_name(struct dns_message *msg, struct cur *c, struct dns_text *text)
{
	struct cur at = *c;
	size_t start = text->size, wire = 1;
	unsigned jumps = 0, labels = 0;
	bool end = false;

	while (!end) {
		bool jumped = jumps > 0;
		unsigned high = cur_u8(&at);

		if (at.bad)
			return CC_BAD;
		if (high == 0) {
			end = true;
		} else if (high < 0x40) {
			struct slice label = cur_take(&at, high);

			if (at.bad)
				return CC_BAD;
			wire += high + 1;
			if (++labels > DNS_LABELS_MAX)
				msg->wrong |= 1u << DNS_TOO_MANY_LABELS;
			if (wire > DNS_NAME_WIRE_MAX)
				msg->wrong |= 1u << DNS_NAME_TOO_LONG;
			/* Past all reason: the rest of the name would only cost time. */
			if (wire > DNS_NAME_MAX && jumped)
				break;
			name_label(msg, text, start, label);
		} else if (high >= 0xc0) {
			struct cur pointer = at;

			if (name_jump(msg, &at, high, &jumps, &end) != CC_OK)
				return CC_BAD;
			if (!jumped) {
				cur_skip(&pointer, 1);
				*c = pointer;
			}
		} else {
			return CC_BAD;
		}
	}
	if (jumps == 0)
		*c = at;
	return CC_OK;
}
