/*
 * The list of our own keys, beside the private one: which signs, which did and until when it is valid, which is
 * revoked.
 *
 * <key>.json is a flattened JWS (RFC 7515, 7.2.2), signed by the present key; its payload
 *   {"organisation": …, "sensor": …, "keys": [{"kid", "kty": "OKP", "crv": "Ed25519", "x", "from", "until",
 * "revoked_at"}, …]} has the keys in order of age, times as RFC 3339; until and revoked_at only where there are such.
 * The same array stands in the contacts entry.  Whoever runs `concert keys`, or opens the key to sign.
 */
#include <jansson.h> /* before base/json.h, which has names of its own */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "exchange/key_own.h"

#define LIST_MAX 65536

static enum cc_status
list_path(const struct conf *conf, const char *outdir, char ret_path[KEY_PATH])
{
	size_t size;

	if (!key_is_file(conf)) {
		int n = snprintf(ret_path, KEY_PATH, "%s/keys/sensor.json", outdir);

		return n > 0 && n < KEY_PATH ? CC_OK : CC_BAD;
	}
	if (key_path(conf, outdir, ret_path) != CC_OK)
		return CC_BAD;
	size = strlen(ret_path);
	if (size > 4 && strcmp(ret_path + size - 4, ".key") == 0)
		size -= 4;
	memcpy(ret_path + size, ".json", 6);
	return CC_OK;
}

/* ---- writing ---- */

void
keys_json(struct json *json, const struct key_list *list)
{
	base_json_array(json, "keys");
	for (size_t i = 0; i < list->count; i++) {
		const struct key_entry *e = &list->entry[i];

		base_json_object(json, NULL);
		json_text(json, "kid", e->kid);
		json_text(json, "kty", "OKP");
		json_text(json, "crv", "Ed25519");
		json_text(json, "x", e->x);
		json_time_if(json, "from", e->from);
		json_time_if(json, "until", e->until);
		json_time_if(json, "revoked_at", e->revoked);
		json_end_object(json);
	}
	json_end_array(json);
}

void
agreement_json(struct json *json, const char *name, const char *x, uint64_t until)
{
	uint8_t bytes[32];
	char kid[KEY_ID] = "";

	if (key_parse(slice_str(x), bytes) == CC_OK)
		key_thumbprint_of("X25519", bytes, kid);
	base_json_object(json, name);
	json_text(json, "kid", kid);
	json_text(json, "kty", "OKP");
	json_text(json, "crv", "X25519");
	json_text(json, "x", x);
	json_time_if(json, "until", until);
	json_end_object(json);
}

/* base64url of what is in from, behind what is in to. */
static void
add_base64(struct buf *to, struct slice from)
{
	if (!buf_reserve(to, from.size * 4 / 3 + 4))
		return;
	base64url_text(from, (char *)to->p + to->size);
	to->size += strlen((const char *)to->p + to->size);
}

static enum cc_status
replace_file(const char *path, struct slice text, char **ret_why)
{
	char fresh[KEY_PATH + 32];
	bool good;
	int fd, failed;

	snprintf(fresh, sizeof(fresh), "%s.%d.new", path, (int)getpid());
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	good = fd >= 0 && write(fd, text.p, text.size) == (ssize_t)text.size && fsync(fd) == 0;
	failed = errno;
	if (fd >= 0)
		close(fd);
	if (good && rename(fresh, path) != 0) {
		failed = errno;
		good = false;
	}
	if (!good && fd >= 0)
		(void)unlink(fresh);
	return good ? CC_OK : key_say(ret_why, CC_IO, path, strerror(failed));
}

static enum cc_status
store(const struct conf *conf, const char *path, const struct key *key, const struct key_list *list, char **ret_why)
{
	struct buf payload, signed_text, file;
	struct json json = json_into(&payload);
	uint8_t signature[KEY_SIGNATURE];
	char protected[128], text[KEY_SIGNATURE * 2];
	enum cc_status st;
	int size;

	buf_open(&payload, LIST_MAX);
	buf_open(&signed_text, LIST_MAX * 2);
	buf_open(&file, LIST_MAX * 3);
	base_json_object(&json, NULL);
	json_text(&json, "organisation", conf->sensor_organisation);
	json_text(&json, "sensor", conf->sensor_name);
	keys_json(&json, list);
	json_end_object(&json);
	size = snprintf(protected, sizeof(protected), "{\"alg\":\"EdDSA\",\"kid\":\"%s\"}", key_kid(key));
	add_base64(&signed_text, slice_of(protected, (size_t)size));
	buf_add_u8(&signed_text, '.');
	add_base64(&signed_text, buf_slice(&payload));
	st = signed_text.full ? CC_NOMEM : key_sign(key, buf_slice(&signed_text), signature);
	if (st == CC_OK) {
		size_t dot = (size_t)((uint8_t *)memchr(signed_text.p, '.', signed_text.size) - signed_text.p);

		buf_add_text(&file, "{\"protected\":\"");
		buf_add(&file, signed_text.p, dot);
		buf_add_text(&file, "\",\"payload\":\"");
		buf_add(&file, signed_text.p + dot + 1, signed_text.size - dot - 1);
		buf_printf(
		    &file, "\",\"signature\":\"%s\"}\n", base64url_text(slice_of(signature, sizeof(signature)), text));
		st = file.full ? CC_NOMEM : replace_file(path, buf_slice(&file), ret_why);
	}
	buf_close(&payload);
	buf_close(&signed_text);
	buf_close(&file);
	return st;
}

/* ---- reading ---- */

static bool
take_time(json_t *object, const char *name, uint64_t *ret_time)
{
	json_t *value = json_object_get(object, name);

	*ret_time = 0;
	return value == NULL ||
	       (json_is_string(value) && time_rfc3339_parse(json_string_value(value), ret_time) == CC_OK);
}

/* A fingerprint that is not its key's is a lie. */
static bool
take_entry(json_t *object, struct key_entry *e)
{
	const char *kid = json_string_value(json_object_get(object, "kid"));
	const char *x = json_string_value(json_object_get(object, "x"));
	uint8_t bytes[32];

	if (kid == NULL || x == NULL || key_parse(slice_str(x), bytes) != CC_OK)
		return false;
	key_thumbprint(bytes, e->kid);
	snprintf(e->x, sizeof(e->x), "%s", x);
	return strcmp(e->kid, kid) == 0 && take_time(object, "from", &e->from) &&
	       take_time(object, "until", &e->until) && take_time(object, "revoked_at", &e->revoked);
}

static bool
take_list(json_t *payload, struct key_list *list)
{
	json_t *keys = json_object_get(payload, "keys"), *one;
	size_t i;

	list->count = 0;
	if (!json_is_array(keys) || json_array_size(keys) == 0 || json_array_size(keys) > KEYS_MAX)
		return false;
	json_array_foreach(keys, i, one)
	{
		if (!take_entry(one, &list->entry[i]))
			return false;
	}
	list->count = i;
	return true;
}

static bool
signature_fits(const struct key_entry *e, const char *protected, const char *payload, const char *signature)
{
	struct buf text;
	uint8_t x[32], bytes[KEY_SIGNATURE * 2];
	size_t size = 0;
	EVP_PKEY *pkey = NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good;

	buf_open(&text, LIST_MAX * 2);
	buf_printf(&text, "%s.%s", protected, payload);
	good = strlen(signature) == 86 && base64url_parse(slice_str(signature), bytes, &size) == CC_OK &&
	    key_parse(slice_str(e->x), x) == CC_OK && ctx != NULL && !text.full;
	if (good)
		pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, sizeof(x));
	good = pkey != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
	    EVP_DigestVerify(ctx, bytes, size, text.p, text.size) == 1;
	EVP_PKEY_free(pkey);
	EVP_MD_CTX_free(ctx);
	buf_close(&text);
	return good;
}

static bool
read_list(json_t *file, struct key_list *list)
{
	const char *protected = json_string_value(json_object_get(file, "protected"));
	const char *payload = json_string_value(json_object_get(file, "payload"));
	const char *signature = json_string_value(json_object_get(file, "signature"));
	uint8_t *bytes = payload != NULL ? malloc(strlen(payload) + 4) : NULL;
	json_t *inner = NULL;
	size_t size = 0;
	bool good = bytes != NULL && protected != NULL && signature != NULL &&
	    base64url_parse(slice_str(payload), bytes, &size) == CC_OK;

	if (good)
		inner = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, NULL);
	good = inner != NULL && take_list(inner, list) &&
	    signature_fits(&list->entry[list->count - 1], protected, payload, signature);
	json_decref(inner);
	free(bytes);
	return good;
}

static enum cc_status
load(const char *path, struct key_list *ret_list, char **ret_why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char *text = fd >= 0 ? malloc(LIST_MAX * 2) : NULL;
	json_t *file = NULL;
	ssize_t size;
	bool good;

	ret_list->count = 0;
	if (fd < 0)
		return key_say(ret_why,
		    errno == ENOENT   ? CC_ABSENT
		    : errno == EACCES ? CC_DENIED
				      : CC_IO,
		    path, strerror(errno));
	size = text != NULL ? read(fd, text, LIST_MAX * 2) : -1;
	close(fd);
	if (size >= 0)
		file = json_loadb(text, (size_t)size, JSON_REJECT_DUPLICATES, NULL);
	good = file != NULL && read_list(file, ret_list);
	json_decref(file);
	free(text);
	if (good)
		return CC_OK;
	ret_list->count = 0;
	return key_say(ret_why, CC_BAD, path, "is not the list of keys that we signed");
}

enum cc_status
keys_load(const struct conf *conf, const char *outdir, struct key_list *ret_list, char **ret_why)
{
	char path[KEY_PATH];

	*ret_why = NULL;
	ret_list->count = 0;
	return list_path(conf, outdir, path) != CC_OK ? CC_BAD : load(path, ret_list, ret_why);
}

/* ---- changing ---- */

/* The key becomes the present one, last in the list; the one before ends its time. */
static void
add_present(struct key_list *list, const struct key *key, uint64_t now, uint64_t overlap)
{
	struct key_entry fresh = {.from = now};
	size_t i;

	memcpy(fresh.kid, key_kid(key), KEY_ID);
	memcpy(fresh.x, key_x(key), KEY_ID);
	for (i = 0; i < list->count; i++) {
		if (strcmp(list->entry[i].kid, fresh.kid) == 0) {
			fresh = list->entry[i];
			fresh.until = 0;
			list->count--;
			memmove(&list->entry[i], &list->entry[i + 1], (list->count - i) * sizeof(fresh));
			break;
		}
	}
	if (list->count > 0 && list->entry[list->count - 1].until == 0)
		list->entry[list->count - 1].until = now + overlap;
	if (list->count == KEYS_MAX) {
		list->count--;
		memmove(&list->entry[0], &list->entry[1], list->count * sizeof(fresh));
	}
	list->entry[list->count++] = fresh;
}

enum cc_status
keys_note(const struct conf *conf, const char *outdir, const struct key *key, char **ret_why)
{
	char path[KEY_PATH], dir[KEY_PATH], when[40], text[128], *why = NULL;
	struct key_list list;
	const struct key_entry *last;
	enum cc_status st = list_path(conf, outdir, path);

	if (st == CC_OK)
		st = load(path, &list, &why);
	last = st == CC_OK ? &list.entry[list.count - 1] : NULL;
	if (last != NULL && strcmp(last->kid, key_kid(key)) == 0) {
		if (last->revoked == 0)
			return CC_OK;
		snprintf(text, sizeof(text), "was revoked at %s: concert keys rotate makes a new one",
		    time_rfc3339_text(last->revoked, when));
		return key_say(ret_why, CC_DENIED, key_kid(key), text);
	}
	if (st == CC_OK || st == CC_ABSENT) {
		free(why);
		why = NULL;
		add_present(&list, key, time_now(), conf->exchange_key_overlap);
		snprintf(dir, sizeof(dir), "%s", path);
		*strrchr(dir, '/') = '\0';
		if (!key_is_file(conf))
			(void)dirs_make(dir, 0700);
		st = store(conf, path, key, &list, &why);
	}
	/* Without the list the sensor signs all the same. */
	if (st != CC_OK)
		log_warning("%s", why != NULL ? why : "exchange.key: the list of keys can't be written");
	free(why);
	return CC_OK;
}

enum cc_status
keys_rotate(const struct conf *conf, const char *outdir, uint64_t now, struct key **ret_key, char **ret_why)
{
	char path[KEY_PATH], list_file[KEY_PATH], next[KEY_PATH + 8], old[KEY_PATH + 8], *ignored = NULL;
	struct conf there = *conf;
	struct key_list list;
	struct key *key = NULL;
	enum cc_status st;

	*ret_why = NULL;
	if (!key_is_file(conf))
		return key_say(
		    ret_why, CC_BAD, conf->exchange_key, "is kept by its provider: make a new one there, then name it");
	if (key_path(conf, outdir, path) != CC_OK || list_path(conf, outdir, list_file) != CC_OK)
		return key_say(ret_why, CC_BAD, conf->exchange_key, "too long");
	if (access(path, F_OK) != 0)
		return key_say(ret_why, CC_ABSENT, path, "there is none yet: concert keys make");
	snprintf(next, sizeof(next), "%s.next", path);
	snprintf(old, sizeof(old), "%s.old", path);
	(void)unlink(next);
	there.exchange_key = next;
	if ((st = key_make_file(next, "ED25519", ret_why)) != CC_OK ||
	    (st = key_open(&there, outdir, false, &key, ret_why)) != CC_OK)
		return st;
	st = load(list_file, &list, &ignored);
	free(ignored);
	if (st != CC_OK) {
		struct key *present = NULL;

		list.count = 0;
		st = key_open(conf, outdir, false, &present, ret_why);
		if (st == CC_OK)
			add_present(&list, present, now, conf->exchange_key_overlap);
		key_close(present);
	}
	if (st == CC_OK) {
		add_present(&list, key, now, conf->exchange_key_overlap);
		st = store(conf, list_file, key, &list, ret_why);
	}
	/* There is a key at each moment: the one before by a second name, then the new one in its place. */
	if (st == CC_OK && ((unlink(old) != 0 && errno != ENOENT) || link(path, old) != 0 || rename(next, path) != 0))
		st = key_say(ret_why, CC_IO, path, strerror(errno));
	if (st != CC_OK) {
		key_close(key);
		return st;
	}
	*ret_key = key;
	return CC_OK;
}

enum cc_status
keys_revoke(const struct conf *conf, const char *outdir, const char *kid, uint64_t at, struct key_entry *ret_entry,
    char **ret_why)
{
	char path[KEY_PATH];
	struct key_list list;
	struct key_entry *found = NULL;
	struct key *key = NULL;
	enum cc_status st;

	*ret_why = NULL;
	if (list_path(conf, outdir, path) != CC_OK)
		return key_say(ret_why, CC_BAD, conf->exchange_key, "too long");
	if ((st = load(path, &list, ret_why)) != CC_OK)
		return st;
	for (size_t i = 0; i < list.count; i++) {
		if (kid != NULL ? strncmp(list.entry[i].kid, kid, strlen(kid)) != 0 : i + 1 < list.count)
			continue;
		if (found != NULL)
			return key_say(ret_why, CC_BAD, kid, "begins more than one fingerprint");
		found = &list.entry[i];
	}
	if (found == NULL)
		return key_say(ret_why, CC_ABSENT, kid, "is none of our keys");
	if (found->revoked == 0 || at < found->revoked)
		found->revoked = at;
	*ret_entry = *found;
	st = key_open(conf, outdir, false, &key, ret_why);
	if (st == CC_OK)
		st = store(conf, path, key, &list, ret_why);
	key_close(key);
	return st;
}
