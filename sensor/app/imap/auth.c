/*
 * Who logs in: LOGIN, and AUTHENTICATE (RFC 9051, 6.2; 4616), where the mechanism says it in the clear.  Passwords are
 * never kept.
 */
#include "app/imap/own.h"

static const struct ntlm_table ntlm_table = {
    .domain = F_NTLM_DOMAIN, .user = F_NTLM_USER, .host = F_NTLM_HOST, .version = F_NTLM_VERSION, .server = NTLM_NONE,
};

void
imap_login_user(struct cc_ctx *ctx, struct imap *imap, struct cc_tx *tx, struct slice user)
{
	if (imap->args++ == 0 && user.size > 0 && cc_get(tx, F_AUTH_USER) == NULL)
		cc_put(ctx, tx, F_AUTH_USER, user);
	if (imap->args > 2)
		imap->args = 2;
	if (imap->args == 2)
		imap_report(ctx, imap, tx, A_CREDENTIALS);
}

void
imap_login(struct cc_ctx *ctx, struct imap *imap, struct cc_tx *tx, struct slice arg)
{
	uint8_t text[IMAP_USER_MAX];
	size_t size;

	while (arg.size > 0 && arg.p[0] == ' ')
		arg = mime_drop(arg, 1);
	while (imap->args < 2 && imap_astring(&arg, text, sizeof(text), &size))
		imap_login_user(ctx, imap, tx, slice_of(text, size));
	memset(text, 0, sizeof(text));
}

static void
answer(struct cc_ctx *ctx, struct imap *imap, struct cc_tx *tx, struct slice line)
{
	struct mime_code code = {.encoding = MIME_BASE64};
	uint8_t text[512];
	struct slice user;
	size_t size;

	if (imap->auth == AUTH_NTLM || imap->auth == AUTH_OTHER) {
		unsigned ntlm = ntlm_put_base64(ctx, tx, &ntlm_table, line);

		if ((ntlm & NTLM_V1) != 0)
			imap_report(ctx, imap, tx, A_NTLM_V1);
		if ((ntlm & NTLM_MALFORMED) != 0)
			imap_report(ctx, imap, tx, A_NTLM_MALFORMED);
		return;
	}
	size = mime_decode(&code, &line, text, sizeof(text) - 4);
	size += mime_decode_end(&code, text + size, sizeof(text) - size);
	user = slice_of(text, size);
	if (imap->auth == AUTH_PLAIN) { /* authorised NUL user NUL password */
		const uint8_t *nul = size > 0 ? memchr(text, 0, size) : NULL;

		user = nul != NULL ? mime_drop(user, (size_t)(nul - text) + 1) : slice_of(NULL, 0);
		nul = user.size > 0 ? memchr(user.p, 0, user.size) : NULL;
		user.size = nul != NULL ? (size_t)(nul - user.p) : 0;
	}
	if (user.size > 0 && cc_get(tx, F_AUTH_USER) == NULL)
		cc_put(ctx, tx, F_AUTH_USER, user);
	memset(text, 0, sizeof(text));
}

void
imap_auth_begin(struct cc_ctx *ctx, struct imap *imap, struct cc_tx *tx, struct slice arg)
{
	struct slice mechanism = imap_next(&arg);

	if (mechanism.size > 32)
		mechanism.size = 32;
	cc_put(ctx, tx, F_AUTH, mechanism);
	imap->auth = AUTH_OTHER;
	if (text_eq_nocase(mechanism, "PLAIN"))
		imap->auth = AUTH_PLAIN;
	else if (text_eq_nocase(mechanism, "LOGIN"))
		imap->auth = AUTH_LOGIN;
	else if (text_eq_nocase(mechanism, "NTLM"))
		imap->auth = AUTH_NTLM;
	if (imap->auth == AUTH_PLAIN || imap->auth == AUTH_LOGIN)
		imap_report(ctx, imap, tx, A_CREDENTIALS);
	if (arg.size > 0)
		answer(ctx, imap, tx, arg);
}

void
imap_auth_line(struct cc_ctx *ctx, struct imap *imap, struct slice line)
{
	struct cc_tx *tx = imap->last;

	if (tx != NULL && imap_tx(tx)->word == IMAP_AUTHENTICATE && line.size > 1)
		answer(ctx, imap, tx, line);
}
