/*
 * What is never watched, whoever tells it: a partner that errs, or is not what he seems, must not make a sensor shout
 * at everything.  Our own networks, addresses that are nobody's, prefixes that are too short, public suffixes, and the
 * operator's file of what everybody visits.  Built once, then read.
 *
 * A domain is refused when it stands in the file or has one below it that does: "com" and "co.uk" go that way, too.
 * What is below an allowed domain is not excused by it, since much that is bad lives there; ".example" in the file
 * excuses all below.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "exchange/partners_own.h"

#define LINES_MAX 4000000
#define NETS_MAX 20000

enum { LISTED = 1, ABOVE = 2, WITH_ALL_BELOW = 4 };

struct allow {
	const struct conf *conf;
	struct home *home;
	struct victims *victims;
	struct map *domain; /* to the bits above, as a pointer */
	struct cc_prefix *net;
	size_t nets;
	size_t lines;
	struct suffixes *suffixes;
};

/* ---- reading ---- */

static uintptr_t
bits_of(const struct allow *allow, struct slice domain)
{
	return (uintptr_t)map_get(allow->domain, domain);
}

static enum cc_status
mark(struct allow *allow, struct slice domain, uintptr_t bits)
{
	return map_put(allow->domain, domain, (void *)(bits_of(allow, domain) | bits), NULL);
}

static enum cc_status
add_net(struct allow *allow, const struct cc_prefix *prefix)
{
	struct cc_prefix *more = allow->nets < NETS_MAX ? realloc(allow->net, (allow->nets + 1) * sizeof(*more)) : NULL;

	if (more == NULL)
		return CC_NOMEM;
	allow->net = more;
	more[allow->nets++] = *prefix;
	return CC_OK;
}

/* And every domain above it, which would have it below. */
static enum cc_status
add_domain(struct allow *allow, struct slice domain)
{
	bool all = domain.size > 1 && domain.p[0] == '.';
	const uint8_t *dot;
	enum cc_status st;

	domain = all ? slice_of(domain.p + 1, domain.size - 1) : domain;
	st = mark(allow, domain, all ? LISTED | WITH_ALL_BELOW : LISTED);
	while (st == CC_OK && (dot = memchr(domain.p, '.', domain.size)) != NULL) {
		domain = slice_of(dot + 1, domain.size - (size_t)(dot + 1 - domain.p));
		st = mark(allow, domain, ABOVE);
	}
	return st;
}

/* "google.com", "1,google.com" as lists of most visited sites have it, "192.0.2.0/24". */
static enum cc_status
allow_line(struct allow *allow, char *text)
{
	char *comma = strrchr(text, ',');
	struct cc_prefix prefix;
	struct slice word;

	text = comma != NULL ? comma + 1 : text;
	if (cc_prefix_parse(text, &prefix) == CC_OK)
		return add_net(allow, &prefix);
	word = slice_str(text);
	while (word.size > 0 && word.p[word.size - 1] == '.')
		word.size--;
	return word.size > 0 ? add_domain(allow, word) : CC_OK;
}

static enum cc_status
read_lines(struct allow *allow, const char *path)
{
	FILE *file = fopen(path, "re");
	enum cc_status st = CC_OK;
	char *text = NULL;
	size_t room = 0;

	if (file == NULL)
		return CC_IO;
	while (st == CC_OK && getline(&text, &room, file) >= 0) {
		char *p = text + strspn(text, " \t");

		p[strcspn(p, " \t\r\n#")] = '\0';
		for (char *q = p; *q != '\0'; q++)
			*q = (char)tolower((unsigned char)*q);
		if (*p != '\0')
			st = allow->lines++ < LINES_MAX ? allow_line(allow, p) : CC_NOMEM;
	}
	free(text);
	fclose(file);
	return st;
}

enum cc_status
allow_open(const struct conf *conf, const char *outdir, struct allow **ret_allow, char **ret_why)
{
	struct allow *allow = calloc(1, sizeof(*allow));
	enum cc_status st = CC_NOMEM;

	*ret_why = NULL;
	if (allow == NULL)
		return CC_NOMEM;
	allow->conf = conf;
	allow->domain = map_new(0);
	if (allow->domain != NULL && (st = home_new(conf, &allow->home, ret_why)) == CC_OK &&
	    (st = victims_open(conf, outdir, &allow->victims, ret_why)) == CC_OK && conf->partners_allow[0] != '\0' &&
	    (st = read_lines(allow, conf->partners_allow)) != CC_OK &&
	    asprintf(ret_why, "partners.allow: %s: %s", conf->partners_allow,
		st == CC_IO ? strerror(errno) : "too long, or no memory") < 0)
		*ret_why = NULL;
	if (st == CC_OK && (allow->suffixes = suffixes_open(conf)) == NULL)
		st = CC_NOMEM;
	if (st != CC_OK) {
		allow_close(allow);
		return st;
	}
	*ret_allow = allow;
	return CC_OK;
}

void
allow_close(struct allow *allow)
{
	if (allow == NULL)
		return;
	home_free(allow->home);
	victims_close(allow->victims);
	suffixes_close(allow->suffixes);
	map_free(allow->domain, NULL);
	free(allow->net);
	free(allow);
}

/* ---- judging ---- */

static bool
overlap(const struct cc_prefix *a, const struct cc_prefix *b)
{
	return cc_prefix_has(a, &b->addr) || cc_prefix_has(b, &a->addr);
}

/* Of nobody, or of a private network: there is one of these everywhere.  Networks for documentation serve drills. */
static bool
is_reserved(const struct cc_prefix *prefix)
{
	static const char *const reserved[] = {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8",
	    "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3", "::/96", "fc00::/7", "fe80::/10",
	    "ff00::/8"};
	struct cc_prefix one;

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (cc_prefix_parse(reserved[i], &one) == CC_OK && overlap(&one, prefix))
			return true;
	}
	return false;
}

static enum exchange_count
judge_addr(const struct allow *allow, const struct cc_prefix *prefix)
{
	bool four = cc_addr_is4(&prefix->addr) && prefix->bits >= 96;

	if (prefix->bits < (four ? 96 + allow->conf->partners_prefix4 : allow->conf->partners_prefix6))
		return EXCHANGE_WATCH_SHORT_PREFIX;
	if (home_touches(allow->home, prefix) || victims_ours(allow->victims, &prefix->addr))
		return EXCHANGE_WATCH_OURS;
	if (is_reserved(prefix))
		return EXCHANGE_WATCH_RESERVED;
	for (size_t i = 0; i < allow->nets; i++) {
		if (overlap(&allow->net[i], prefix))
			return EXCHANGE_WATCH_ALLOWED;
	}
	return EXCHANGE_COUNT;
}

static struct slice
parent_of(struct slice domain)
{
	const uint8_t *dot = domain.size > 0 ? memchr(domain.p, '.', domain.size) : NULL;

	return dot != NULL ? slice_of(dot + 1, domain.size - (size_t)(dot + 1 - domain.p)) : slice_of(NULL, 0);
}

static bool
is_allowed(const struct allow *allow, struct slice domain)
{
	if (bits_of(allow, domain) & (LISTED | ABOVE))
		return true;
	while (domain.size > 0) {
		if (bits_of(allow, domain) & WITH_ALL_BELOW)
			return true;
		domain = parent_of(domain);
	}
	return false;
}

static enum exchange_count
judge_domain(const struct allow *allow, struct slice domain)
{
	if (suffixes_have(allow->suffixes, domain))
		return EXCHANGE_WATCH_SUFFIX;
	if (is_allowed(allow, domain))
		return EXCHANGE_WATCH_ALLOWED;
	return victims_named_in(allow->victims, domain) ? EXCHANGE_WATCH_OURS : EXCHANGE_COUNT;
}

/* A page of an allowed site may well be bad; its front page is the site.  A host that is an address is judged as one.
 */
static enum exchange_count
judge_url(const struct allow *allow, struct slice url)
{
	const uint8_t *at = memmem(url.p, url.size, "://", 3), *end;
	struct slice host = at != NULL ? slice_of(at + 3, url.size - (size_t)(at + 3 - url.p)) : url;
	struct cc_prefix prefix;
	char text[CC_ADDR_TEXT];
	bool front;

	if (victims_named_in(allow->victims, url))
		return EXCHANGE_WATCH_OURS;
	end = host.size > 0 ? memchr(host.p, '/', host.size) : NULL;
	front = end == NULL || (size_t)(end + 1 - host.p) == host.size;
	host.size = end != NULL ? (size_t)(end - host.p) : host.size;
	end = host.size > 0 && host.p[0] != '[' ? memchr(host.p, ':', host.size) : NULL;
	host.size = end != NULL ? (size_t)(end - host.p) : host.size;
	if (host.size == 0)
		return EXCHANGE_WATCH_MALFORMED;
	if (host.size < sizeof(text)) {
		memcpy(text, host.p, host.size);
		text[host.size] = '\0';
		if (cc_prefix_parse(text, &prefix) == CC_OK)
			return judge_addr(allow, &prefix);
	}
	return front ? judge_domain(allow, host) : EXCHANGE_COUNT;
}

enum exchange_count
allow_judge(const struct allow *allow, enum cc_kind kind, struct slice value, const struct cc_prefix *prefix)
{
	switch (kind) {
	case CC_KIND_ADDR:
		return judge_addr(allow, prefix);
	case CC_KIND_DOMAIN:
		return judge_domain(allow, value);
	case CC_KIND_URL:
		return judge_url(allow, value);
	default:
		return EXCHANGE_COUNT;
	}
}
