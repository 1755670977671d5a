/*
 * The sensor's own key: Ed25519 (RFC 8032) by OpenSSL 3, from a PKCS#8 file that nobody else may read, or from a token
 * behind a provider (PKCS#11, TPM), by a URI.  Its name is the thumbprint of its JWK (RFC 7638 over RFC 8037), which is
 * also what people read to each other over the telephone.
 *
 * The private key stays in OpenSSL's memory.  Opened by the courier, and by `concert keys`; signing is for any thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/store.h>

#include "exchange/key_own.h"

struct key {
	EVP_PKEY *pkey;
	OSSL_LIB_CTX *lib;                 /* of a token's key alone; NULL: OpenSSL's own */
	OSSL_PROVIDER *provider, *builtin; /* NULL: none was loaded for it */
	char kid[KEY_ID], x[KEY_ID];
};

/* ---- names ---- */

void
key_thumbprint_of(const char *curve, const uint8_t x[32], char ret_kid[KEY_ID])
{
	char text[KEY_ID], jwk[128];
	uint8_t digest[32];
	int size;

	base64url_text(slice_of(x, 32), text);
	/* The members that RFC 8037 requires, in the order of RFC 7638. */
	size = snprintf(jwk, sizeof(jwk), "{\"crv\":\"%s\",\"kty\":\"OKP\",\"x\":\"%s\"}", curve, text);
	sha256_of(slice_of(jwk, (size_t)size), digest);
	base64url_text(slice_of(digest, 32), ret_kid);
}

void
key_thumbprint(const uint8_t x[32], char ret_kid[KEY_ID])
{
	key_thumbprint_of("Ed25519", x, ret_kid);
}

enum cc_status
key_parse(struct slice text, uint8_t ret_bytes[32])
{
	uint8_t bytes[KEY_ID];
	size_t size;

	if (text.size != KEY_ID - 1 || base64url_parse(text, bytes, &size) != CC_OK || size != 32)
		return CC_BAD;
	memcpy(ret_bytes, bytes, 32);
	return CC_OK;
}

const char *
key_kid(const struct key *key)
{
	return key->kid;
}

const char *
key_x(const struct key *key)
{
	return key->x;
}

static enum cc_status
name_it(struct key *key)
{
	uint8_t x[32];
	size_t size = 0;

	if (!EVP_PKEY_is_a(key->pkey, "ED25519"))
		return CC_BAD;
	/* Of a token's key some providers give the one, some the other. */
	if (EVP_PKEY_get_octet_string_param(key->pkey, OSSL_PKEY_PARAM_PUB_KEY, x, sizeof(x), &size) != 1 ||
	    size != 32) {
		size = sizeof(x);
		if (EVP_PKEY_get_raw_public_key(key->pkey, x, &size) != 1 || size != 32)
			return CC_BAD;
	}
	ERR_clear_error();
	base64url_text(slice_of(x, 32), key->x);
	key_thumbprint(x, key->kid);
	return CC_OK;
}

/* ---- opening ---- */

enum cc_status
key_say(char **ret_why, enum cc_status st, const char *path, const char *text)
{
	if (ret_why != NULL && asprintf(ret_why, "exchange.key: %s: %s", path, text) < 0)
		*ret_why = NULL;
	return st;
}

static const char *
openssl_text(char text[256])
{
	unsigned long error = ERR_peek_last_error();

	ERR_error_string_n(error, text, 256);
	ERR_clear_error();
	return error != 0 ? text : "OpenSSL does not say why";
}

static bool
is_uri(const char *path)
{
	const char *colon = strchr(path, ':');

	return colon != NULL && memchr(path, '/', (size_t)(colon - path)) == NULL;
}

enum cc_status
key_path(const struct conf *conf, const char *outdir, char ret_path[KEY_PATH])
{
	const char *key = conf->exchange_key;
	int size;

	if (key[0] == '\0')
		size = snprintf(ret_path, KEY_PATH, "%s/keys/sensor.key", outdir);
	else if (key[0] == '/' || is_uri(key))
		size = snprintf(ret_path, KEY_PATH, "%s", key);
	else
		size = snprintf(ret_path, KEY_PATH, "%s/%s", outdir, key);
	return size > 0 && size < KEY_PATH - 64 ? CC_OK : CC_BAD;
}

bool
key_is_file(const struct conf *conf)
{
	return !is_uri(conf->exchange_key);
}

/* Owned by who reads it, and for his eyes alone. */
static enum cc_status
check_rights(int fd, const char *path, char **ret_why)
{
	char text[4500];
	struct stat st;

	if (fstat(fd, &st) != 0)
		return key_say(ret_why, CC_IO, path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return key_say(ret_why, CC_DENIED, path, "is no file");
	if (st.st_uid != geteuid() && geteuid() != 0) {
		snprintf(text, sizeof(text),
		    "belongs to another user (%u): chown it to the user that runs concert (%u)", st.st_uid, geteuid());
		return key_say(ret_why, CC_DENIED, path, text);
	}
	if ((st.st_mode & 07177) != 0) {
		snprintf(
		    text, sizeof(text), "others may read it (mode %04o): chmod 0600 %.4096s", st.st_mode & 07777, path);
		return key_say(ret_why, CC_DENIED, path, text);
	}
	return CC_OK;
}

enum cc_status
key_read_file(const char *path, EVP_PKEY **ret_pkey, char **ret_why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char text[256];
	FILE *file;
	enum cc_status st;

	if (fd < 0) {
		st = errno == ENOENT ? CC_ABSENT : errno == EACCES ? CC_DENIED : CC_IO;
		return key_say(ret_why, st, path, strerror(errno));
	}
	st = check_rights(fd, path, ret_why);
	file = st == CC_OK ? fdopen(fd, "r") : NULL;
	if (file == NULL) {
		close(fd);
		return st == CC_OK ? CC_NOMEM : st;
	}
	/* An encrypted one would ask for its word on the terminal: we have none. */
	*ret_pkey = PEM_read_PrivateKey(file, NULL, NULL, (void *)(uintptr_t)"");
	fclose(file);
	if (*ret_pkey == NULL)
		return key_say(ret_why, CC_BAD, path, openssl_text(text));
	return CC_OK;
}

/* What is between "pin-value=" and the next attribute stays out of messages. */
static const char *
without_pin(const char *uri, char ret_text[KEY_PATH])
{
	const char *pin = strstr(uri, "pin-value=");
	size_t head = pin != NULL ? (size_t)(pin - uri) + strlen("pin-value=") : 0;

	if (pin == NULL || head >= KEY_PATH - 8)
		snprintf(ret_text, KEY_PATH, "%s", pin == NULL ? uri : "exchange.key");
	else
		snprintf(ret_text, KEY_PATH, "%.*s…%s", (int)head, uri, uri + head + strcspn(uri + head, "&;"));
	return ret_text;
}

/* A library context of its own: what the token's settings say concerns nothing else that OpenSSL does here. */
static enum cc_status
load_provider(struct key *key, const struct conf *conf, const char *uri, char **ret_why)
{
	const char *provider = conf->exchange_key_provider, *settings = conf->exchange_key_provider_config;
	char text[512], reason[256];

	if ((key->lib = OSSL_LIB_CTX_new()) == NULL)
		return CC_NOMEM;
	if (settings[0] != '\0' && OSSL_LIB_CTX_load_config(key->lib, settings) != 1) {
		snprintf(
		    text, sizeof(text), "exchange.key_provider_config: %.200s: %.200s", settings, openssl_text(reason));
		return key_say(ret_why, CC_BAD, uri, text);
	}
	/* Once one is named the built-in one is not there by itself any more. */
	key->builtin = OSSL_PROVIDER_load(key->lib, "default");
	key->provider = provider[0] != '\0' ? OSSL_PROVIDER_load(key->lib, provider) : NULL;
	if (provider[0] == '\0' || key->provider != NULL)
		return CC_OK;
	snprintf(text, sizeof(text), "OpenSSL has no provider '%.100s' (exchange.key_provider): %.200s", provider,
	    openssl_text(reason));
	return key_say(ret_why, CC_BAD, uri, text);
}

/* A token's key by its URI; the provider speaks to the token. */
static enum cc_status
read_store(struct key *key, const char *uri, const struct conf *conf, char **ret_why)
{
	char text[512], reason[256], shown[KEY_PATH];
	unsigned long error;
	OSSL_STORE_CTX *store;
	enum cc_status st;

	(void)without_pin(uri, shown);
	if ((st = load_provider(key, conf, shown, ret_why)) != CC_OK)
		return st;
	ERR_clear_error();
	store = OSSL_STORE_open_ex(uri, key->lib, NULL, NULL, NULL, NULL, NULL, NULL);
	if (store == NULL) {
		snprintf(text, sizeof(text),
		    "is not to be had: %.200s (exchange.key_provider, exchange.key_provider_config)",
		    openssl_text(reason));
		return key_say(ret_why, CC_BAD, shown, text);
	}
	(void)OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY);
	while (key->pkey == NULL && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (info == NULL)
			break;
		if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
			key->pkey = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
	}
	error = ERR_peek_last_error();
	OSSL_STORE_close(store);
	if (key->pkey == NULL) {
		/* Tokens say the same of a wrong PIN and of what is not there: name what to look at. */
		snprintf(text, sizeof(text),
		    "no private key there: is the token there, has it an object of that name, is the PIN right? %.200s",
		    error != 0 ? openssl_text(reason) : "");
		return key_say(ret_why, CC_ABSENT, shown, text);
	}
	ERR_clear_error();
	return CC_OK;
}

/* One whose fingerprint can be typed as a word of a command: of each 64 one would begin with '-'. */
static EVP_PKEY *
generate(const char *type)
{
	EVP_PKEY *pkey = NULL;
	char kid[KEY_ID] = "-";

	while (kid[0] == '-') {
		uint8_t x[32];
		size_t size = sizeof(x);

		EVP_PKEY_free(pkey);
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, type);
		if (pkey == NULL || EVP_PKEY_get_raw_public_key(pkey, x, &size) != 1)
			break;
		key_thumbprint_of(EVP_PKEY_is_a(pkey, "X25519") ? "X25519" : "Ed25519", x, kid);
	}
	return pkey;
}

/* Written beside and linked, so that of two who make one at the same time one wins and both have the same. */
enum cc_status
key_make_file(const char *path, const char *type, char **ret_why)
{
	EVP_PKEY *pkey = generate(type);
	char fresh[KEY_PATH + 32], dir[KEY_PATH], *slash;
	FILE *file = NULL;
	int fd = -1, failed;
	bool good;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash != NULL && slash != dir) {
		*slash = '\0';
		slash = strrchr(dir, '/');
		if (slash != NULL && slash != dir) {
			*slash = '\0';
			(void)dirs_make(dir, 0755);
			*slash = '/';
		}
		if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
			failed = errno;
			EVP_PKEY_free(pkey);
			return key_say(ret_why, CC_IO, dir, strerror(failed));
		}
	}
	snprintf(fresh, sizeof(fresh), "%s.%d.new", path, (int)getpid());
	(void)unlink(fresh);
	if (pkey != NULL)
		fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0)
		file = fdopen(fd, "w");
	good = file != NULL && PEM_write_PKCS8PrivateKey(file, pkey, NULL, NULL, 0, NULL, NULL) == 1 &&
	       fflush(file) == 0 && fsync(fd) == 0;
	failed = errno;
	if (file != NULL)
		fclose(file);
	else if (fd >= 0)
		close(fd);
	EVP_PKEY_free(pkey);
	if (good && link(fresh, path) != 0 && errno != EEXIST) {
		failed = errno;
		good = false;
	}
	(void)unlink(fresh);
	return good ? CC_OK : key_say(ret_why, CC_IO, path, strerror(failed));
}

enum cc_status
key_open(const struct conf *conf, const char *outdir, bool make, struct key **ret_key, char **ret_why)
{
	struct key *key = calloc(1, sizeof(*key));
	char path[KEY_PATH], shown[KEY_PATH];
	enum cc_status st;

	*ret_why = NULL;
	if (key == NULL)
		return CC_NOMEM;
	if (key_path(conf, outdir, path) != CC_OK) {
		st = key_say(ret_why, CC_BAD, conf->exchange_key, "too long");
	} else if (is_uri(path)) {
		st = read_store(key, path, conf, ret_why);
	} else {
		st = key_read_file(path, &key->pkey, ret_why);
		if (st == CC_ABSENT && make) {
			free(*ret_why);
			*ret_why = NULL;
			st = key_make_file(path, "ED25519", ret_why);
			if (st == CC_OK)
				st = key_read_file(path, &key->pkey, ret_why);
		}
	}
	if (st == CC_OK && name_it(key) != CC_OK)
		st = key_say(ret_why, CC_BAD, without_pin(path, shown), "is no Ed25519 key");
	if (st == CC_OK && make)
		st = keys_note(conf, outdir, key, ret_why);
	if (st != CC_OK) {
		key_close(key);
		return st;
	}
	*ret_key = key;
	return CC_OK;
}

void
key_close(struct key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pkey);
	if (key->provider != NULL)
		OSSL_PROVIDER_unload(key->provider);
	if (key->builtin != NULL)
		OSSL_PROVIDER_unload(key->builtin);
	OSSL_LIB_CTX_free(key->lib);
	free(key);
}

enum cc_status
key_sign(const struct key *key, struct slice bytes, uint8_t ret_signature[KEY_SIGNATURE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t size = KEY_SIGNATURE;
	bool good = ctx != NULL && EVP_DigestSignInit_ex(ctx, NULL, NULL, key->lib, NULL, key->pkey, NULL) == 1 &&
	    EVP_DigestSign(ctx, ret_signature, &size, bytes.p, bytes.size) == 1 && size == KEY_SIGNATURE;

	EVP_MD_CTX_free(ctx);
	if (!good)
		ERR_clear_error();
	return good ? CC_OK : CC_IO;
}
