/* Digests: known answers, of the openssl command and the RFCs, in every cut; CRC-32C with and without the instruction.
 */
#include <xxhash.h>

#include "unit/base/rand.h"
#include "unit/test.h"

#include "base/digest.h"
#include "base/text.h"

#define PATTERN 100003

static const struct vector {
	size_t size; /* PATTERN: the pattern below */
	const char *bytes, *md5, *sha1, *sha256;
} vectors[] = {
    {0, "", "d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {3, "abc", "900150983cd24fb0d6963f7d28e17f72", "a9993e364706816aba3e25717850c26c9cd0d89d",
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {PATTERN, NULL, "9f7b4af02bab2fc7d6156b7d503872fe", "8e79741ce46843f490ddfcce3a6b17b9f64ee4e6",
	"a247996142a29ed10b00f34e01db2ba80934866a97e92271000e5a4e94b521cf"},
};

static struct slice
bytes_of(const struct vector *v)
{
	static uint8_t pattern[PATTERN];

	if (v->bytes != NULL)
		return slice_of(v->bytes, v->size);
	for (size_t i = 0; i < PATTERN; i++)
		pattern[i] = (uint8_t)(i * 7 + (i >> 8));
	return slice_of(pattern, PATTERN);
}

static void
check_hex(const uint8_t *bytes, size_t size, const char *should)
{
	char text[65];

	CHECK_TEXT(hex_text(slice_of(bytes, size), text), should);
}

TEST(at_once)
{
	uint8_t md5[16], sha1[20], sha256[32];

	for (size_t i = 0; i < 3; i++) {
		md5_of(bytes_of(&vectors[i]), md5);
		sha1_of(bytes_of(&vectors[i]), sha1);
		sha256_of(bytes_of(&vectors[i]), sha256);
		check_hex(md5, 16, vectors[i].md5);
		check_hex(sha1, 20, vectors[i].sha1);
		check_hex(sha256, 32, vectors[i].sha256);
	}
	md5_of(slice_of(NULL, 0), md5);
	check_hex(md5, 16, vectors[0].md5);
}

/* In pieces of random sizes, all three together. */
TEST(in_pieces)
{
	struct slice all = bytes_of(&vectors[2]);
	uint64_t seed = 9;

	for (int round = 0; round < 50; round++) {
		uint8_t md5[16], sha1[20], sha256[32];
		struct digest digest, copy;
		size_t at = 0;

		digest_open(&digest, DIGEST_MD5 | DIGEST_SHA1 | DIGEST_SHA256);
		while (at < all.size) {
			size_t size = rand_below(&seed, round % 2 == 0 ? 200 : 60000);

			size = size < all.size - at ? size : all.size - at;
			digest_add(&digest, slice_of(all.p + at, size));
			at += size;
		}
		/* A state may be copied: the sum so far, while more follows. */
		copy = digest;
		digest_close(&copy, NULL, sha1, NULL);
		check_hex(sha1, 20, vectors[2].sha1);
		digest_close(&digest, md5, sha1, sha256);
		check_hex(md5, 16, vectors[2].md5);
		check_hex(sha1, 20, vectors[2].sha1);
		check_hex(sha256, 32, vectors[2].sha256);
	}
}

TEST(only_what_was_asked)
{
	uint8_t md5[16], sha1[20], sha256[32];
	struct digest digest;

	memset(md5, 1, sizeof(md5));
	memset(sha256, 2, sizeof(sha256));
	digest_open(&digest, DIGEST_SHA1);
	digest_add(&digest, slice_str("abc"));
	digest_close(&digest, md5, sha1, sha256);
	check_hex(sha1, 20, vectors[1].sha1);
	check_hex(md5, 16, "01010101010101010101010101010101");
	CHECK(sha256[0] == 2 && sha256[31] == 2);
}

/* Bit by bit, from the polynomial. */
static uint32_t
crc32c_slowly(uint32_t crc, const uint8_t *p, size_t size)
{
	crc = ~crc;
	for (size_t i = 0; i < size; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

TEST(castagnoli)
{
	struct slice all = bytes_of(&vectors[2]);
	uint8_t block[32];

	CHECK_UINT(crc32c(0, slice_str("123456789")), 0xe3069283);
	CHECK_UINT(crc32c(0, all), 0x20d9175a);
	CHECK_UINT(crc32c(0, slice_of(NULL, 0)), 0);
	memset(block, 0, sizeof(block)); /* RFC 3720, B.4 */
	CHECK_UINT(crc32c(0, slice_of(block, 32)), 0x8a9136aa);
	memset(block, 0xff, sizeof(block));
	CHECK_UINT(crc32c(0, slice_of(block, 32)), 0x62a8ab43);
	for (size_t size = 0; size < 300; size++) {
		struct slice s = slice_of(all.p + size % 9, size);

		CHECK_UINT(crc32c(0, s), crc32c_slowly(0, s.p, s.size));
		CHECK_UINT(crc32c(crc32c(0, slice_of(s.p, size / 3)), slice_of(s.p + size / 3, size - size / 3)),
		    crc32c_slowly(0, s.p, s.size));
	}
}

TEST(table_hash)
{
	struct slice all = bytes_of(&vectors[2]);

	CHECK_UINT(hash64(slice_of(NULL, 0), 0), 0x2d06800538d394c2); /* of xxHash's own tests */
	for (size_t size = 0; size < 1000; size++)
		CHECK_UINT(hash64(slice_of(all.p, size), size), XXH3_64bits_withSeed(all.p, size, size));
	CHECK(hash_seed() == hash_seed() && hash_seed() != 0);
}

TESTS(T(at_once), T(in_pieces), T(only_what_was_asked), T(castagnoli), T(table_hash))
