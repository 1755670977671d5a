/* What the files of keys share. */
#ifndef EXCHANGE_KEY_OWN_H
#define EXCHANGE_KEY_OWN_H

#include <openssl/types.h>

#include "exchange/sign.h"

#define KEY_PATH 4096

/* The file, or the URI, of exchange.key. */
enum cc_status key_path(const struct conf *conf, const char *outdir, char ret_path[KEY_PATH]);
bool key_is_file(const struct conf *conf);
/* type: "ED25519", "X25519".  One that is there already stays. */
enum cc_status key_make_file(const char *path, const char *type, char **ret_why);
/* PKCS#8, for its owner's eyes alone; the caller's, EVP_PKEY_free(). */
enum cc_status key_read_file(const char *path, EVP_PKEY **ret_pkey, char **ret_why);
void key_thumbprint_of(const char *curve, const uint8_t x[32], char ret_kid[KEY_ID]);
enum cc_status key_say(char **ret_why, enum cc_status st, const char *path, const char *text);
/* keys.c: the list has this key as its present one. */
enum cc_status keys_note(const struct conf *conf, const char *outdir, const struct key *key, char **ret_why);

#endif
