/*
 * Public suffixes: where a registry lets names ("com", "co.uk"), or somebody lets his customers have them.  The form of
 * publicsuffix.org; without its file a short list of our own stands in.  Built once, then read.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "exchange/exchange.h"

#define LINES_MAX 100000

enum { SUFFIX = 1, BELOW = 2, NO_SUFFIX = 4 };

struct suffixes {
	struct map *domain; /* to the bits above, as a pointer */
	bool file;          /* there is one */
};

static uintptr_t
bits_of(const struct suffixes *s, struct slice domain)
{
	return (uintptr_t)map_get(s->domain, domain);
}

static enum cc_status
mark(struct suffixes *s, struct slice domain, uintptr_t bits)
{
	return map_put(s->domain, domain, (void *)(bits_of(s, domain) | bits), NULL);
}

/* "com", "*.ck", "!www.ck". */
static enum cc_status
take_line(struct suffixes *s, const char *text)
{
	if (text[0] == '/' && text[1] == '/')
		return CC_OK;
	if (text[0] == '!')
		return mark(s, slice_str(text + 1), NO_SUFFIX);
	if (strncmp(text, "*.", 2) == 0)
		return mark(s, slice_str(text + 2), SUFFIX | BELOW);
	return mark(s, slice_str(text), SUFFIX);
}

static enum cc_status
read_file(struct suffixes *s, const char *path)
{
	FILE *file = path[0] != '\0' ? fopen(path, "re") : NULL;
	enum cc_status st = CC_OK;
	char *text = NULL;
	size_t room = 0, lines = 0;

	if (file == NULL)
		return CC_OK;
	while (st == CC_OK && getline(&text, &room, file) >= 0) {
		char *p = text + strspn(text, " \t");

		p[strcspn(p, " \t\r\n#")] = '\0';
		for (char *q = p; *q != '\0'; q++)
			*q = (char)tolower((unsigned char)*q);
		if (*p != '\0')
			st = lines++ < LINES_MAX ? take_line(s, p) : CC_NOMEM;
	}
	s->file = true;
	free(text);
	fclose(file);
	return st;
}

struct suffixes *
suffixes_open(const struct conf *conf)
{
	struct suffixes *s = calloc(1, sizeof(*s));

	if (s != NULL && ((s->domain = map_new(0)) == NULL || read_file(s, conf->partners_suffixes) != CC_OK)) {
		suffixes_close(s);
		return NULL;
	}
	return s;
}

void
suffixes_close(struct suffixes *s)
{
	if (s == NULL)
		return;
	map_free(s->domain, NULL);
	free(s);
}

static struct slice
parent_of(struct slice domain)
{
	const uint8_t *dot = domain.size > 0 ? memchr(domain.p, '.', domain.size) : NULL;

	return dot != NULL ? slice_of(dot + 1, domain.size - (size_t)(dot + 1 - domain.p)) : slice_of(NULL, 0);
}

bool
suffixes_usual(struct slice domain)
{
	static const char *const second[] = {"ac", "art", "asso", "biz", "co", "com", "ed", "edu", "firm", "gen", "go",
	    "gob", "gouv", "gov", "gr", "ind", "info", "int", "lg", "ltd", "me", "med", "mil", "name", "ne", "net", "nhs",
	    "nom", "or", "org", "plc", "pro", "sch", "web"};
	struct slice parent = parent_of(domain),
		     first = slice_of(domain.p, domain.size - parent.size - (parent.size > 0));

	if (parent.size != 2)
		return false;
	for (size_t i = 0; i < sizeof(second) / sizeof(second[0]); i++) {
		if (slice_is(first, second[i]))
			return true;
	}
	return false;
}

bool
suffixes_have(const struct suffixes *s, struct slice domain)
{
	struct slice parent = parent_of(domain);
	uintptr_t bits = bits_of(s, domain);

	if (parent.size == 0)
		return true;
	if (bits & NO_SUFFIX)
		return false;
	return (bits & SUFFIX) != 0 || (bits_of(s, parent) & BELOW) != 0 || (!s->file && suffixes_usual(domain));
}
