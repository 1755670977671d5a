/* The partners' list in shared memory: newest wins, half written is not taken; addresses of flows across the ring. */
#include "engine/seen.h"
#include "engine/shared.h"

#include "unit/test.h"

TEST(newest_list)
{
	struct conf *conf = conf_new();
	struct shared *shared;
	uint64_t version = 0;
	char *why = NULL;
	struct buf out;

	CHECK(conf_set(conf, "partners.list=64k", &why) == CC_OK);
	shared = shared_new(conf, 1, true);
	buf_open(&out, 65536);
	CHECK(!shared_list_take(shared, &version, &out));
	shared_list_put(shared, slice_str("one"));
	shared_list_put(shared, slice_str("two"));
	CHECK(shared_list_take(shared, &version, &out) && slice_is(buf_slice(&out), "two"));
	CHECK(!shared_list_take(shared, &version, &out));
	shared_list_put(shared, slice_of(NULL, 0));
	CHECK(shared_list_take(shared, &version, &out) && out.size == 0);
	/* A courier that died while it wrote: not taken; the next one mends it. */
	shared_list_put(shared, slice_str("three"));
	shared->list[shared->list_version % 2].turn |= 1;
	CHECK(!shared_list_take(shared, &version, &out));
	shared_list_put(shared, slice_str("four"));
	shared_list_put(shared, slice_str("five"));
	CHECK(shared_list_take(shared, &version, &out) && slice_is(buf_slice(&out), "five"));
	/* A size that is not so. */
	shared->list[shared->list_version % 2].size = UINT64_MAX;
	shared->list_version++;
	shared->list[shared->list_version % 2].size = 1u << 20;
	CHECK(!shared_list_take(shared, &version, &out));
	buf_close(&out);
	shared_free(shared);
	conf_free(conf);
}

static struct flow
flow_of(const char *client, const char *server, uint64_t first)
{
	struct flow flow = {.first = first, .last = first + 5, .proto = 6, .established = true};

	CHECK(cc_addr_parse(client, &flow.side[0].addr) == CC_OK && cc_addr_parse(server, &flow.side[1].addr) == CC_OK);
	flow.side[0].packets = flow.side[1].packets = 1;
	return flow;
}

TEST(addresses)
{
	const uint64_t hour = 3600 * NS_PER_S;
	struct conf *conf = conf_new();
	struct seen *seen = NULL;
	struct seen_item item;
	char *why = NULL, text[CC_ADDR_TEXT];
	uint8_t memory[65536 * 2];
	unsigned count = 0;
	struct buf out;
	struct cur c;
	struct flow flow;

	CHECK(conf_set(conf, "indicate.home=[10.0.0.0/8]", &why) == CC_OK);
	CHECK(seen_new(conf, &seen, &why) == CC_OK);
	flow = flow_of("10.0.0.1", "198.51.100.7", hour);
	CHECK(seen_flow(seen, &flow) && seen_flow(seen, &flow));
	flow = flow_of("10.0.0.1", "198.51.100.7", 2 * hour); /* another hour */
	CHECK(seen_flow(seen, &flow));
	flow = flow_of("10.0.0.1", "224.0.0.251", hour);
	CHECK(seen_flow(seen, &flow));
	buf_over(&out, memory, sizeof(memory));
	seen_write(seen, &out);
	CHECK_UINT(out.size, seen_size(seen));
	c = cur_slice(buf_slice(&out));
	CHECK(seen_next(&c, &item) == CC_OK);
	CHECK_TEXT(cc_addr_text(&item.addr, text), "198.51.100.7");
	CHECK_UINT(item.count, 2);
	CHECK_UINT(item.proof, CC_PROOF_DIALOGUE);
	CHECK(seen_next(&c, &item) == CC_OK);
	CHECK_UINT(item.first, 2 * hour);
	CHECK(seen_next(&c, &item) == CC_END);
	for (size_t size = 1; size < out.size; size++) {
		c = cur_of(memory, size);
		while (seen_next(&c, &item) == CC_OK)
			;
		CHECK(size % 37 == 0 || seen_next(&c, &item) == CC_BAD);
	}
	/* Forged ones are left out beyond a number; real ones ask for the table to be written. */
	seen_clear(seen, hour);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(text, sizeof(text), "20.0.%u.%u", i / 256, i % 256);
		flow = flow_of("10.0.0.1", text, hour);
		flow.established = false;
		CHECK(seen_flow(seen, &flow));
	}
	CHECK_UINT(seen_size(seen), 512 * 37);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(text, sizeof(text), "30.0.%u.%u", i / 256, i % 256);
		flow = flow_of("10.0.0.1", text, hour);
		count += seen_flow(seen, &flow);
	}
	CHECK(count > 1500 && count < 1600);
	seen_free(seen);
	conf_free(conf);
}

TESTS(T(newest_list), T(addresses))
