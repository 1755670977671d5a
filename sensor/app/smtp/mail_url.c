/*
 * URLs in the text of a mail: http, https and ftp with their "://", up to what can't be part of one (RFC 3986, appendix
 * C).  A machine over bytes, since a text comes in any pieces.
 */
#include "app/smtp/mail.h"

#define SEED 0x6d61696cu

static bool
ends_url(uint8_t c)
{
	return c <= ' ' || c == '"' || c == '\'' || c == '<' || c == '>' || c == '`' || c == '\\' || c == '^' ||
	       c == '{' || c == '}' || c == '|' || c == 0x7f;
}

static bool
is_scheme(const uint8_t *word, size_t size)
{
	struct slice s = slice_of(word, size);

	return slice_is(s, "http") || slice_is(s, "https") || slice_is(s, "ftp");
}

static void
replace_amp(struct mail_urls *urls)
{
	size_t n = 0;

	for (size_t i = 0; i < urls->size; i++) {
		urls->url[n++] = urls->url[i];
		if (urls->url[i] == '&' && urls->size - i >= 5 && memcmp(urls->url + i, "&amp;", 5) == 0)
			i += 4;
	}
	urls->size = (uint16_t)n;
}

/* Punctuation at the end is the sentence's, and so is a bracket that none in the URL opens. */
static bool
not_of_url(const struct mail_urls *urls)
{
	uint8_t last = urls->url[urls->size - 1];
	unsigned open = 0, closed = 0;

	for (size_t i = 0; last == ')' && i < urls->size; i++) {
		open += urls->url[i] == '(';
		closed += urls->url[i] == ')';
	}
	return last == ')' ? closed > open : strchr(".,;:!?]", last) != NULL;
}

static void
finish(struct cc_ctx *ctx, struct mail_urls *urls, mail_url_fn *found, void *user)
{
	uint64_t hash;

	urls->inside = false;
	if (urls->html)
		replace_amp(urls);
	for (unsigned i = 0; i < 8 && urls->size > urls->scheme && not_of_url(urls); i++)
		urls->size--;
	if (urls->size < urls->scheme + 3 || urls->count == MAIL_URLS_MAX)
		return;
	hash = hash64(slice_of(urls->url, urls->size), SEED);
	for (unsigned i = 0; i < urls->count; i++)
		if (urls->seen[i] == hash)
			return;
	urls->seen[urls->count++] = hash;
	found(ctx, user, slice_of(urls->url, urls->size), urls->scheme);
}

static void
outside(struct mail_urls *urls, uint8_t c)
{
	uint8_t low = c | 0x20;

	if (low >= 'a' && low <= 'z') {
		if (urls->marks > 0)
			urls->marks = urls->word_size = 0;
		if (urls->word_size < sizeof(urls->word))
			urls->word[urls->word_size++] = low;
		return;
	}
	if (c == ':' && urls->marks == 0 && is_scheme(urls->word, urls->word_size)) {
		urls->marks = 1;
		return;
	}
	if (c == '/' && urls->marks > 0) {
		if (++urls->marks < 3)
			return;
		memcpy(urls->url, urls->word, urls->word_size);
		memcpy(urls->url + urls->word_size, "://", 3);
		urls->size = urls->scheme = (uint16_t)(urls->word_size + 3);
		urls->inside = true;
	}
	urls->marks = urls->word_size = 0;
}

void
mail_urls_add(struct cc_ctx *ctx, struct mail_urls *urls, struct slice bytes, mail_url_fn *found, void *user)
{
	for (size_t i = 0; i < bytes.size; i++) {
		uint8_t c = bytes.p[i];

		if (!urls->inside)
			outside(urls, c);
		else if (ends_url(c))
			finish(ctx, urls, found, user);
		else if (urls->size < MAIL_URL_MAX)
			urls->url[urls->size++] = c;
	}
}

void
mail_urls_end(struct cc_ctx *ctx, struct mail_urls *urls, mail_url_fn *found, void *user)
{
	if (urls->inside)
		finish(ctx, urls, found, user);
	urls->marks = urls->word_size = 0;
}
