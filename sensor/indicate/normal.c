/*
 * Normal forms, so that two sensors that saw one thing name it alike.
 *
 * Domains: IDNA 2008 A-labels (RFC 5891) by libidn2, after the mapping of UTS 46 as browsers do it, lower case, no
 * final dot; and back to U-labels for people to read.  Mail addresses.  URLs have url.c.  All are hostile text. libidn2
 * allocates; it is asked only for names that are not plain ASCII or hold A-labels, of matches and for the log.
 */
#include "indicate/own.h"

#include <idn2.h>
#include <stdlib.h>

#define DOMAIN_MAX 253
#define LABEL_MAX 63

bool
normal_ends_in_number(struct slice s)
{
	size_t from, i;

	if (s.size > 0 && s.p[s.size - 1] == '.')
		s.size--;
	for (from = s.size; from > 0 && s.p[from - 1] != '.'; from--)
		;
	s = slice_of(s.p + from, s.size - from);
	for (i = 0; i < s.size && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		;
	if (s.size > 0 && i == s.size)
		return true;
	if (s.size < 2 || s.p[0] != '0' || (s.p[1] | 0x20) != 'x')
		return false;
	for (i = 2; i < s.size && strchr("0123456789abcdefABCDEF", s.p[i]) != NULL && s.p[i] != 0; i++)
		;
	return i == s.size;
}

/* What the wire can't make an indicator of: names of nobody in particular. */
static bool
domain_form(struct slice s)
{
	size_t label = 0, labels = 1;

	if (s.size == 0 || s.size > DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < s.size; i++) {
		uint8_t c = s.p[i];

		if (c == '.') {
			if (label == 0 || s.p[i - 1] == '-')
				return false;
			label = 0;
			labels++;
			continue;
		}
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && (c != '-' || label == 0))
			return false;
		if (++label > LABEL_MAX)
			return false;
	}
	/* What ends in a number is an address, or an attempt at one. */
	return labels > 1 && label > 0 && s.p[s.size - 1] != '-' && !normal_ends_in_number(s);
}

enum cc_status
normal_idna(struct slice raw, struct buf *out)
{
	char text[1024], *ascii = NULL;
	size_t size;

	if (raw.size >= sizeof(text) || memchr(raw.p, 0, raw.size) != NULL || !utf8_valid(raw))
		return CC_BAD;
	memcpy(text, raw.p, raw.size);
	text[raw.size] = '\0';
	if (idn2_to_ascii_8z(text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return CC_BAD;
	size = strlen(ascii);
	buf_add(out, ascii, size);
	idn2_free(ascii);
	return CC_OK;
}

enum cc_status
indicate_domain(struct slice raw, struct buf *ret_out)
{
	bool ascii = true;

	buf_clear(ret_out);
	if (raw.size > 0 && raw.p[raw.size - 1] == '.')
		raw.size--;
	for (size_t i = 0; i < raw.size; i++)
		ascii = ascii && raw.p[i] < 0x80;
	if (!ascii && normal_idna(raw, ret_out) != CC_OK)
		return CC_BAD;
	if (ascii)
		buf_add_slice(ret_out, raw);
	if (ret_out->full)
		return CC_BAD;
	lower_copy(ret_out->p, buf_slice(ret_out));
	return domain_form(buf_slice(ret_out)) ? CC_OK : CC_BAD;
}

enum cc_status
indicate_domain_unicode(struct slice domain, struct buf *ret_out)
{
	char text[DOMAIN_MAX + 1], *unicode = NULL, *ascii = NULL;
	bool good;

	buf_clear(ret_out);
	if (domain.size == 0 || domain.size > DOMAIN_MAX || memmem(domain.p, domain.size, "xn--", 4) == NULL)
		return CC_ABSENT;
	memcpy(text, domain.p, domain.size);
	text[domain.size] = '\0';
	/* Only what leads back to the same name is that name. */
	good = idn2_to_unicode_8z8z(text, &unicode, 0) == IDN2_OK &&
	       idn2_to_ascii_8z(unicode, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK &&
	       strcmp(ascii, text) == 0 && strcmp(unicode, text) != 0;
	if (good)
		buf_add_text(ret_out, unicode);
	idn2_free(unicode);
	idn2_free(ascii);
	return good && !ret_out->full ? CC_OK : CC_BAD;
}

/* The local part is compared in lower case: hosts that tell cases apart are rarer than writers that don't. */
enum cc_status
indicate_email(struct slice raw, struct buf *ret_out)
{
	const uint8_t *open = raw.size > 0 ? memrchr(raw.p, '<', raw.size) : NULL, *at;
	uint8_t memory[512];
	struct buf domain;
	size_t local;

	buf_clear(ret_out);
	if (open != NULL) {
		raw = slice_of(open + 1, raw.size - (size_t)(open + 1 - raw.p));
		at = raw.size > 0 ? memchr(raw.p, '>', raw.size) : NULL;
		if (at != NULL)
			raw.size = (size_t)(at - raw.p);
	}
	while (raw.size > 0 && raw.p[raw.size - 1] <= ' ')
		raw.size--;
	while (raw.size > 0 && raw.p[0] <= ' ')
		raw = slice_of(raw.p + 1, raw.size - 1);
	at = raw.size > 0 ? memrchr(raw.p, '@', raw.size) : NULL;
	local = at != NULL ? (size_t)(at - raw.p) : 0;
	if (local == 0 || local > 64)
		return CC_BAD;
	for (size_t i = 0; i < local; i++) {
		if (raw.p[i] <= ' ' || raw.p[i] >= 0x7f || memchr("\"(),:;<>@[\\]", raw.p[i], 12) != NULL)
			return CC_BAD;
		buf_add_u8(ret_out, raw.p[i] >= 'A' && raw.p[i] <= 'Z' ? (uint8_t)(raw.p[i] + 32) : raw.p[i]);
	}
	buf_over(&domain, memory, sizeof(memory));
	if (indicate_domain(slice_of(at + 1, raw.size - local - 1), &domain) != CC_OK)
		return CC_BAD;
	buf_add_u8(ret_out, '@');
	buf_add_slice(ret_out, buf_slice(&domain));
	return ret_out->full ? CC_BAD : CC_OK;
}
