/*
 * The control socket: status, stats, reload, drain.  A Unix socket of mode 0600, served by the keeper between two
 * rounds of its loop; a client that says nothing within a moment is hung up on.
 */
#include "engine/control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/engine.h"

#define WORD_MAX 64
#define PATIENCE_MS 200

struct control {
	int fd;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

static bool
address(const char *path, struct sockaddr_un *ret_address)
{
	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(ret_address->sun_path))
		return false;
	memcpy(ret_address->sun_path, path, strlen(path) + 1);
	return true;
}

/* The folder in /run is ours to make; a socket that nobody answers is a leftover, anything else is not ours to remove.
 */
static bool
clear_path(const char *path, const struct sockaddr_un *where)
{
	char folder[sizeof(where->sun_path)];
	struct stat file;
	char *slash;
	int fd;
	bool alive;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash != NULL && slash != folder) {
		*slash = '\0';
		mkdir(folder, 0755);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	alive = fd >= 0 && connect(fd, (const struct sockaddr *)where, sizeof(*where)) == 0;
	if (fd >= 0)
		close(fd);
	if (!alive && lstat(path, &file) == 0 && S_ISSOCK(file.st_mode))
		unlink(path);
	return !alive;
}

struct control *
control_open(const char *path)
{
	struct control *control = calloc(1, sizeof(*control));
	struct sockaddr_un where;
	mode_t mask;

	if (control == NULL)
		return NULL;
	control->fd = -1;
	if (!address(path, &where) || !clear_path(path, &where)) {
		log_error("%s: another daemon answers there, or the path is too long", path);
		free(control);
		return NULL;
	}
	snprintf(control->path, sizeof(control->path), "%s", path);
	control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0177);
	if (control->fd < 0 || bind(control->fd, (struct sockaddr *)&where, sizeof(where)) != 0 ||
	    listen(control->fd, 8) != 0) {
		log_error("%s: %s", path, strerror(errno));
		control->path[0] = '\0';
		control_close(control);
		control = NULL;
	}
	umask(mask);
	return control;
}

int
control_fd(const struct control *control)
{
	return control != NULL ? control->fd : -1;
}

static void
say_status(const struct shared *shared, struct buf *out)
{
	uint64_t counts[COUNTS_ALL];
	char text[32];

	shared_counts(shared, counts);
	buf_printf(out, "up       %llu s, %u workers\n",
	    (unsigned long long)((time_now() - shared->started) / NS_PER_S), shared->workers);
	buf_printf(out, "inspect  %s, started again %llu times, reloads %llu\n",
	    shared->inspect_ready != 0 ? "ready" : "starting", (unsigned long long)shared->inspect_starts,
	    (unsigned long long)shared->reloads);
	buf_printf(out, "courier  %s, started again %llu times; %s\n",
	    shared->courier_ready != 0 ? "ready" : "starting", (unsigned long long)shared->courier_starts,
	    shared->courier_state);
	buf_printf(out, "rules    %llu loaded, %llu refused; YARA %llu\n", (unsigned long long)shared->rules_loaded,
	    (unsigned long long)shared->rules_refused, (unsigned long long)shared->yara_loaded);
	buf_printf(out, "packets  %s", thousands_text(counts[AT_CAPTURE + CAPTURE_PACKETS], text));
	buf_printf(out, ", dropped by the kernel %s", thousands_text(counts[AT_CAPTURE + CAPTURE_KERNEL_DROPS], text));
	buf_printf(out, ", by the interface %s\n", thousands_text(counts[AT_CAPTURE + CAPTURE_INTERFACE_DROPS], text));
	buf_printf(out, "alerts   %s\n", thousands_text(shared->alerts, text));
	buf_printf(out, "messages waiting in the spool: %s\n", thousands_text(shared->waiting, text));
}

static void
say_stats(const struct shared *shared, struct buf *out)
{
	uint64_t counts[COUNTS_ALL];

	shared_counts(shared, counts);
	for (unsigned i = 0; i < COUNTS_ALL; i++)
		buf_printf(out, "%s %llu\n", counts_name(i), (unsigned long long)counts[i]);
}

static void
answer(struct keeper *k, const char *word, struct buf *out)
{
	if (strcmp(word, "status") == 0) {
		say_status(keeper_shared(k), out);
	} else if (strcmp(word, "stats") == 0) {
		say_stats(keeper_shared(k), out);
	} else if (strcmp(word, "profile") == 0) {
		shared_profile(keeper_shared(k), COSTS_MAX, out);
	} else if (strcmp(word, "reload") == 0) {
		keeper_reload(k);
		buf_add_text(out, "reloading; 'concert ctl status' tells when it is done\n");
	} else if (strcmp(word, "drain") == 0) {
		keeper_drain(k);
		buf_add_text(out, "no more packets are taken; what was found is being delivered\n");
	} else {
		buf_printf(out, "error: no such word: '%s' (status, stats, profile, reload, drain)\n", word);
	}
}

static void
serve_one(int fd, struct keeper *k)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	char word[WORD_MAX];
	struct buf out;
	ssize_t size;

	if (poll(&wait, 1, PATIENCE_MS) <= 0 || (size = read(fd, word, sizeof(word) - 1)) <= 0)
		return;
	word[size] = '\0';
	word[strcspn(word, "\r\n")] = '\0';
	buf_open(&out, 1u << 20);
	answer(k, word, &out);
	if (send(fd, out.p, out.size, MSG_NOSIGNAL) < 0)
		log_warning("concert ctl hung up before its answer");
	buf_close(&out);
}

void
control_serve(struct control *control, struct keeper *k)
{
	int fd;

	while ((fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct timeval patience = {.tv_usec = PATIENCE_MS * 1000};

		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
		serve_one(fd, k);
		close(fd);
	}
}

void
control_forget(struct control *control)
{
	if (control != NULL && control->fd >= 0)
		close(control->fd);
}

void
control_close(struct control *control)
{
	if (control == NULL)
		return;
	control_forget(control);
	if (control->path[0] != '\0')
		unlink(control->path);
	free(control);
}

int
engine_ctl(const struct conf *conf, const char *word)
{
	struct sockaddr_un where;
	char text[4096];
	ssize_t size;
	bool failed = false;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || !address(conf->engine_control, &where) ||
	    connect(fd, (struct sockaddr *)&where, sizeof(where)) != 0) {
		fprintf(stderr, "concert ctl: no daemon answers at %s: %s\n", conf->engine_control, strerror(errno));
		if (fd >= 0)
			close(fd);
		return EXIT_FAILED;
	}
	if (send(fd, word, strlen(word), MSG_NOSIGNAL) < 0)
		failed = true;
	shutdown(fd, SHUT_WR);
	for (bool first = true; (size = read(fd, text, sizeof(text))) > 0; first = false) {
		failed = failed || (first && size > 6 && memcmp(text, "error:", 6) == 0);
		fwrite(text, 1, (size_t)size, stdout);
	}
	close(fd);
	return failed || size < 0 ? EXIT_FAILED : EXIT_DONE;
}
