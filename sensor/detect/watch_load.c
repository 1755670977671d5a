/*
 * Watch lists: lines of "kind value [source=WORD] [comment]" from the operator's files, entries from partners.
 *
 * Two lists may be in use at once: that of the operator's files, which belongs to the rule set, and that of partners,
 * which comes anew every other second.
 */
#include <errno.h>
#include <stdlib.h>

#include "detect/watch.h"

static const struct entry *
entry_at(const struct watch *watch, uint32_t at)
{
	return (const struct entry *)(const void *)(watch->block + (size_t)(at - 1) * 4);
}

static uint64_t
key_hash(const struct watch *watch, uint8_t kind, uint8_t bits, struct slice key)
{
	return hash64(key, watch->seed ^ ((uint64_t)kind << 8 | bits) * 0x9e3779b97f4a7c15ull);
}

const struct entry *
watch_find(const struct watch *watch, uint8_t kind, uint8_t bits, struct slice key, size_t *ret_slot)
{
	uint64_t hash = key_hash(watch, kind, bits, key);
	uint32_t tag = (uint32_t)(hash >> 32);
	size_t i = (size_t)hash & (watch->slots - 1);

	for (; watch->slot[i].at != 0; i = (i + 1) & (watch->slots - 1)) {
		const struct entry *entry = entry_at(watch, watch->slot[i].at);

		if (watch->slot[i].tag == tag && entry->kind == kind && entry->bits == bits &&
		    entry->key_size == key.size && memcmp(entry + 1, key.p, key.size) == 0)
			return entry;
	}
	if (ret_slot != NULL)
		*ret_slot = i;
	return NULL;
}

/* ---- normal forms ---- */

struct slice
watch_domain(struct slice text, uint8_t out[VALUE_MAX])
{
	if (text.size > 0 && text.p[text.size - 1] == '.')
		text.size--;
	if (text.size > VALUE_MAX)
		return slice_of(out, 0);
	lower_copy(out, text);
	return slice_of(out, text.size);
}

/* "Name <Local@Domain>" to "local@domain". */
static struct slice
mail_normal(struct slice text, uint8_t out[VALUE_MAX])
{
	const uint8_t *open = text.size > 0 ? memrchr(text.p, '<', text.size) : NULL, *close;

	if (open != NULL) {
		text = slice_of(open + 1, text.size - (size_t)(open + 1 - text.p));
		close = text.size > 0 ? memchr(text.p, '>', text.size) : NULL;
		if (close != NULL)
			text.size = (size_t)(close - text.p);
	}
	text = slice_trim(text);
	if (text.size == 0 || memchr(text.p, '@', text.size) == NULL)
		return slice_of(out, 0);
	return watch_domain(text, out);
}

/* "http://Host:80/path" to "host/path". */
static struct slice
url_normal(struct slice text, uint8_t out[VALUE_MAX])
{
	const uint8_t *at = memmem(text.p, text.size, "://", 3), *slash;
	size_t host;

	if (at != NULL)
		text = slice_of(at + 3, text.size - (size_t)(at + 3 - text.p));
	if (text.size + 1 > VALUE_MAX)
		return slice_of(out, 0);
	slash = text.size > 0 ? memchr(text.p, '/', text.size) : NULL;
	host = slash != NULL ? (size_t)(slash - text.p) : text.size;
	if (host > 3 && memcmp(text.p + host - 3, ":80", 3) == 0) {
		lower_copy(out, slice_of(text.p, host - 3));
		memcpy(out + host - 3, text.p + host, text.size - host);
		text.size -= 3;
		host -= 3;
	} else {
		lower_copy(out, slice_of(text.p, host));
		memcpy(out + host, text.p + host, text.size - host);
	}
	if (host == text.size)
		out[text.size++] = '/';
	return slice_of(out, text.size);
}

static struct slice
hash_normal(struct slice text, size_t size, uint8_t out[VALUE_MAX])
{
	uint8_t plain[128];
	size_t n = 0;

	if (text.size == size) { /* bytes already */
		memcpy(out, text.p, size);
		return slice_of(out, size);
	}
	for (size_t i = 0; i < text.size && n < sizeof(plain); i++) {
		if (text.p[i] != ':')
			plain[n++] = text.p[i];
	}
	return n == 2 * size && hex_parse(slice_of(plain, n), out, size) == CC_OK ? slice_of(out, size)
										  : slice_of(out, 0);
}

/* Empty: no such value. */
struct slice
watch_key(enum cc_kind kind, struct slice text, uint8_t *ret_bits, uint8_t out[VALUE_MAX])
{
	char copy[CC_ADDR_TEXT + 8];
	struct cc_prefix prefix;

	*ret_bits = 0;
	switch (kind) {
	case CC_KIND_ADDR:
		snprintf(copy, sizeof(copy), "%.*s", (int)(text.size < sizeof(copy) ? text.size : 0), text.p);
		if (cc_prefix_parse(copy, &prefix) != CC_OK)
			return slice_of(out, 0);
		for (unsigned bit = prefix.bits; bit < 128; bit++)
			prefix.addr.b[bit / 8] = (uint8_t)(prefix.addr.b[bit / 8] & ~(0x80 >> bit % 8));
		memcpy(out, prefix.addr.b, 16);
		*ret_bits = prefix.bits;
		return slice_of(out, 16);
	case CC_KIND_DOMAIN:
		return watch_domain(text, out);
	case CC_KIND_URL:
		return url_normal(text, out);
	case CC_KIND_FILE_SHA256:
	case CC_KIND_CERT_SHA256:
	case CC_KIND_SSH_HOST_KEY:
		return hash_normal(text, 32, out);
	case CC_KIND_JA3:
	case CC_KIND_JA3S:
	case CC_KIND_HASSH:
	case CC_KIND_HASSH_SERVER:
		return hash_normal(text, 16, out);
	case CC_KIND_EMAIL:
		return mail_normal(text, out);
	case CC_KIND_JA4:
		return watch_domain(text, out);
	default:
		if (text.size > VALUE_MAX)
			return slice_of(out, 0);
		memcpy(out, text.p, text.size);
		return slice_of(out, text.size);
	}
}

/* ---- loading ---- */

static enum cc_status
slots_grow(struct watch *watch)
{
	struct slot *old = watch->slot;
	size_t slots = watch->slots, more = slots == 0 ? 1024 : slots * 2;
	struct slot *table = calloc(more, sizeof(*table));

	if (table == NULL)
		return CC_NOMEM;
	watch->slot = table;
	watch->slots = more;
	for (size_t i = 0; i < slots; i++) {
		const struct entry *entry;
		uint64_t hash;
		size_t at;

		if (old[i].at == 0)
			continue;
		entry = entry_at(watch, old[i].at);
		hash = key_hash(watch, entry->kind, entry->bits, slice_of(entry + 1, entry->key_size));
		for (at = (size_t)hash & (more - 1); table[at].at != 0; at = (at + 1) & (more - 1))
			;
		table[at] = old[i];
	}
	free(old);
	return CC_OK;
}

struct line {
	enum cc_kind kind;
	uint8_t bits;
	struct slice key, value, source, comment, answer;
};

static enum cc_status
entry_add(struct watch *watch, const struct line *line)
{
	const struct slice part[] = {line->key, line->value, line->source, line->comment, line->answer};
	struct entry entry = {(uint8_t)line->kind, line->bits, (uint16_t)line->key.size, (uint16_t)line->value.size,
	    (uint16_t)line->source.size, (uint16_t)line->comment.size, (uint16_t)line->answer.size};
	size_t size = sizeof(entry), slot;
	uint8_t *p;

	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++)
		size += part[i].size;

	if (watch->slots < watch->count * 3 / 2 + 16 && slots_grow(watch) != CC_OK)
		return CC_NOMEM;
	if (watch_find(watch, entry.kind, entry.bits, line->key, &slot) != NULL)
		return CC_OK; /* there already: the first one stays */
	size = (size + 3) & ~(size_t)3;
	if (watch->room - watch->size < size) {
		size_t room = watch->room == 0 ? 65536 : watch->room * 2;

		p = room < ((size_t)UINT32_MAX - 1) * 4 ? realloc(watch->block, room) : NULL;
		if (p == NULL)
			return CC_NOMEM;
		watch->block = p;
		watch->room = room;
	}
	p = watch->block + watch->size;
	memcpy(p, &entry, sizeof(entry));
	p += sizeof(entry);
	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		if (part[i].size > 0)
			memcpy(p, part[i].p, part[i].size);
		p += part[i].size;
	}
	watch->slot[slot].tag = (uint32_t)(key_hash(watch, entry.kind, entry.bits, line->key) >> 32);
	watch->slot[slot].at = (uint32_t)(watch->size / 4) + 1;
	watch->size += size;
	watch->count++;
	watch->has[entry.kind] = true;
	if (line->kind == CC_KIND_ADDR)
		watch->has_bits[entry.bits] = true;
	return CC_OK;
}

static struct slice
word_take(struct slice *rest)
{
	size_t size = 0;
	struct slice word;

	*rest = slice_trim(*rest);
	while (size < rest->size && rest->p[size] != ' ' && rest->p[size] != '\t')
		size++;
	word = slice_of(rest->p, size);
	*rest = slice_trim(slice_of(rest->p + size, rest->size - size));
	return word;
}

/* As partners write it: hashes in lower-case hex, names in lower case.  room holds the longest hash. */
static struct slice
value_normal(const struct line *line, char room[2 * 32 + 1])
{
	switch (line->kind) {
	case CC_KIND_DOMAIN:
	case CC_KIND_JA4:
	case CC_KIND_EMAIL:
		return line->key;
	case CC_KIND_FILE_SHA256:
	case CC_KIND_CERT_SHA256:
	case CC_KIND_SSH_HOST_KEY:
	case CC_KIND_JA3:
	case CC_KIND_JA3S:
	case CC_KIND_HASSH:
	case CC_KIND_HASSH_SERVER:
		return slice_str(hex_text(line->key, room));
	default:
		return line->value;
	}
}

/* NULL: taken, or nothing there; else what is wrong. */
static const char *
line_read(struct watch *watch, struct slice text, enum cc_status *ret_status)
{
	uint8_t key[VALUE_MAX];
	char value[2 * 32 + 1];
	struct line line = {.comment = slice_trim(text)};
	struct slice word, rest;

	if (line.comment.size == 0 || line.comment.p[0] == '#')
		return NULL;
	word = word_take(&line.comment);
	if (record_kind_parse(word, &line.kind) != CC_OK)
		return "unknown kind; kinds are addr, domain, url, file-sha256, ja3, ja3s, ja4, cert-sha256, "
		       "user-agent, email, hassh, hassh-server, ssh-host-key";
	line.value = line.kind == CC_KIND_USER_AGENT ? line.comment : word_take(&line.comment);
	if (line.kind == CC_KIND_USER_AGENT)
		line.comment.size = 0; /* a user agent has blanks: it is the rest of the line */
	if (line.value.size == 0 || line.value.size > VALUE_MAX)
		return "the value is missing or longer than 2048 bytes";
	rest = line.comment;
	word = word_take(&rest);
	if (word.size > 7 && memcmp(word.p, "source=", 7) == 0) {
		line.source = slice_of(word.p + 7, word.size - 7);
		line.comment = rest;
	}
	if (line.source.size > VALUE_MAX || line.comment.size > VALUE_MAX)
		return "the source or comment is longer than 2048 bytes";
	line.key = watch_key(line.kind, line.value, &line.bits, key);
	if (line.key.size == 0)
		return "the value is not of that kind";
	line.value = value_normal(&line, value);
	*ret_status = entry_add(watch, &line);
	return NULL;
}

static enum cc_status
file_load(struct watch *watch, const char *path, struct ruleset_report *report)
{
	FILE *file = fopen(path, "re");
	enum cc_status st = CC_OK;
	char *text = NULL;
	size_t room = 0;
	ssize_t size;
	uint32_t line = 0;

	if (file == NULL) {
		report_line(report, path, 0, 0, NULL, "can't be read: %s", strerror(errno));
		return CC_IO;
	}
	while (st == CC_OK && (size = getline(&text, &room, file)) >= 0) {
		const char *why;

		line++;
		while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
			size--;
		if (watch->count >= watch->max) {
			report->warnings++;
			report_line(report, path, line, 0, NULL,
			    "warning: detect.watch_max (%zu) is reached; the rest is not loaded", watch->max);
			break;
		}
		why = line_read(watch, slice_of(text, (size_t)size), &st);
		if (why != NULL) {
			report->warnings++;
			report_line(report, path, line, 1, NULL, "warning: %s", why);
		}
	}
	if (ferror(file)) {
		report_line(report, path, line, 0, NULL, "can't be read: %s", strerror(errno));
		st = CC_IO;
	}
	free(text);
	fclose(file);
	return st;
}

/* Which fields are looked up, and as what. */
static void
parts_set(struct watch *watch)
{
	static const struct {
		const char *buffer, *eve;
		enum part part;
	} table[] = {
	    {"dns.query", NULL, PART_DOMAIN},
	    {"dns.query.name", NULL, PART_DOMAIN},
	    {"tls.sni", NULL, PART_DOMAIN},
	    {"http.host", NULL, PART_HOST},
	    {"socks.host", NULL, PART_HOST},
	    {"http.uri", NULL, PART_URI},
	    {"http.uri.raw", NULL, PART_URI},
	    {"ja3.hash", NULL, PART_JA3},
	    {"ja3s.hash", NULL, PART_JA3S},
	    {"ja4.hash", NULL, PART_JA4},
	    {NULL, "concert.chain_sha256", PART_CERT},
	    {NULL, "concert.client_fingerprint_sha256", PART_CERT},
	    {"http.user_agent", NULL, PART_AGENT},
	    {"smtp.mail_from", NULL, PART_MAIL},
	    {"smtp.rcpt_to", NULL, PART_MAIL},
	    {"email.from", NULL, PART_MAIL},
	    {"email.to", NULL, PART_MAIL},
	    {"email.cc", NULL, PART_MAIL},
	    {"ssh.hassh", NULL, PART_HASSH},
	    {"ssh.hassh.server", NULL, PART_HASSH_SERVER},
	    {"ssh.host_key", NULL, PART_HOST_KEY},
	};

	for (unsigned p = 0; p < app_parser_count && p < 64; p++) {
		for (unsigned f = 0; f < app_parsers[p]->field_count && f < CC_FIELDS_MAX; f++) {
			const struct cc_field *field = &app_parsers[p]->fields[f];

			for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
				if ((table[i].buffer != NULL && field->buffer != NULL &&
					strcmp(table[i].buffer, field->buffer) == 0) ||
				    (table[i].eve != NULL && field->eve != NULL &&
					strcmp(table[i].eve, field->eve) == 0))
					watch->part[p][f] = (uint8_t)table[i].part;
			}
		}
	}
}

struct watch *
watch_new(size_t max)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL)
		return NULL;
	watch->users = 1;
	watch->seed = hash_seed();
	watch->max = max;
	parts_set(watch);
	if (slots_grow(watch) != CC_OK) {
		watch_free(watch);
		return NULL;
	}
	return watch;
}

size_t
watch_count(const struct watch *watch)
{
	return watch != NULL ? watch->count : 0;
}

enum cc_status
watch_add(struct watch *watch, const struct watch_entry *entry)
{
	uint8_t key[VALUE_MAX];
	char value[2 * 32 + 1];
	struct line line = {.kind = entry->kind,
	    .value = entry->value,
	    .source = entry->source,
	    .comment = entry->comment,
	    .answer = entry->answer_to};

	if ((unsigned)entry->kind >= CC_KIND_COUNT || entry->value.size == 0 || entry->value.size > VALUE_MAX ||
	    entry->source.size > VALUE_MAX || entry->comment.size > VALUE_MAX || entry->answer_to.size > VALUE_MAX)
		return CC_BAD;
	if (watch->count >= watch->max)
		return CC_FULL;
	line.key = watch_key(line.kind, line.value, &line.bits, key);
	if (line.key.size == 0)
		return CC_BAD;
	line.value = value_normal(&line, value);
	return entry_add(watch, &line);
}

enum cc_status
watch_value(enum cc_kind kind, struct slice value, struct buf *ret_out, struct cc_prefix *ret_prefix)
{
	uint8_t key[VALUE_MAX];
	char hex[2 * 32 + 1];
	struct line line = {.kind = kind, .value = value};

	buf_clear(ret_out);
	if ((unsigned)kind >= CC_KIND_COUNT || value.size == 0 || value.size > VALUE_MAX)
		return CC_BAD;
	line.key = watch_key(kind, value, &line.bits, key);
	if (line.key.size == 0)
		return CC_BAD;
	if (kind == CC_KIND_ADDR) {
		char text[CC_ADDR_TEXT];

		ret_prefix->addr = cc_addr6(line.key.p);
		ret_prefix->bits = line.bits;
		buf_add_text(ret_out, cc_addr_text(&ret_prefix->addr, text));
		if (line.bits < 128)
			buf_printf(
			    ret_out, "/%u", line.bits - (cc_addr_is4(&ret_prefix->addr) && line.bits >= 96 ? 96u : 0u));
	} else {
		buf_add_slice(ret_out, value_normal(&line, hex));
	}
	return ret_out->full ? CC_BAD : CC_OK;
}

enum cc_status
watch_load(
    struct ruleset *set, const struct ruleset *old, const struct conf *conf, struct ruleset_report *report)
{
	struct watch *before = old != NULL ? old->watch : NULL;
	uint64_t warnings = report->warnings;
	enum cc_status st = CC_OK;
	uint8_t digest[32];

	if (conf->detect_watch.count == 0)
		return CC_OK;
	files_digest(&conf->detect_watch, digest);
	if (before != NULL && before->whole && before->max == conf->detect_watch_max &&
	    memcmp(before->digest, digest, sizeof(digest)) == 0) {
		before->users++;
		set->watch = before;
		return CC_OK;
	}
	set->watch = watch_new(conf->detect_watch_max);
	if (set->watch == NULL)
		return CC_NOMEM;
	for (size_t i = 0; i < conf->detect_watch.count && st != CC_NOMEM; i++) {
		enum cc_status one = file_load(set->watch, conf->detect_watch.item[i], report);

		st = one != CC_OK ? one : st;
	}
	memcpy(set->watch->digest, digest, sizeof(digest));
	set->watch->whole = st == CC_OK && report->warnings == warnings;
	return st;
}

void
watch_free(struct watch *watch)
{
	if (watch == NULL || --watch->users > 0)
		return;
	free(watch->slot);
	free(watch->block);
	free(watch);
}

bool
watch_wants_files(const struct watch *watch)
{
	return watch != NULL && watch->has[CC_KIND_FILE_SHA256];
}
