/* Rules are found by way, port and place of their pattern: the same ones as without any of that. */
#include "unit/detect/rig.h"

static uint64_t seed = 7;

static unsigned
pick(unsigned count)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(seed >> 33) % count;
}

#define RULES 200

static const char *const addresses[] = {"any", "10.0.0.0/8", "!10.0.0.0/8", "10.0.0.0/8", "!10.0.0.0/8",
    "192.168.0.0/16", "[10.1.0.0/16,192.168.1.0/24]", "!192.168.0.0/16", "2001:db8::/32", "10.1.1.1",
    "[0.0.0.0/0,!10.1.0.0/16]"};
static const char *const ports[] = {"any", "any", "53", "!53", "[53,80,443]", "1024:", ":1023", "[5000:5100,!5050]"};
static const char *const contents[] = {"content:\"needle\";", "content:\"needle\"; depth:6;",
    "content:\"needle\"; offset:3; depth:9;", "content:\"needle\"; nocase; dsize:<20;",
    "content:\"pin\"; startswith; content:\"needle\";", "content:\"n\"; dsize:>2;", "content:\"N\"; nocase;",
    "dsize:>1;"};
static const char *const payloads[] = {"needle", "xxxneedle", "pin and needle and a long way to go", "Needle",
    "nothing", "pin",
    "what is in here is longer than the others, and it has a needle in it, well behind its beginning"};

/* What contents[] say of payloads[]. */
static bool
text_holds(unsigned content, const char *text)
{
	const char *at = strstr(text, "needle");
	size_t size = strlen(text);

	switch (content) {
	case 0:
		return at != NULL;
	case 1:
		return at == text;
	case 2:
		return at == text + 3;
	case 3:
		return size < 20 && strcasestr(text, "needle") != NULL;
	case 4:
		return memcmp(text, "pin", 3) == 0 && at != NULL;
	case 5:
		return size > 2 && strchr(text, 'n') != NULL;
	case 6:
		return strpbrk(text, "nN") != NULL;
	default:
		return size > 1;
	}
}

static struct cc_addr
address(unsigned which)
{
	static const char *const text[] = {
	    "10.1.1.1", "10.2.3.4", "192.168.1.7", "192.168.9.9", "8.8.8.8", "2001:db8::1", "fe80::1", "10.1.9.9"};
	struct cc_addr addr = {{0}};

	CHECK(cc_addr_parse(text[which], &addr) == CC_OK);
	return addr;
}

static const struct rule *
rule_of(const struct ruleset *set, uint32_t sid)
{
	for (uint32_t i = 0; i < set->rule_count; i++) {
		if (set->rule[i].info.sid == sid)
			return &set->rule[i];
	}
	return NULL;
}

static bool
ends_hold(const struct rule *rule, const struct packet *pkt, bool back)
{
	return addr_set_has(rule->src, back ? &pkt->dst : &pkt->src) &&
	       addr_set_has(rule->dst, back ? &pkt->src : &pkt->dst) &&
	       port_set_has(rule->sport, back ? pkt->dport : pkt->sport) &&
	       port_set_has(rule->dport, back ? pkt->sport : pkt->dport);
}

TEST(ways_and_ports)
{
	static const uint16_t numbers[] = {53, 80, 443, 1023, 1024, 5050, 5099, 65535, 0};
	static const char *const settings[] = {"detect.alerts_max=255", NULL};
	unsigned content[RULES + 1], held = 0;
	const struct rule *rule[RULES + 1];
	struct rig rig;
	struct buf text;

	buf_open(&text, 1 << 20);
	for (unsigned sid = 1; sid <= RULES; sid++) {
		content[sid] = pick(8);
		buf_printf(&text, "alert udp %s %s %s %s %s (%s sid:%u;)\n", addresses[pick(11)], ports[pick(8)],
		    pick(8) == 0 ? "<>" : "->", addresses[pick(11)], ports[pick(8)], contents[content[sid]], sid);
	}
	buf_add_u8(&text, 0);
	rig_open_with(&rig, (const char *)text.p, settings);
	buf_close(&text);
	CHECK_UINT(rig.report.loaded, RULES);
	for (unsigned sid = 1; sid <= RULES; sid++)
		rule[sid] = rule_of(rig.set, sid);
	for (unsigned round = 0; round < 2000; round++) {
		enum cc_dir dir = (enum cc_dir)pick(2);
		const char *payload = payloads[pick(7)];

		detect_flow_free(rig.detect, &rig.flow);
		rig_flow(&rig);
		rig_clear(&rig);
		rig.flow.proto = 17;
		rig.flow.tcp = TCP_NONE;
		rig.flow.side[0].addr = address(pick(8));
		rig.flow.side[1].addr = address(pick(8));
		rig.flow.side[0].port = numbers[pick(9)];
		rig.flow.side[1].port = numbers[pick(9)];
		rig_packet(&rig, dir, payload, strlen(payload));
		for (unsigned sid = 1; sid <= RULES; sid++) {
			bool want = text_holds(content[sid], payload) &&
				    (ends_hold(rule[sid], &rig.pkt, false) ||
					(rule[sid]->both_ways && ends_hold(rule[sid], &rig.pkt, true)));

			held += want;
			if (rig_alerts(&rig, sid) != want)
				printf("%.*s: %u, should be %u, of \"%s\"\n", (int)rule[sid]->info.text.size,
				    rule[sid]->info.text.p, rig_alerts(&rig, sid), want, payload);
			CHECK_UINT(rig_alerts(&rig, sid), want);
		}
	}
	CHECK(held > 1000);
	rig_close(&rig);
}

/* Of a long content a part is looked for, which may be in another piece of the stream than the rest. */
TEST(long_contents)
{
	static const char head[] = "before ", tail[] = " behind";
	static const char hex[] = "|00 00 00 00 00 00 00 00|Telling Part|00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
				  "00 00 00 00 00 00 00 00 00|";
	uint8_t bytes[64];
	char rules[512];
	size_t size = sizeof(head) - 1;
	struct rig rig;

	memcpy(bytes, head, size);
	memset(bytes + size, 0, 8);
	memcpy(bytes + size + 8, "Telling Part", 12);
	memset(bytes + size + 20, 0, 24);
	size += 44;
	memcpy(bytes + size, tail, sizeof(tail) - 1);
	size += sizeof(tail) - 1;
	snprintf(rules, sizeof(rules),
	    "alert tcp any any -> any any (content:\"%s\"; sid:1;)\n"
	    "alert tcp any any -> any any (content:\"%s\"; content:\"behind\"; distance:1; sid:2;)\n",
	    hex, hex);
	rig_open(&rig, rules);
	CHECK_UINT(rig.report.loaded, 2);
	for (size_t a = 1; a < size; a++) {
		for (size_t b = a; b < size; b += 3) {
			detect_flow_free(rig.detect, &rig.flow);
			rig_flow(&rig);
			rig_clear(&rig);
			rig_stream(&rig, CC_TO_SERVER, (char *)bytes, a, false);
			if (b > a)
				rig_stream(&rig, CC_TO_SERVER, (char *)bytes + a, b - a, false);
			rig_stream(&rig, CC_TO_SERVER, (char *)bytes + b, size - b, false);
			CHECK_UINT(rig_alerts(&rig, 1), 1);
			CHECK_UINT(rig_alerts(&rig, 2), 1);
		}
	}
	rig_close(&rig);
}

/* One byte, as it is and in any case: two patterns, both are found. */
TEST(single_bytes)
{
	struct rig rig;

	rig_open(&rig, "alert tcp any any -> any any (content:\"k\"; sid:1;)\n"
		       "alert tcp any any -> any any (content:\"K\"; nocase; sid:2;)\n");
	rig_stream(&rig, CC_TO_SERVER, "k", 1, false);
	CHECK_UINT(rig_alerts(&rig, 1), 1);
	CHECK_UINT(rig_alerts(&rig, 2), 1);
	rig_stream(&rig, CC_TO_SERVER, "K", 1, false);
	CHECK_UINT(rig_alerts(&rig, 1), 1);
	CHECK_UINT(rig_alerts(&rig, 2), 2);
	rig_close(&rig);
}

/* Rules of addresses alone, thousands of them: each address finds those that name it, as a look through all of them
 * does. */
TEST(many_addresses)
{
	enum { NAMERS = 400, EACH = 50 };
	static struct { uint32_t low, high; } range[NAMERS][EACH];
	char *text = malloc(NAMERS * EACH * 40), *at = text;
	struct rig rig;
	unsigned hits = 0;

	for (unsigned r = 0; r < NAMERS; r++) {
		at += sprintf(at, "alert ip [");
		for (unsigned i = 0; i < EACH; i++) {
			unsigned bits;

			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			bits = i % 8 == 0 ? 12 + (unsigned)(seed >> 60) : 32;
			range[r][i].low = (uint32_t)(seed >> 24) & (bits == 32 ? 0xffffffff : ~(0xffffffffu >> bits));
			range[r][i].high = range[r][i].low | (bits == 32 ? 0 : 0xffffffffu >> bits);
			at += sprintf(at, "%s%u.%u.%u.%u/%u", i > 0 ? "," : "", range[r][i].low >> 24,
			    range[r][i].low >> 16 & 255, range[r][i].low >> 8 & 255, range[r][i].low & 255, bits);
		}
		at += sprintf(at, "] any -> any any (sid:%u;)\n", r + 1);
	}
	rig_open(&rig, text);
	CHECK_UINT(rig.report.loaded, NAMERS);
	CHECK(rig.set->ip_src.page != NULL);
	for (unsigned n = 0; n < 4000; n++) {
		const uint32_t *list;
		uint32_t v, count, should = 0;
		struct cc_addr addr;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		v = n % 2 == 0 ? range[n % NAMERS][n / 7 % EACH].low + (n % 3) - 1 : (uint32_t)(seed >> 30);
		addr =
		    cc_addr4((const uint8_t[4]){(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v});
		list = addr_lists_find(&rig.set->ip_src, &addr, &count);
		for (unsigned r = 0; r < NAMERS; r++) {
			bool in = false, told = false;

			for (unsigned i = 0; i < EACH; i++)
				in = in || (v >= range[r][i].low && v <= range[r][i].high);
			for (uint32_t k = 0; k < count; k++)
				told = told || rig.set->rule[list[k]].info.sid == r + 1;
			should += in;
			if (in != told)
				CHECK(in == told);
		}
		CHECK_UINT(count, should);
		hits += should > 0;
	}
	CHECK(hits > 1000);
	rig_close(&rig);
	free(text);
}

/* Many patterns in one database, and among the bytes the one that only keeps the compiler from its DFA (mpm.c). */
TEST(many_patterns)
{
	char payload[128];
	struct rig rig;
	struct buf text;

	buf_open(&text, 1 << 20);
	for (unsigned sid = 1; sid <= 400; sid++)
		buf_printf(&text, "alert udp any any -> any any (content:\"p%u-%u\"; %ssid:%u;)\n", sid * 7919, sid,
		    sid % 3 == 0 ? "nocase; " : "", sid);
	buf_add_u8(&text, 0);
	rig_open(&rig, (const char *)text.p);
	buf_close(&text);
	rig.flow.proto = 17;
	rig.flow.tcp = TCP_NONE;
	for (unsigned sid = 1; sid <= 400; sid++) {
		int size = snprintf(payload, sizeof(payload),
		    "\xf7\xe3\x9b\xc1\xf5\xd7\xfe\xd7 %c%u-%u \xf7\xe3\x9b\xc1\xf5\xd7\xfe\xd7",
		    sid % 3 == 0 ? 'P' : 'p', sid * 7919, sid);

		rig_clear(&rig);
		rig_packet(&rig, CC_TO_SERVER, payload, (size_t)size);
		CHECK_UINT(rig_alerts(&rig, sid), 1);
		CHECK(rig_alerts(&rig, sid % 400 + 1) == 0);
	}
	rig_close(&rig);
}

TESTS(T(many_patterns), T(many_addresses), T(ways_and_ports), T(long_contents), T(single_bytes))
