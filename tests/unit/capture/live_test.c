/* Live frames from the loopback interface; needs the right to open a packet socket. */
#include "../test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "capture/capture.h"

#define PORT 47891

static struct conf
conf_for_tests(void)
{
	struct conf conf;

	memset(&conf, 0, sizeof(conf));
	conf.capture_snaplen = 262144;
	conf.capture_ring = 2 << 20;
	conf.capture_poll = 50000000;
	conf.capture_filter = (char *)"udp dst port 47891";
	conf.capture_record_max = 1 << 20;
	return conf;
}

static void
send_some(unsigned count)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	for (unsigned i = 0; i < count; i++) {
		int fd = socket(AF_INET, SOCK_DGRAM, 0); /* another port each time: other flows */

		sendto(fd, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to));
		close(fd);
	}
}

struct seen {
	unsigned count;
	struct frame last;
	bool hello;
};

static void
on_frame(void *ctx, const struct frame *frame)
{
	struct seen *seen = ctx;

	seen->count++;
	seen->last = *frame;
	seen->hello = frame->size >= 5 && memcmp(frame->p + frame->size - 5, "hello", 5) == 0;
}

static unsigned
drain(struct capture *capture, struct seen *seen)
{
	unsigned empty = 0;
	enum cc_status st;

	while (empty < 6) {
		st = capture_dispatch(capture, 16, on_frame, seen);
		if (st != CC_OK && st != CC_MORE)
			break;
		empty += st == CC_MORE;
	}
	return seen->count;
}

TEST(loopback)
{
	struct conf conf = conf_for_tests();
	uint64_t counts[CAPTURE_COUNT], now = (uint64_t)time(NULL) * 1000000000ull;
	struct capture *capture;
	struct seen seen = {0};
	char *why = NULL;

	if (capture_open_live(&conf, "lo", 0, 1, &capture, &why) != CC_OK) {
		free(why);
		SKIP("no packet socket on lo");
	}
	send_some(20);
	CHECK(drain(capture, &seen) >= 20); /* libpcap shows loopback frames once, the kernel may both ways */
	CHECK(seen.hello);
	CHECK(seen.last.time > now - 5000000000ull && seen.last.time < now + 60000000000ull);
	CHECK_UINT(seen.last.linktype, 1);
	CHECK_TEXT(capture_interface(capture, seen.last.interface), "lo");
	CHECK(capture_fd(capture) >= 0);
	capture_counts(capture, counts);
	CHECK_UINT(counts[CAPTURE_PACKETS], seen.count);
	CHECK_UINT(counts[CAPTURE_KERNEL_DROPS], 0);
	capture_close(capture);
}

/* Two workers share: together they see each frame once, as one worker would. */
TEST(fanout)
{
	struct conf conf = conf_for_tests();
	struct capture *capture[2];
	struct seen seen[2] = {{0}, {0}};
	char *why = NULL;

	for (unsigned i = 0; i < 2; i++)
		if (capture_open_live(&conf, "lo", i, 2, &capture[i], &why) != CC_OK) {
			free(why);
			if (i == 1)
				capture_close(capture[0]);
			SKIP("no packet socket on lo");
		}
	send_some(64);
	CHECK_UINT(drain(capture[0], &seen[0]) + drain(capture[1], &seen[1]), 64);
	CHECK(seen[0].count > 0);
	CHECK(seen[1].count > 0);
	capture_close(capture[0]);
	capture_close(capture[1]);
}

static void *
break_soon(void *capture)
{
	usleep(50000);
	capture_break(capture);
	return NULL;
}

TEST(break_wakes)
{
	struct conf conf = conf_for_tests();
	struct capture *capture;
	struct seen seen = {0};
	struct timespec start, end;
	pthread_t thread;
	char *why = NULL;

	conf.capture_poll = 10000000000ull;
	if (capture_open_live(&conf, "lo", 0, 1, &capture, &why) != CC_OK) {
		free(why);
		SKIP("no packet socket on lo");
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	pthread_create(&thread, NULL, break_soon, capture);
	CHECK(capture_dispatch(capture, 16, on_frame, &seen) == CC_MORE);
	clock_gettime(CLOCK_MONOTONIC, &end);
	CHECK(end.tv_sec - start.tv_sec < 5);
	pthread_join(thread, NULL);
	capture_close(capture);
}

TEST(no_such_interface)
{
	struct conf conf = conf_for_tests();
	struct capture *capture;
	char *why = NULL;

	CHECK(capture_open_live(&conf, "nosuch0", 0, 1, &capture, &why) == CC_IO);
	CHECK(why != NULL && strstr(why, "nosuch0") != NULL);
	free(why);
}

TESTS(T(loopback), T(fanout), T(break_wakes), T(no_such_interface))
