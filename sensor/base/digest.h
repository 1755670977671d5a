/*
 * SHA-256, SHA-1, MD5, CRC-32C and a keyed table hash.  The streaming states are plain structs without memory of their
 * own, so that a flow can hold one in pool memory.  Any thread; a state belongs to one.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "concert/slice.h"

enum { DIGEST_MD5 = 1, DIGEST_SHA1 = 2, DIGEST_SHA256 = 4 };

struct digest {
	unsigned which;          /* DIGEST_ bits */
	uint64_t
	    opaque[46]; /* OpenSSL's MD5_CTX, SHA_CTX, SHA256_CTX, one behind the other; digest.c asserts the size */
};

void digest_open(struct digest *digest, unsigned which);
void digest_add(struct digest *digest, struct slice bytes);
/* What was not asked for stays untouched; each may be NULL. */
void digest_close(struct digest *digest, uint8_t ret_md5[16], uint8_t ret_sha1[20], uint8_t ret_sha256[32]);

void sha256_of(struct slice bytes, uint8_t ret_sha256[32]);
void sha1_of(struct slice bytes, uint8_t ret_sha1[20]);
void md5_of(struct slice bytes, uint8_t ret_md5[16]);
uint32_t crc32c(uint32_t crc, struct slice bytes); /* Castagnoli; start with 0 */
uint64_t hash64(struct slice bytes, uint64_t seed); /* XXH3; seed tables with hash_seed() */
uint64_t hash_seed(void); /* random, once per process; fixed when CONCERT_SEED is set, for tests */

#endif
