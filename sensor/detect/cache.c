/*
 * Compiled databases on disk, a file for each, named by the digest of what it was compiled of (patterns, flags,
 * Hyperscan's version, the processor).  In: a key; out: bytes.
 *
 *      0               8              40        48              80
 *      +---------------+---------------+---------+---------------+-----------
 *      | magic         | key           | size    | SHA-256 of    | bytes
 *      |               |               | (LE)    | the bytes     |
 *      +---------------+---------------+---------+---------------+-----------
 *
 * Hyperscan does not check a database's insides: who can write one can do what the reading process can.  So the folder
 * and its files must be root's or our own, and nobody else may be able to write them; and inspect, once it is confined
 * and has seen a packet, only reads.  A file that is not as it should be is named in a warning, removed where that is
 * possible, and compiled anew.  Loading only, any thread for cache_get() and cache_put().
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "detect/own.h"

#define CACHE_MAGIC "CCHSDB1\n"
#define HEAD_SIZE 80
#define NAME_SIZE 80
#define NEW_PREFIX "new-"
#define NEW_AGE_S 600 /* a half-written file that is older was left by a crash */

struct cache {
	char path[4096];
	int dir;
	bool write;
	uint64_t max;
	gid_t group;
	bool has_group;
	pthread_mutex_t lock;
	unsigned written;
};

/* ---- the folder ---- */

/* "auto": what fits who we are; false: none. */
static bool
cache_path(const struct conf *conf, char *path, size_t size)
{
	const char *given = getenv("CACHE_DIRECTORY"), *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (strcmp(conf->detect_cache, "auto") != 0)
		snprintf(path, size, "%s", conf->detect_cache);
	else if (given != NULL && given[0] == '/') /* by systemd */
		snprintf(path, size, "%s", given);
	else if (base != NULL && base[0] == '/')
		snprintf(path, size, "%s/concert", base);
	else if (geteuid() == 0)
		snprintf(path, size, "/var/cache/concert");
	else if (home != NULL && home[0] == '/')
		snprintf(path, size, "%s/.cache/concert", home);
	else
		path[0] = '\0';
	return path[0] != '\0' && strcmp(path, "no") != 0 && strlen(path) + 1 < size;
}

char *
ruleset_cache_path(const struct conf *conf)
{
	char path[4096];

	return cache_path(conf, path, sizeof(path)) && access(path, X_OK) == 0 ? strdup(path) : NULL;
}

/* What we trust: root's or our own, and nobody else may write it. */
static const char *
distrusted(const struct stat *stat)
{
	if (stat->st_uid != 0 && stat->st_uid != geteuid())
		return "belongs to another user";
	if ((stat->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "can be written by others";
	return NULL;
}

/* Who started as root hands the files to the group that inspect will be of, for reloads. */
static void
group_find(struct cache *cache, const struct conf *conf)
{
	const struct passwd *pw = geteuid() == 0 && conf->engine_user[0] != '\0' ? getpwnam(conf->engine_user) : NULL;

	if (pw != NULL) {
		cache->group = pw->pw_gid;
		cache->has_group = true;
	}
}

static bool
dir_open(struct cache *cache)
{
	const char *why = NULL;
	struct stat stat;

	if (cache->write)
		dirs_make(cache->path, cache->has_group ? 0750 : 0700);
	cache->dir = open(cache->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (cache->dir < 0) {
		if (errno != ENOENT || cache->write)
			log_warning(
			    "detect.cache: %s: %s; rules are compiled without it", cache->path, strerror(errno));
		return false;
	}
	if (fstat(cache->dir, &stat) != 0)
		why = strerror(errno);
	else
		why = distrusted(&stat);
	if (why != NULL) {
		log_warning("detect.cache: %s: %s; rules are compiled without it", cache->path, why);
		return false;
	}
	if (cache->write && cache->has_group && stat.st_gid != cache->group &&
	    fchown(cache->dir, (uid_t)-1, cache->group) != 0)
		log_warning("detect.cache: %s: can't be given to its group: %s", cache->path, strerror(errno));
	if (cache->write && faccessat(AT_FDCWD, cache->path, W_OK, AT_EACCESS) != 0)
		cache->write = false;
	return true;
}

struct cache *
cache_open(const struct conf *conf, bool write)
{
	struct cache *cache = calloc(1, sizeof(*cache));

	if (cache == NULL)
		return NULL;
	cache->dir = -1;
	cache->write = write;
	cache->max = conf->detect_cache_max;
	pthread_mutex_init(&cache->lock, NULL);
	if (cache->max > 0 && cache_path(conf, cache->path, sizeof(cache->path))) {
		group_find(cache, conf);
		if (dir_open(cache))
			return cache;
	}
	cache_close(cache);
	return NULL;
}

/* ---- reading ---- */

static void
name_of(const uint8_t key[32], char name[NAME_SIZE])
{
	hex_text(slice_of(key, 32), name);
	strcpy(name + 64, ".hsdb");
}

void
cache_bad(struct cache *cache, const uint8_t key[32], const char *why)
{
	char name[NAME_SIZE];

	name_of(key, name);
	log_warning("detect.cache: %s/%s: %s; it is compiled anew", cache->path, name, why);
	if (cache->write)
		unlinkat(cache->dir, name, 0);
}

/* The file behind fd, whole; NULL, or why not. */
static const char *
content_read(int fd, const struct cache *cache, uint8_t **ret_content, size_t *ret_size)
{
	const char *why;
	struct stat stat;
	uint8_t *content;
	size_t size, got = 0;
	ssize_t n;

	if (fstat(fd, &stat) != 0)
		return strerror(errno);
	if (!S_ISREG(stat.st_mode) || stat.st_nlink > 1)
		return "is no regular file of one name";
	if ((why = distrusted(&stat)) != NULL)
		return why;
	if (stat.st_size < HEAD_SIZE || (uint64_t)stat.st_size > cache->max)
		return "is too short or too long";
	size = (size_t)stat.st_size;
	content = malloc(size);
	if (content == NULL)
		return "no memory";
	while (got < size && (n = read(fd, content + got, size - got)) > 0)
		got += (size_t)n;
	if (got < size) {
		free(content);
		return "can't be read";
	}
	*ret_content = content;
	*ret_size = size;
	return NULL;
}

static const char *
content_check(struct slice content, const uint8_t key[32], struct slice *ret_bytes)
{
	struct cur c = cur_slice(content);
	const uint8_t *magic = cur_bytes(&c, 8), *of = cur_bytes(&c, 32);
	uint64_t size = 0;
	const uint8_t *said, *digits = cur_bytes(&c, 8);
	uint8_t digest[32];

	said = cur_bytes(&c, 32);
	if (c.bad || memcmp(magic, CACHE_MAGIC, 8) != 0)
		return "is no compiled database of ours";
	if (memcmp(of, key, 32) != 0)
		return "was compiled of something else";
	for (unsigned i = 8; i-- > 0;)
		size = size << 8 | digits[i];
	if (size != cur_left(&c))
		return "is cut";
	*ret_bytes = cur_rest(&c);
	sha256_of(*ret_bytes, digest);
	return memcmp(digest, said, 32) == 0 ? NULL : "is damaged";
}

enum cc_status
cache_get(struct cache *cache, const uint8_t key[32], uint8_t **ret_bytes, size_t *ret_size)
{
	struct slice bytes = slice_of(NULL, 0);
	char name[NAME_SIZE];
	const char *why;
	uint8_t *content = NULL;
	size_t size = 0;
	int fd;

	name_of(key, name);
	fd = openat(cache->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		if (errno != ENOENT)
			cache_bad(cache, key, strerror(errno));
		return CC_ABSENT;
	}
	why = content_read(fd, cache, &content, &size);
	if (why == NULL)
		why = content_check(slice_of(content, size), key, &bytes);
	if (why == NULL && cache->write)
		futimens(fd, NULL); /* used: not the next to go */
	close(fd);
	if (why != NULL) {
		free(content);
		cache_bad(cache, key, why);
		return CC_ABSENT;
	}
	memmove(content, bytes.p, bytes.size);
	*ret_bytes = content;
	*ret_size = bytes.size;
	return CC_OK;
}

/* ---- writing ---- */

static bool
write_all(int fd, struct slice bytes)
{
	while (bytes.size > 0) {
		ssize_t n = write(fd, bytes.p, bytes.size);

		if (n <= 0)
			return false;
		bytes = slice_of(bytes.p + n, bytes.size - (size_t)n);
	}
	return true;
}

static void
head_make(uint8_t head[HEAD_SIZE], const uint8_t key[32], struct slice bytes)
{
	memcpy(head, CACHE_MAGIC, 8);
	memcpy(head + 8, key, 32);
	for (unsigned i = 0; i < 8; i++)
		head[40 + i] = (uint8_t)((uint64_t)bytes.size >> 8 * i);
	sha256_of(bytes, head + 48);
}

/* Under another name first: what has its own name is whole. */
void
cache_put(struct cache *cache, const uint8_t key[32], struct slice bytes)
{
	char name[NAME_SIZE], fresh[NAME_SIZE + 32];
	uint8_t head[HEAD_SIZE];
	bool done;
	int fd;

	if (!cache->write || bytes.size + HEAD_SIZE > cache->max)
		return;
	name_of(key, name);
	snprintf(fresh, sizeof(fresh), NEW_PREFIX "%ld-%s", (long)getpid(), name);
	fd = openat(cache->dir, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	head_make(head, key, bytes);
	done = fd >= 0 && write_all(fd, slice_of(head, sizeof(head))) && write_all(fd, bytes);
	if (done && cache->has_group)
		done = fchown(fd, (uid_t)-1, cache->group) == 0 && fchmod(fd, 0640) == 0;
	if (fd >= 0 && close(fd) != 0)
		done = false;
	done = done && renameat(cache->dir, fresh, cache->dir, name) == 0;
	pthread_mutex_lock(&cache->lock);
	if (!done && cache->written != UINT32_MAX) {
		log_warning("detect.cache: %s: can't be written: %s", cache->path, strerror(errno));
		cache->written = UINT32_MAX; /* once is enough */
	} else if (done && cache->written != UINT32_MAX) {
		cache->written++;
	}
	pthread_mutex_unlock(&cache->lock);
	if (!done && fd >= 0)
		unlinkat(cache->dir, fresh, 0);
}

/* ---- what is too much ---- */

struct cached {
	char name[NAME_SIZE + 32];
	uint64_t size;
	struct timespec used;
};

static int
cached_compare(const void *a, const void *b)
{
	const struct cached *x = a, *y = b;

	if (x->used.tv_sec != y->used.tv_sec)
		return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
	if (x->used.tv_nsec != y->used.tv_nsec)
		return x->used.tv_nsec < y->used.tv_nsec ? -1 : 1;
	return strcmp(x->name, y->name);
}

static bool
is_ours(const char *name)
{
	size_t size = strlen(name);

	return size < sizeof(((struct cached *)0)->name) && (strncmp(name, NEW_PREFIX, strlen(NEW_PREFIX)) == 0 ||
								(size > 5 && strcmp(name + size - 5, ".hsdb") == 0));
}

/* All files of ours in the folder; those that a crash left half written go at once. */
static size_t
cached_list(const struct cache *cache, DIR *dir, struct cached **ret_list)
{
	const struct dirent *entry;
	struct cached *list = NULL;
	size_t count = 0, room = 0;

	while ((entry = readdir(dir)) != NULL) {
		struct stat stat;

		if (!is_ours(entry->d_name) || fstatat(cache->dir, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (strncmp(entry->d_name, NEW_PREFIX, strlen(NEW_PREFIX)) == 0) {
			if (time(NULL) - stat.st_mtime > NEW_AGE_S)
				unlinkat(cache->dir, entry->d_name, 0);
			continue;
		}
		if (count == room) {
			struct cached *p = realloc(list, (room = room == 0 ? 64 : room * 2) * sizeof(*p));

			if (p == NULL)
				break;
			list = p;
		}
		strcpy(list[count].name, entry->d_name);
		list[count].size = (uint64_t)stat.st_size;
		list[count++].used = stat.st_mtim;
	}
	*ret_list = list;
	return count;
}

static void
trim(const struct cache *cache)
{
	int fd = openat(cache->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct cached *list = NULL;
	uint64_t sum = 0;
	size_t count;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	count = cached_list(cache, dir, &list);
	closedir(dir);
	for (size_t i = 0; i < count; i++)
		sum += list[i].size;
	if (count > 0)
		qsort(list, count, sizeof(list[0]), cached_compare);
	for (size_t i = 0; i < count && sum > cache->max; i++) {
		if (unlinkat(cache->dir, list[i].name, 0) == 0)
			sum -= list[i].size;
	}
	free(list);
}

void
cache_close(struct cache *cache)
{
	if (cache == NULL)
		return;
	if (cache->written > 0)
		trim(cache);
	if (cache->dir >= 0)
		close(cache->dir);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}
