/*
 * The desk: its state, what it sends, what it takes in.  See desk.h.
 *
 * State follows from messages alone, our own among them: whoever loses desk.sqlite gets it back by reading the topics.
 * Every message is taken in once, by the id of its bundle, however often it is read.
 */
#include "exchange/desk_own.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUIET_FIRST_MS 3000 /* a broker that says nothing for so long has said all */
#define QUIET_MS 300
#define BUSY_MS 10000       /* for another process's turn */
#define LOCK_TRIES 100

enum cc_status
desk_fail(struct desk *desk, enum cc_status st, char **ret_why, const char *format, ...)
{
	va_list args;

	(void)desk;
	free(*ret_why);
	va_start(args, format);
	if (vasprintf(ret_why, format, args) < 0)
		*ret_why = NULL;
	va_end(args);
	return st;
}

/* ---- SQLite ---- */

static void
db_failed(struct desk *desk)
{
	log_error("%s/desk.sqlite: %s", desk->dir, sqlite3_errmsg(desk->db));
}

sqlite3_stmt *
desk_ask(struct desk *desk, const char *sql, const char *format, ...)
{
	sqlite3_stmt *stmt;
	va_list args;

	va_start(args, format);
	stmt = sql_ask(desk->db, sql, format, args);
	va_end(args);
	if (stmt == NULL)
		db_failed(desk);
	return stmt;
}

enum cc_status
desk_do(struct desk *desk, const char *sql, const char *format, ...)
{
	enum cc_status st;
	va_list args;

	va_start(args, format);
	st = sql_do(desk->db, sql, format, args);
	va_end(args);
	if (st != CC_OK)
		db_failed(desk);
	return st;
}

uint64_t
desk_number(struct desk *desk, const char *sql, const char *format, ...)
{
	sqlite3_stmt *stmt;
	va_list args;
	uint64_t number = 0;

	va_start(args, format);
	stmt = sql_ask(desk->db, sql, format, args);
	va_end(args);
	if (stmt == NULL)
		db_failed(desk);
	else if (sqlite3_step(stmt) == SQLITE_ROW)
		number = sql_u64(stmt, 0);
	sqlite3_finalize(stmt);
	return number;
}

static enum cc_status
open_db(struct desk *desk, char **ret_why)
{
	char path[4352];

	snprintf(path, sizeof(path), "%s/desk.sqlite", desk->dir);
	if (sqlite3_open_v2(path, &desk->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(desk->db, BUSY_MS) != SQLITE_OK ||
	    sqlite3_exec(desk->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL", NULL, NULL, NULL) !=
		SQLITE_OK)
		return desk_fail(desk, CC_IO, ret_why, "%s: %s", path, sqlite3_errmsg(desk->db));
	if (contacts_table(desk) != CC_OK || requests_table(desk) != CC_OK || overdue_table(desk) != CC_OK ||
	    notices_table(desk) != CC_OK || board_table(desk) != CC_OK)
		return desk_fail(desk, CC_IO, ret_why, "%s: %s", path, sqlite3_errmsg(desk->db));
	return CC_OK;
}

/* ---- opening ---- */

/* Our key agreement key, again when its file was replaced: by `concert keys rotate --agreement` beside a sensor. */
static enum cc_status
open_agreement(struct desk *desk, char **ret_why)
{
	struct agreement *fresh = NULL;
	char path[4352];
	struct stat is = {.st_ino = 0};
	enum cc_status st;

	snprintf(path, sizeof(path), "%.4095s/keys/agreement.key", desk->outdir);
	if (desk->agreement != NULL && stat(path, &is) == 0 && is.st_ino == desk->agreement_file.st_ino &&
	    is.st_mtim.tv_sec == desk->agreement_file.st_mtim.tv_sec &&
	    is.st_mtim.tv_nsec == desk->agreement_file.st_mtim.tv_nsec)
		return CC_OK;
	if ((st = agreement_open(desk->outdir, true, &fresh, ret_why)) != CC_OK)
		return st;
	agreement_close(desk->agreement);
	desk->agreement = fresh;
	return stat(path, &desk->agreement_file) == 0 ? CC_OK : CC_IO;
}

enum cc_status
desk_open(const struct conf *conf, const char *outdir, struct desk **ret_desk, char **ret_why)
{
	static char name[] = DESK_NAME, spool[] = DESK_NAME "/spool";
	struct desk *desk = calloc(1, sizeof(*desk));
	struct key *key = NULL;
	enum cc_status st;

	*ret_why = NULL;
	if (desk == NULL)
		return CC_NOMEM;
	buf_open(&desk->value, conf->exchange_message_max);
	desk->given = conf;
	desk->conf = *conf;
	desk->conf.sensor_name = name;
	desk->conf.spool_dir = spool;
	desk->outdir = strdup(outdir);
	snprintf(desk->dir, sizeof(desk->dir), "%s/desk", outdir);
	st = desk->outdir != NULL ? CC_IO : CC_NOMEM;
	if (st == CC_NOMEM)
		goto fail;
	if (dirs_make(desk->dir, 0700) != CC_OK) {
		(void)desk_fail(desk, CC_IO, ret_why, "%s: %s", desk->dir, strerror(errno));
		goto fail;
	}
	/* Under the sensor's own name, so that the list of keys has it. */
	if ((st = key_open(conf, outdir, true, &key, ret_why)) != CC_OK ||
	    (st = trust_open(conf, outdir, &desk->trust, ret_why)) != CC_OK || (st = open_db(desk, ret_why)) != CC_OK)
		goto fail;
	snprintf(desk->kid, sizeof(desk->kid), "%s", key_kid(key));
	if ((st = open_agreement(desk, ret_why)) != CC_OK)
		goto fail;
	/* A key that was made just now is not in what trust has read. */
	if (trust_find(desk->trust, slice_str(desk->kid)) == NULL && (st = trust_reload(desk->trust, ret_why)) != CC_OK)
		goto fail;
	key_close(key);
	*ret_desk = desk;
	return CC_OK;
fail:
	key_close(key);
	desk_close(desk);
	return st;
}

enum cc_status
desk_flush(struct desk *desk)
{
	enum cc_status st;

	if (desk->exchange == NULL)
		return CC_OK;
	st = exchange_drain(desk->exchange, time_monotonic() + desk->conf.exchange_drain);
	exchange_close(desk->exchange);
	desk->exchange = NULL;
	return st;
}

static enum cc_status open_exchange(struct desk *desk, char **ret_why);

enum cc_status
desk_resend(struct desk *desk)
{
	char *why = NULL;
	enum cc_status st = open_exchange(desk, &why);

	free(why);
	return st;
}

enum cc_status
desk_reload(struct desk *desk, char **ret_why)
{
	*ret_why = NULL;
	return trust_reload(desk->trust, ret_why);
}

static void
close_inboxes(struct desk *desk)
{
	for (size_t i = 0; i < EXCHANGE_SOURCES; i++) {
		inbox_close(desk->contacts[i]);
		inbox_close(desk->others[i]);
		desk->contacts[i] = desk->others[i] = NULL;
	}
}

void
desk_close(struct desk *desk)
{
	if (desk == NULL)
		return;
	(void)desk_flush(desk);
	close_inboxes(desk);
	exchange_sources_free(&desk->source);
	victims_close(desk->victims);
	trust_close(desk->trust);
	agreement_close(desk->agreement);
	sqlite3_close(desk->db);
	buf_close(&desk->value);
	free(desk->outdir);
	free(desk);
}

const struct trust *
desk_trust(const struct desk *desk)
{
	return desk->trust;
}

uint64_t
desk_refused(const struct desk *desk)
{
	return desk->refused;
}

void
desk_audit(struct desk *desk, const char *what, const char *const *pair)
{
	char *why = NULL;

	if (audit_note(desk->outdir, what, pair, &why) != CC_OK)
		log_error("audit log: %s", why != NULL ? why : desk->dir);
	free(why);
}

/* ---- out ---- */

enum cc_tlp
desk_ceiling(const struct desk *desk, const char *topic)
{
	const char *own = conf_map_get(&desk->conf.exchange_ceilings, topic);
	enum cc_tlp tlp;

	if (own != NULL && record_tlp_parse(slice_str(own), &tlp) == CC_OK)
		return tlp;
	return (enum cc_tlp)desk->conf.exchange_ceiling;
}

/* Another command may have the spool for a moment. */
static enum cc_status
open_exchange(struct desk *desk, char **ret_why)
{
	enum cc_status st = CC_OK;

	for (int i = 0; desk->exchange == NULL && i < LOCK_TRIES; i++) {
		free(*ret_why);
		st = exchange_open(&desk->conf, desk->outdir, true, &desk->exchange, ret_why);
		if (st != CC_DENIED)
			break;
		usleep(BUSY_MS * 1000 / LOCK_TRIES);
	}
	return st;
}

void
draft_begin(struct desk *desk, struct draft *draft, bool frame)
{
	struct slice org = slice_str(desk->conf.sensor_organisation), name = slice_str(desk->conf.sensor_name);
	struct slice part[] = {
	    org, name, slice_str(draft->topic), slice_str(draft->word), slice_str(draft->key), slice_of(NULL, 0)};
	struct json *json = &draft->json;

	if (draft->time == 0)
		draft->time = time_now();
	part[5] = slice_str(time_rfc3339_text(draft->time, draft->when));
	stix_own_id("bundle", part, 6, draft->id);
	stix_self(&desk->conf, draft->organisation, draft->self);
	buf_clear(&desk->value);
	*json = json_into(&desk->value);
	json_object(json, NULL);
	json_text(json, "type", "bundle");
	json_text(json, "id", draft->id);
	json_array(json, "objects");
	if (frame)
		stix_frame(json, &desk->conf, draft->tlp);
	else
		stix_frame_rest(json, &desk->conf, draft->tlp);
}

void
draft_object(struct draft *draft, const char *type, const char *id, const char *created)
{
	stix_begin(&draft->json, type, id, draft->organisation, created != NULL ? created : draft->when, draft->when);
}

void
draft_note(struct draft *draft, const char *abstract, const char *content, const char *member, struct slice text)
{
	struct json *json = &draft->json;
	struct slice part[] = {slice_str(draft->organisation), slice_str(draft->id)};
	char id[STIX_ID];

	stix_own_id("note", part, 2, id);
	draft_object(draft, "note", id, NULL);
	json_text(json, "abstract", abstract);
	json_text(json, "content", content[0] != '\0' ? content : abstract);
	json_array(json, "object_refs");
	json_text(json, NULL, draft->self);
	json_end_array(json);
	stix_marking(json, draft->tlp);
	json_object(json, "extensions");
	json_object(json, STIX_EXTENSION);
	json_text(json, "extension_type", "property-extension");
	json_raw(json, member, text);
	json_end_object(json);
	json_end_object(json);
	json_end_object(json);
}

void
draft_artifact(struct draft *draft, struct slice bytes, const char *mime)
{
	char *text = malloc((bytes.size + 2) / 3 * 4 + 1), id[STIX_ID], hex[65];
	struct json *json = &draft->json;
	struct buf canonical;
	uint8_t digest[32];

	if (text == NULL) {
		json->out->full = true;
		return;
	}
	base64_text(bytes, text);
	sha256_of(bytes, digest);
	hex_text(slice_of(digest, 32), hex);
	/* What contributes to its id (STIX 2.1, 6.1), as canonical JSON. */
	buf_open(&canonical, bytes.size * 2 + 4096);
	buf_printf(&canonical, "{\"hashes\":{\"SHA-256\":\"%s\"},\"payload_bin\":\"", hex);
	buf_add_text(&canonical, text);
	buf_add_text(&canonical, "\"}");
	stix_sco_id("artifact", buf_slice(&canonical), id);
	buf_close(&canonical);
	json_object(json, NULL);
	json_text(json, "type", "artifact");
	json_text(json, "spec_version", "2.1");
	json_text(json, "id", id);
	json_text(json, "mime_type", mime);
	json_text(json, "payload_bin", text);
	if (strcmp(mime, SEALED_MIME) == 0)
		json_text(json, "encryption_algorithm", "mime-type-indicated");
	json_object(json, "hashes");
	json_text(json, "SHA-256", hex);
	json_end_object(json);
	stix_marking(json, draft->tlp);
	json_end_object(json);
	free(text);
}

static void take_in(struct desk *desk, const char *type, struct came *came, struct slice value);

enum cc_status
draft_end(struct desk *desk, struct draft *draft, char **ret_why)
{
	struct exchange_message what = {.topic = draft->topic,
	    .type = draft->type,
	    .key = slice_str(draft->key),
	    .time = draft->time,
	    .tlp = draft->tlp,
	    .class = CC_CLASS_ALERT,
	    .exercise = draft->exercise};
	struct came came = {.organisation = desk->conf.sensor_organisation,
	    .kid = desk->kid,
	    .own = true,
	    .time = draft->time,
	    .tlp = draft->tlp,
	    .exercise = draft->exercise || desk->conf.exchange_exercise,
	    .key = slice_str(draft->key)};
	enum cc_status st;

	json_end_array(&draft->json);
	json_end_object(&draft->json);
	if (draft->tlp > desk_ceiling(desk, draft->topic))
		return desk_fail(desk, CC_DENIED, ret_why,
		    "TLP:%s is above the ceiling of the topic %s, TLP:%s: it does not leave",
		    record_tlp_text(draft->tlp), draft->topic, record_tlp_text(desk_ceiling(desk, draft->topic)));
	if (desk->value.full)
		return desk_fail(desk, CC_FULL, ret_why, "larger than exchange.message_max, %llu bytes",
		    (unsigned long long)desk->conf.exchange_message_max);
	what.value = buf_slice(&desk->value);
	if ((st = open_exchange(desk, ret_why)) != CC_OK || (st = exchange_send(desk->exchange, &what)) != CC_OK ||
	    (st = exchange_flush(desk->exchange)) != CC_OK) {
		if (*ret_why == NULL)
			(void)desk_fail(desk, st, ret_why, "%s",
			    desk->exchange == NULL ? cc_status_text(st)
			    : st == CC_ABSENT      ? "exchange.to is none: nothing leaves"
						   : exchange_state(desk->exchange));
		return st;
	}
	take_in(desk, draft->type, &came, what.value);
	return CC_OK;
}

/* ---- in ---- */

json_t *
desk_extension(json_t *bundle, const char *member)
{
	json_t *objects = json_object_get(bundle, "objects"), *one;
	size_t i;

	json_array_foreach(objects, i, one)
	{
		json_t *found =
		    json_object_get(json_object_get(json_object_get(one, "extensions"), STIX_EXTENSION), member);

		if (json_is_object(found))
			return found;
	}
	return NULL;
}

bool
desk_member(const json_t *object, const char *name, char *ret_text, size_t room)
{
	const json_t *value = json_object_get(object, name);
	const char *text = json_string_value(value);
	size_t size = text != NULL ? json_string_length(value) : 0;
	bool fits = size < room;

	if (!fits) {
		for (size = room - 1; size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80; size--)
			;
	}
	for (size_t i = 0; i < size; i++)
		ret_text[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
	ret_text[size] = '\0';
	return fits && (value == NULL || text != NULL);
}

/* Standard alphabet with padding (STIX's binary type) to bytes. */
static enum cc_status
base64_bytes(const char *text, size_t size, struct slice *ret_bytes)
{
	uint8_t *url = malloc(size + 4), *bytes = malloc(size + 4);
	size_t count = 0;
	enum cc_status st = url != NULL && bytes != NULL ? CC_OK : CC_NOMEM;

	while (st == CC_OK && size > 0 && text[size - 1] == '=')
		size--;
	for (size_t i = 0; st == CC_OK && i < size; i++)
		url[i] = text[i] == '+'                     ? '-'
			 : text[i] == '/'                   ? '_'
			 : text[i] == '-' || text[i] == '_' ? '!'
							    : (uint8_t)text[i];
	if (st == CC_OK)
		st = base64url_parse(slice_of(url, size), bytes, &count);
	free(url);
	if (st != CC_OK)
		free(bytes);
	else
		*ret_bytes = slice_of(bytes, count);
	return st;
}

enum cc_status
desk_artifact(const json_t *object, struct slice *ret_bytes)
{
	const char *type = json_string_value(json_object_get(object, "type"));
	const json_t *payload = json_object_get(object, "payload_bin");

	if (type == NULL || strcmp(type, "artifact") != 0 || !json_is_string(payload))
		return CC_ABSENT;
	return base64_bytes(json_string_value(payload), json_string_length(payload), ret_bytes);
}

enum cc_status
desk_random_id(char ret_uuid[37])
{
	uint8_t bytes[16];
	char hex[33];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return CC_IO;
	bytes[6] = (uint8_t)(0x40 | (bytes[6] & 0x0f));
	bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f));
	hex_text(slice_of(bytes, 16), hex);
	snprintf(ret_uuid, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
	return CC_OK;
}

/* To whom a type of message belongs. */
static const struct {
	const char *type, *topic;
	void (*take)(struct desk *desk, const struct came *came);
} kind[] = {
    {"org.concert.contact.v1", "contacts", contact_came},
    {"org.concert.request.v1", "requests", request_came},
    {"org.concert.notice.v1", "notices", notice_came},
    {"org.concert.case.v1", "cases", board_came},
    {"org.concert.opinion.v1", "cases", board_came},
};
#define KINDS (sizeof(kind) / sizeof(kind[0]))

static void
take_in(struct desk *desk, const char *type, struct came *came, struct slice value)
{
	json_error_t error;

	came->bundle = json_loadb((const char *)value.p, value.size, JSON_REJECT_DUPLICATES, &error);
	came->id = json_string_value(json_object_get(came->bundle, "id"));
	for (size_t i = 0; i < KINDS && came->id != NULL; i++) {
		if (strcmp(kind[i].type, type) == 0)
			kind[i].take(desk, came);
	}
	json_decref(came->bundle);
}

static void
take_message(struct desk *desk, const struct cc_message *msg, const struct verified *verified)
{
	struct slice type = message_header(msg, "ce_type"), when = message_header(msg, "ce_time");
	size_t prefix = strlen(desk->conf.exchange_prefix);
	char time[40];
	struct came came = {.organisation = verified->key->organisation->id,
	    .kid = verified->key->entry.kid,
	    .own = verified->key->organisation->own,
	    .key = msg->key,
	    .exercise = slice_is(message_header(msg, "exercise"), "true")};

	snprintf(time, sizeof(time), "%.*s", (int)(when.size < 39 ? when.size : 39), (const char *)when.p);
	if (record_tlp_parse(message_header(msg, "tlp"), &came.tlp) != CC_OK ||
	    time_rfc3339_parse(time, &came.time) != CC_OK)
		return;
	for (size_t i = 0; i < KINDS; i++) {
		if (slice_is(type, kind[i].type) && msg->topic.size == prefix + 1 + strlen(kind[i].topic) &&
		    memcmp(msg->topic.p + prefix + 1, kind[i].topic, strlen(kind[i].topic)) == 0)
			take_in(desk, kind[i].type, &came, msg->value);
	}
}

/* A folder is made with the first message that goes there; what is there and can't be read is a trouble. */
static bool
is_there(const char *from)
{
	return strncmp(from, "file:", 5) != 0 || access(from + 5, F_OK) == 0 || errno != ENOENT;
}

/* What is there now, of one inbox, in one transaction. */
static enum cc_status
drain(struct desk *desk, struct inbox *inbox, char **ret_why)
{
	int quiet = 0, most = desk->synced ? QUIET_MS : QUIET_FIRST_MS;
	enum cc_status st = CC_OK;

	if (desk_do(desk, "BEGIN IMMEDIATE", "") != CC_OK)
		return desk_fail(desk, CC_IO, ret_why, "%s/desk.sqlite: %s", desk->dir, sqlite3_errmsg(desk->db));
	while (quiet < most) {
		struct verified verified;
		struct cc_message msg;
		const char *trouble = NULL;

		st = inbox_next(inbox, 100, &msg, &verified, &trouble);
		if (st == CC_END)
			break;
		if (st == CC_MORE) {
			quiet += 100;
			continue;
		}
		quiet = 0;
		if (st == CC_BAD) {
			desk->refused++;
			continue;
		}
		if (st != CC_OK) {
			(void)desk_fail(desk, st, ret_why, "%s",
			    trouble != NULL && trouble[0] != '\0' ? trouble : cc_status_text(st));
			break;
		}
		if (verified.verdict == VERDICT_ACCEPTED)
			take_message(desk, &msg, &verified);
		else if (verified.verdict == VERDICT_UNKNOWN_KEY)
			contact_learn(desk, msg.value);
		if (verified.verdict > VERDICT_DUPLICATE)
			desk->refused++;
	}
	if (st == CC_END || st == CC_MORE)
		st = CC_OK;
	if (desk_do(desk, "COMMIT", "") != CC_OK)
		return desk_fail(desk, CC_IO, ret_why, "%s/desk.sqlite: %s", desk->dir, sqlite3_errmsg(desk->db));
	return st;
}

static enum cc_status
sync_one(
    struct desk *desk, const char *from, const char *const *topic, size_t count, struct inbox **inbox, char **ret_why)
{
	enum cc_status st = CC_OK;

	if (*inbox == NULL)
		st = inbox_open(&desk->conf, from, topic, count, true, desk->trust, NULL, inbox, ret_why);
	return st == CC_OK ? drain(desk, *inbox, ret_why) : st;
}

static bool
is_heard(const struct inbox *inbox)
{
	return inbox == NULL || reader_reached(inbox_reader((struct inbox *)(uintptr_t)inbox));
}

const char *
desk_unheard(const struct desk *desk)
{
	for (size_t i = 0; i < desk->source.count; i++) {
		if (!is_heard(desk->contacts[i]) || !is_heard(desk->others[i]))
			return desk->source.name[i];
	}
	return NULL;
}

/* One place that fails does not keep the others from being read; the first trouble is told.  A broker that has not
 * answered for one list of topics is not waited for again for the next. */
static enum cc_status
sync_all(struct desk *desk, const char *const *topic, size_t count, struct inbox **inbox, char **ret_why)
{
	enum cc_status all = CC_OK;

	for (size_t i = 0; i < desk->source.count; i++) {
		char *why = NULL;
		enum cc_status st;

		if (!is_there(desk->source.name[i]) || (inbox == desk->others && !is_heard(desk->contacts[i])))
			continue;
		st = sync_one(desk, desk->source.name[i], topic, count, &inbox[i], &why);
		if (st != CC_OK && all == CC_OK) {
			all = st;
			*ret_why = why;
			why = NULL;
		}
		free(why);
	}
	return all;
}

enum cc_status
desk_sync(struct desk *desk, char **ret_why)
{
	static const char *const first[] = {"contacts"}, *const others[] = {"notices", "requests", "cases"};
	enum cc_status st = CC_OK, rest;
	char *why = NULL;

	*ret_why = NULL;
	if (desk->source.count == 0)
		st = exchange_sources(&desk->conf, desk->outdir, &desk->source);
	if (st != CC_OK)
		return st;
	if ((st = open_agreement(desk, ret_why)) != CC_OK)
		return st;
	if (desk->source.count == 0)
		return desk_fail(desk, CC_BAD, ret_why, "%s is none: nothing comes",
		    desk->conf.exchange_from.count > 0 ? "exchange.from" : "exchange.to");
	desk->learnt = false;
	st = sync_all(desk, first, 1, desk->contacts, ret_why);
	if (desk->learnt) {
		/* Keys that were known by fingerprint alone have their x now: what they signed can be read. */
		desk->refused = 0;
		close_inboxes(desk);
		free(*ret_why);
		*ret_why = NULL;
		st = sync_all(desk, first, 1, desk->contacts, ret_why);
	}
	rest = sync_all(desk, others, 3, desk->others, st == CC_OK ? ret_why : &why);
	free(why);
	st = st == CC_OK ? rest : st;
	desk->synced = desk->synced || st == CC_OK;
	return st;
}
