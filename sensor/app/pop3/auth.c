/*
 * POP3's commands as words, and AUTH (RFC 5034): who logs in, where the mechanism says it in the clear.  Passwords are
 * never kept.
 */
#include "app/pop3/own.h"

static const char *const word_text[POP3_WORDS] = {
    [POP3_USER] = "USER", [POP3_PASS] = "PASS", [POP3_APOP] = "APOP", [POP3_AUTH] = "AUTH", [POP3_STLS] = "STLS",
    [POP3_CAPA] = "CAPA", [POP3_STAT] = "STAT", [POP3_LIST] = "LIST", [POP3_UIDL] = "UIDL", [POP3_RETR] = "RETR",
    [POP3_TOP] = "TOP", [POP3_DELE] = "DELE", [POP3_NOOP] = "NOOP", [POP3_RSET] = "RSET", [POP3_LAST] = "LAST",
    [POP3_QUIT] = "QUIT", [POP3_UTF8] = "UTF8", [POP3_LANG] = "LANG", [POP3_XTND] = "XTND",
};

enum pop3_word
pop3_word_of(struct slice line, struct slice *ret_rest)
{
	size_t size = 0;

	while (size < line.size && line.p[size] != ' ')
		size++;
	*ret_rest = mime_trim(mime_drop(line, size));
	for (unsigned i = POP3_OTHER + 1; i < POP3_WORDS; i++)
		if (text_eq_nocase(slice_of(line.p, size), word_text[i]))
			return (enum pop3_word)i;
	return POP3_OTHER;
}

bool
pop3_word_may_begin(struct slice text)
{
	for (unsigned i = POP3_OTHER + 1; i < POP3_WORDS; i++) {
		size_t size = strlen(word_text[i]), n = text.size < size ? text.size : size, k = 0;

		while (k < n && (text.p[k] & ~0x20) == (word_text[i][k] & ~0x20))
			k++;
		if (k == n && (text.size <= size || text.p[size] == ' ' || text.p[size] == '\r'))
			return true;
	}
	return false;
}

const char *
pop3_word_text(enum pop3_word word)
{
	return word_text[word];
}

static const struct ntlm_table ntlm_table = {
    .domain = F_NTLM_DOMAIN, .user = F_NTLM_USER, .host = F_NTLM_HOST, .version = F_NTLM_VERSION, .server = NTLM_NONE,
};

static void
put_user(struct cc_ctx *ctx, struct cc_tx *tx, struct slice user)
{
	if (tx != NULL && user.size > 0 && cc_get(tx, F_AUTH_USER) == NULL)
		cc_put(ctx, tx, F_AUTH_USER, user);
}

static void
answer(struct cc_ctx *ctx, struct pop3 *pop3, struct cc_tx *tx, struct slice line)
{
	struct mime_code code = {.encoding = MIME_BASE64};
	struct slice whole = line;
	uint8_t text[512];
	size_t size = mime_decode(&code, &line, text, sizeof(text) - 4);
	struct cur c;

	if (pop3->auth == POP3_AUTH_OTHER && (ntlm_put_base64(ctx, tx, &ntlm_table, whole) & NTLM_V1) != 0)
		cc_anomaly(ctx, tx, A_NTLM_V1);
	size += mime_decode_end(&code, text + size, sizeof(text) - size);
	if (pop3->auth == POP3_AUTH_LOGIN && size > 0) {
		put_user(ctx, tx, slice_of(text, size));
	} else if (pop3->auth == POP3_AUTH_PLAIN) { /* authorised NUL user NUL password */
		const uint8_t *nul = memchr(text, 0, size), *end = NULL;

		if (nul == NULL)
			return;
		c = cur_of(text, size);
		cur_skip(&c, (size_t)(nul - text) + 1);
		if (cur_left(&c) > 0)
			end = memchr(c.p, 0, cur_left(&c));
		if (end != NULL)
			put_user(ctx, tx, slice_of(c.p, (size_t)(end - c.p)));
	}
}

void
pop3_auth_begin(struct cc_ctx *ctx, struct pop3 *pop3, struct cc_tx *tx, struct slice arg)
{
	size_t size = 0;
	struct slice mechanism, first;

	while (size < arg.size && arg.p[size] != ' ')
		size++;
	mechanism = slice_of(arg.p, size);
	first = mime_trim(mime_drop(arg, size));
	cc_put(ctx, tx, F_AUTH, mechanism);
	pop3->auth = POP3_AUTH_OTHER;
	pop3->auth_left = text_eq_nocase(mechanism, "NTLM") ? 2 : 1;
	if (text_eq_nocase(mechanism, "PLAIN")) {
		pop3->auth = POP3_AUTH_PLAIN;
	} else if (text_eq_nocase(mechanism, "LOGIN")) {
		pop3->auth = POP3_AUTH_LOGIN;
		pop3->auth_left = 2;
	}
	if (pop3->auth != POP3_AUTH_OTHER)
		pop3_report(ctx, pop3, tx, A_CREDENTIALS);
	if (first.size == 0)
		return;
	answer(ctx, pop3, tx, first);
	pop3->auth_left--;
}

void
pop3_auth_line(struct cc_ctx *ctx, struct pop3 *pop3, struct slice line)
{
	pop3->auth_left--;
	if (pop3->last != NULL && ((struct pop3_tx *)pop3->last->own)->word == POP3_AUTH)
		answer(ctx, pop3, pop3->last, line);
}
