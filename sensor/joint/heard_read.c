/*
 * A verified contacts entry or notice to what a case can say of it.  A notice is prose: of its title and text those
 * words that are an address, a network, a name or a SHA-256 are what it names, also where they are defanged.  Thread:
 * any.
 */
#include <jansson.h>

#include "joint/joint_own.h"
#include "output/output.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define NAMED_MAX 64 /* that one notice names */

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

static json_t *
part_of(json_t *bundle, const char *name)
{
	json_t *one, *extension;
	const char *key;
	size_t i;

	json_array_foreach(json_object_get(bundle, "objects"), i, one)
	{
		json_object_foreach(json_object_get(one, "extensions"), key, extension)
		{
			if (json_is_object(json_object_get(extension, name)))
				return json_object_get(extension, name);
		}
	}
	return NULL;
}

static bool
is_name(const char *word, size_t size)
{
	const char *dot = strrchr(word, '.');
	bool good = dot != NULL && dot > word && size - (size_t)(dot - word) > 2;

	for (size_t i = 0; i < size && good; i++)
		good = isalnum((unsigned char)word[i]) || word[i] == '-' || (word[i] == '.' && word[i + 1] != '.');
	for (const char *p = good ? dot + 1 : ""; *p != '\0' && good; p++)
		good = isalpha((unsigned char)*p);
	return good;
}

static void
take_word(char *word, size_t size, struct buf *out)
{
	struct cc_addr addr;
	char canonical[CC_ADDR_TEXT];

	/* An address may end with "::". */
	while (size > 0 && strchr(".,;:-", word[size - 1]) != NULL && cc_addr_parse(word, &addr) != CC_OK)
		word[--size] = '\0';
	for (size_t i = 0; i < size; i++)
		word[i] = (char)tolower((unsigned char)word[i]);
	if (size == 64 && strspn(word, "0123456789abcdef") == 64)
		buf_printf(out, "%ssha256:%s", out->size > 0 ? " " : "", word);
	else if (size > 5 && size < CC_ADDR_TEXT && cc_addr_parse(word, &addr) == CC_OK)
		buf_printf(out, "%saddr:%s", out->size > 0 ? " " : "", cc_addr_text(&addr, canonical));
	else if (size < 254 && is_name(word, size))
		buf_printf(out, "%sdomain:%s", out->size > 0 ? " " : "", word);
}

/* "/24", "/48" or "/64" behind a word that is such a network, with nothing of a host in it: what cases can name. */
static bool
take_network(const char *word, const char **behind, struct buf *out)
{
	char text[CC_ADDR_TEXT + 4], canonical[CC_ADDR_TEXT];
	size_t digits = **behind == '/' ? strspn(*behind + 1, "0123456789") : 0;
	struct cc_prefix net;
	struct cc_addr addr;
	bool four;

	if (digits != 2 || isalnum((unsigned char)(*behind)[3]) || strlen(word) >= CC_ADDR_TEXT)
		return false;
	snprintf(text, sizeof(text), "%s%.3s", word, *behind);
	if (cc_addr_parse(word, &addr) != CC_OK || cc_prefix_parse(text, &net) != CC_OK ||
	    cc_addr_cmp(&addr, &net.addr) != 0)
		return false;
	four = cc_addr_is4(&addr);
	if (four ? net.bits != 96 + 24 : net.bits != 48 && net.bits != 64)
		return false;
	buf_printf(out, "%snet:%s/%u", out->size > 0 ? " " : "", cc_addr_text(&addr, canonical),
	    net.bits - (four ? 96u : 0u));
	*behind += 3;
	return true;
}

/* Words of letters, digits, '.', ':', '-', with "[.]" for a dot; what stands behind a scheme begins anew. */
static void
take_named(const char *text, struct buf *out)
{
	char word[300];
	unsigned words = 0;

	while (*text != '\0' && words < NAMED_MAX) {
		size_t size = 0, before = out->size;

		while (*text != '\0' && (isalnum((unsigned char)*text) || strchr(".:-[]", *text) != NULL)) {
			if (strncmp(text, "://", 3) == 0)
				break;
			if (*text != '[' && *text != ']' && size < sizeof(word) - 1)
				word[size++] = *text;
			text++;
		}
		word[size] = '\0';
		if (size > 0 && !take_network(word, &text, out))
			take_word(word, size, out);
		words += out->size > before;
		if (*text != '\0')
			text++;
	}
}

/* A text that cases show is no longer than the longest name; not within a UTF-8 sequence. */
static size_t
shown(const char *text)
{
	size_t size = strnlen(text, JOINT_NAME_MAX + 1);

	if (size <= JOINT_NAME_MAX)
		return size;
	for (size = JOINT_NAME_MAX; size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80; size--)
		;
	return size;
}

static void
keep_texts(struct joint_word *word, struct buf *scratch, const char *const text[HEARD_TEXTS])
{
	size_t at[HEARD_TEXTS], size[HEARD_TEXTS];

	for (unsigned i = 0; i < HEARD_TEXTS; i++) {
		at[i] = scratch->size;
		size[i] = word->notice && i == HEARD_NAMED ? strlen(text[i]) : shown(text[i]);
		buf_add(scratch, text[i], size[i]);
	}
	for (unsigned i = 0; i < HEARD_TEXTS; i++)
		word->text[i] = slice_of(scratch->p + at[i], size[i]);
}

static enum cc_status
read_contact(const json_t *entry, struct buf *scratch, struct joint_word *word)
{
	const json_t *points = json_object_get(entry, "contacts"), *point = json_array_get(points, 0), *one;
	size_t i;

	/* In order of escalation; of technical ones the first. */
	json_array_foreach(points, i, one)
	{
		if (strcmp(text_of(one, "role"), "technical") == 0) {
			point = one;
			break;
		}
	}
	if (point == NULL)
		return CC_BAD;
	keep_texts(word, scratch, (const char *const[HEARD_TEXTS]){text_of(point, "role"), text_of(point, "name"),
	    text_of(point, "email"), text_of(point, "telephone")});
	return CC_OK;
}

static enum cc_status
read_notice(const json_t *notice, struct buf *scratch, struct joint_word *word)
{
	struct buf named;
	const char *text = text_of(notice, "text"), *title = text_of(notice, "title");

	if (text_of(notice, "id")[0] == '\0' || strlen(text_of(notice, "id")) > JOINT_NAME_MAX)
		return CC_BAD;
	buf_open(&named, 1u << 16);
	/* What is taken back names nothing. */
	if (!json_is_true(json_object_get(notice, "revoked"))) {
		take_named(title, &named);
		take_named(text, &named);
	}
	buf_add_u8(&named, 0);
	keep_texts(word, scratch, (const char *const[HEARD_TEXTS]){text_of(notice, "id"), title,
	    named.full ? "" : (const char *)named.p, ""});
	buf_close(&named);
	return CC_OK;
}

enum cc_status
joint_read_word(const struct cc_message *msg, struct slice organisation, struct buf *scratch,
    struct joint_word *ret_word)
{
	bool notice = slice_is(message_header(msg, "ce_type"), "org.concert.notice.v1");
	struct slice when = message_header(msg, "ce_time");
	enum cc_status st = CC_BAD;
	char time[40];
	json_t *bundle, *part;

	if (!notice && !slice_is(message_header(msg, "ce_type"), "org.concert.contact.v1"))
		return CC_ABSENT;
	/* A drill warns of nothing. */
	if (slice_is(message_header(msg, "exercise"), "true"))
		return CC_FULL;
	*ret_word = (struct joint_word){.organisation = organisation, .notice = notice, .tlp = CC_TLP_AMBER};
	buf_clear(scratch);
	snprintf(time, sizeof(time), "%.*s", (int)(when.size < sizeof(time) ? when.size : 0), (const char *)when.p);
	if (!buf_reserve(scratch, 2 * msg->value.size + 4096))
		return CC_NOMEM;
	if (time_rfc3339_parse(time, &ret_word->time) != CC_OK ||
	    record_tlp_parse(message_header(msg, "tlp"), &ret_word->tlp) != CC_OK)
		return CC_BAD;
	bundle = json_loadb((const char *)msg->value.p, msg->value.size, 0, NULL);
	if ((part = part_of(bundle, notice ? "notice" : "contact")) != NULL)
		st = notice ? read_notice(part, scratch, ret_word) : read_contact(part, scratch, ret_word);
	json_decref(bundle);
	return st;
}
