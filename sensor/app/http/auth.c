/*
 * Who logs on by Authorization and Proxy-Authorization (RFC 7235): Basic (7617) and Digest (7616) say the user, NTLM
 * and Negotiate (MS-NTHT, 4559) carry NTLMSSP.  Passwords are never kept.
 */
#include "app/http/http.h"
#include "app/smtp/mime.h"

#define USER_ROOM 256

static void
put_user(struct cc_ctx *ctx, struct cc_tx *tx, const struct http_auth *auth, struct slice user)
{
	if (user.size > 0)
		cc_put(ctx, tx, auth->user, user);
}

/* base64 of "user:password" */
static bool
basic(struct cc_ctx *ctx, struct cc_tx *tx, const struct http_auth *auth, struct slice text)
{
	struct mime_code code = {.encoding = MIME_BASE64};
	uint8_t bytes[USER_ROOM];
	size_t size = mime_decode(&code, &text, bytes, sizeof(bytes) - 4);
	const uint8_t *colon;

	size += mime_decode_end(&code, bytes + size, sizeof(bytes) - size);
	colon = size > 0 ? memchr(bytes, ':', size) : NULL;
	if (colon != NULL)
		put_user(ctx, tx, auth, slice_of(bytes, (size_t)(colon - bytes)));
	memset(bytes, 0, sizeof(bytes));
	return colon != NULL;
}

/* username="robin", realm="..." */
static void
digest(struct cc_ctx *ctx, struct cc_tx *tx, const struct http_auth *auth, struct slice text)
{
	for (; text.size > 10; text = http_drop(text, 1)) {
		const uint8_t *end;

		if (!http_prefix(text, "username=\""))
			continue;
		text = http_drop(text, 10);
		end = text.size > 0 ? memchr(text.p, '"', text.size) : NULL;
		if (end != NULL)
			put_user(ctx, tx, auth, slice_of(text.p, (size_t)(end - text.p)));
		return;
	}
}

unsigned
http_auth_put(struct cc_ctx *ctx, struct cc_tx *tx, const struct http_auth *auth, struct slice value)
{
	static const char *const known[] = {"basic ", "digest ", "bearer ", "negotiate ", "ntlm "};
	static const char *const names[] = {"Basic", "Digest", "Bearer", "Negotiate", "NTLM"};
	size_t i = 0;
	struct slice rest;

	while (i < sizeof(known) / sizeof(known[0]) && !http_prefix(value, known[i]))
		i++;
	if (i == sizeof(known) / sizeof(known[0]))
		return 0;
	if (cc_get(tx, auth->mechanism) != NULL) /* a proxy's beside the server's: the first counts */
		return HTTP_AUTH_KNOWN;
	cc_put_text(ctx, tx, auth->mechanism, names[i]);
	rest = http_trim(http_drop(value, strlen(known[i])));
	if (i == 0)
		return HTTP_AUTH_KNOWN | (basic(ctx, tx, auth, rest) ? HTTP_AUTH_PLAINTEXT : 0u);
	if (i == 1)
		digest(ctx, tx, auth, rest);
	if (i >= 3 && (ntlm_put_base64(ctx, tx, &auth->ntlm, rest) & NTLM_V1) != 0)
		return HTTP_AUTH_KNOWN | HTTP_AUTH_NTLM_V1;
	return HTTP_AUTH_KNOWN;
}
