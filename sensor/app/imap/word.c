/* IMAP's words (RFC 9051, 9): tags, commands, strings, the sizes of literals. */
#include "app/imap/own.h"

static const struct {
	const char *text;
	bool bare;
} words[IMAP_WORDS] = {
    [IMAP_CAPABILITY] = {"CAPABILITY", true}, [IMAP_NOOP] = {"NOOP", true}, [IMAP_LOGOUT] = {"LOGOUT", true},
    [IMAP_STARTTLS] = {"STARTTLS", true}, [IMAP_AUTHENTICATE] = {"AUTHENTICATE", false},
    [IMAP_LOGIN] = {"LOGIN", false},
    [IMAP_ENABLE] = {"ENABLE", false}, [IMAP_SELECT] = {"SELECT", false}, [IMAP_EXAMINE] = {"EXAMINE", false},
    [IMAP_CREATE] = {"CREATE", false}, [IMAP_DELETE] = {"DELETE", false}, [IMAP_RENAME] = {"RENAME", false},
    [IMAP_SUBSCRIBE] = {"SUBSCRIBE", false}, [IMAP_UNSUBSCRIBE] = {"UNSUBSCRIBE", false}, [IMAP_LIST] = {"LIST", false},
    [IMAP_LSUB] = {"LSUB", false}, [IMAP_NAMESPACE] = {"NAMESPACE", true}, [IMAP_STATUS] = {"STATUS", false},
    [IMAP_APPEND] = {"APPEND", false}, [IMAP_IDLE] = {"IDLE", true}, [IMAP_CHECK] = {"CHECK", true},
    [IMAP_CLOSE] = {"CLOSE", true}, [IMAP_UNSELECT] = {"UNSELECT", true}, [IMAP_EXPUNGE] = {"EXPUNGE", true},
    [IMAP_SEARCH] = {"SEARCH", false}, [IMAP_FETCH] = {"FETCH", false}, [IMAP_STORE] = {"STORE", false},
    [IMAP_COPY] = {"COPY", false}, [IMAP_MOVE] = {"MOVE", false}, [IMAP_UID] = {"UID", false},
    [IMAP_ID] = {"ID", false},
    [IMAP_SORT] = {"SORT", false}, [IMAP_THREAD] = {"THREAD", false}, [IMAP_COMPRESS] = {"COMPRESS", false},
    [IMAP_GETQUOTA] = {"GETQUOTA", false}, [IMAP_GETQUOTAROOT] = {"GETQUOTAROOT", false},
    [IMAP_SETQUOTA] = {"SETQUOTA", false}, [IMAP_GETACL] = {"GETACL", false}, [IMAP_SETACL] = {"SETACL", false},
    [IMAP_MYRIGHTS] = {"MYRIGHTS", false}, [IMAP_XLIST] = {"XLIST", false}, [IMAP_NOTIFY] = {"NOTIFY", false},
};

struct slice
imap_next(struct slice *line)
{
	size_t size = 0;
	struct slice word;

	while (size < line->size && line->p[size] != ' ')
		size++;
	word = slice_of(line->p, size);
	while (size < line->size && line->p[size] == ' ')
		size++;
	*line = mime_drop(*line, size);
	return word;
}

enum imap_word
imap_word_of(struct slice line, struct slice *ret_rest)
{
	struct slice word;

	*ret_rest = line;
	word = imap_next(ret_rest);
	for (unsigned i = IMAP_OTHER + 1; i < IMAP_WORDS; i++)
		if (text_eq_nocase(word, words[i].text))
			return (enum imap_word)i;
	return IMAP_OTHER;
}

const char *
imap_word_text(enum imap_word word)
{
	return words[word].text;
}

bool
imap_word_bare(enum imap_word word)
{
	return words[word].bare;
}

bool
imap_tag(struct slice line, struct slice *ret_tag, struct slice *ret_rest)
{
	struct slice rest = line, tag = imap_next(&rest);

	if (tag.size == 0 || tag.size > IMAP_TAG_MAX || tag.size == line.size)
		return false;
	for (size_t i = 0; i < tag.size; i++)
		if (tag.p[i] <= ' ' || tag.p[i] >= 0x7f || strchr("(){%*\"\\+", tag.p[i]) != NULL)
			return false;
	*ret_tag = tag;
	*ret_rest = rest;
	return true;
}

bool
imap_astring(struct slice *line, uint8_t *text, size_t room, size_t *ret_size)
{
	size_t i = 0, size = 0;
	bool quoted = line->size > 0 && line->p[0] == '"';

	if (line->size == 0)
		return false;
	for (i = quoted; i < line->size && line->p[i] != (quoted ? '"' : ' '); i++) {
		if (quoted && line->p[i] == '\\' && i + 1 < line->size)
			i++;
		if (size < room)
			text[size++] = line->p[i];
	}
	i += quoted && i < line->size;
	while (i < line->size && line->p[i] == ' ')
		i++;
	*line = mime_drop(*line, i);
	*ret_size = size;
	return true;
}

bool
imap_literal(struct slice line, uint64_t *ret_size, bool *ret_go, struct slice *ret_before)
{
	size_t end = line.size, at;
	uint64_t size = 0;

	if (end < 3 || line.p[end - 1] != '}')
		return false;
	end--;
	*ret_go = line.p[end - 1] != '+' && line.p[end - 1] != '-';
	end -= !*ret_go;
	for (at = end; at > 0 && line.p[at - 1] >= '0' && line.p[at - 1] <= '9'; at--)
		;
	if (at == end || end - at > 18 || at == 0 || line.p[at - 1] != '{')
		return false;
	for (size_t i = at; i < end; i++)
		size = size * 10 + (uint64_t)(line.p[i] - '0');
	at--;
	at -= at > 0 && line.p[at - 1] == '~';
	*ret_size = size;
	*ret_before = mime_trim(slice_of(line.p, at));
	return true;
}
