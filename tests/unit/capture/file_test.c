/* Files of all kinds give their frames; whatever is cut or corrupt loses nothing that came before, and is named. */
#include "../test.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/base.h"
#include "capture/capture.h"

static char folder[] = "/tmp/capture-test-XXXXXX";

struct bytes {
	uint8_t b[1 << 16];
	size_t size;
	bool big;
};

static void
put8(struct bytes *f, unsigned v)
{
	f->b[f->size++] = (uint8_t)v;
}

static void
put16(struct bytes *f, unsigned v)
{
	put8(f, f->big ? v >> 8 : v);
	put8(f, f->big ? v : v >> 8);
}

static void
put32(struct bytes *f, uint32_t v)
{
	put16(f, f->big ? v >> 16 : v & 0xffff);
	put16(f, f->big ? v & 0xffff : v >> 16);
}

static void
put_frame(struct bytes *f, unsigned n, size_t size)
{
	for (size_t i = 0; i < size; i++)
		put8(f, n);
}

/* A pcap file of 5 frames of 10, 11, … bytes of the value of their number. */
static void
make_pcap(struct bytes *f, uint32_t magic, unsigned minor)
{
	put32(f, magic);
	put16(f, 2);
	put16(f, minor);
	put32(f, 0);
	put32(f, 0);
	put32(f, 262144);
	put32(f, 101);
	for (unsigned i = 0; i < 5; i++) {
		put32(f, 1000 + i);
		put32(f, 7);
		put32(f, minor < 3 ? 60 : 10 + i);
		put32(f, minor < 3 ? 10 + i : 60);
		if (magic == 0xa1b2cd34) {
			put32(f, 1);
			put32(f, 0);
		}
		put_frame(f, i, 10 + i);
	}
}

static size_t
block_open(struct bytes *f, uint32_t type)
{
	put32(f, type);
	put32(f, 0);
	return f->size - 8;
}

static void
block_close(struct bytes *f, size_t at)
{
	size_t end;

	while (f->size % 4 != 0)
		put8(f, 0);
	put32(f, (uint32_t)(f->size + 4 - at));
	end = f->size;
	f->size = at + 4;
	put32(f, (uint32_t)(end - at));
	f->size = end;
}

static void
put_section(struct bytes *f, bool big)
{
	size_t at;

	f->big = big;
	at = block_open(f, 0x0a0d0d0a);
	put32(f, 0x1a2b3c4d);
	put16(f, 1);
	put16(f, 0);
	put32(f, 0xffffffff);
	put32(f, 0xffffffff);
	block_close(f, at);
}

static void
put_interface(struct bytes *f, unsigned linktype, uint32_t snaplen, const char *name, int resolution, int64_t offset)
{
	size_t at = block_open(f, 1);

	put16(f, linktype);
	put16(f, 0);
	put32(f, snaplen);
	if (name != NULL) {
		put16(f, 2);
		put16(f, 4);
		for (unsigned i = 0; i < 4; i++)
			put8(f, (uint8_t)name[i]);
	}
	if (resolution >= 0) {
		put16(f, 9);
		put16(f, 1);
		put8(f, (unsigned)resolution);
		put_frame(f, 0, 3);
	}
	if (offset != 0) {
		put16(f, 14);
		put16(f, 8);
		put32(f, f->big ? (uint32_t)(offset >> 32) : (uint32_t)offset);
		put32(f, f->big ? (uint32_t)offset : (uint32_t)(offset >> 32));
	}
	put32(f, 0);
	block_close(f, at);
}

static void
put_enhanced(struct bytes *f, unsigned interface, uint64_t time, unsigned n, size_t size)
{
	size_t at = block_open(f, 6);

	put32(f, interface);
	put32(f, (uint32_t)(time >> 32));
	put32(f, (uint32_t)time);
	put32(f, (uint32_t)size);
	put32(f, 60);
	put_frame(f, n, size);
	block_close(f, at);
}

/*
 * Two sections of different byte order; interfaces with units of 1 us, 1 ns, 2^-10 s and an offset; all packet blocks.
 */
static void
make_pcapng(struct bytes *f)
{
	size_t at;

	put_section(f, false);
	put_interface(f, 1, 0, "eth7", -1, 0);
	put_interface(f, 101, 12, NULL, 9, 0);
	put_enhanced(f, 0, 1000000007, 0, 10);
	put_enhanced(f, 1, 1001000000007, 1, 11);
	at = block_open(f, 0x99);
	put_frame(f, 9, 40);
	block_close(f, at);
	put_section(f, true);
	put_interface(f, 113, 12, NULL, 0x8a, 1000);
	at = block_open(f, 2);
	put16(f, 0);
	put16(f, 5);
	put32(f, 0);
	put32(f, 2 * 1024 + 512);
	put32(f, 12);
	put32(f, 60);
	put_frame(f, 2, 12);
	block_close(f, at);
	at = block_open(f, 3);
	put32(f, 60);
	put_frame(f, 3, 12);
	block_close(f, at);
	at = block_open(f, 5);
	put32(f, 0);
	put32(f, 0);
	put32(f, 0);
	put16(f, 7);
	put16(f, 8);
	put32(f, 0);
	put32(f, 33);
	block_close(f, at);
}

static void
clean(void)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir != NULL)
		closedir(dir);
	rmdir(folder);
}

static char *
save(const char *name, const void *p, size_t size)
{
	static char path[4][128];
	static unsigned next;
	char *to = path[next++ % 4];
	FILE *file;

	if (strstr(folder, "XXXXXX") != NULL && (mkdtemp(folder) == NULL || atexit(clean) != 0))
		exit(1);
	snprintf(to, sizeof(path[0]), "%s/%s", folder, name);
	file = fopen(to, "w");
	if (file == NULL || fwrite(p, 1, size, file) != size)
		exit(1);
	fclose(file);
	return to;
}

struct seen {
	unsigned count;
	struct frame frame[64];
	bool right; /* each byte is the frame's number */
};

static void
on_frame(void *ctx, const struct frame *frame)
{
	struct seen *seen = ctx;

	for (uint32_t i = 0; i < frame->size; i++)
		seen->right = seen->right && frame->p[i] == frame->p[0];
	if (seen->count < 64)
		seen->frame[seen->count] = *frame;
	seen->count++;
}

static struct conf
conf_for_tests(void)
{
	struct conf conf;

	log_open("test", LOG_LEVEL_ERROR); /* each cut would have its warning */
	memset(&conf, 0, sizeof(conf));
	conf.capture_record_max = 16 << 20;
	return conf;
}

static struct seen
read_all(struct conf *conf, char *const *paths, size_t count, unsigned *ret_trouble, uint64_t counts[CAPTURE_COUNT])
{
	struct seen seen = {.right = true};
	struct capture *capture;
	enum cc_status st;
	char *why = NULL;

	*ret_trouble = 99;
	if (capture_open_files(conf, paths, count, &capture, &why) != CC_OK) {
		CHECK(why != NULL && strstr(why, paths[0]) != NULL);
		free(why);
		return seen;
	}
	while ((st = capture_dispatch(capture, 3, on_frame, &seen)) == CC_OK)
		;
	CHECK(st == CC_END);
	*ret_trouble = capture_trouble(capture);
	if (counts != NULL)
		capture_counts(capture, counts);
	capture_close(capture);
	return seen;
}

static void
check_five(struct seen seen, uint64_t ns)
{
	CHECK_UINT(seen.count, 5);
	CHECK(seen.right);
	for (unsigned i = 0; i < 5 && i < seen.count; i++) {
		CHECK_UINT(seen.frame[i].size, 10 + i);
		CHECK_UINT(seen.frame[i].wire_size, 60);
		CHECK_UINT(seen.frame[i].time, (1000 + i) * 1000000000ull + ns);
		CHECK_UINT(seen.frame[i].linktype, 101);
		CHECK_UINT(seen.frame[i].seq, i + 1);
	}
}

TEST(pcap_kinds)
{
	static const struct { uint32_t magic; unsigned minor; uint64_t ns; } kinds[] = {{0xa1b2c3d4, 4, 7000},
	    {0xa1b23c4d, 4, 7}, {0xa1b2cd34, 4, 7000}, {0xa1b2c3d4, 2, 7000}};
	struct conf conf = conf_for_tests();
	unsigned trouble;

	for (unsigned i = 0; i < 8; i++) {
		static struct bytes f;
		char *path;

		f.size = 0;
		f.big = i % 2 == 1;
		make_pcap(&f, kinds[i / 2].magic, kinds[i / 2].minor);
		path = save("kind.pcap", f.b, f.size);
		check_five(read_all(&conf, &path, 1, &trouble, NULL), kinds[i / 2].ns);
		CHECK_UINT(trouble, 0);
	}
}

TEST(pcapng_kinds)
{
	static struct bytes f;
	struct conf conf = conf_for_tests();
	uint64_t counts[CAPTURE_COUNT];
	struct seen seen;
	unsigned trouble;
	char *path;

	f.size = 0;
	make_pcapng(&f);
	path = save("kinds.pcapng", f.b, f.size);
	seen = read_all(&conf, &path, 1, &trouble, counts);
	CHECK_UINT(trouble, 0);
	CHECK_UINT(seen.count, 4);
	CHECK(seen.right);
	CHECK_UINT(seen.frame[0].time, 1000000007000);
	CHECK_UINT(seen.frame[0].linktype, 1);
	CHECK_UINT(seen.frame[1].time, 1001000000007);
	CHECK_UINT(seen.frame[1].linktype, 101);
	CHECK_UINT(seen.frame[1].interface, 1);
	CHECK_UINT(seen.frame[2].time, 1002500000000);
	CHECK_UINT(seen.frame[2].linktype, 113);
	CHECK_UINT(seen.frame[2].interface, 2);
	CHECK_UINT(seen.frame[3].size, 12);
	CHECK_UINT(seen.frame[3].wire_size, 60);
	CHECK_UINT(counts[CAPTURE_KERNEL_DROPS], 33);
	CHECK_UINT(counts[CAPTURE_TRUNCATED], 4);
}

/* Cut at each byte: the whole frames before the cut, and a word about the file unless the cut is between two. */
TEST(cut_anywhere)
{
	static struct bytes f, cut;
	struct conf conf = conf_for_tests();
	unsigned trouble;

	for (unsigned kind = 0; kind < 2; kind++) {
		unsigned last = 0;

		f.size = 0;
		f.big = false;
		if (kind == 0)
			make_pcap(&f, 0xa1b2c3d4, 4);
		else
			make_pcapng(&f);
		for (size_t size = 4; size <= f.size; size++) {
			char *paths[2];
			struct seen seen;

			cut = f;
			paths[0] = save("cut", cut.b, size);
			paths[1] = save("whole", f.b, f.size);
			seen = read_all(&conf, paths, 2, &trouble, NULL);
			if (trouble == 99) { /* not even a header */
				CHECK(size < 24);
				continue;
			}
			CHECK(seen.right);
			CHECK(seen.count - (kind == 0 ? 5 : 4) >= last);
			last = seen.count - (kind == 0 ? 5 : 4);
			CHECK(trouble <= 1);
			CHECK(size < f.size || trouble == 0);
		}
		CHECK_UINT(last, kind == 0 ? 5 : 4);
	}
}

TEST(compressed)
{
	static struct bytes f;
	static uint8_t packed[1 << 17];
	struct conf conf = conf_for_tests();
	unsigned trouble;
	char *paths[2];
	gzFile gz;
	size_t size, first;

	f.size = 0;
	f.big = false;
	make_pcap(&f, 0xa1b2c3d4, 4);
	paths[0] = save("x.gz", "", 0);
	for (unsigned part = 0; part < 2; part++) { /* two members, one behind the other */
		gz = gzopen(paths[0], "a");
		gzwrite(gz, f.b + (part == 0 ? 0 : 50), part == 0 ? 50 : (unsigned)(f.size - 50));
		gzclose(gz);
	}
	check_five(read_all(&conf, paths, 1, &trouble, NULL), 7000);
	CHECK_UINT(trouble, 0);
	size = first = ZSTD_compress(packed, sizeof(packed), f.b, 50, 1);
	size += ZSTD_compress(packed + size, sizeof(packed) - size, f.b + 50, f.size - 50, 1);
	paths[0] = save("x.zst", packed, size);
	check_five(read_all(&conf, paths, 1, &trouble, NULL), 7000);
	CHECK_UINT(trouble, 0);
	for (size_t cut = 5; cut < size; cut++) {
		paths[0] = save("cut.zst", packed, cut);
		paths[1] = save("x.zst", packed, size);
		(void)read_all(&conf, paths + 1, 1, &trouble, NULL);
		CHECK_UINT(trouble, 0);
		(void)read_all(&conf, paths, 1, &trouble, NULL);
		CHECK(trouble == 99 || trouble == (cut != first)); /* the first part holds a header and a frame */
	}
}

TEST(absurd_sizes)
{
	static struct bytes f;
	struct conf conf = conf_for_tests();
	uint64_t counts[CAPTURE_COUNT];
	struct seen seen;
	unsigned trouble;
	char *path;
	size_t at;

	f.size = 0;
	f.big = false;
	make_pcap(&f, 0xa1b2c3d4, 4);
	put32(&f, 1);
	put32(&f, 1);
	put32(&f, 0x80000000);
	put32(&f, 0x80000000);
	put_frame(&f, 0, 1000);
	path = save("2g.pcap", f.b, f.size);
	seen = read_all(&conf, &path, 1, &trouble, counts);
	CHECK_UINT(seen.count, 5);
	CHECK_UINT(trouble, 1);
	CHECK_UINT(counts[CAPTURE_BAD_RECORDS], 1);

	f.size = 0;
	make_pcapng(&f);
	f.big = true;
	at = block_open(&f, 6);
	put_frame(&f, 0, 100);
	f.size = at + 4;
	put32(&f, 0x80000000);
	f.size = at + 100;
	path = save("2g.pcapng", f.b, f.size);
	seen = read_all(&conf, &path, 1, &trouble, NULL);
	CHECK_UINT(seen.count, 4);
	CHECK_UINT(trouble, 1);
}

TEST(folders_and_strangers)
{
	static struct bytes f;
	struct conf conf = conf_for_tests();
	struct capture *capture;
	char *path, *why = NULL, *none = (char *)"/nonexistent/x.pcap";
	unsigned trouble;

	f.size = 0;
	f.big = false;
	make_pcap(&f, 0xa1b2c3d4, 4);
	save("a.txt", "no capture", 10);
	path = save("a.txt", "no capture", 10);
	CHECK(capture_open_files(&conf, &path, 1, &capture, &why) == CC_IO);
	CHECK(why != NULL && strstr(why, "not a capture") != NULL);
	free(why);
	CHECK(capture_open_files(&conf, &none, 1, &capture, &why) == CC_IO);
	CHECK(why != NULL && strstr(why, none) != NULL);
	free(why);
	path = folder;
	CHECK(read_all(&conf, &path, 1, &trouble, NULL).count >= 10);
	CHECK(trouble != 99);
}

TEST(filter_and_duplicates)
{
	static struct bytes f;
	struct conf conf = conf_for_tests();
	uint64_t counts[CAPTURE_COUNT];
	struct capture *capture;
	struct seen seen;
	char *path, *why = NULL;
	unsigned trouble;

	f.size = 0;
	f.big = false;
	make_pcap(&f, 0xa1b2c3d4, 4);
	path = save("filter.pcap", f.b, f.size);
	conf.capture_filter = (char *)"greater 1000";
	seen = read_all(&conf, &path, 1, &trouble, counts);
	CHECK_UINT(seen.count, 0);
	CHECK_UINT(counts[CAPTURE_FILTERED], 5);
	conf.capture_filter = (char *)"this is no filter";
	CHECK(capture_open_files(&conf, &path, 1, &capture, &why) == CC_IO);
	CHECK(why != NULL && strstr(why, "capture.filter") != NULL);
	free(why);
	conf.capture_filter = NULL;
	conf.capture_duplicates = 1000000;
	memcpy(f.b + f.size, f.b + f.size - 30, 30); /* the last frame again */
	f.size += 30;
	path = save("twice.pcap", f.b, f.size);
	seen = read_all(&conf, &path, 1, &trouble, counts);
	CHECK_UINT(seen.count, 5);
	CHECK_UINT(counts[CAPTURE_DUPLICATES], 1);
}

TESTS(T(pcap_kinds), T(pcapng_kinds), T(cut_anywhere), T(compressed), T(absurd_sizes), T(folders_and_strangers),
    T(filter_and_duplicates))
