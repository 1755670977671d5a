/*
 * What live and file captures have in common: interfaces, counters, the end.
 */
#include "capture/inside.h"

#include <stdlib.h>

const char *const capture_count_name[CAPTURE_COUNT] = {
#define COUNT(symbol, name, help) name,
#include "capture/counters.def"
#undef COUNT
};

struct interface *
capture_add_interface(struct capture *capture, const char *name, size_t name_size)
{
	uint32_t index = capture->interface_count;
	struct interface *interface;

	if (index >= INTERFACES_MAX)
		return NULL;
	if (capture->interface[index / INTERFACES_CHUNK] == NULL) {
		capture->interface[index / INTERFACES_CHUNK] = calloc(INTERFACES_CHUNK, sizeof(struct interface));
		if (capture->interface[index / INTERFACES_CHUNK] == NULL)
			return NULL;
	}
	interface = capture_interface_at(capture, index);
	interface->name = strndup(name, name_size);
	if (interface->name == NULL)
		return NULL;
	capture->interface_count++;
	return interface;
}

void
capture_close(struct capture *capture)
{
	if (capture == NULL)
		return;
	capture_live_close(capture->live);
	capture_stream_free(&capture->stream);
	capture_filter_free(capture->filter);
	capture_same_free(capture->same);
	for (size_t i = 0; i < capture->path_count; i++)
		free(capture->path[i]);
	free(capture->path);
	for (uint32_t i = 0; i < capture->interface_count; i++)
		free(capture_interface_at(capture, i)->name);
	for (size_t i = 0; i < INTERFACES_MAX / INTERFACES_CHUNK; i++)
		free(capture->interface[i]);
	free(capture->why);
	free(capture);
}

void
capture_break(struct capture *capture)
{
	atomic_store(&capture->stop, true);
	if (capture->live != NULL)
		capture_live_break(capture->live);
}

void
capture_no_wait(struct capture *capture)
{
	capture->no_wait = true;
}

static bool
has_interface(const struct capture *capture, uint32_t index)
{
	return index < INTERFACES_MAX && capture->interface[index / INTERFACES_CHUNK] != NULL &&
	    capture_interface_at(capture, index)->name != NULL;
}

const char *
capture_interface(const struct capture *capture, uint32_t index)
{
	return has_interface(capture, index) ? capture_interface_at(capture, index)->name : "?";
}

uint32_t
capture_snaplen(const struct capture *capture, uint32_t index)
{
	return has_interface(capture, index) ? capture_interface_at(capture, index)->snaplen : 0;
}

void
capture_progress(const struct capture *capture, uint64_t *ret_read, uint64_t *ret_total)
{
	*ret_read = __atomic_load_n(&capture->before, __ATOMIC_RELAXED) +
		    __atomic_load_n(&capture->stream.raw, __ATOMIC_RELAXED);
	*ret_total = capture->total;
}

unsigned
capture_trouble(const struct capture *capture)
{
	return capture->trouble;
}

void
capture_counts(struct capture *capture, uint64_t ret_counts[CAPTURE_COUNT])
{
	if (capture->live != NULL)
		capture_live_counts(capture);
	for (size_t i = 0; i < CAPTURE_COUNT; i++)
		ret_counts[i] = count_get(&capture->counts[i]);
}

int
capture_fd(const struct capture *capture)
{
	return capture->live != NULL ? capture_live_fd(capture->live) : -1;
}
