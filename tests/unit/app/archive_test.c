/* Archives: ZIP, gzip and tar in all forms, cut at each byte, flipped at random, and those that are made to harm. */
#include <zlib.h>

#include "app/own.h"
#include "app_rig.h"

static enum cc_status
toy_probe(const struct cc_ctx *ctx, enum cc_dir dir, struct slice in)
{
	(void)ctx;
	(void)dir;
	(void)in;
	return CC_OK;
}

static const struct cc_parser toy = {.name = "toy", .probe = toy_probe, .tcp = true};

struct bench {
	struct rig rig;
	struct cc_ctx ctx;
};

static void
bench_open(struct bench *bench, const char *const *settings)
{
	rig_open(&bench->rig, settings);
	bench->rig.flow.app = pool_take_zero(bench->rig.pool, sizeof(struct app_flow));
	((struct app_flow *)bench->rig.flow.app)->parser = &toy;
	bench->ctx = (struct cc_ctx){.app = bench->rig.app, .flow = &bench->rig.flow, .own = bench->rig.flow.app,
	    .batch = &bench->rig.batch, .now = 7};
}

static void
bench_close(struct bench *bench)
{
	app_finish(bench->rig.app, &bench->rig.flow, &bench->rig.batch);
	app_batch_reset(bench->rig.app, &bench->rig.batch);
	app_flow_free(bench->rig.app, &bench->rig.flow);
	CHECK_UINT(pool_used(bench->rig.pool), bench->rig.idle);
	rig_close(&bench->rig);
}

/* What comes out of a file of these bytes, given in pieces. */
static const char *
read_as(struct bench *bench, struct slice in, size_t piece, bool whole)
{
	struct cc_file *file = cc_file_open(&bench->ctx, NULL, CC_TO_CLIENT, slice_str("a.gz"));

	buf_clear(&bench->rig.out);
	while (in.size > 0) {
		size_t size = piece == 0 || piece > in.size ? in.size : piece;
		uint8_t *exact = malloc(size);

		if (exact == NULL)
			abort();
		memcpy(exact, in.p, size);
		cc_file_data(&bench->ctx, file, slice_of(exact, size));
		free(exact);
		in = slice_of(in.p + size, in.size - size);
	}
	cc_file_close(&bench->ctx, file, whole);
	rig_drain(&bench->rig);
	CHECK_UINT(bench->rig.app->archives, 0);
	buf_add_u8(&bench->rig.out, 0);
	return (const char *)bench->rig.out.p;
}

/* ---- archives by hand ---- */

static void
le(struct buf *out, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		buf_add_u8(out, (uint8_t)(i < sizeof(value) ? value >> 8 * i : 0));
}

static size_t
packed(struct slice in, uint8_t *out, size_t room, int bits)
{
	z_stream z = {
	    .next_in = (Bytef *)(uintptr_t)in.p, .avail_in = (uInt)in.size, .next_out = out, .avail_out = (uInt)room};

	if (deflateInit2(&z, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
	    deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	deflateEnd(&z);
	return room - z.avail_out;
}

enum { DESCRIPTOR = 8, UTF8 = 2048, ENCRYPTED = 1, ZIP64 = 1 << 16, NO_SIGNATURE = 1 << 17 };

static void
zip_add(struct buf *zip, const char *name, struct slice bytes, unsigned method, unsigned flags)
{
	static uint8_t body[1u << 20];
	uint32_t crc = (uint32_t)crc32(0, bytes.p, (uInt)bytes.size);
	size_t size = bytes.size;
	bool later = (flags & DESCRIPTOR) != 0, big = (flags & ZIP64) != 0;

	if (method == 8)
		size = packed(bytes, body, sizeof(body), -15);
	else if (size > 0)
		memcpy(body, bytes.p, size);
	le(zip, 0x04034b50, 4);
	le(zip, 20, 2);
	le(zip, flags & 0xffff, 2);
	le(zip, method, 2);
	le(zip, 0, 4);
	le(zip, later ? 0 : crc, 4);
	le(zip, big ? UINT32_MAX : later ? 0 : size, 4);
	le(zip, big ? UINT32_MAX : later ? 0 : bytes.size, 4);
	le(zip, strlen(name), 2);
	le(zip, big ? 20 : 0, 2);
	buf_add_text(zip, name);
	if (big) {
		le(zip, 1, 2);
		le(zip, 16, 2);
		le(zip, bytes.size, 8);
		le(zip, size, 8);
	}
	buf_add(zip, body, size);
	if (!later)
		return;
	if ((flags & NO_SIGNATURE) == 0)
		le(zip, 0x08074b50, 4);
	le(zip, crc, 4);
	le(zip, size, big ? 8 : 4);
	le(zip, bytes.size, big ? 8 : 4);
}

/* A directory of so many entries, with names, extra fields and comments, and its end. */
static void
zip_list(struct buf *zip, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		le(zip, 0x02014b50, 4);
		le(zip, 0, 24);
		le(zip, 1, 2);
		le(zip, 4 * (i % 2), 2);
		le(zip, 300 * (i % 3), 2);
		le(zip, 0, 12);
		for (unsigned k = 0; k < 1 + 4 * (i % 2) + 300 * (i % 3); k++)
			buf_add_u8(zip, 'P');
	}
	le(zip, 0x06054b50, 4);
	le(zip, 0, 18);
}

static void
make_zip(struct buf *zip)
{
	buf_open(zip, 1u << 20);
	zip_add(zip, "dir/", slice_of(NULL, 0), 0, 0);
	zip_add(zip, "stored.txt", slice_str("stored words"), 0, 0);
	zip_add(zip, "dir/packed.txt", slice_str("packed words, packed words, packed words"), 8, 0);
	zip_add(zip, "later.txt", slice_str("later words, later words, later words"), 8, DESCRIPTOR);
	zip_add(zip, "bare.txt", slice_str("bare words, bare words, bare words"), 8, DESCRIPTOR | NO_SIGNATURE);
	zip_add(zip, "caf\x82.txt", slice_str("e acute in code page 437"), 8, ZIP64);
	zip_add(zip, "caf\xc3\xa9.txt", slice_str("e acute in UTF-8"), 0, UTF8);
	zip_add(zip, "secret.bin", slice_str("not to be read"), 0, ENCRYPTED);
	zip_add(zip, "secret2.bin", slice_str("not to be read either"), 0, ENCRYPTED | DESCRIPTOR);
	zip_add(zip, "lzma.bin", slice_str("another method"), 14, 0);
	zip_add(zip, "empty.txt", slice_of(NULL, 0), 0, 0);
	zip_list(zip, 11);
}

TEST(zip_in_all_its_forms)
{
	static const char *const entries[] = {
	    "file > whole 12 ", " stored.txt [stored words]\n",
	        " dir/packed.txt [packed words, packed words, packed words]\n",
	    " later.txt [later words, later words, later words]\n", " bare.txt [bare words, bare words, bare words]\n",
	    " caf\\xc3\\xa9.txt [e acute in code page 437]\n", " caf\\xc3\\xa9.txt [e acute in UTF-8]\n",
	    "file > cut 14 - secret.bin []\n", "file > cut 0 - secret2.bin []\n", "file > cut 14 - lzma.bin []\n",
	    "file > whole 0 e3b0c44298fc1c14 empty.txt []\n", "odd archive_encrypted\n",
	};
	struct bench bench;
	struct buf zip;
	static const size_t pieces[] = {0, 1, 2, 7, 31, 100};

	make_zip(&zip);
	bench_open(&bench, NULL);
	for (size_t p = 0; p < sizeof(pieces) / sizeof(pieces[0]); p++) {
		const char *out = read_as(&bench, buf_slice(&zip), pieces[p], true);

		for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
			if (strstr(out, entries[i]) == NULL) {
				printf("in pieces of %zu, missing: %s", pieces[p], entries[i]);
				CHECK(strstr(out, entries[i]) != NULL);
			}
		CHECK(strstr(out, "odd archive_malformed") == NULL);
		CHECK(strstr(out, "odd archive_contradictory") == NULL);
		CHECK(strstr(out, "dir/ [") == NULL);
	}
	CHECK_UINT(app_counts(bench.rig.app)[APP_ARCHIVE_MEMBERS], 10 * sizeof(pieces) / sizeof(pieces[0]));
	buf_close(&zip);
	bench_close(&bench);
}

TEST(gzip_and_what_follows)
{
	static uint8_t body[4096], out[8192];
	const char *text;
	struct bench bench;
	size_t size;

	bench_open(&bench, NULL);
	memset(body, 'x', 100);
	size = packed(slice_of(body, 100), out, sizeof(out), 15 + 16);
	text = read_as(&bench, slice_of(out, size), 1, true);
	CHECK(strstr(text, "file > whole 100 09ecb6ebc8bcefc7 a [xxx") != NULL);
	size += packed(slice_str("second"), out + size, sizeof(out) - size, 15 + 16); /* as cat makes them */
	text = read_as(&bench, slice_of(out, size), 0, true);
	CHECK(strstr(text, "xxsecond]") != NULL);
	memset(out + size, 0, 20); /* padded */
	text = read_as(&bench, slice_of(out, size + 20), 3, true);
	CHECK(strstr(text, "file > whole 106 ") != NULL);
	CHECK(strstr(text, "odd") == NULL);
	text = read_as(&bench, slice_of(out, size - 3), 3, true);
	CHECK(strstr(text, "odd archive_malformed") != NULL);
	CHECK(strstr(text, "file > cut 106 ") != NULL);
	text = read_as(&bench, slice_str("\x1f\x8b\x08\x02 is no gzip at all, but it begins as one"), 0, true);
	CHECK(strstr(text, "odd archive_malformed") != NULL);
	bench_close(&bench);
}

/* ---- tar ---- */

static void
tar_block(struct buf *tar, const char *prefix, const char *name, char type, size_t size, const char *magic)
{
	uint8_t block[512] = {0};
	unsigned sum = 0;

	memcpy(block, name, strlen(name) < 100 ? strlen(name) : 100);
	snprintf((char *)block + 124, 12, "%011o", (unsigned)size);
	block[156] = (uint8_t)type;
	memcpy(block + 257, magic, 8);
	memcpy(block + 345, prefix, strlen(prefix));
	memset(block + 148, ' ', 8);
	for (unsigned i = 0; i < sizeof(block); i++)
		sum += block[i];
	snprintf((char *)block + 148, 8, "%06o", sum);
	buf_add(tar, block, sizeof(block));
}

#define POSIX "ustar\0" "00"
#define GNU "ustar  \0"

static void
tar_add(struct buf *tar, const char *prefix, const char *name, char type, struct slice bytes, const char *magic)
{
	tar_block(tar, prefix, name, type, bytes.size, magic);
	buf_add_slice(tar, bytes);
	while (tar->size % 512 != 0)
		buf_add_u8(tar, 0);
}

static void
make_tar(struct buf *tar)
{
	static const uint8_t end[1024];
	char deep[300];

	memset(deep, 'd', sizeof(deep));
	deep[298] = '/';
	deep[299] = 'x';
	buf_open(tar, 1 << 20);
	tar_add(tar, "", "short.txt", '0', slice_str("short words"), POSIX);
	tar_add(tar, "", "dir/", '5', slice_str(""), POSIX);
	tar_add(tar, "some/where", "far.txt", '0', slice_str("far words"), POSIX);
	tar_add(tar, "", "link", '2', slice_str(""), POSIX);
	tar_add(tar, "", "././@LongLink", 'L', slice_of(deep, sizeof(deep)), GNU);
	tar_add(tar, "", "ddd", '0', slice_str("deep words"), GNU);
	tar_add(tar, "", "pax", 'x', slice_str("19 mtime=12.3456789\n18 path=caf\xc3\xa9.txt\n"), POSIX);
	tar_add(tar, "", "caf?.txt", '0', slice_str("e acute"), POSIX);
	tar_add(tar, "", "empty", '0', slice_str(""), POSIX);
	buf_add(tar, end, sizeof(end));
}

TEST(tar_in_all_its_forms)
{
	static const char *const entries[] = {"file > whole 11 ", " short.txt [short words]\n",
	    " some/where/far.txt [far words]\n", "ddd/x [deep words]\n", " caf\\xc3\\xa9.txt [e acute]\n",
	    "file > whole 0 e3b0c44298fc1c14 empty []\n"};
	static const size_t pieces[] = {0, 1, 3, 100, 511, 512, 513};
	struct bench bench;
	struct buf tar;
	uint64_t seed = 4711;
	const char *text;

	make_tar(&tar);
	bench_open(&bench, NULL);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		text = read_as(&bench, buf_slice(&tar), pieces[i], true);
		for (size_t k = 0; k < sizeof(entries) / sizeof(entries[0]); k++) {
			CHECK(strstr(text, entries[k]) != NULL);
			if (strstr(text, entries[k]) == NULL)
				printf("pieces of %zu: lacks %s in\n%s", pieces[i], entries[k], text);
		}
		CHECK(strstr(text, "odd ") == NULL);
		CHECK(strstr(text, "link") == NULL);
	}
	/* In the middle of an entry's bytes. */
	text = read_as(&bench, slice_of(tar.p, 515), 0, true);
	CHECK(strstr(text, "file > cut 3 ") != NULL && strstr(text, " short.txt [sho]") != NULL);
	CHECK(strstr(text, "odd archive_malformed") != NULL);
	for (size_t i = 0; i < tar.size; i += 17)
		read_as(&bench, slice_of(tar.p, i), i % 13, false);
	for (unsigned n = 0; n < 300; n++) {
		uint8_t old;
		size_t at;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		at = (size_t)(seed >> 33) % tar.size;
		old = tar.p[at];
		tar.p[at] ^= (uint8_t)(1u << (seed >> 29 & 7));
		read_as(&bench, buf_slice(&tar), n % 700, true);
		tar.p[at] = old;
	}
	bench_close(&bench);
	buf_close(&tar);
}

TEST(cut_and_flipped)
{
	struct bench bench;
	struct buf zip;
	uint64_t seed = 12345;

	make_zip(&zip);
	bench_open(&bench, NULL);
	for (size_t i = 0; i < zip.size; i++) {
		read_as(&bench, slice_of(zip.p, i), i % 13, false);
		if (bench.rig.batch.event_count != 0)
			abort();
	}
	for (unsigned i = 0; i < 3000; i++) {
		uint8_t was[8];
		size_t at[8];

		for (unsigned j = 0; j < 8; j++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			at[j] = (size_t)(seed >> 33) % zip.size;
			was[j] = zip.p[at[j]];
			zip.p[at[j]] = (uint8_t)(seed >> 20);
		}
		read_as(&bench, buf_slice(&zip), i % 50, true);
		for (unsigned j = 8; j-- > 0;)
			zip.p[at[j]] = was[j];
	}
	buf_close(&zip);
	bench_close(&bench);
}

TEST(what_is_made_to_harm)
{
	static const char *const settings[] = {"files.archive_members=10", "files.archive_bytes=4m",
	    "files.archive_bomb=64k", "files.archive_ratio=50", "files.archive_memory=128k", NULL};
	static uint8_t zeros[1u << 20], out[1u << 16], noise[200000];
	const char *text;
	struct bench bench;
	struct buf zip;
	size_t size, most = 0;

	bench_open(&bench, settings);
	/* A bomb: a thousand times its size. */
	size = packed(slice_of(zeros, sizeof(zeros)), out, sizeof(out), 15 + 16);
	text = read_as(&bench, slice_of(out, size), 100, true);
	CHECK(strstr(text, "odd archive_bomb") != NULL);
	CHECK(strstr(text, "file > cut") != NULL);
	CHECK(app_counts(bench.rig.app)[APP_ARCHIVE_BYTES] < 128u << 10);
	/* More entries than are looked at. */
	buf_open(&zip, 8u << 20);
	for (unsigned i = 0; i < 100; i++)
		zip_add(&zip, "n", slice_str("x"), 0, 0);
	zip_list(&zip, 100);
	text = read_as(&bench, buf_slice(&zip), 0, true);
	CHECK(strstr(text, "odd archive_too_many_members") != NULL);
	/* Entries of noise: their contents are bounded, their hashes go on. */
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)((i * 2654435761u) >> 13);
	buf_clear(&zip);
	for (unsigned i = 0; i < 8; i++)
		zip_add(&zip, "n", slice_of(noise, sizeof(noise)), 0, 0);
	zip_list(&zip, 8);
	struct cc_file *file = cc_file_open(&bench.ctx, NULL, CC_TO_CLIENT, slice_str("n"));
	for (size_t i = 0; i < zip.size; i += 1000) {
		cc_file_data(&bench.ctx, file, slice_of(zip.p + i, zip.size - i < 1000 ? zip.size - i : 1000));
		most = pool_used(bench.rig.pool) > most ? pool_used(bench.rig.pool) : most;
	}
	CHECK(most < 3u << 20);
	cc_file_close(&bench.ctx, file, true);
	buf_clear(&bench.rig.out);
	rig_drain(&bench.rig);
	buf_add_u8(&bench.rig.out, 0);
	text = (const char *)bench.rig.out.p;
	for (unsigned i = 0; i < 8; i++) {
		text = strstr(text, "file > whole 200000 ");
		CHECK(text != NULL);
		if (text == NULL)
			break;
		text++;
	}
	/* One says another checksum than it has. */
	buf_clear(&zip);
	zip_add(&zip, "n", slice_str("some words"), 0, 0);
	zip_list(&zip, 1);
	zip.p[14] ^= 1;
	text = read_as(&bench, buf_slice(&zip), 0, true);
	CHECK(strstr(text, "odd archive_contradictory") != NULL);
	buf_close(&zip);
	bench_close(&bench);
}

/* Many entries of the directory over the same bytes (a bomb for who reads that), or none of one that is there. */
TEST(directories_that_lie)
{
	static const size_t pieces[] = {0, 1, 7, 45};
	struct bench bench;
	struct buf zip;

	bench_open(&bench, NULL);
	buf_open(&zip, 1u << 20);
	for (unsigned listed = 0; listed < 9; listed++)
		for (size_t p = 0; p < sizeof(pieces) / sizeof(pieces[0]); p++) {
			const char *out;

			buf_clear(&zip);
			zip_add(&zip, "folder/", slice_of(NULL, 0), 0, 0);
			zip_add(&zip, "one", slice_str("words, words, words, words"), 8, DESCRIPTOR);
			zip_add(&zip, "two", slice_str("words"), 0, 0);
			zip_add(&zip, "three", slice_str("words"), 0, ENCRYPTED | DESCRIPTOR);
			zip_list(&zip, listed);
			out = read_as(&bench, buf_slice(&zip), pieces[p], true);
			CHECK((strstr(out, "odd archive_contradictory") != NULL) == (listed != 4));
			CHECK(strstr(out, "odd archive_malformed") == NULL);
		}
	buf_close(&zip);
	bench_close(&bench);
}

TESTS(T(zip_in_all_its_forms), T(gzip_and_what_follows), T(tar_in_all_its_forms), T(cut_and_flipped),
    T(what_is_made_to_harm), T(directories_that_lie))
