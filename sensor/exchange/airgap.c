/*
 * Messages carried across an air gap or a data diode: out of a spool into a folder, out of the folder into a file
 * exchange.
 *
 *   FOLDER/<topic>/<organisation>+<sensor>-<number>.ccm    as in any file exchange
 *   FOLDER/manifest.json    what it is, and of each file: name, size, SHA-256
 *   FOLDER/SHA256SUMS       the same for sha256sum -c, the manifest included
 *
 * The manifest finds what a medium or a diode has lost or cut; it is not trusted for anything else.  Who wrote a
 * message and whether it was changed is said by its own signature, as everywhere.  At import a file that is not in the
 * manifest is not read. What is there already, by source and id, is left out, so that the same folder can be imported
 * twice.  One thread.
 */
#include <jansson.h> /* before base/json.h */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exchange/spool_own.h"

#define FORMAT "concert-export-1"
#define MANIFEST "manifest.json"
#define MANIFEST_MAX (64u << 20)
#define FILES_MAX 100000
#define KNOWN_MAX (16u << 20) /* ids of one import */
#define POLL_EVERY 1024       /* messages between two syncs of the output */

struct airgap_file {
	char *name; /* "<topic>/<file>" */
	uint64_t size;
	char sha256[65];
};

struct airgap {
	const struct conf *conf;
	const struct cc_output *output;
	void *output_self;
	const struct airgap_choice *choice;
	struct airgap_sums *sums;
	uint64_t ticket, failed, first, last;
	struct airgap_file *file;
	size_t file_count, file_room;
	struct map *known; /* source and id of what is there */
	char why[400];
};

static enum cc_status
refuse(char **ret_why, enum cc_status st, const char *where, const char *what)
{
	if (asprintf(ret_why, "%s: %s", where, what) < 0)
		*ret_why = NULL;
	return st;
}

static void
settled(void *ctx, uint64_t ticket, enum cc_status status)
{
	struct airgap *a = ctx;

	(void)ticket;
	a->failed += status != CC_OK;
}

static enum cc_status
output_open(struct airgap *a, const char *to, char **ret_why)
{
	a->output = output_by_name(slice_str("file"));
	return a->output->open(a->conf, to, settled, a, &a->output_self, ret_why);
}

/* Appends one message to the file exchange; a full disk ends the whole, since there is nobody to wait for. */
static enum cc_status
put(struct airgap *a, const struct cc_message *msg)
{
	enum cc_status st = a->output->send(a->output_self, msg, ++a->ticket);

	if (st == CC_FULL || a->ticket % POLL_EVERY == 0) {
		a->output->poll(a->output_self, 1);
		if (st == CC_FULL)
			st = a->output->send(a->output_self, msg, a->ticket);
	}
	if (st != CC_OK && a->why[0] == '\0')
		snprintf(a->why, sizeof(a->why), "%s", a->output->state(a->output_self));
	return st;
}

/* All that was put is on the disk, or it is said what is not. */
static enum cc_status
output_end(struct airgap *a)
{
	if (a->output_self == NULL)
		return CC_OK;
	a->output->poll(a->output_self, 1);
	if (a->output->pending(a->output_self) > 0 || a->failed > 0) {
		if (a->why[0] == '\0')
			snprintf(a->why, sizeof(a->why), "%s", a->output->state(a->output_self));
		a->failed++;
	}
	a->output->close(a->output_self);
	a->output_self = NULL;
	return a->failed > 0 ? CC_IO : CC_OK;
}

static void
airgap_end(struct airgap *a)
{
	if (a->output_self != NULL)
		a->output->close(a->output_self);
	for (size_t i = 0; i < a->file_count; i++)
		free(a->file[i].name);
	free(a->file);
	map_free(a->known, NULL);
}

/* ---- files and their digests ---- */

static enum cc_status
file_digest(int dir_fd, const char *name, uint64_t *ret_size, char ret_hex[65])
{
	uint8_t piece[65536], sum[32];
	struct digest digest;
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return CC_IO;
	*ret_size = 0;
	digest_open(&digest, DIGEST_SHA256);
	while ((n = read(fd, piece, sizeof(piece))) > 0) {
		digest_add(&digest, slice_of(piece, (size_t)n));
		*ret_size += (uint64_t)n;
	}
	close(fd);
	digest_close(&digest, NULL, NULL, sum);
	hex_text(slice_of(sum, 32), ret_hex);
	return n < 0 ? CC_IO : CC_OK;
}

static enum cc_status
add_file(struct airgap *a, const char *name, uint64_t size, const char *sha256)
{
	struct airgap_file *file;

	if (a->file_count == FILES_MAX)
		return CC_FULL;
	if (a->file_count == a->file_room) {
		size_t room = a->file_room * 2 + 16;
		struct airgap_file *more = realloc(a->file, room * sizeof(*more));

		if (more == NULL)
			return CC_NOMEM;
		a->file = more;
		a->file_room = room;
	}
	file = &a->file[a->file_count];
	*file = (struct airgap_file){.name = strdup(name), .size = size};
	if (file->name == NULL)
		return CC_NOMEM;
	snprintf(file->sha256, sizeof(file->sha256), "%.64s", sha256);
	a->file_count++;
	return CC_OK;
}

static int
by_name(const void *x, const void *y)
{
	return strcmp(((const struct airgap_file *)x)->name, ((const struct airgap_file *)y)->name);
}

static bool
is_segment(const char *name)
{
	size_t size = strlen(name);

	return name[0] != '.' && size > 4 && strcmp(name + size - 4, ".ccm") == 0;
}

static enum cc_status
list_topic(struct airgap *a, int dir_fd, const char *topic)
{
	int fd = openat(dir_fd, topic, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	enum cc_status st = CC_OK;
	char name[520], hex[65];
	uint64_t size;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return CC_OK;
	}
	while (st == CC_OK && (entry = readdir(dir)) != NULL) {
		if (!is_segment(entry->d_name))
			continue;
		snprintf(name, sizeof(name), "%.255s/%.255s", topic, entry->d_name);
		st = file_digest(dir_fd, name, &size, hex);
		if (st == CC_OK)
			st = add_file(a, name, size, hex);
	}
	closedir(dir);
	return st;
}

/* All segments of the folder's topics, with their digests. */
static enum cc_status
list_files(struct airgap *a, int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	enum cc_status st = CC_OK;

	if (dir == NULL)
		return CC_IO;
	while (st == CC_OK && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.')
			st = list_topic(a, dir_fd, entry->d_name);
	}
	closedir(dir);
	if (a->file_count > 0)
		qsort(a->file, a->file_count, sizeof(*a->file), by_name);
	return st;
}

/* ---- export ---- */

static bool
chosen(struct airgap *a, const struct cc_message *msg, uint64_t position)
{
	const struct airgap_choice *c = a->choice;
	size_t prefix = strlen(a->conf->exchange_prefix);
	struct slice topic = msg->topic;
	enum cc_tlp tlp;

	if (topic.size > prefix && topic.p[prefix] == '.')
		topic = slice_of(topic.p + prefix + 1, topic.size - prefix - 1);
	if ((c->from != 0 && position < c->from) || (c->to != 0 && position > c->to) ||
	    (c->topic != NULL && !slice_is(topic, c->topic))) {
		a->sums->left_out++;
		return false;
	}
	/* A marking that we can't read is above every ceiling. */
	if (record_tlp_parse(message_header(msg, "tlp"), &tlp) != CC_OK || tlp > c->ceiling) {
		a->sums->above++;
		return false;
	}
	return true;
}

static void
export_one(void *ctx, const struct cc_message *msg, uint64_t position)
{
	struct airgap *a = ctx;

	if (a->failed > 0 || !chosen(a, msg, position))
		return;
	if (put(a, msg) != CC_OK) {
		a->failed++;
		return;
	}
	a->first = a->first == 0 ? position : a->first;
	a->last = position;
	a->sums->messages++;
}

static void
write_manifest(const struct airgap *a, struct buf *out)
{
	struct json json = json_into(out);
	char time[40];

	base_json_object(&json, NULL);
	json_text(&json, "format", FORMAT);
	json_text(&json, "created", time_rfc3339_text(time_now(), time));
	json_text(&json, "organisation", a->conf->sensor_organisation);
	json_text(&json, "sensor", a->conf->sensor_name);
	json_text(&json, "ceiling", record_tlp_text(a->choice->ceiling));
	if (a->choice->topic != NULL)
		json_text(&json, "topic", a->choice->topic);
	json_uint(&json, "first_position", a->first);
	json_uint(&json, "last_position", a->last);
	json_uint(&json, "messages", a->sums->messages);
	base_json_array(&json, "files");
	for (size_t i = 0; i < a->file_count; i++) {
		base_json_object(&json, NULL);
		json_text(&json, "name", a->file[i].name);
		json_uint(&json, "size", a->file[i].size);
		json_text(&json, "sha256", a->file[i].sha256);
		json_end_object(&json);
	}
	json_end_array(&json);
	json_end_object(&json);
	buf_add_u8(out, '\n');
}

/* The manifest last: a folder without one is not finished. */
static enum cc_status
finish_export(struct airgap *a, const char *to, char **ret_why)
{
	int fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum cc_status st = fd >= 0 ? list_files(a, fd) : CC_IO;
	struct buf text;
	char hex[65];
	uint64_t size;

	buf_open(&text, MANIFEST_MAX);
	if (st == CC_OK) {
		write_manifest(a, &text);
		st = text.full ? CC_FULL : spool_write_file(fd, MANIFEST, buf_slice(&text));
	}
	if (st == CC_OK)
		st = file_digest(fd, MANIFEST, &size, hex);
	buf_clear(&text);
	for (size_t i = 0; i < a->file_count; i++) {
		buf_printf(&text, "%s  %s\n", a->file[i].sha256, a->file[i].name);
		a->sums->bytes += a->file[i].size;
	}
	if (st == CC_OK) {
		buf_printf(&text, "%s  %s\n", hex, MANIFEST);
		st = text.full ? CC_FULL : spool_write_file(fd, "SHA256SUMS", buf_slice(&text));
	}
	a->sums->files = a->file_count;
	buf_close(&text);
	if (st != CC_OK)
		(void)refuse(ret_why, st, to, st == CC_IO ? strerror(errno) : cc_status_text(st));
	if (fd >= 0)
		close(fd);
	return st;
}

static bool
is_empty(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool empty = true;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		empty = empty && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
	if (dir != NULL)
		closedir(dir);
	return empty;
}

enum cc_status
airgap_export(const struct conf *conf, const char *spool, const char *to, const struct airgap_choice *choice,
    struct airgap_sums *ret_sums, char **ret_why)
{
	struct airgap a = {.conf = conf, .choice = choice, .sums = ret_sums};
	enum cc_status st, ended;

	*ret_sums = (struct airgap_sums){0};
	if (!is_empty(to))
		return refuse(ret_why, CC_BAD, to, "is not empty: an export wants a folder of its own");
	st = output_open(&a, to, ret_why);
	if (st == CC_OK)
		st = spool_visit(spool, export_one, &a, ret_why);
	ended = output_end(&a);
	if (st == CC_OK && (a.failed > 0 || ended != CC_OK))
		st = refuse(ret_why, CC_IO, to, a.why);
	if (st == CC_OK)
		st = finish_export(&a, to, ret_why);
	airgap_end(&a);
	return st;
}

/* ---- import: the manifest ---- */

/* "<topic>/<file>.ccm", one folder deep and nowhere else. */
static bool
name_good(const char *name)
{
	const char *slash = strchr(name, '/');

	return slash != NULL && slash > name && name[0] != '.' && strchr(slash + 1, '/') == NULL &&
	       is_segment(slash + 1) && strlen(name) < 500;
}

static bool
topic_ours(const struct airgap *a, struct slice topic)
{
	size_t size = strlen(a->conf->exchange_prefix);

	return topic.size > size + 1 && memcmp(topic.p, a->conf->exchange_prefix, size) == 0 && topic.p[size] == '.';
}

static enum cc_status
check_file(struct airgap *a, int dir_fd, json_t *one, char **ret_why)
{
	const char *name = json_string_value(json_object_get(one, "name"));
	const char *sha256 = json_string_value(json_object_get(one, "sha256"));
	json_int_t should = json_integer_value(json_object_get(one, "size"));
	char hex[65], text[200];
	uint64_t size;

	if (name == NULL || sha256 == NULL || strlen(sha256) != 64 || !name_good(name))
		return refuse(ret_why, CC_BAD, MANIFEST, "lists a file without a proper name and digest");
	if (!topic_ours(a, slice_of(name, (size_t)(strchr(name, '/') - name))))
		return refuse(ret_why, CC_BAD, name, "is of a topic without our prefix (exchange.prefix)");
	if (file_digest(dir_fd, name, &size, hex) != CC_OK)
		return refuse(ret_why, CC_BAD, name, "is in the manifest and cannot be read: lost on the way");
	if (size != (uint64_t)should) {
		snprintf(text, sizeof(text), "has %llu bytes, %lld by the manifest: cut or mixed up on the way",
		    (unsigned long long)size, (long long)should);
		return refuse(ret_why, CC_BAD, name, text);
	}
	if (strcmp(hex, sha256) != 0)
		return refuse(ret_why, CC_BAD, name, "has another SHA-256 than the manifest says: damaged on the way");
	return add_file(a, name, size, hex);
}

static enum cc_status
check_manifest(struct airgap *a, int dir_fd, const char *from, char **ret_why)
{
	enum cc_status st;
	json_t *manifest, *one;
	struct buf text;
	size_t i;

	buf_open(&text, MANIFEST_MAX);
	st = spool_read_file(dir_fd, MANIFEST, &text);
	if (st != CC_OK) {
		buf_close(&text);
		return refuse(ret_why, CC_BAD, from, "has no " MANIFEST ": no export, or one that was not finished");
	}
	manifest = json_loadb((const char *)text.p, text.size, JSON_REJECT_DUPLICATES, NULL);
	buf_close(&text);
	if (manifest == NULL || json_string_value(json_object_get(manifest, "format")) == NULL ||
	    strcmp(json_string_value(json_object_get(manifest, "format")), FORMAT) != 0)
		st = refuse(ret_why, CC_BAD, from, MANIFEST " is damaged, or of another format than " FORMAT);
	json_array_foreach(json_object_get(manifest, "files"), i, one)
	{
		if (st == CC_OK)
			st = check_file(a, dir_fd, one, ret_why);
	}
	json_decref(manifest);
	if (a->file_count > 0)
		qsort(a->file, a->file_count, sizeof(*a->file), by_name);
	return st;
}

/* A file that came beside those of the manifest. */
static enum cc_status
check_strangers(const struct airgap *a, int dir_fd, char **ret_why)
{
	struct airgap there = {0};
	enum cc_status st = list_files(&there, dir_fd);

	for (size_t i = 0; i < there.file_count && st == CC_OK; i++) {
		if (a->file_count == 0 ||
		    bsearch(&there.file[i], a->file, a->file_count, sizeof(*a->file), by_name) == NULL)
			st = refuse(ret_why, CC_BAD, there.file[i].name, "is not in the manifest");
	}
	airgap_end(&there);
	return st;
}

/* ---- import: messages ---- */

/* Digest of source and id: what makes a message the same. */
static struct slice
name_of(const struct cc_message *msg, uint8_t memory[32])
{
	struct digest digest;

	digest_open(&digest, DIGEST_SHA256);
	digest_add(&digest, msg->topic);
	digest_add(&digest, slice_of("", 1));
	digest_add(&digest, message_header(msg, "ce_source"));
	digest_add(&digest, slice_of("", 1));
	digest_add(&digest, message_header(msg, "ce_id"));
	digest_add(&digest, slice_of("", 1));
	digest_add(&digest, message_header(msg, "ce_sequence"));
	digest_close(&digest, NULL, NULL, memory);
	return slice_of(memory, 16);
}

/* The ids that the target has. */
static enum cc_status
learn_known(struct airgap *a, const char *to, char **ret_why)
{
	struct airgap there = {0};
	struct spool_reader reader = {.fd = -1};
	int fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum cc_status st = fd >= 0 ? list_files(&there, fd) : CC_OK;
	struct cc_message msg;
	uint8_t memory[32];

	for (size_t i = 0; i < there.file_count && st == CC_OK; i++) {
		st = spool_reader_open(&reader, fd, there.file[i].name);
		while (st == CC_OK && (st = spool_reader_next(&reader, &msg)) == CC_OK)
			st = map_put(a->known, name_of(&msg, memory), a, NULL);
		st = st == CC_END ? CC_OK : st;
		if (reader.fd >= 0)
			close(reader.fd);
		reader.fd = -1;
	}
	spool_reader_close(&reader);
	airgap_end(&there);
	if (fd >= 0)
		close(fd);
	if (st != CC_OK)
		return refuse(ret_why, st, to,
		    st == CC_IO ? strerror(errno) : "what is there already is too much to compare with");
	return CC_OK;
}

static enum cc_status
import_one(
    struct airgap *a, const struct cc_message *msg, const struct verified *verified, airgap_refused_fn *fn, void *ctx)
{
	uint8_t memory[32];
	struct slice name = name_of(msg, memory);
	enum cc_status st;

	if (verified->verdict > VERDICT_DUPLICATE || !topic_ours(a, msg->topic)) {
		bool signed_right = verified->verdict <= VERDICT_DUPLICATE;

		a->sums->refused++;
		fn(ctx, msg, signed_right ? "topic" : verdict_word[verified->verdict],
		    signed_right ? "its topic has not our prefix (exchange.prefix)" : verified->why);
		return CC_OK;
	}
	if (verified->verdict == VERDICT_DUPLICATE || map_get(a->known, name) != NULL) {
		a->sums->known++;
		return CC_OK;
	}
	st = put(a, msg);
	if (st != CC_OK)
		return CC_IO;
	a->sums->messages++;
	return map_put(a->known, name, a, NULL);
}

static enum cc_status
import_all(struct airgap *a, const struct trust *trust, struct quarantine *quarantine, const char *from,
    airgap_refused_fn *fn, void *ctx, char **ret_why)
{
	struct inbox *inbox = NULL;
	struct verified verified;
	struct cc_message msg;
	const char *why = "";
	char *source;
	enum cc_status st;

	if (asprintf(&source, "file:%s", from) < 0)
		return CC_NOMEM;
	st = inbox_open(a->conf, source, NULL, 0, true, trust, quarantine, &inbox, ret_why);
	free(source);
	while (st == CC_OK) {
		st = inbox_next(inbox, 0, &msg, &verified, &why);
		if (st == CC_OK) {
			st = import_one(a, &msg, &verified, fn, ctx);
		} else if (st == CC_BAD) {
			a->sums->damaged++;
			fn(ctx, NULL, "damaged", why);
			st = CC_OK;
		}
	}
	inbox_close(inbox);
	if (st == CC_END || st == CC_MORE)
		return CC_OK;
	if (*ret_why == NULL)
		return refuse(ret_why, st, from, a->why[0] != '\0' ? a->why : cc_status_text(st));
	return st;
}

enum cc_status
airgap_import(const struct conf *conf, const struct trust *trust, struct quarantine *quarantine, const char *from,
    const char *to, airgap_refused_fn *fn, void *ctx, struct airgap_sums *ret_sums, char **ret_why)
{
	/* A writer of its own: the sensor may be writing to the same folder. */
	struct conf named = *conf;
	struct airgap a = {.conf = &named, .sums = ret_sums, .known = map_new(KNOWN_MAX)};
	int fd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum cc_status st = CC_OK, ended;

	*ret_sums = (struct airgap_sums){0};
	named.sensor_name = (char *)(uintptr_t)"import";
	if (fd < 0)
		st = refuse(ret_why, CC_IO, from, strerror(errno));
	else if (a.known == NULL)
		st = CC_NOMEM;
	if (st == CC_OK && (st = check_manifest(&a, fd, from, ret_why)) == CC_OK)
		st = check_strangers(&a, fd, ret_why);
	for (size_t i = 0; i < a.file_count; i++)
		ret_sums->bytes += a.file[i].size;
	ret_sums->files = a.file_count;
	if (st == CC_OK && (st = learn_known(&a, to, ret_why)) == CC_OK && (st = output_open(&a, to, ret_why)) == CC_OK)
		st = import_all(&a, trust, quarantine, from, fn, ctx, ret_why);
	ended = output_end(&a);
	if (st == CC_OK && ended != CC_OK)
		st = refuse(ret_why, CC_IO, to, a.why);
	airgap_end(&a);
	if (fd >= 0)
		close(fd);
	return st;
}
