/*
 * Content codings undone: gzip (RFC 1952), deflate with and without zlib's wrapper (RFC 1950, 1951), brotli (RFC 7932),
 * stacked up to HTTP1_CODINGS.
 *
 * Headers lie: the first bytes of a layer decide what it really is, and a layer that isn't there is left out.  gzip's
 * header is read here, since browsers take headers that zlib refuses.  Memory is the pool's; zlib and brotli free
 * without a size, so each block begins with it.
 */
#include <brotli/decode.h>
#include <zlib.h>

#include "app/http1/own.h"

#define SNIFF 64          /* bytes that decide what a layer is */
#define OUT_SIZE 16384
#define BLOCK_HEAD 16     /* in front of zlib's and brotli's blocks: their size */

enum gzip_state { G_FIXED, G_EXTRA_SIZE, G_EXTRA, G_NAME, G_COMMENT, G_CRC, G_DATA, G_TRAILER, G_NEXT };

struct coding {
	struct cc_ctx *ctx;       /* of the call that runs */
	struct coding *next;      /* undone after this one; NULL: the body */
	uint8_t declared, kind;   /* enum coding_kind; kind once decided, CODING_NONE passes through */
	bool decided, raw, dead;  /* raw: deflate without zlib's wrapper; dead: nothing more can come of it */
	bool open;                /* z or brotli is */
	uint8_t sniff[SNIFF];
	size_t sniff_size;
	uint8_t gzip, gzip_flags; /* enum gzip_state */
	uint32_t gzip_left;
	uint64_t out;
	z_stream z;
	BrotliDecoderState *brotli;
};

static void *
block_take(void *opaque, size_t size)
{
	struct coding *coding = opaque;
	size_t *block = cc_take(coding->ctx, size + BLOCK_HEAD);

	if (block == NULL)
		return NULL;
	*block = size;
	return (uint8_t *)block + BLOCK_HEAD;
}

static void
block_give(void *opaque, void *p)
{
	struct coding *coding = opaque;

	if (p != NULL) {
		size_t *block = (size_t *)(void *)((uint8_t *)p - BLOCK_HEAD);

		cc_give(coding->ctx, block, *block + BLOCK_HEAD);
	}
}

static void *
z_take(void *opaque, unsigned items, unsigned size)
{
	return block_take(opaque, (size_t)items * size);
}

struct coding *
coding_open(struct cc_ctx *ctx, const struct http1_framing *framing)
{
	struct coding *chain = NULL;

	for (unsigned i = 0; i < framing->coding_count; i++) { /* the last one applied is undone first */
		struct coding *coding = cc_take(ctx, sizeof(*coding));

		if (coding == NULL)
			break;
		coding->declared = framing->coding[i];
		coding->next = chain;
		chain = coding;
	}
	return chain;
}

static void
decoder_close(struct coding *coding)
{
	if (!coding->open)
		return;
	if (coding->kind == CODING_BROTLI)
		BrotliDecoderDestroyInstance(coding->brotli);
	else
		inflateEnd(&coding->z);
	coding->open = false;
}

void
coding_free(struct cc_ctx *ctx, struct coding *coding)
{
	struct coding *next;

	for (; coding != NULL; coding = next) {
		next = coding->next;
		coding->ctx = ctx;
		decoder_close(coding);
		cc_give(ctx, coding, sizeof(*coding));
	}
}

static bool
decoder_open(struct coding *coding)
{
	if (coding->kind == CODING_BROTLI) {
		coding->brotli = BrotliDecoderCreateInstance(block_take, block_give, coding);
		coding->open = coding->brotli != NULL;
	} else {
		memset(&coding->z, 0, sizeof(coding->z));
		coding->z.zalloc = z_take;
		coding->z.zfree = block_give;
		coding->z.opaque = coding;
		coding->open = inflateInit2(&coding->z, coding->raw ? -15 : 15) == Z_OK;
	}
	return coding->open;
}

/* Decoded bytes of this layer, to the next one or to the body. */
static void
emit(struct http1_side *side, struct coding *coding, const uint8_t *p, size_t size)
{
	struct cc_ctx *ctx = coding->ctx;

	if (size == 0 || side->cut)
		return;
	coding->out += size;
	if (coding->kind != CODING_NONE && coding->out > cc_limit(ctx, "http.bomb_size") &&
	    coding->out / cc_limit(ctx, "http.bomb_ratio") >= side->body_in) {
		http1_odd(ctx, side->tx, A_BOMB);
		side->cut = true;
		return;
	}
	if (coding->next != NULL)
		coding_add(ctx, side, coding->next, slice_of(p, size));
	else
		http1_body_decoded(ctx, side, slice_of(p, size));
}

static void
fail(struct http1_side *side, struct coding *coding)
{
	if (!coding->dead)
		http1_odd(coding->ctx, side->tx, A_DECOMPRESSION_FAILED);
	coding->dead = true;
	side->broken = true;
}

/* Inflates until *in is used up or the stream ends (true). */
static bool
inflate_all(struct http1_side *side, struct coding *coding, struct cur *in)
{
	uint8_t out[OUT_SIZE];
	int st = Z_OK;

	while (st == Z_OK && !side->cut) {
		coding->z.next_in = (z_const Bytef *)in->p;
		coding->z.avail_in = (uInt)cur_left(in);
		coding->z.next_out = out;
		coding->z.avail_out = sizeof(out);
		st = inflate(&coding->z, Z_SYNC_FLUSH);
		in->p = in->end - coding->z.avail_in;
		emit(side, coding, out, sizeof(out) - coding->z.avail_out);
		if (st == Z_OK && coding->z.avail_in == 0 && coding->z.avail_out > 0)
			return false;
	}
	if (st == Z_STREAM_END)
		return true;
	if (st != Z_OK && st != Z_BUF_ERROR)
		fail(side, coding);
	in->p = in->end;
	return false;
}

static void
brotli_all(struct http1_side *side, struct coding *coding, struct cur *in)
{
	BrotliDecoderResult st = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
	uint8_t out[OUT_SIZE];

	while (st == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT && !side->cut) {
		const uint8_t *next_in = in->p;
		uint8_t *next_out = out;
		size_t avail_in = cur_left(in), avail_out = sizeof(out);

		st = BrotliDecoderDecompressStream(coding->brotli, &avail_in, &next_in, &avail_out, &next_out, NULL);
		in->p = in->end - avail_in;
		emit(side, coding, out, sizeof(out) - avail_out);
	}
	if (st == BROTLI_DECODER_RESULT_ERROR)
		fail(side, coding);
	if (st == BROTLI_DECODER_RESULT_SUCCESS)
		coding->dead = true;
	in->p = in->end;
}

static void
gzip_after(struct coding *coding, uint8_t state)
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
gzip_header(struct coding *coding, uint8_t byte)
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
gzip_start(struct coding *coding)
{
	coding->gzip = G_FIXED;
	coding->gzip_left = 10;
}

/* Header, data and trailer of one member after the other; what follows the last one is no concern of a receiver. */
static void
gzip_all(struct http1_side *side, struct coding *coding, struct cur *in)
{
	while (cur_left(in) > 0 && !coding->dead && !side->cut) {
		if (coding->gzip < G_DATA) {
			gzip_header(coding, cur_u8(in));
		} else if (coding->gzip == G_DATA) {
			if (inflate_all(side, coding, in)) {
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
				fail(side, coding);
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
tries_well(struct coding *coding, const uint8_t *p, size_t size)
{
	uint8_t out[2048];
	bool well;

	if (!decoder_open(coding))
		return false;
	if (coding->kind == CODING_BROTLI) {
		size_t avail_out = sizeof(out);
		uint8_t *next_out = out;

		well = BrotliDecoderDecompressStream(coding->brotli, &size, &p, &avail_out, &next_out, NULL) !=
		    BROTLI_DECODER_RESULT_ERROR;
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

/* What the layer is, by its first bytes.  Empty lines before them are another way to hide a body. */
static void
decide(struct http1_side *side, struct coding *coding)
{
	const uint8_t *p = coding->sniff;
	size_t size = coding->sniff_size, blank = 0;

	coding->decided = true;
	while (blank < size && (p[blank] == '\r' || p[blank] == '\n'))
		blank++;
	if (blank > 0 && size - blank >= 2 && p[blank] == 0x1f && p[blank + 1] == 0x8b) {
		size -= blank;
		memmove(coding->sniff, p + blank, size);
		coding->sniff_size = size;
	}
	coding->kind = coding->declared;
	if (coding->kind != CODING_BROTLI && size >= 2 && p[0] == 0x1f && p[1] == 0x8b) {
		coding->kind = CODING_GZIP;
		coding->raw = true;
		gzip_start(coding);
	} else if (coding->kind != CODING_BROTLI && is_zlib(p, size)) {
		coding->kind = CODING_DEFLATE;
		if (!tries_well(coding, p, size)) {
			coding->raw = true;
			if (!tries_well(coding, p, size))
				coding->kind = CODING_NONE;
		}
	} else if (coding->kind == CODING_GZIP) {
		coding->kind = CODING_NONE;
	} else {
		coding->raw = true;
		if (!tries_well(coding, p, size))
			coding->kind = CODING_NONE;
	}
	if (coding->kind == CODING_NONE) {
		http1_odd(coding->ctx, side->tx, A_DECOMPRESSION_FAILED);
	} else if (!decoder_open(coding)) {
		fail(side, coding);
	}
}

static void
decode(struct http1_side *side, struct coding *coding, struct slice bytes)
{
	struct cur in = cur_slice(bytes);

	if (coding->dead || side->cut || bytes.size == 0)
		return;
	switch (coding->kind) {
	case CODING_GZIP:
		gzip_all(side, coding, &in);
		break;
	case CODING_DEFLATE:
		if (inflate_all(side, coding, &in))
			coding->dead = true;
		break;
	case CODING_BROTLI:
		brotli_all(side, coding, &in);
		break;
	default:
		emit(side, coding, bytes.p, bytes.size);
		break;
	}
}

void
coding_add(struct cc_ctx *ctx, struct http1_side *side, struct coding *coding, struct slice bytes)
{
	coding->ctx = ctx;
	if (!coding->decided) {
		size_t size = SNIFF - coding->sniff_size;

		if (size > bytes.size)
			size = bytes.size;
		memcpy(coding->sniff + coding->sniff_size, bytes.p, size);
		coding->sniff_size += size;
		bytes = http1_drop(bytes, size);
		if (coding->sniff_size < SNIFF)
			return;
		decide(side, coding);
		decode(side, coding, slice_of(coding->sniff, coding->sniff_size));
	}
	decode(side, coding, bytes);
}

void
coding_end(struct cc_ctx *ctx, struct http1_side *side, struct coding *coding)
{
	for (; coding != NULL; coding = coding->next) {
		coding->ctx = ctx;
		if (coding->decided || coding->sniff_size == 0)
			continue;
		decide(side, coding);
		decode(side, coding, slice_of(coding->sniff, coding->sniff_size));
	}
}
