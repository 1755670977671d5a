/* Files: their name, extension, type, size and hashes.  Their content is the buffer file.data. */
#include <stdlib.h>

#include "detect/kw/kw.h"

/* A content, any case, in one of the buffers that describe a file. */
static enum cc_status
described(struct build *build, const char *buffer, struct slice value, bool negated, unsigned flags)
{
	uint16_t before = build->buffer, instance = build->instance;
	enum cc_status st;

	if (value.size == 0)
		return build_refuse(build, "needs a value");
	build->buffer = (uint16_t)buffer_find(build->set, slice_str(buffer));
	build->instance = 0;
	st = content_add(build, value, negated);
	if (st == CC_OK)
		build->op[build->op_count - 1].flags |= (uint16_t)(flags | OF_NOCASE);
	build->buffer = before;
	build->instance = instance;
	build->needs_tx = true;
	build->ip_keyword_only = false;
	return st;
}

static enum cc_status
filename_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	if (value.size == 0)
		return build_sticky(build, keyword->target);
	return described(build, keyword->target, value, negated, 0);
}

static enum cc_status
fileext_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	uint8_t *dotted = build_take(build, value.size + 2);

	(void)keyword;
	if (dotted == NULL)
		return CC_BAD;
	dotted[0] = '.';
	memcpy(dotted + 1, value.p, value.size);
	return described(build, "file.name", slice_of(dotted, value.size + 1), negated, OF_ENDSWITH);
}

static bool
filesize_test(struct run *run, const struct check *check)
{
	return run->file != NULL && run->file->state != FILE_OPEN && number_holds(check->data, run->file->size);
}

static enum cc_status
filesize_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct number *number = build_take(build, sizeof(*number));
	struct check *check;
	char text[64], *range, *start;
	uint64_t a, b;

	(void)keyword, (void)negated;
	if (number == NULL || value.size >= sizeof(text))
		return build_refuse(build, "is no size");
	/* Sizes may have units: 5MB, 100<>200KB. */
	memcpy(text, value.p, value.size);
	text[value.size] = '\0';
	range = strstr(text, "<>");
	start = text + strspn(text, "<>=! ");
	if (range != NULL && range > text) {
		*range = '\0';
		if (size_parse(text, &a) != CC_OK || size_parse(range + 2, &b) != CC_OK || a >= b)
			return build_refuse(build, "is no range of sizes");
		*number = (struct number){.compare = CMP_RANGE, .a = a, .b = b};
	} else {
		if (size_parse(start, &a) != CC_OK)
			return build_refuse(build, "is no size, such as 100, >5MB or 1KB<>2KB");
		*number = (struct number){.compare = text[0] == '<'   ? (text[1] == '=' ? CMP_LE : CMP_LT)
					  : text[0] == '>' ? (text[1] == '=' ? CMP_GE : CMP_GT)
					  : text[0] == '!' ? CMP_NE
							   : CMP_EQ,
		    .a = a};
	}
	check = build_check(build, filesize_test, PHASE_STATE);
	if (check == NULL)
		return CC_BAD;
	check->data = number;
	build->needs_tx = true;
	build->rule.filed = true;
	build->ip_keyword_only = false;
	return CC_OK;
}

struct hash_list {
	unsigned which;
	size_t size, count;
	uint8_t *hash; /* sorted */
};

static size_t
hash_size(unsigned which)
{
	return which == DIGEST_MD5 ? 16 : which == DIGEST_SHA1 ? 20 : 32;
}

static bool
hash_test(struct run *run, const struct check *check)
{
	const struct hash_list *list = check->data;
	const struct cc_file *file = run->file;
	const uint8_t *hash;
	size_t low = 0, high = list->count;
	bool found = false;

	if (file == NULL || file->state == FILE_OPEN)
		return false;
	if (list->which == DIGEST_MD5    ? !file->has_md5
	    : list->which == DIGEST_SHA1 ? !file->has_sha1
					 : !file->has_sha256)
		return false;
	hash = list->which == DIGEST_MD5 ? file->md5 : list->which == DIGEST_SHA1 ? file->sha1 : file->sha256;
	while (low < high && !found) {
		size_t mid = (low + high) / 2;
		int order = memcmp(hash, list->hash + mid * list->size, list->size);

		found = order == 0;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return found != check->negated;
}

static int
hash_compare(const void *a, const void *b, void *size)
{
	return memcmp(a, b, *(const size_t *)size);
}

/* The list is a file beside the rules': one hash a line, what follows it is a comment. */
static enum cc_status
hash_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct hash_list *list = build_take(build, sizeof(*list));
	const char *slash = strrchr(build->file, '/');
	char path[4096], line[1024];
	struct check *check;
	size_t room = 0;
	FILE *file;

	if (list == NULL || value.size > 1024)
		return build_refuse(build, "needs the name of a list");
	list->which = keyword->name[4] == 'm' ? DIGEST_MD5 : keyword->name[7] == '1' ? DIGEST_SHA1 : DIGEST_SHA256;
	list->size = hash_size(list->which);
	snprintf(path, sizeof(path), "%.*s%.*s",
	    value.size > 0 && value.p[0] == '/' ? 0
	    : slash != NULL                     ? (int)(slash + 1 - build->file)
						: 0,
	    build->file, (int)value.size, value.p);
	file = fopen(path, "re");
	if (file == NULL)
		return build_refuse(build, "the list %s can't be read: %m", path);
	while (fgets(line, sizeof(line), file) != NULL)
		room++;
	rewind(file);
	list->hash = store_take(&build->body->store, (room + 1) * list->size);
	while (list->hash != NULL && list->count < room && fgets(line, sizeof(line), file) != NULL) {
		size_t size = strspn(line, "0123456789abcdefABCDEF");

		if (size == 2 * list->size &&
		    hex_parse(slice_of(line, size), list->hash + list->count * list->size, list->size) == CC_OK)
			list->count++;
	}
	fclose(file);
	if (list->hash == NULL)
		return build_refuse(build, "no memory");
	qsort_r(list->hash, list->count, list->size, hash_compare, &list->size);
	check = build_check(build, hash_test, PHASE_STATE);
	if (check == NULL)
		return CC_BAD;
	check->data = list;
	check->negated = negated;
	build->body->digests |= (uint8_t)list->which;
	build->body->bound = true;
	build->needs_tx = true;
	build->rule.filed = true;
	build->ip_keyword_only = false;
	return CC_OK;
}

/* Which files are kept is a matter of files.store; what is left of the keyword: the rule is about a file. */
static enum cc_status
filestore_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	(void)keyword, (void)value, (void)negated;
	build->needs_tx = true;
	build->rule.filed = true;
	build->ip_keyword_only = false;
	return CC_OK;
}

const struct keyword kw_filestore = {
    "filestore", NULL, 0, filestore_parse, NULL, "The rule is about a file; which are kept is a matter of files.store"};
const struct keyword kw_filename = {
    "filename", NULL, KW_NEGATE, filename_parse, "file.name", "The file's name holds this, any case"};
const struct keyword kw_filemagic = {
    "filemagic", NULL, KW_NEGATE, filename_parse, "file.magic", "libmagic's words on the file hold this, any case"};
const struct keyword kw_fileext = {
    "fileext", NULL, KW_VALUE | KW_NEGATE, fileext_parse, NULL, "The file's name ends with this extension"};
const struct keyword kw_filesize = {
    "filesize", NULL, KW_VALUE, filesize_parse, NULL, "The file's size: 100, >5MB, 1KB<>2KB"};
const struct keyword kw_filemd5 = {
    "filemd5", NULL, KW_VALUE | KW_NEGATE, hash_parse, NULL, "The file's MD5 is in this list"};
const struct keyword kw_filesha1 = {
    "filesha1", NULL, KW_VALUE | KW_NEGATE, hash_parse, NULL, "The file's SHA-1 is in this list"};
const struct keyword kw_filesha256 = {
    "filesha256", NULL, KW_VALUE | KW_NEGATE, hash_parse, NULL, "The file's SHA-256 is in this list"};
