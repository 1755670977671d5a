/* The configuration back as YAML, and the reference of all keys as Markdown: both from the table. */
#include <string.h>

#include "base/base.h"
#include "base/utf8.h"
#include "conf/conf.h"
#include "conf/keys.h"

/* What YAML takes for a line break, refuses to read, or reads as an escape, of one UTF-8 character (size 0: none). */
static bool
is_odd(const uint8_t *p, size_t size)
{
	switch (size) {
	case 0:
		return true;
	case 1:
		return *p < 0x20 || *p == 0x7f;
	case 2: /* U+0080 to U+009F */
		return p[0] == 0xc2 && p[1] < 0xa0;
	case 3: /* U+2028, U+2029, U+FEFF, U+FFFE, U+FFFF */
		return memcmp(p, "\xe2\x80\xa8", 3) == 0 || memcmp(p, "\xe2\x80\xa9", 3) == 0 ||
		       memcmp(p, "\xef\xbb\xbf", 3) == 0 || memcmp(p, "\xef\xbf\xbe", 3) == 0 ||
		       memcmp(p, "\xef\xbf\xbf", 3) == 0;
	default:
		return false;
	}
}

static bool
has_odd(const char *text)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + strlen(text);

	while (p < end) {
		size_t size = utf8_char_size(p, end);

		if (is_odd(p, size))
			return true;
		p += size;
	}
	return false;
}

/* In double quotes, where escapes are read. */
static void
print_escaped(const char *text, FILE *out)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + strlen(text);

	putc('"', out);
	while (p < end) {
		size_t size = utf8_char_size(p, end);
		unsigned point = *p;

		if (size == 2)
			point = (*p & 0x1fu) << 6 | (p[1] & 0x3fu);
		else if (size == 3)
			point = (*p & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
		if (is_odd(p, size) || *p == '"' || *p == '\\')
			fprintf(out, "\\u%04x", point);
		else
			fwrite(p, 1, size, out);
		p += size > 0 ? size : 1;
	}
	putc('"', out);
}

static void
print_quoted(const char *text, FILE *out)
{
	if (has_odd(text)) {
		print_escaped(text, out);
		return;
	}
	if (*text != '\0' && *text != '-' && *text != '?' && strcspn(text, " #:{}[],&*!|>'\"%@`\\") == strlen(text)) {
		fputs(text, out);
		return;
	}
	putc('\'', out);
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			putc('\'', out);
		putc(*text, out);
	}
	putc('\'', out);
}

/* The largest unit that leaves no rest. */
static void
print_time(uint64_t ns, FILE *out)
{
	static const struct {
		uint64_t ns;
		const char *word;
	} unit[] = {{86400 * NS_PER_S, "d"}, {3600 * NS_PER_S, "h"}, {60 * NS_PER_S, "m"}, {NS_PER_S, "s"},
	    {NS_PER_MS, "ms"}, {NS_PER_US, "us"}, {1, "ns"}};

	for (size_t i = 0; i < sizeof(unit) / sizeof(unit[0]); i++) {
		if (ns % unit[i].ns == 0 && (ns > 0 || i == 3)) {
			fprintf(out, "%llu%s", (unsigned long long)(ns / unit[i].ns), unit[i].word);
			return;
		}
	}
}

static void
print_size(uint64_t size, FILE *out)
{
	static const char units[] = "\0kmgt";
	unsigned i = 0;

	while (size > 0 && size % 1024 == 0 && i < 4) {
		size /= 1024;
		i++;
	}
	fprintf(out, "%llu", (unsigned long long)size);
	if (i > 0)
		putc(units[i], out);
}

static void
print_enum(const char *words, int index, FILE *out)
{
	for (; index > 0; index--)
		words += strcspn(words, "|") + 1;
	fprintf(out, "%.*s", (int)strcspn(words, "|"), words);
}

/* A password in the configuration is not shown again. */
static bool
is_secret(const char *name)
{
	return strstr(name, "password") != NULL || strstr(name, "secret") != NULL || strstr(name, ".key.pem") != NULL;
}

static void
print_value(const struct conf *conf, const struct conf_key *key, FILE *out)
{
	const void *member = conf_member(conf, key);
	const struct conf_list *list = member;
	const struct conf_map *pairs = member;

	switch (key->type) {
	case KEY_UINT:
		fprintf(out, "%llu", (unsigned long long)*(const uint64_t *)member);
		break;
	case KEY_SIZE:
		print_size(*(const uint64_t *)member, out);
		break;
	case KEY_TIME:
		print_time(*(const uint64_t *)member, out);
		break;
	case KEY_FLAG:
		fputs(*(const bool *)member ? "yes" : "no", out);
		break;
	case KEY_TEXT:
		print_quoted(*(char *const *)member, out);
		break;
	case KEY_ENUM:
		print_enum(key->words, *(const int *)member, out);
		break;
	case KEY_LIST:
		putc('[', out);
		for (size_t i = 0; i < list->count; i++) {
			fputs(i > 0 ? ", " : "", out);
			print_quoted(list->item[i], out);
		}
		putc(']', out);
		break;
	case KEY_MAP:
		for (size_t i = 0; i < pairs->count; i++) {
			fputs("\n    ", out);
			print_quoted(pairs->pair[i].key, out);
			fputs(": ", out);
			print_quoted(is_secret(pairs->pair[i].key) ? "********" : pairs->pair[i].value, out);
		}
		if (pairs->count == 0)
			fputs("{}", out);
		break;
	case KEY_SECTION:
		break;
	}
}

void
conf_print(const struct conf *conf, FILE *out)
{
	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *key = &conf_key[i];

		if (key->type == KEY_SECTION) {
			fprintf(out, "%s# %s: %s\n", i > 0 ? "\n" : "", key->name, key->help);
			continue;
		}
		fprintf(out, "%s: ", key->name);
		print_value(conf, key, out);
		putc('\n', out);
	}
}

static void
print_kind(const struct conf_key *key, FILE *out)
{
	static const char *const word[] = {
	    "", "number", "size", "duration", "yes or no", "text", "", "list", "mapping"};
	const char *at = key->words;

	if (key->type != KEY_ENUM) {
		fputs(word[key->type], out);
		if (key->least != NULL)
			fprintf(out, ", %s to %s", key->least, key->most);
		return;
	}
	for (; *at != '\0'; at += at[strcspn(at, "|")] == '|' ? strcspn(at, "|") + 1 : strcspn(at, "|"))
		fprintf(out, "%s`%.*s`", at > key->words ? ", " : "", (int)strcspn(at, "|"), at);
}

void
conf_reference(FILE *out)
{
	fputs("# The keys of concert.yaml\n\nPrinted by `concert --reference` from the table that the program reads "
	      "by.\n",
	    out);
	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *key = &conf_key[i];

		if (key->type == KEY_SECTION) {
			fprintf(out, "\n## %s: %s\n\n| key | type | default | what it does |\n|---|---|---|---|\n",
			    key->name, key->help);
			continue;
		}
		fprintf(out, "| `%s` | ", key->name);
		print_kind(key, out);
		fprintf(out, " | %s%s%s | %s |\n", key->def != NULL && *key->def != '\0' ? "`" : "",
		    key->def != NULL ? key->def : "", key->def != NULL && *key->def != '\0' ? "`" : "", key->help);
	}
}
