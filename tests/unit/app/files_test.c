/* Files: digests, content and its limit, libmagic, holds, gaps; those of NFS, whose parser is told of elsewhere. */
#include "app/own.h"
#include "app_rig.h"

struct said {
	enum cc_dir dir;
	const char *bytes;
	size_t size;
};

#define SAID(dir, text) {dir, text, sizeof(text) - 1}
#include "nfs_talk.h"

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
bench_open(struct bench *bench, const char *const *settings, struct app_wants wants)
{
	rig_open(&bench->rig, settings);
	app_want(bench->rig.app, &wants);
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

TEST(digests_and_content)
{
	struct app_wants wants = {.content = true, .digests = DIGEST_MD5 | DIGEST_SHA1 | DIGEST_SHA256};
	struct bench bench;
	struct cc_file *file;
	char text[65];

	bench_open(&bench, NULL, wants);
	file = cc_file_open(&bench.ctx, NULL, CC_TO_CLIENT, slice_str("n"));
	cc_file_data(&bench.ctx, file, slice_str("ab"));
	cc_file_data(&bench.ctx, file, slice_str("c"));
	cc_file_close(&bench.ctx, file, true);
	CHECK_TEXT(hex_text(slice_of(file->md5, 16), text), "900150983cd24fb0d6963f7d28e17f72");
	CHECK_TEXT(hex_text(slice_of(file->sha1, 20), text), "a9993e364706816aba3e25717850c26c9cd0d89d");
	CHECK(file->has_md5 && file->has_sha1 && file->has_sha256);
	CHECK_UINT(file->content_size, 3);
	CHECK(memcmp(file->content, "abc", 3) == 0);
	CHECK_UINT(file->first, 7);
	CHECK_UINT(bench.rig.batch.event_count, 1);
	CHECK_UINT(bench.rig.batch.event[0].kind, EVENT_FILE_DONE);
	bench_close(&bench);
}

TEST(content_limit_and_events)
{
	static const char *const settings[] = {"files.content_limit=100k", NULL};
	struct app_wants wants = {.content = true, .digests = DIGEST_SHA256};
	uint8_t block[1000], sha256[32];
	unsigned grown = 0;
	struct bench bench;
	struct cc_file *file;
	struct buf all;

	bench_open(&bench, settings, wants);
	buf_open(&all, 1u << 20);
	file = cc_file_open(&bench.ctx, NULL, CC_TO_CLIENT, slice_of(NULL, 0));
	for (unsigned i = 0; i < 200; i++) {
		memset(block, (int)i, sizeof(block));
		cc_file_data(&bench.ctx, file, slice_of(block, sizeof(block)));
		buf_add(&all, block, sizeof(block));
	}
	cc_file_close(&bench.ctx, file, true);
	sha256_of(buf_slice(&all), sha256);
	CHECK(memcmp(file->sha256, sha256, 32) == 0);
	CHECK_UINT(file->size, 200000);
	CHECK_UINT(file->content_size, 102400);
	CHECK(memcmp(file->content, all.p, file->content_size) == 0);
	CHECK(file->content_cut);
	for (unsigned i = 0; i < bench.rig.batch.event_count; i++)
		grown += bench.rig.batch.event[i].kind == EVENT_FILE_DATA;
	CHECK_UINT(grown, 3);
	buf_close(&all);
	bench_close(&bench);
}

TEST(truncated_and_gap)
{
	struct app_wants wants = {.content = true, .digests = DIGEST_SHA256};
	struct bench bench;
	struct cc_file *cut, *gap, *open;

	bench_open(&bench, NULL, wants);
	cut = cc_file_open(&bench.ctx, NULL, CC_TO_CLIENT, slice_str("cut"));
	gap = cc_file_open(&bench.ctx, NULL, CC_TO_SERVER, slice_str("gap"));
	open = cc_file_open(&bench.ctx, NULL, CC_TO_SERVER, slice_str("open"));
	cc_file_data(&bench.ctx, cut, slice_str("abc"));
	cc_file_close(&bench.ctx, cut, false);
	CHECK(cut->has_sha256 && cut->state == FILE_TRUNCATED);
	cc_file_data(&bench.ctx, gap, slice_str("abc"));
	cc_file_gap(&bench.ctx, gap, 5);
	cc_file_data(&bench.ctx, gap, slice_str("xyz"));
	cc_file_close(&bench.ctx, gap, true);
	CHECK(!gap->has_sha256 && gap->gap && gap->content_cut);
	CHECK_UINT(gap->size, 11);
	CHECK_UINT(gap->content_size, 3);
	CHECK_UINT(open->state, FILE_OPEN);
	app_finish(bench.rig.app, &bench.rig.flow, &bench.rig.batch); /* what is open is closed with the flow */
	CHECK_UINT(open->state, FILE_TRUNCATED);
	CHECK_UINT(bench.rig.batch.event_count, 3);
	bench_close(&bench);
}

TEST(holds)
{
	struct app_wants wants = {.content = true};
	struct bench bench;
	struct cc_file *file;
	struct cc_tx *tx;

	bench_open(&bench, NULL, wants);
	tx = cc_tx_new(&bench.ctx);
	file = cc_file_open(&bench.ctx, tx, CC_TO_CLIENT, slice_str("held"));
	cc_file_data(&bench.ctx, file, slice_str("abc"));
	cc_file_close(&bench.ctx, file, true);
	file_hold(file);
	file_hold(file);
	cc_tx_done(&bench.ctx, tx);
	CHECK(file->tx == tx);
	app_batch_reset(bench.rig.app, &bench.rig.batch);
	CHECK(file->tx == tx); /* a held file keeps its transaction */
	CHECK(memcmp(file->content, "abc", 3) == 0);
	file_drop(bench.rig.app, file);
	CHECK(memcmp(file->name.p, "held", 4) == 0);
	file_drop(bench.rig.app, file);
	bench_close(&bench);
}

TEST(types)
{
	struct app_wants wants = {.magic = true};
	struct bench bench;
	struct cc_file *file;

	for (unsigned content = 0; content < 2; content++) {
		wants.content = content == 1;
		bench_open(&bench, NULL, wants);
		file = cc_file_open(&bench.ctx, NULL, CC_TO_CLIENT, slice_of(NULL, 0));
		cc_file_data(&bench.ctx, file, slice_str("%PDF-1"));
		cc_file_data(&bench.ctx, file, slice_str(".4\n%abc\n"));
		cc_file_close(&bench.ctx, file, true);
		CHECK(strncmp(file->type, "PDF document", 12) == 0);
		CHECK((file->content != NULL) == (content == 1));
		bench_close(&bench);
	}
}

/* No memory: files and transactions go missing one by one, and nothing else does. */
TEST(no_memory)
{
	struct app_wants wants = {.content = true, .digests = DIGEST_SHA256};
	uint8_t block[4096] = {1};
	struct bench bench;
	void *hog[4096];
	size_t hogs = 0;

	bench_open(&bench, NULL, wants);
	for (size_t size = POOL_BLOCK_MAX; size >= 16; size /= 2)
		while (hogs < 4096 && (hog[hogs] = pool_take(bench.rig.pool, size)) != NULL && size > 4096)
			hogs++;
	for (unsigned i = 0; i < 100; i++) {
		struct cc_tx *tx = cc_tx_new(&bench.ctx);
		struct cc_file *file = cc_file_open(&bench.ctx, tx, CC_TO_CLIENT, slice_str("n"));

		cc_put(&bench.ctx, tx, 0, slice_of(block, sizeof(block)));
		cc_file_data(&bench.ctx, file, slice_of(block, sizeof(block)));
		cc_file_close(&bench.ctx, file, true);
		cc_tx_done(&bench.ctx, tx);
	}
	app_batch_reset(bench.rig.app, &bench.rig.batch);
	pool_free(bench.rig.pool);
	bench.rig.pool = pool_new(1u << 20);
	bench.rig.app->pool = bench.rig.pool;
	bench.rig.flow.app = NULL;
	rig_close(&bench.rig);
}

static const char *
nfs_files(struct rig *rig, const struct said *said, size_t count)
{
	rig_begin(rig);
	for (size_t i = 0; i < count; i++) {
		uint8_t mark[4] = {0x80, 0, (uint8_t)(said[i].size >> 8), (uint8_t)said[i].size};

		rig_add(rig, said[i].dir, slice_of(mark, 4));
		rig_add(rig, said[i].dir, slice_of(said[i].bytes, said[i].size));
	}
	return rig_end(rig);
}

/* A file that was read in version 3, its end first, and one that was written in version 4. */
TEST(files_of_nfs)
{
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	out = nfs_files(&rig, nfs_v3, sizeof(nfs_v3) / sizeof(nfs_v3[0]));
	CHECK(strstr(out, "is nfs\n") != NULL);
	CHECK(strstr(out, "file > whole 6 e9c0f8b575cbfcb4 a.txt [ABCDEF]\n") != NULL);
	out = nfs_files(&rig, nfs_v4, sizeof(nfs_v4) / sizeof(nfs_v4[0]));
	CHECK(strstr(out, "file < whole 3 fa690b82061edfd2 file [hey]\n") != NULL);
	rig_close(&rig);
}

TESTS(T(digests_and_content), T(content_limit_and_events), T(truncated_and_gap), T(holds), T(types), T(no_memory),
    T(files_of_nfs))
