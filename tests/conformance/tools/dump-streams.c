/*
 * dump-streams [--set KEY=VALUE]... [-x] CAPTURE...
 *
 * Runs captures through capture, decode and flow alone and prints a line for each flow:
 *     proto client port server port community-id pkts bytes pkts bytes first-is-client length sha256 gaps length sha256
 * gaps events columns apart by tabs; length and hash of each side's stream as it was handed on, to the server first;
 * "-" where the flow has no streams.  With -x the bytes follow, escaped, in two more columns (up to 4096).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "capture/capture.h"
#include "decode/decode.h"
#include "flow/flow.h"

#define TEXT_MAX 4096

struct side {
	struct digest digest;
	uint64_t size;
	size_t text_size;
	uint8_t text[TEXT_MAX];
};

struct dump {
	struct conf *conf;
	struct pool *pool;
	struct capture *capture;
	struct decode *decode;
	struct flows *flows;
	struct packet pkt;
	bool text;
	uint64_t packets;
};

static void
take_chunks(struct dump *d, struct flow *flow, const struct packet *pkt)
{
	struct chunk chunk;

	while (flow_next_chunk(d->flows, flow, pkt, &chunk) == CC_OK) {
		struct side *sides = flow->app;
		struct side *side;

		if (!chunk.datagram && chunk.fresh > 0 && sides == NULL) {
			flow->app = sides = calloc(2, sizeof(*sides));
			if (sides == NULL)
				exit(1);
			digest_open(&sides[0].digest, DIGEST_SHA256);
			digest_open(&sides[1].digest, DIGEST_SHA256);
		}
		chunk.used = chunk.size;
		if (chunk.datagram || chunk.fresh == 0)
			continue;
		side = &sides[chunk.dir];
		digest_add(&side->digest, slice_of(chunk.p + chunk.size - chunk.fresh, chunk.fresh));
		side->size += chunk.fresh;
		for (size_t i = chunk.size - chunk.fresh; i < chunk.size && side->text_size < TEXT_MAX; i++)
			side->text[side->text_size++] = chunk.p[i];
	}
}

static void
print_side(const struct flow *flow, enum cc_dir dir)
{
	struct side *sides = flow->app;
	uint8_t sha256[32];
	char text[65];

	if (sides == NULL || sides[dir].size == 0) {
		printf("\t0\t-\t%" PRIu64, flow->side[dir].gap_bytes);
		return;
	}
	digest_close(&sides[dir].digest, NULL, NULL, sha256);
	printf("\t%" PRIu64 "\t%s\t%" PRIu64, sides[dir].size, hex_text(slice_of(sha256, 32), text),
	    flow->side[dir].gap_bytes);
}

static void
print_text(const struct flow *flow, enum cc_dir dir)
{
	const struct side *sides = flow->app;

	putchar('\t');
	for (size_t i = 0; sides != NULL && i < sides[dir].text_size; i++) {
		uint8_t c = sides[dir].text[i];

		if (c > ' ' && c < 127 && c != '\\')
			putchar(c);
		else
			printf("\\x%02x", c);
	}
}

static void
print_flow(struct dump *d, const struct flow *flow)
{
	char client[CC_ADDR_TEXT], server[CC_ADDR_TEXT], id[32];
	const struct flow_side *a = &flow->side[CC_TO_SERVER], *b = &flow->side[CC_TO_CLIENT];
	bool any = false;

	printf("%u\t%s\t%u\t%s\t%u\t%s", flow->proto, cc_addr_text(&a->addr, client), a->port,
	    cc_addr_text(&b->addr, server), b->port, flow_community_id(d->flows, flow, id));
	printf("\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%d", a->packets, a->bytes, b->packets, b->bytes,
	    !flow->reversed);
	print_side(flow, CC_TO_SERVER);
	print_side(flow, CC_TO_CLIENT);
	putchar('\t');
	for (unsigned i = 0; i < FLOW_EVENT_COUNT; i++) {
		if (flow->events[i / 64] >> (i % 64) & 1) {
			printf("%s%s", any ? "," : "", flow_event_name[i]);
			any = true;
		}
	}
	if (d->text) {
		print_text(flow, CC_TO_SERVER);
		print_text(flow, CC_TO_CLIENT);
	}
	putchar('\n');
}

static void
end_flows(struct dump *d)
{
	struct flow *flow;

	while ((flow = flow_next_ended(d->flows)) != NULL) {
		take_chunks(d, flow, NULL);
		print_flow(d, flow);
		free(flow->app);
		flow->app = NULL;
		flow_free(d->flows, flow);
	}
}

static void
on_frame(void *ctx, const struct frame *frame)
{
	struct dump *d = ctx;
	struct flow *flow;
	enum cc_dir dir;

	if (decode_frame(d->decode, frame, &d->pkt) != CC_OK)
		return;
	flow = flow_track(d->flows, &d->pkt, &dir);
	take_chunks(d, flow, &d->pkt);
	if (++d->packets % 64 == 0)
		flow_tick(d->flows, frame->time);
	end_flows(d);
}

static bool
set(struct dump *d, const char *assignment)
{
	char *why = NULL;
	bool ok = conf_set(d->conf, assignment, &why) == CC_OK;

	if (!ok)
		fprintf(stderr, "dump-streams: %s\n", why);
	free(why);
	return ok;
}

int
main(int argc, char **argv)
{
	static struct dump d;
	char *why = NULL;
	int i = 1;

	log_open("dump-streams", LOG_LEVEL_ERROR);
	d.conf = conf_new();
	for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
		if (strcmp(argv[i], "-x") == 0)
			d.text = true;
		else if (strcmp(argv[i], "--set") != 0 || ++i >= argc || !set(&d, argv[i]))
			return 2;
	}
	if (i >= argc)
		return 2;
	d.pool = pool_new(1u << 30);
	d.decode = decode_new(d.conf);
	d.flows = flows_new(d.conf, d.pool, 1);
	if (d.pool == NULL || d.decode == NULL || d.flows == NULL)
		return 1;
	if (capture_open_files(d.conf, argv + i, (size_t)(argc - i), &d.capture, &why) != CC_OK) {
		fprintf(stderr, "dump-streams: %s\n", why);
		return 1;
	}
	while (capture_dispatch(d.capture, 256, on_frame, &d) == CC_OK)
		;
	flow_end_all(d.flows);
	end_flows(&d);
	capture_close(d.capture);
	flows_free(d.flows);
	decode_free(d.decode);
	pool_free(d.pool);
	conf_free(d.conf);
	return 0;
}
