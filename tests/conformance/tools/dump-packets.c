/*
 * Developer's tool: prints what decode makes of each frame of the captures, one line each, tab-separated:
 * frame number, ok or bad, layers, protocol, source, port, destination, port, tunnel id, VLANs, bytes on the wire,
 * marks (F fragment, R reassembled, T transport), IP payload sizes, SHA-256 of a reassembled payload, time, events.
 *
 * dump-packets [-s] [-t] [--set KEY=VALUE]... CAPTURE...   -s: only counters; -t: only times per frame
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/base.h"
#include "capture/capture.h"
#include "conf/conf.h"
#include "decode/decode.h"

struct dump {
	struct decode *decode;
	bool silent;
	uint64_t frames, payload;
};

static void
print_layers(const struct packet *pkt)
{
	for (unsigned i = 0; i < pkt->layer_count; i++)
		printf("%s%s", i > 0 ? ":" : "", layer_text(pkt->layer[i]));
}

static void
print_events(const struct packet *pkt)
{
	const char *sep = "";

	for (unsigned i = 0; i < DECODE_EVENT_COUNT; i++)
		if (pkt->events[i / 64] >> (i % 64) & 1) {
			printf("%s%s", sep, decode_event_name[i]);
			sep = ",";
		}
}

static void
print_packet(const struct frame *frame, const struct packet *pkt, enum cc_status st)
{
	char src[CC_ADDR_TEXT] = "-", dst[CC_ADDR_TEXT] = "-", sha[65] = "-";
	uint8_t digest[32];

	if (pkt->ip_count > 0) {
		cc_addr_text(&pkt->ip[pkt->ip_count - 1].src, src);
		cc_addr_text(&pkt->ip[pkt->ip_count - 1].dst, dst);
	}
	printf("%" PRIu64 "\t%s\t", frame->seq, st == CC_OK ? "ok" : "bad");
	print_layers(pkt);
	printf("\t%u\t%s\t%u\t%s\t%u\t%u\t", pkt->proto, src, pkt->sport, dst, pkt->dport, pkt->tunnel);
	for (unsigned i = 0; i < pkt->vlan_count; i++)
		printf("%s%u", i > 0 ? "," : "", pkt->vlan[i]);
	if (pkt->reassembled && st == CC_OK) {
		sha256_of(pkt->payload, digest);
		hex_text(slice_of(digest, 32), sha);
	}
	printf("\t%u\t%s%s%s\t", frame->wire_size, pkt->is_fragment ? "F" : "", pkt->reassembled ? "R" : "",
	    pkt->has_transport ? "T" : "");
	for (unsigned i = 0; i < pkt->ip_count; i++)
		printf("%s%zu", i > 0 ? "," : "", pkt->ip[i].payload.size);
	printf("\t%s\t%" PRIu64 "\t", sha, frame->time);
	print_events(pkt);
	printf("\n");
}

static void
on_frame(void *ctx, const struct frame *frame)
{
	struct dump *dump = ctx;
	struct packet pkt;
	enum cc_status st = decode_frame(dump->decode, frame, &pkt);

	dump->frames++;
	dump->payload += pkt.payload.size;
	if (!dump->silent)
		print_packet(frame, &pkt, st);
}

static void
print_counts(const struct dump *dump)
{
	const uint64_t *counts = decode_counts(dump->decode);

	for (unsigned i = 0; i < DECODE_COUNT; i++)
		if (counts[i] > 0)
			fprintf(stderr, "%-40s %" PRIu64 "\n", decode_count_name[i], counts[i]);
}

int
main(int argc, char **argv)
{
	struct conf *conf = conf_new();
	struct dump dump = {0};
	struct capture *capture;
	char *why = NULL;
	uint64_t start;
	int at = 1;
	bool timing = false;
	enum cc_status st;

	if (conf == NULL)
		return 1;
	for (; at < argc && argv[at][0] == '-' && argv[at][1] != '\0'; at++) {
		if (strcmp(argv[at], "-s") == 0)
			dump.silent = true;
		else if (strcmp(argv[at], "-t") == 0)
			timing = dump.silent = true;
		else if (strcmp(argv[at], "--set") == 0 && at + 1 < argc && conf_set(conf, argv[at + 1], &why) == CC_OK)
			at++;
		else {
			fprintf(stderr, "%s: %s\n", argv[at], why != NULL ? why : "unknown option");
			return 2;
		}
	}
	dump.decode = decode_new(conf);
	if (dump.decode == NULL || capture_open_files(conf, argv + at, (size_t)(argc - at), &capture, &why) != CC_OK) {
		fprintf(stderr, "%s\n", why != NULL ? why : "no memory");
		free(why);
		decode_free(dump.decode);
		conf_free(conf);
		return 1;
	}
	start = time_monotonic();
	while ((st = capture_dispatch(capture, 1024, on_frame, &dump)) != CC_END && st != CC_IO)
		;
	if (timing && dump.frames > 0)
		fprintf(stderr, "%" PRIu64 " frames, %.1f ns each\n", dump.frames,
		    (double)(time_monotonic() - start) / (double)dump.frames);
	else if (dump.silent)
		print_counts(&dump);
	capture_close(capture);
	decode_free(dump.decode);
	conf_free(conf);
	return 0;
}
