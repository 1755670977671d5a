/* Transforms: words behind a buffer's name that change what the rule looks at. */
#include "detect/kw/kw.h"

static size_t
copy_by(struct slice in, uint8_t *out, size_t room, uint8_t low, uint8_t high, int add)
{
	size_t size = in.size < room ? in.size : room;

	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)(in.p[i] >= low && in.p[i] <= high ? in.p[i] + add : in.p[i]);
	return size;
}

static size_t
lowercase_run(const struct transform *transform, struct slice in, uint8_t *out, size_t room)
{
	(void)transform;
	return copy_by(in, out, room, 'A', 'Z', 32);
}

static size_t
uppercase_run(const struct transform *transform, struct slice in, uint8_t *out, size_t room)
{
	(void)transform;
	return copy_by(in, out, room, 'a', 'z', -32);
}

/* Names of headers, from the start of each line to its colon. */
static size_t
header_lowercase_run(const struct transform *transform, struct slice in, uint8_t *out, size_t room)
{
	size_t size = in.size < room ? in.size : room;
	bool name = true;

	(void)transform;
	for (size_t i = 0; i < size; i++) {
		uint8_t c = in.p[i];

		if (c == ':')
			name = false;
		else if (c == '\n')
			name = true;
		out[i] = (uint8_t)(name && c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	return size;
}

/* HTTP/2's lines that begin with a colon go. */
static size_t
pseudo_run(const struct transform *transform, struct slice in, uint8_t *out, size_t room)
{
	size_t size = 0, at = 0;

	(void)transform;
	while (at < in.size) {
		const uint8_t *end = memchr(in.p + at, '\n', in.size - at);
		size_t line = end != NULL ? (size_t)(end - in.p) + 1 - at : in.size - at;

		if (in.p[at] != ':' && line <= room - size) {
			memcpy(out + size, in.p + at, line);
			size += line;
		}
		at += line;
	}
	return size;
}

static bool
is_space(uint8_t c)
{
	return c == ' ' || (c >= 9 && c <= 13);
}

static size_t
strip_run(const struct transform *transform, struct slice in, uint8_t *out, size_t room)
{
	size_t size = 0;

	(void)transform;
	for (size_t i = 0; i < in.size && size < room; i++) {
		if (!is_space(in.p[i]))
			out[size++] = in.p[i];
	}
	return size;
}

static size_t
compress_run(const struct transform *transform, struct slice in, uint8_t *out, size_t room)
{
	size_t size = 0;

	(void)transform;
	for (size_t i = 0; i < in.size && size < room; i++) {
		if (!is_space(in.p[i]) || i == 0 || !is_space(in.p[i - 1]))
			out[size++] = in.p[i];
	}
	return size;
}

static size_t
dotprefix_run(const struct transform *transform, struct slice in, uint8_t *out, size_t room)
{
	size_t size = in.size < room - 1 ? in.size : room - 1;

	(void)transform;
	if (in.size == 0)
		return 0;
	out[0] = '.';
	memcpy(out + 1, in.p, size);
	return size + 1;
}

static int
hex_of(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static size_t
url_decode_run(const struct transform *transform, struct slice in, uint8_t *out, size_t room)
{
	size_t size = 0;

	(void)transform;
	for (size_t i = 0; i < in.size && size < room; i++) {
		if (in.p[i] == '%' && in.size - i > 2 && hex_of(in.p[i + 1]) >= 0 && hex_of(in.p[i + 2]) >= 0) {
			out[size++] = (uint8_t)(hex_of(in.p[i + 1]) << 4 | hex_of(in.p[i + 2]));
			i += 2;
		} else {
			out[size++] = in.p[i] == '+' ? ' ' : in.p[i];
		}
	}
	return size;
}

static size_t
xor_run(const struct transform *transform, struct slice in, uint8_t *out, size_t room)
{
	size_t size = in.size < room ? in.size : room;

	for (size_t i = 0; i < size; i++)
		out[i] = in.p[i] ^ transform->argument.p[i % transform->argument.size];
	return size;
}

static size_t
md5_run(const struct transform *transform, struct slice in, uint8_t *out, size_t room)
{
	(void)transform, (void)room;
	md5_of(in, out);
	return 16;
}

static size_t
sha1_run(const struct transform *transform, struct slice in, uint8_t *out, size_t room)
{
	(void)transform, (void)room;
	sha1_of(in, out);
	return 20;
}

static size_t
sha256_run(const struct transform *transform, struct slice in, uint8_t *out, size_t room)
{
	(void)transform, (void)room;
	sha256_of(in, out);
	return 32;
}

static enum cc_status
transform_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	static const struct {
		const char *name;
		transform_fn *run;
	} table[] = {
	    {"to_lowercase", lowercase_run},
	    {"to_uppercase", uppercase_run},
	    {"header_lowercase", header_lowercase_run},
	    {"strip_pseudo_headers", pseudo_run},
	    {"strip_whitespace", strip_run},
	    {"compress_whitespace", compress_run},
	    {"dotprefix", dotprefix_run},
	    {"url_decode", url_decode_run},
	    {"xor", xor_run},
	    {"to_md5", md5_run},
	    {"to_sha1", sha1_run},
	    {"to_sha256", sha256_run},
	};
	struct transform *transform = &build->transform[build->transform_count];
	size_t i;

	(void)negated;
	if (build->transform_count == TRANSFORMS_MAX)
		return build_refuse(build, "more than %d transforms", TRANSFORMS_MAX);
	for (i = 0; strcmp(table[i].name, keyword->name) != 0; i++)
		;
	*transform = (struct transform){.run = table[i].run, .name = keyword->name};
	if (table[i].run == xor_run) {
		uint8_t *key = build_take(build, value.size / 2 + 1);

		if (key == NULL)
			return CC_BAD;
		if (value.size < 2 || value.size % 2 != 0 || hex_parse(value, key, value.size / 2) != CC_OK)
			return build_refuse(build, "the key should be pairs of hexadecimal digits");
		transform->argument = slice_of(key, value.size / 2);
	}
	build->transform_count++;
	return CC_OK;
}

#define TRANSFORM(word, flags, text)                                                                                   \
	const struct keyword kw_##word = {#word, NULL, flags, transform_parse, NULL, "Transform: " text}
TRANSFORM(to_lowercase, KW_NO_VALUE, "upper-case letters become lower case");
TRANSFORM(to_uppercase, KW_NO_VALUE, "lower-case letters become upper case");
TRANSFORM(header_lowercase, KW_NO_VALUE, "names of headers become lower case");
TRANSFORM(strip_pseudo_headers, KW_NO_VALUE, "lines that begin with a colon go");
TRANSFORM(strip_whitespace, KW_NO_VALUE, "all blanks go");
TRANSFORM(compress_whitespace, KW_NO_VALUE, "several blanks become one");
TRANSFORM(dotprefix, KW_NO_VALUE, "a dot is put before it, so that .example.org is found in example.org, too");
TRANSFORM(url_decode, KW_NO_VALUE, "%xx and + are decoded");
TRANSFORM(xor, KW_VALUE, "each byte is xored with the key, in hexadecimal");
TRANSFORM(to_md5, KW_NO_VALUE, "its MD5, 16 bytes");
TRANSFORM(to_sha1, KW_NO_VALUE, "its SHA-1, 20 bytes");
TRANSFORM(to_sha256, KW_NO_VALUE, "its SHA-256, 32 bytes");
