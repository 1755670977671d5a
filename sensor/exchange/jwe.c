/*
 * What is for one partner's eyes alone: JWE (RFC 7516) in compact form, ECDH-ES over X25519 (RFC 7518, 4.6; RFC 8037),
 * A256GCM.
 *
 *   {"alg":"ECDH-ES","enc":"A256GCM","epk":{…},"kid":recipient's key,"apu":sender,"apv":what it belongs to} .. IV .
 * text . tag
 *
 * apu and apv go into the key: a text that is moved to another request, or given out as another's, does not open.  A
 * reader takes this one algorithm and nothing else; zip and crit are refused.  All of the cryptography is OpenSSL's. No
 * state but the key.
 */
#include <jansson.h> /* before base/json.h, which has names of its own */

#include "exchange/key_own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#define IV_SIZE 12
#define TAG_SIZE 16
#define HEADER_MAX 4096
#define PARTY_MAX 512

struct agreement_key {
	EVP_PKEY *pkey; /* NULL: there is none */
	char kid[KEY_ID], x[KEY_ID];
};

struct agreement {
	struct agreement_key now, old;
	uint64_t old_until; /* 0: without end */
};

struct agreement_paths {
	char key[KEY_PATH], old[KEY_PATH + 8], next[KEY_PATH + 8], until[KEY_PATH + 8];
};

/* ---- our key ---- */

static enum cc_status
open_one(const char *path, struct agreement_key *key, char **ret_why)
{
	uint8_t x[32];
	size_t size = sizeof(x);
	enum cc_status st = key_read_file(path, &key->pkey, ret_why);

	if (st != CC_OK)
		return st;
	if (!EVP_PKEY_is_a(key->pkey, "X25519") || EVP_PKEY_get_raw_public_key(key->pkey, x, &size) != 1 ||
	    size != sizeof(x))
		return key_say(ret_why, CC_BAD, path, "is no X25519 key");
	base64url_text(slice_of(x, 32), key->x);
	key_thumbprint_of("X25519", x, key->kid);
	return CC_OK;
}

static enum cc_status
paths_of(const char *outdir, struct agreement_paths *paths, char **ret_why)
{
	if ((size_t)snprintf(paths->key, sizeof(paths->key), "%s/keys/agreement.key", outdir) >= KEY_PATH - 64)
		return key_say(ret_why, CC_BAD, outdir, "too long");
	snprintf(paths->old, sizeof(paths->old), "%s.old", paths->key);
	snprintf(paths->next, sizeof(paths->next), "%s.next", paths->key);
	snprintf(paths->until, sizeof(paths->until), "%.*suntil", (int)strlen(paths->key) - 3, paths->key);
	return CC_OK;
}

/* 0: nobody said. */
static uint64_t
read_until(const char *path)
{
	FILE *file = fopen(path, "re");
	char text[40] = "";
	uint64_t time = 0;

	if (file != NULL && fgets(text, sizeof(text), file) != NULL)
		text[strcspn(text, "\n")] = '\0';
	if (file != NULL)
		fclose(file);
	return time_rfc3339_parse(text, &time) == CC_OK ? time : 0;
}

/* The key before, as long as its time lasts. */
static enum cc_status
open_old(const struct agreement_paths *paths, struct agreement *a, char **ret_why)
{
	enum cc_status st;

	a->old_until = read_until(paths->until);
	if (a->old_until != 0 && time_now() > a->old_until)
		return CC_OK;
	st = open_one(paths->old, &a->old, ret_why);
	if (st != CC_ABSENT)
		return st;
	free(*ret_why);
	*ret_why = NULL;
	return CC_OK;
}

enum cc_status
agreement_open(const char *outdir, bool make, struct agreement **ret_agreement, char **ret_why)
{
	struct agreement *a = calloc(1, sizeof(*a));
	struct agreement_paths *paths = malloc(sizeof(*paths));
	enum cc_status st = CC_NOMEM;

	*ret_why = NULL;
	if (a != NULL && paths != NULL)
		st = paths_of(outdir, paths, ret_why);
	if (st == CC_OK && (st = open_one(paths->key, &a->now, ret_why)) == CC_ABSENT && make) {
		free(*ret_why);
		*ret_why = NULL;
		if ((st = key_make_file(paths->key, "X25519", ret_why)) == CC_OK)
			st = open_one(paths->key, &a->now, ret_why);
	}
	if (st == CC_OK)
		st = open_old(paths, a, ret_why);
	if (st == CC_OK)
		*ret_agreement = a;
	else
		agreement_close(a);
	free(paths);
	return st;
}

/* Each step leaves a key that opens: the old one is linked before the new one takes its name. */
enum cc_status
agreement_rotate(const struct conf *conf, const char *outdir, uint64_t now, char **ret_why)
{
	struct agreement_paths *paths = malloc(sizeof(*paths));
	char text[40];
	enum cc_status st = paths != NULL ? paths_of(outdir, paths, ret_why) : CC_NOMEM;
	FILE *file;

	if (st == CC_OK && access(paths->key, F_OK) != 0)
		st = key_say(ret_why, CC_ABSENT, paths->key, "there is none yet: concert keys make");
	if (st == CC_OK) {
		(void)unlink(paths->next);
		st = key_make_file(paths->next, "X25519", ret_why);
	}
	if (st == CC_OK) {
		(void)unlink(paths->until);
		(void)unlink(paths->old);
		if (link(paths->key, paths->old) != 0 || rename(paths->next, paths->key) != 0)
			st = key_say(ret_why, CC_IO, paths->key, strerror(errno));
	}
	if (st == CC_OK) {
		file = fopen(paths->until, "we");
		if (file == NULL ||
		    fprintf(file, "%s\n", time_rfc3339_text(now + conf->exchange_key_overlap, text)) < 0)
			st = key_say(ret_why, CC_IO, paths->until, strerror(errno));
		if (file != NULL && fclose(file) != 0 && st == CC_OK)
			st = key_say(ret_why, CC_IO, paths->until, strerror(errno));
	}
	free(paths);
	return st;
}

void
agreement_close(struct agreement *a)
{
	if (a == NULL)
		return;
	EVP_PKEY_free(a->now.pkey);
	EVP_PKEY_free(a->old.pkey);
	free(a);
}

const char *
agreement_kid(const struct agreement *a)
{
	return a->now.kid;
}

const char *
agreement_x(const struct agreement *a)
{
	return a->now.x;
}

const char *
agreement_old_x(const struct agreement *a, uint64_t *ret_until)
{
	*ret_until = a->old_until;
	return a->old.x;
}

/* ---- the key of one message ---- */

static void
put_sized(struct buf *out, struct slice bytes)
{
	const uint8_t size[4] = {
	    (uint8_t)(bytes.size >> 24), (uint8_t)(bytes.size >> 16), (uint8_t)(bytes.size >> 8), (uint8_t)bytes.size};

	buf_add(out, size, 4);
	buf_add_slice(out, bytes);
}

/* Concat KDF (RFC 7518, 4.6.2), which is SP 800-56C's one step. */
static bool
derive_key(struct slice secret, struct slice apu, struct slice apv, uint8_t ret_key[32])
{
	static const uint8_t bits[4] = {0, 0, 1, 0}; /* 256 */
	char digest[] = "SHA256";
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "SSKDF", NULL);
	EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	struct buf info;
	bool good;

	buf_open(&info, 4096);
	put_sized(&info, slice_str("A256GCM"));
	put_sized(&info, apu);
	put_sized(&info, apv);
	buf_add(&info, bits, sizeof(bits));
	good = ctx != NULL && !info.full &&
	       EVP_KDF_derive(ctx, ret_key, 32,
		   (const OSSL_PARAM[]){OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		       OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret.p, secret.size),
		       OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.p, info.size),
		       OSSL_PARAM_construct_end()}) == 1;
	buf_close(&info);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return good;
}

/* Of our key and theirs; OpenSSL refuses a secret of zeros, which weak public keys give. */
static bool
agree(EVP_PKEY *ours, const uint8_t theirs[32], struct slice apu, struct slice apv, uint8_t ret_key[32])
{
	EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, theirs, 32);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(ours, NULL);
	uint8_t secret[32];
	size_t size = sizeof(secret);
	bool good = peer != NULL && ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
		    EVP_PKEY_derive_set_peer(ctx, peer) == 1 && EVP_PKEY_derive(ctx, secret, &size) == 1 &&
		    size == sizeof(secret) && derive_key(slice_of(secret, size), apu, apv, ret_key);

	OPENSSL_cleanse(secret, sizeof(secret));
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
	ERR_clear_error();
	return good;
}

static bool
cipher(bool seal, const uint8_t key[32], const uint8_t iv[IV_SIZE], struct slice aad, struct slice in, uint8_t *out,
    uint8_t tag[TAG_SIZE])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int size, last;
	bool good = ctx != NULL && in.size < INT32_MAX &&
		    EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, iv, seal) == 1 &&
		    (seal || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) == 1) &&
		    EVP_CipherUpdate(ctx, NULL, &size, aad.p, (int)aad.size) == 1 &&
		    EVP_CipherUpdate(ctx, out, &size, in.p, (int)in.size) == 1 &&
		    EVP_CipherFinal_ex(ctx, out + size, &last) == 1 &&
		    (!seal || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag) == 1);

	EVP_CIPHER_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

/* ---- out ---- */

static void
put_base64(struct buf *out, struct slice bytes)
{
	char *text = malloc((bytes.size + 2) / 3 * 4 + 1);

	if (text == NULL) {
		out->full = true;
		return;
	}
	base64url_text(bytes, text);
	buf_add_text(out, text);
	free(text);
}

static void
put_header(struct buf *out, const char *kid, const char *epk, struct slice apu, struct slice apv)
{
	char u[PARTY_MAX * 2], v[PARTY_MAX * 2], text[HEADER_MAX];
	struct buf header;

	base64url_text(apu, u);
	base64url_text(apv, v);
	buf_over(&header, text, sizeof(text));
	buf_printf(&header,
	    "{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\",\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"%s\"},"
	    "\"kid\":\"%s\",\"apu\":\"%s\",\"apv\":\"%s\"}",
	    epk, kid, u, v);
	put_base64(out, buf_slice(&header));
}

enum cc_status
jwe_seal(const char *x, struct slice apu, struct slice apv, struct slice plain, struct buf *out)
{
	EVP_PKEY *own = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	uint8_t theirs[32], epk[32], key[32], iv[IV_SIZE], tag[TAG_SIZE], *sealed = malloc(plain.size + TAG_SIZE);
	char kid[KEY_ID], text[KEY_ID];
	size_t size = sizeof(epk), start = out->size;
	enum cc_status st = CC_IO;

	if (own == NULL || sealed == NULL || apu.size > PARTY_MAX || apv.size > PARTY_MAX ||
	    key_parse(slice_str(x), theirs) != CC_OK)
		goto out;
	key_thumbprint_of("X25519", theirs, kid);
	if (EVP_PKEY_get_raw_public_key(own, epk, &size) != 1 || !agree(own, theirs, apu, apv, key) ||
	    RAND_bytes(iv, sizeof(iv)) != 1)
		goto out;
	base64url_text(slice_of(epk, 32), text);
	put_header(out, kid, text, apu, apv);
	if (out->full || !cipher(true, key, iv, slice_of(out->p + start, out->size - start), plain, sealed, tag))
		goto out;
	buf_add_text(out, "..");
	put_base64(out, slice_of(iv, sizeof(iv)));
	buf_add_text(out, ".");
	put_base64(out, slice_of(sealed, plain.size));
	buf_add_text(out, ".");
	put_base64(out, slice_of(tag, sizeof(tag)));
	st = out->full ? CC_FULL : CC_OK;
out:
	OPENSSL_cleanse(key, sizeof(key));
	EVP_PKEY_free(own);
	free(sealed);
	if (st != CC_OK)
		out->size = start;
	return st;
}

/* ---- in ---- */

/* Up to the next dot, which is passed over. */
static struct slice
take_part(struct slice *rest)
{
	const uint8_t *dot = memchr(rest->p, '.', rest->size);
	struct slice part = slice_of(rest->p, dot != NULL ? (size_t)(dot - rest->p) : rest->size);

	*rest = dot != NULL ? slice_of(dot + 1, rest->size - part.size - 1) : slice_of(rest->p + rest->size, 0);
	return part;
}

static bool
is_text(const json_t *object, const char *name, const char *text)
{
	const char *is = json_string_value(json_object_get(object, name));

	return is != NULL && json_string_length(json_object_get(object, name)) == strlen(text) && strcmp(is, text) == 0;
}

static bool
is_party(const json_t *object, const char *name, struct slice party)
{
	char text[PARTY_MAX * 2];

	if (party.size > PARTY_MAX)
		return false;
	return is_text(object, name, base64url_text(party, text));
}

/* NULL: good. */
static const char *
read_header(struct slice text, const struct agreement *a, struct slice apu, struct slice apv,
    const struct agreement_key **ret_key, uint8_t ret_epk[32])
{
	uint8_t bytes[HEADER_MAX];
	size_t size = 0;
	json_error_t error;
	json_t *header, *epk;
	const char *why = NULL, *x;

	if (text.size == 0 || text.size > HEADER_MAX || base64url_parse(text, bytes, &size) != CC_OK)
		return "its header is none";
	header = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, &error);
	epk = json_object_get(header, "epk");
	x = json_string_value(json_object_get(epk, "x"));
	*ret_key = is_text(header, "kid", a->now.kid)                          ? &a->now
		   : a->old.pkey != NULL && is_text(header, "kid", a->old.kid) ? &a->old
									       : NULL;
	if (!is_text(header, "alg", "ECDH-ES") || !is_text(header, "enc", "A256GCM"))
		why = "its algorithms are not ECDH-ES and A256GCM";
	else if (json_object_get(header, "zip") != NULL || json_object_get(header, "crit") != NULL)
		why = "its header asks for what we do not do";
	else if (*ret_key == NULL)
		why = "it is for another key";
	else if (!is_party(header, "apu", apu) || !is_party(header, "apv", apv))
		why = "it belongs to another message";
	else if (!is_text(epk, "kty", "OKP") || !is_text(epk, "crv", "X25519") || x == NULL ||
		 key_parse(slice_str(x), ret_epk) != CC_OK)
		why = "its key is no X25519 key";
	json_decref(header);
	return why;
}

enum cc_status
jwe_open(const struct agreement *a, struct slice apu, struct slice apv, struct slice text, struct slice *ret_plain,
    const char **ret_why)
{
	struct slice rest = text, head = take_part(&rest), wrapped = take_part(&rest), iv = take_part(&rest),
		     body = take_part(&rest);
	uint8_t epk[32], key[32], iv_bytes[IV_SIZE * 4], tag[TAG_SIZE * 4], *sealed = NULL, *plain = NULL;
	size_t iv_size = 0, tag_size = 0, size = 0;
	const struct agreement_key *own = NULL;
	bool good;

	*ret_why = read_header(head, a, apu, apv, &own, epk);
	if (*ret_why != NULL)
		return CC_BAD;
	*ret_why = "it is no JWE";
	if (wrapped.size != 0 || iv.size != IV_SIZE / 3 * 4 || rest.size != (TAG_SIZE * 4 + 2) / 3 ||
	    base64url_parse(iv, iv_bytes, &iv_size) != CC_OK || base64url_parse(rest, tag, &tag_size) != CC_OK ||
	    iv_size != IV_SIZE || tag_size != TAG_SIZE)
		return CC_BAD;
	sealed = malloc(body.size + 4);
	plain = malloc(body.size + 4);
	good = sealed != NULL && plain != NULL && (body.size == 0 || base64url_parse(body, sealed, &size) == CC_OK);
	if (good) {
		*ret_why = "it was changed, or is for somebody else";
		good = agree(own->pkey, epk, apu, apv, key) &&
		       cipher(false, key, iv_bytes, head, slice_of(sealed, size), plain, tag);
		OPENSSL_cleanse(key, sizeof(key));
	}
	free(sealed);
	if (!good) {
		free(plain);
		return CC_BAD;
	}
	*ret_plain = slice_of(plain, size);
	return CC_OK;
}
