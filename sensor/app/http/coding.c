/*
 * Content codings undone: gzip (RFC 1952), deflate with and without zlib's wrapper (RFC 1950, 1951), brotli (RFC 7932),
 * zstd (RFC 8878), lzma (the format of the LZMA SDK), stacked up to HTTP_CODINGS.
 *
 * Headers lie: the first bytes of a layer decide what it really is, and a layer that isn't there is left out.  gzip's
 * header is read here, since browsers take headers that zlib refuses.  Memory is the pool's; the libraries
 * free without a size, so each block begins with it.
 */
#define ZSTD_STATIC_LINKING_ONLY /* for its own allocator; the functions are exported */
#include <brotli/decode.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "app/http/http.h"

#define SNIFF 64          /* bytes that decide what a layer is */
#define OUT_SIZE 16384
#define BLOCK_HEAD 16     /* in front of the libraries' blocks: their size */
#define ZSTD_WINDOW_LOG 22 /* a larger window has no room in the pool, */
#define ZSTD_WINDOW 0x5d   /* nor one of more than 3.25 MiB, as a frame has it */
#define LZMA_WINDOW (2u << 20)
#define LZMA_MEMORY (4u << 20)

enum gzip_state { G_FIXED, G_EXTRA_SIZE, G_EXTRA, G_NAME, G_COMMENT, G_CRC, G_DATA, G_TRAILER, G_NEXT };

struct http_coding {
	struct cc_ctx *ctx;       /* of the call that runs */
	struct http_coding *next;      /* undone after this one; NULL: the body */
	uint8_t declared, kind;   /* enum http_coding_kind; kind once decided, HTTP_NONE passes through */
	bool decided, raw, dead;  /* raw: deflate without zlib's wrapper; dead: nothing more can come of it */
	bool open;                /* one of the decoders is */
	uint8_t sniff[SNIFF];
	size_t sniff_size;
	uint8_t gzip, gzip_flags; /* enum gzip_state */
	uint32_t gzip_left;
	uint64_t out;
	size_t memory;            /* of the libraries' blocks */
	z_stream z;
	BrotliDecoderState *brotli;
	ZSTD_DStream *zstd;
	lzma_stream lzma;
	lzma_allocator lzma_memory;
};

static void *
block_take(void *opaque, size_t size)
{
	struct http_coding *coding = opaque;
	size_t *block = cc_take(coding->ctx, size + BLOCK_HEAD);

	if (block == NULL)
		return NULL;
	*block = size;
	coding->memory += size;
	return (uint8_t *)block + BLOCK_HEAD;
}

static void
block_give(void *opaque, void *p)
{
	struct http_coding *coding = opaque;

	if (p != NULL) {
		size_t *block = (size_t *)(void *)((uint8_t *)p - BLOCK_HEAD);

		coding->memory -= *block;
		cc_give(coding->ctx, block, *block + BLOCK_HEAD);
	}
}

static void *
z_take(void *opaque, unsigned items, unsigned size)
{
	return block_take(opaque, (size_t)items * size);
}

static void *
lzma_take(void *opaque, size_t items, size_t size)
{
	return items == 0 || size <= SIZE_MAX / items ? block_take(opaque, items * size) : NULL;
}

void
http_codings_add(struct http_codings *codings, struct slice value, bool *ret_unknown, bool *ret_too_many)
{
	static const struct {
		const char *name;
		uint8_t coding;
	} known[] = {{"gzip", HTTP_GZIP}, {"deflate", HTTP_DEFLATE}, {"br", HTTP_BROTLI}, {"x-gzip", HTTP_GZIP},
	    {"x-deflate", HTTP_DEFLATE}, {"zstd", HTTP_ZSTD}, {"lzma", HTTP_LZMA}, {"x-lzma", HTTP_LZMA},
	    {"identity", HTTP_NONE}, {"none", HTTP_NONE}, {"chunked", HTTP_NONE}, {"", HTTP_NONE}};
	size_t n = 0;

	while (n < value.size) {
		size_t from = n, i;
		struct slice w;

		while (n < value.size && (http_is_token(value.p[n])))
			n++;
		w = slice_of(value.p + from, n - from);
		n++;
		for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (http_eq(w, known[i].name))
				break;
		if (i == sizeof(known) / sizeof(known[0]))
			*ret_unknown = true;
		else if (known[i].coding != HTTP_NONE && codings->count == HTTP_CODINGS)
			*ret_too_many = true;
		else if (known[i].coding != HTTP_NONE)
			codings->kind[codings->count++] = known[i].coding;
		else if (w.size > 0 && w.size < value.size) /* identity beside others */
			*ret_unknown = true;
	}
}

struct http_coding *
http_coding_open(struct cc_ctx *ctx, const struct http_codings *codings)
{
	struct http_coding *chain = NULL;

	for (unsigned i = 0; i < codings->count; i++) { /* the last one applied is undone first */
		struct http_coding *coding = cc_take(ctx, sizeof(*coding));

		if (coding == NULL)
			break;
		coding->declared = codings->kind[i];
		coding->next = chain;
		chain = coding;
	}
	return chain;
}

static void
decoder_close(struct http_coding *coding)
{
	if (!coding->open)
		return;
	coding->open = false;
	switch (coding->kind) {
	case HTTP_BROTLI:
		BrotliDecoderDestroyInstance(coding->brotli);
		break;
	case HTTP_ZSTD:
		ZSTD_freeDStream(coding->zstd);
		break;
	case HTTP_LZMA:
		lzma_end(&coding->lzma);
		break;
	default:
		inflateEnd(&coding->z);
		break;
	}
}

void
http_coding_free(struct cc_ctx *ctx, struct http_coding *coding)
{
	struct http_coding *next;

	for (; coding != NULL; coding = next) {
		next = coding->next;
		coding->ctx = ctx;
		decoder_close(coding);
		cc_give(ctx, coding, sizeof(*coding));
	}
}

static bool
zstd_open(struct http_coding *coding)
{
	coding->zstd = ZSTD_createDStream_advanced((ZSTD_customMem){block_take, block_give, coding});
	if (coding->zstd == NULL)
		return false;
	(void)ZSTD_DCtx_setParameter(coding->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
	return true;
}

static bool
lzma_open(struct http_coding *coding)
{
	coding->lzma_memory = (lzma_allocator){.alloc = lzma_take, .free = block_give, .opaque = coding};
	coding->lzma = (lzma_stream)LZMA_STREAM_INIT;
	coding->lzma.allocator = &coding->lzma_memory;
	return lzma_alone_decoder(&coding->lzma, LZMA_MEMORY) == LZMA_OK;
}

static bool
decoder_open(struct http_coding *coding)
{
	switch (coding->kind) {
	case HTTP_BROTLI:
		coding->brotli = BrotliDecoderCreateInstance(block_take, block_give, coding);
		coding->open = coding->brotli != NULL;
		break;
	case HTTP_ZSTD:
		coding->open = zstd_open(coding);
		break;
	case HTTP_LZMA:
		coding->open = lzma_open(coding);
		break;
	default:
		memset(&coding->z, 0, sizeof(coding->z));
		coding->z.zalloc = z_take;
		coding->z.zfree = block_give;
		coding->z.opaque = coding;
		coding->open = inflateInit2(&coding->z, coding->raw ? -15 : 15) == Z_OK;
		break;
	}
	return coding->open;
}

/* Decoded bytes of this layer, to the next one or to the body. */
static void
emit(struct http_body *body, struct http_coding *coding, const uint8_t *p, size_t size)
{
	struct cc_ctx *ctx = coding->ctx;

	if (size == 0 || body->cut)
		return;
	coding->out += size;
	if (coding->kind != HTTP_NONE && coding->out > cc_limit(ctx, "http.bomb_size") &&
	    coding->out / cc_limit(ctx, "http.bomb_ratio") >= body->in) {
		cc_anomaly(ctx, body->tx, body->odd->bomb);
		body->cut = true;
		return;
	}
	if (coding->next != NULL)
		http_coding_add(ctx, body, coding->next, slice_of(p, size));
	else
		http_body_decoded(ctx, body, slice_of(p, size));
}

static void
fail(struct http_body *body, struct http_coding *coding)
{
	if (!coding->dead)
		cc_anomaly(coding->ctx, body->tx, body->odd->failed);
	coding->dead = true;
	body->broken = true;
}

/* Inflates until *in is used up or the stream ends (true). */
static bool
inflate_all(struct http_body *body, struct http_coding *coding, struct cur *in)
{
	uint8_t out[OUT_SIZE];
	int st = Z_OK;

	while (st == Z_OK && !body->cut) {
		coding->z.next_in = (z_const Bytef *)in->p;
		coding->z.avail_in = (uInt)cur_left(in);
		coding->z.next_out = out;
		coding->z.avail_out = sizeof(out);
		st = inflate(&coding->z, Z_SYNC_FLUSH);
		in->p = in->end - coding->z.avail_in;
		emit(body, coding, out, sizeof(out) - coding->z.avail_out);
		if (st == Z_OK && coding->z.avail_in == 0 && coding->z.avail_out > 0)
			return false;
	}
	if (st == Z_STREAM_END)
		return true;
	if (st != Z_OK && st != Z_BUF_ERROR)
		fail(body, coding);
	in->p = in->end;
	return false;
}

static void
brotli_all(struct http_body *body, struct http_coding *coding, struct cur *in)
{
	BrotliDecoderResult st = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
	uint8_t out[OUT_SIZE];

	while (st == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT && !body->cut) {
		const uint8_t *next_in = in->p;
		uint8_t *next_out = out;
		size_t avail_in = cur_left(in), avail_out = sizeof(out);

		st = BrotliDecoderDecompressStream(coding->brotli, &avail_in, &next_in, &avail_out, &next_out, NULL);
		in->p = in->end - avail_in;
		emit(body, coding, out, sizeof(out) - avail_out);
	}
	if (st == BROTLI_DECODER_RESULT_ERROR)
		fail(body, coding);
	if (st == BROTLI_DECODER_RESULT_SUCCESS)
		coding->dead = true;
	in->p = in->end;
}

/* Frame after frame; a skippable one holds nothing. */
static void
zstd_all(struct http_body *body, struct http_coding *coding, struct cur *in)
{
	ZSTD_inBuffer from = {in->p, cur_left(in), 0};
	uint8_t out[OUT_SIZE];
	bool full = true;

	while ((from.pos < from.size || full) && !body->cut) {
		ZSTD_outBuffer to = {out, sizeof(out), 0};
		size_t left = ZSTD_decompressStream(coding->zstd, &to, &from);

		emit(body, coding, out, to.pos);
		if (ZSTD_isError(left)) {
			fail(body, coding);
			break;
		}
		full = to.pos == to.size;
	}
	in->p = in->end;
}

static void
lzma_all(struct http_body *body, struct http_coding *coding, struct cur *in)
{
	uint8_t out[OUT_SIZE];
	lzma_ret st = LZMA_OK;

	coding->lzma.next_in = in->p;
	coding->lzma.avail_in = cur_left(in);
	while (st == LZMA_OK && !body->cut) {
		coding->lzma.next_out = out;
		coding->lzma.avail_out = sizeof(out);
		st = lzma_code(&coding->lzma, LZMA_RUN);
		emit(body, coding, out, sizeof(out) - coding->lzma.avail_out);
		if (coding->lzma.avail_in == 0 && coding->lzma.avail_out > 0)
			break;
	}
	if (st == LZMA_STREAM_END)
		coding->dead = true;
	else if (st != LZMA_OK && st != LZMA_BUF_ERROR) {
		if (st == LZMA_MEMLIMIT_ERROR && !coding->dead)
			cc_anomaly(coding->ctx, body->tx, body->odd->memory);
		fail(body, coding);
	}
	in->p = in->end;
}

static void
gzip_after(struct http_coding *coding, uint8_t state)
{
	static const uint8_t flag[] = {[G_EXTRA_SIZE] = 4, [G_NAME] = 8, [G_COMMENT] = 16, [G_CRC] = 2};

	for (; state < G_DATA; state++)
		if (state < sizeof(flag) && (coding->gzip_flags & flag[state]) != 0)
			break;
	coding->gzip = state;
	coding->gzip_left = state == G_EXTRA_SIZE || state == G_CRC ? 2 : 0;
}

/*
 *  +---+---+---+---+---+---+---+---+---+---+
 *  |1f |8b |CM |FLG|     MTIME     |XFL|OS | then by FLG: extra (4), name (8), comment (16), CRC (2)
 *  +---+---+---+---+---+---+---+---+---+---+
 * A byte at a time: headers are short.
 */
static void
gzip_header(struct http_coding *coding, uint8_t byte)
{
	switch (coding->gzip) {
	case G_FIXED:
		if (coding->gzip_left == 7)
			coding->gzip_flags = byte;
		if (--coding->gzip_left == 0)
			gzip_after(coding, G_EXTRA_SIZE);
		break;
	case G_EXTRA_SIZE: /* two bytes, little endian; the sum is kept above the count */
		coding->gzip_left--;
		coding->gzip_left |= (uint32_t)byte << ((coding->gzip_left & 0xff) == 1 ? 8 : 16);
		if ((coding->gzip_left & 0xff) == 0) {
			coding->gzip_left >>= 8;
			coding->gzip = G_EXTRA;
			if (coding->gzip_left == 0)
				gzip_after(coding, G_NAME);
		}
		break;
	case G_EXTRA:
		if (--coding->gzip_left == 0)
			gzip_after(coding, G_NAME);
		break;
	case G_NAME:
	case G_COMMENT:
		if (byte == 0)
			gzip_after(coding, coding->gzip + 1);
		break;
	case G_CRC:
		if (--coding->gzip_left == 0)
			coding->gzip = G_DATA;
		break;
	default:
		break;
	}
}

static void
gzip_start(struct http_coding *coding)
{
	coding->gzip = G_FIXED;
	coding->gzip_left = 10;
}

/* Header, data and trailer of one member after the other; what follows the last one is no concern of a receiver. */
static void
gzip_all(struct http_body *body, struct http_coding *coding, struct cur *in)
{
	while (cur_left(in) > 0 && !coding->dead && !body->cut) {
		if (coding->gzip < G_DATA) {
			gzip_header(coding, cur_u8(in));
		} else if (coding->gzip == G_DATA) {
			if (inflate_all(body, coding, in)) {
				coding->gzip = G_TRAILER;
				coding->gzip_left = 8;
			}
		} else if (coding->gzip == G_TRAILER) {
			cur_skip(in, 1);
			if (--coding->gzip_left == 0)
				coding->gzip = G_NEXT;
		} else if (in->p[0] == 0x1f) {
			gzip_start(coding);
			if (inflateReset(&coding->z) != Z_OK)
				fail(body, coding);
		} else {
			coding->dead = true;
		}
	}
}

static bool
is_zlib(const uint8_t *p, size_t size)
{
	return size >= 2 && (p[0] & 0x0f) == 8 && p[0] >> 4 <= 7 && (p[0] << 8 | p[1]) % 31 == 0;
}

/* Would a decoder take these first bytes? */
static bool
tries_well(struct http_coding *coding, const uint8_t *p, size_t size)
{
	uint8_t out[2048];
	bool well;

	if (!decoder_open(coding))
		return false;
	if (coding->kind == HTTP_BROTLI) {
		size_t avail_out = sizeof(out);
		uint8_t *next_out = out;

		well = BrotliDecoderDecompressStream(coding->brotli, &size, &p, &avail_out, &next_out, NULL) !=
		    BROTLI_DECODER_RESULT_ERROR;
	} else if (coding->kind == HTTP_ZSTD) {
		ZSTD_inBuffer from = {p, size, 0};
		ZSTD_outBuffer to = {out, sizeof(out), 0};

		well = !ZSTD_isError(ZSTD_decompressStream(coding->zstd, &to, &from));
	} else if (coding->kind == HTTP_LZMA) {
		lzma_ret st;

		coding->lzma.next_in = p;
		coding->lzma.avail_in = size;
		coding->lzma.next_out = out;
		coding->lzma.avail_out = sizeof(out);
		st = lzma_code(&coding->lzma, LZMA_RUN);
		well = st == LZMA_OK || st == LZMA_STREAM_END || st == LZMA_BUF_ERROR;
	} else {
		int st;

		coding->z.next_in = (z_const Bytef *)p;
		coding->z.avail_in = (uInt)size;
		coding->z.next_out = out;
		coding->z.avail_out = sizeof(out);
		st = inflate(&coding->z, Z_SYNC_FLUSH);
		well = st == Z_OK || st == Z_STREAM_END || st == Z_BUF_ERROR;
	}
	decoder_close(coding);
	return well;
}

/*
 * Encoders ask for windows of 8 MiB, beyond the pool's largest block, where few bodies need so much: a smaller one is
 * written in the header, and what refers to more fails as broken.
 */
static void
window_shrink(struct http_coding *coding)
{
	uint8_t *p = coding->sniff;

	if (coding->kind == HTTP_ZSTD && coding->sniff_size >= 6 && (p[4] & 0x20) == 0 && p[5] > ZSTD_WINDOW)
		p[5] = ZSTD_WINDOW;
	if (coding->kind == HTTP_LZMA && coding->sniff_size >= 5 && (p[4] > 0 || p[3] >= LZMA_WINDOW >> 16)) {
		p[1] = p[2] = p[4] = 0;
		p[3] = LZMA_WINDOW >> 16;
	}
}

/* What the layer is, by its first bytes.  Empty lines before them are another way to hide a body. */
static void
decide(struct http_body *body, struct http_coding *coding)
{
	const uint8_t *p = coding->sniff;
	size_t size = coding->sniff_size, blank = 0;
	bool named; /* it can't be anything else than what it is called */

	coding->decided = true;
	while (blank < size && (p[blank] == '\r' || p[blank] == '\n'))
		blank++;
	if (blank > 0 && size - blank >= 2 && p[blank] == 0x1f && p[blank + 1] == 0x8b) {
		size -= blank;
		memmove(coding->sniff, p + blank, size);
		coding->sniff_size = size;
	}
	coding->kind = coding->declared;
	named = coding->kind == HTTP_BROTLI || coding->kind == HTTP_ZSTD || coding->kind == HTTP_LZMA;
	window_shrink(coding);
	if (!named && size >= 2 && p[0] == 0x1f && p[1] == 0x8b) {
		coding->kind = HTTP_GZIP;
		coding->raw = true;
		gzip_start(coding);
	} else if (!named && is_zlib(p, size)) {
		coding->kind = HTTP_DEFLATE;
		if (!tries_well(coding, p, size)) {
			coding->raw = true;
			if (!tries_well(coding, p, size))
				coding->kind = HTTP_NONE;
		}
	} else if (coding->kind == HTTP_GZIP) {
		coding->kind = HTTP_NONE;
	} else {
		coding->raw = true;
		if (!tries_well(coding, p, size))
			coding->kind = HTTP_NONE;
	}
	if (coding->kind == HTTP_NONE) {
		cc_anomaly(coding->ctx, body->tx, body->odd->failed);
	} else if (!decoder_open(coding)) {
		fail(body, coding);
	}
}

static void
decode(struct http_body *body, struct http_coding *coding, struct slice bytes)
{
	struct cur in = cur_slice(bytes);

	if (coding->dead || body->cut || bytes.size == 0)
		return;
	switch (coding->kind) {
	case HTTP_GZIP:
		gzip_all(body, coding, &in);
		break;
	case HTTP_DEFLATE:
		if (inflate_all(body, coding, &in))
			coding->dead = true;
		break;
	case HTTP_BROTLI:
		brotli_all(body, coding, &in);
		break;
	case HTTP_ZSTD:
		zstd_all(body, coding, &in);
		break;
	case HTTP_LZMA:
		lzma_all(body, coding, &in);
		break;
	default:
		emit(body, coding, bytes.p, bytes.size);
		break;
	}
}

void
http_coding_add(struct cc_ctx *ctx, struct http_body *body, struct http_coding *coding, struct slice bytes)
{
	coding->ctx = ctx;
	if (!coding->decided) {
		size_t size = SNIFF - coding->sniff_size;

		if (size > bytes.size)
			size = bytes.size;
		memcpy(coding->sniff + coding->sniff_size, bytes.p, size);
		coding->sniff_size += size;
		bytes = http_drop(bytes, size);
		if (coding->sniff_size < SNIFF)
			return;
		decide(body, coding);
		decode(body, coding, slice_of(coding->sniff, coding->sniff_size));
	}
	decode(body, coding, bytes);
}

void
http_coding_end(struct cc_ctx *ctx, struct http_body *body, struct http_coding *coding)
{
	for (; coding != NULL; coding = coding->next) {
		coding->ctx = ctx;
		if (coding->decided || coding->sniff_size == 0)
			continue;
		decide(body, coding);
		decode(body, coding, slice_of(coding->sniff, coding->sniff_size));
	}
}

size_t
http_coding_memory(const struct http_coding *coding)
{
	size_t memory = 0;

	for (; coding != NULL; coding = coding->next)
		memory += sizeof(*coding) + coding->memory;
	return memory;
}

bool
http_coding_passes(const struct http_coding *coding)
{
	while (coding != NULL && coding->decided && coding->kind == HTTP_NONE)
		coding = coding->next;
	return coding == NULL;
}
