/*
 * Crypto-PAn: bit i of the pseudonym is bit i of the address turned over, or not, by a keyed function of the i bits
 * before it; the function is the first bit of AES-128 over those bits and a secret padding.  The courier's thread.
 */
#include "exchange/victims.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define BLOCK 16

struct pan {
	EVP_CIPHER_CTX *aes;
	uint8_t pad[BLOCK];
};

static void
encrypt(const struct pan *pan, const uint8_t *in, size_t blocks, uint8_t *out)
{
	int size = 0;

	if (EVP_EncryptUpdate(pan->aes, out, &size, in, (int)(blocks * BLOCK)) != 1)
		abort(); /* AES in memory does not fail */
}

struct pan *
pan_new(const uint8_t key[32])
{
	struct pan *pan = calloc(1, sizeof(*pan));

	if (pan == NULL)
		return NULL;
	pan->aes = EVP_CIPHER_CTX_new();
	if (pan->aes == NULL || EVP_EncryptInit_ex(pan->aes, EVP_aes_128_ecb(), NULL, key, NULL) != 1) {
		pan_free(pan);
		return NULL;
	}
	EVP_CIPHER_CTX_set_padding(pan->aes, 0);
	encrypt(pan, key + BLOCK, 1, pan->pad);
	return pan;
}

void
pan_free(struct pan *pan)
{
	if (pan == NULL)
		return;
	EVP_CIPHER_CTX_free(pan->aes);
	free(pan);
}

/* The first `bits` bits of from, the padding behind them. */
static void
block_of(const struct pan *pan, const uint8_t *from, unsigned bits, uint8_t out[BLOCK])
{
	unsigned whole = bits / 8, rest = bits % 8;
	uint8_t mask = (uint8_t)(0xff00u >> rest);

	memcpy(out, pan->pad, BLOCK);
	memcpy(out, from, whole);
	if (rest != 0)
		out[whole] = (uint8_t)((from[whole] & mask) | (pan->pad[whole] & ~mask));
}

struct cc_addr
pan_hide(const struct pan *pan, const struct cc_addr *addr)
{
	unsigned skip = cc_addr_is4(addr) ? 12 : 0, bits = (unsigned)(sizeof(addr->b) - skip) * 8;
	uint8_t in[128 * BLOCK], out[128 * BLOCK];
	struct cc_addr hidden = *addr;

	for (unsigned i = 0; i < bits; i++)
		block_of(pan, addr->b + skip, i, in + (size_t)i * BLOCK);
	encrypt(pan, in, bits, out);
	for (unsigned i = 0; i < bits; i++)
		hidden.b[skip + i / 8] ^= (uint8_t)((out[(size_t)i * BLOCK] >> 7) << (7 - i % 8));
	return hidden;
}

struct cc_addr
pan_show(const struct pan *pan, const struct cc_addr *hidden)
{
	unsigned skip = cc_addr_is4(hidden) ? 12 : 0, bits = (unsigned)(sizeof(hidden->b) - skip) * 8;
	uint8_t in[BLOCK], out[BLOCK];
	struct cc_addr addr = *hidden;

	/* Each bit needs those before it in clear. */
	for (unsigned i = 0; i < bits; i++) {
		block_of(pan, addr.b + skip, i, in);
		encrypt(pan, in, 1, out);
		addr.b[skip + i / 8] ^= (uint8_t)((out[0] >> 7) << (7 - i % 8));
	}
	return addr;
}
