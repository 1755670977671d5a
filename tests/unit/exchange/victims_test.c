/* Pseudonyms, networks and the look for our addresses in texts. */
#include "exchange/victims.h"

#include <sys/stat.h>
#include <unistd.h>

#include "unit/base/rand.h"
#include "unit/test.h"

/* The key and the pairs that the authors of Crypto-PAn publish with their sample programs. */
static const uint8_t sample_key[32] = {21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16, 216, 152,
    143, 131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2};

static struct cc_addr
addr_of(const char *text)
{
	struct cc_addr addr = {{0}};

	CHECK(cc_addr_parse(text, &addr) == CC_OK);
	return addr;
}

TEST(published_pairs)
{
	static const char *const pair[][2] = {
	    {"128.11.68.132", "135.242.180.132"},
	    {"129.118.74.4", "134.136.186.123"},
	    {"130.132.252.244", "133.68.164.234"},
	    {"141.223.7.43", "141.167.8.160"},
	    {"141.233.145.108", "141.129.237.235"},
	};
	struct pan *pan = pan_new(sample_key);
	char text[CC_ADDR_TEXT];

	for (size_t i = 0; i < sizeof(pair) / sizeof(pair[0]); i++) {
		struct cc_addr addr = addr_of(pair[i][0]), hidden = pan_hide(pan, &addr),
			       shown = pan_show(pan, &hidden);

		CHECK_TEXT(cc_addr_text(&hidden, text), pair[i][1]);
		CHECK_TEXT(cc_addr_text(&shown, text), pair[i][0]);
	}
	pan_free(pan);
}

static unsigned
shared_bits(const struct cc_addr *a, const struct cc_addr *b)
{
	unsigned n = 0;

	while (n < 128 && ((a->b[n / 8] ^ b->b[n / 8]) >> (7 - n % 8) & 1) == 0)
		n++;
	return n;
}

TEST(prefixes_are_kept)
{
	struct pan *pan = pan_new(sample_key);
	uint64_t state = 3;

	for (unsigned n = 0; n < 300; n++) {
		struct cc_addr a, b, ha, hb, back;
		unsigned bits = (unsigned)rand_below(&state, 128);

		for (unsigned i = 0; i < 16; i++)
			a.b[i] = (uint8_t)rand_next(&state);
		b = a;
		b.b[bits / 8] ^= (uint8_t)(0x80 >> bits % 8);
		ha = pan_hide(pan, &a);
		hb = pan_hide(pan, &b);
		back = pan_show(pan, &ha);
		CHECK_UINT(shared_bits(&ha, &hb), bits);
		CHECK(cc_addr_cmp(&back, &a) == 0);
	}
	pan_free(pan);
}

static char dir[64];

static struct conf *
conf_here(const char *list)
{
	struct conf *conf = conf_new();
	char text[128], *why = NULL;

	CHECK(conf_set(conf, "vars.address.HOME_NET=[10.0.0.0/8,2001:db8:1::/48]", &why) == CC_OK);
	if (list != NULL) {
		FILE *file;

		snprintf(text, sizeof(text), "%s/networks", dir);
		file = fopen(text, "w");
		fputs(list, file);
		fclose(file);
		snprintf(text, sizeof(text), "victims.networks=%s/networks", dir);
		CHECK(conf_set(conf, text, &why) == CC_OK);
	}
	return conf;
}

static void
begin(void)
{
	snprintf(dir, sizeof(dir), "/tmp/victims_test.XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
}

static void
end(struct victims *victims, struct conf *conf)
{
	char command[100];

	victims_close(victims);
	conf_free(conf);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK(system(command) == 0);
}

TEST(a_pseudonym_and_back)
{
	struct conf *conf;
	struct victims *victims = NULL;
	struct cc_addr addr = addr_of("10.20.30.40"), six = addr_of("2001:db8:1::7"), back;
	char one[VICTIM_TEXT], again[VICTIM_TEXT], later[VICTIM_TEXT], path[128];
	const uint64_t month = 30ull * 86400 * NS_PER_S;
	const char *why;
	char *trouble = NULL;

	begin();
	conf = conf_here(NULL);
	CHECK(victims_open(conf, dir, &victims, &trouble) == CC_OK);
	victims_pseudonym(victims, &addr, 700 * month, one);
	victims_pseudonym(victims, &addr, 701 * month, later);
	CHECK(strncmp(one, "pan4-partners-700-", 18) == 0 && strlen(one) == 26 && strcmp(one + 18, later + 18) != 0);
	CHECK(victims_reveal(victims, slice_str(one), &back, &why) == CC_OK && cc_addr_cmp(&back, &addr) == 0);
	CHECK(victims_reveal(victims, slice_str(later), &back, &why) == CC_OK && cc_addr_cmp(&back, &addr) == 0);
	victims_pseudonym(victims, &six, month, later);
	CHECK(victims_reveal(victims, slice_str(later), &back, &why) == CC_OK && cc_addr_cmp(&back, &six) == 0);
	CHECK(victims_reveal(victims, slice_str("pan4-others-700-00000000"), &back, &why) == CC_BAD);
	CHECK(victims_reveal(victims, slice_str("pan4-partners-700-0000"), &back, &why) == CC_BAD);
	CHECK(victims_reveal(victims, slice_str("pan4-partners--00000000"), &back, &why) == CC_BAD);
	CHECK(victims_reveal(victims, slice_str("pan4--"), &back, &why) == CC_BAD);
	victims_close(victims);
	/* The secret is kept. */
	CHECK(victims_open(conf, dir, &victims, &trouble) == CC_OK);
	CHECK_TEXT(victims_pseudonym(victims, &addr, 700 * month, again), one);
	victims_close(victims);
	victims = NULL;
	snprintf(path, sizeof(path), "%s/keys/victims.key", dir);
	CHECK(chmod(path, 0640) == 0);
	CHECK(victims_open(conf, dir, &victims, &trouble) == CC_DENIED && trouble != NULL &&
	      strstr(trouble, "chmod 600"));
	free(trouble);
	end(NULL, conf);
}

TEST(networks_and_their_reload)
{
	struct conf *conf;
	struct victims *victims = NULL;
	struct cc_addr dns = addr_of("192.0.2.53"), other = addr_of("192.0.2.54"), far = addr_of("198.51.100.1");
	const char *sector, *criticality;
	char path[128], *why = NULL;
	FILE *file;

	begin();
	conf = conf_here("# ours\n192.0.2.0/24, energy\n192.0.2.53 , government, high # the resolver\n\n");
	CHECK(victims_open(conf, dir, &victims, &why) == CC_OK);
	victims_sector(victims, &dns, &sector, &criticality);
	CHECK_TEXT(sector, "government");
	CHECK_TEXT(criticality, "high");
	victims_sector(victims, &other, &sector, &criticality);
	CHECK_TEXT(sector, "energy");
	CHECK(criticality == NULL && victims_ours(victims, &other) && !victims_ours(victims, &far));

	snprintf(path, sizeof(path), "%s/networks", dir);
	file = fopen(path, "w");
	fputs("198.51.100.0/24,water,low\n300.0.0.0/8,x,y\n", file);
	fclose(file);
	victims_refresh(victims); /* broken: the old one stays */
	CHECK(victims_ours(victims, &other) && !victims_ours(victims, &far));
	file = fopen(path, "w");
	fputs("198.51.100.0/24,water,low\n", file);
	fclose(file);
	victims_refresh(victims);
	CHECK(!victims_ours(victims, &other) && victims_ours(victims, &far));
	victims_close(victims);
	victims = NULL;
	file = fopen(path, "w");
	fputs("198.51.100.0/24,water,low\n10.0.0.0/8,a,b\nhere,c,d\n", file);
	fclose(file);
	CHECK(victims_open(conf, dir, &victims, &why) == CC_BAD && why != NULL && strstr(why, "networks:3: ") != NULL);
	free(why);
	end(NULL, conf);
}

/* A hundred thousand, the longest match against a walk over all of them; then another list takes its place. */
TEST(a_hundred_thousand_networks)
{
	enum { COUNT = 100000 };
	static struct {
		uint32_t addr, bits;
	} net[COUNT];
	static const char *const sector[] = {"energy", "water", "health", "government"};
	char path[128], *why = NULL;
	struct victims *victims = NULL;
	struct conf *conf;
	uint32_t seed = 1;
	FILE *file;

	begin();
	conf = conf_here("");
	snprintf(path, sizeof(path), "%s/networks", dir);
	for (unsigned round = 0; round < 2; round++) {
		file = fopen(path, "w");
		CHECK(file != NULL);
		for (unsigned i = 0; i < COUNT; i++) {
			seed = seed * 1664525 + 1013904223;
			net[i].bits = 12 + (seed >> 8) % 21;
			net[i].addr = (11u + (seed >> 16) % 8) << 24;
			seed = seed * 1664525 + 1013904223;
			net[i].addr |= seed >> 8;
			net[i].addr &= ~0u << (32 - net[i].bits);
			fprintf(file, "%u.%u.%u.%u/%u,%s,%u\n", net[i].addr >> 24, net[i].addr >> 16 & 255,
			    net[i].addr >> 8 & 255, net[i].addr & 255, net[i].bits, sector[i % 4], i % 1000);
		}
		fclose(file);
		if (victims == NULL)
			CHECK(victims_open(conf, dir, &victims, &why) == CC_OK);
		else
			victims_refresh(victims);
		for (unsigned k = 0; k < 400; k++) {
			uint32_t addr = net[k * 241].addr | (k * 2654435761u >> (net[k * 241].bits - 1) >> 1);
			const char *is = NULL, *level = NULL;
			struct cc_addr full;
			int best = -1;
			char text[32], number[16];

			/* The last of equal prefixes has the word. */
			for (int i = 0; i < COUNT; i++) {
				if ((addr & ~0u << (32 - net[i].bits)) == net[i].addr &&
				    (best < 0 || net[i].bits >= net[best].bits))
					best = i;
			}
			snprintf(text, sizeof(text), "%u.%u.%u.%u", addr >> 24, addr >> 16 & 255, addr >> 8 & 255,
			    addr & 255);
			full = addr_of(text);
			victims_sector(victims, &full, &is, &level);
			CHECK(best >= 0);
			snprintf(number, sizeof(number), "%d", best % 1000);
			CHECK_TEXT(is, sector[best % 4]);
			CHECK_TEXT(level, number);
		}
	}
	victims_close(victims);
	end(NULL, conf);
}

/* All of these texts are found to name one of us, or none is. */
static void
told_apart(const struct victims *victims, bool (*named)(const struct victims *victims, struct slice text),
    const char *const *text, size_t count, bool ours)
{
	for (size_t i = 0; i < count; i++) {
		if (named(victims, slice_str(text[i])) != ours)
			printf("%s: %s\n", ours ? "not found" : "found", text[i]);
		CHECK(named(victims, slice_str(text[i])) == ours);
	}
}

TEST(texts_that_name_us)
{
	static const char *const ours[] = {"10.1.2.3", "http://10.1.2.3/x", "x 10.1.2.3:80", "dsl-10-1-2-3.isp.example",
	    "3.2.1.10.in-addr.arpa", "http://10%2e1%2e2%2e3/", "%31%30.1.2.3", "http://167838211/", "http://0xa010203/",
	    "http://user@0x0a010203/", "167838211", "[2001:db8:1::5]", "http://[2001:DB8:1:0:0::5]:80/",
	    "::ffff:10.1.2.3", "5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
	    "20010db8000100000000000000000005", "ip_10_1_2_3", "a=1&ip=10.255.255.255", "10.1.2.3.example"};
	static const char *const others[] = {"", "203.0.113.5", "http://203.0.113.5/1.2.3.4", "version 1.10.2.300",
	    "Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "2001:db8:2::5", "host.example", "http://3405803781/",
	    "12:34:56", "8.8.8.8.in-addr.arpa", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "%",
	    "%1", "10.1.2", ":::"};
	struct conf *conf;
	struct victims *victims = NULL;
	char *why = NULL;

	begin();
	conf = conf_here(NULL);
	CHECK(victims_open(conf, dir, &victims, &why) == CC_OK);
	told_apart(victims, victims_named_in, ours, sizeof(ours) / sizeof(ours[0]), true);
	told_apart(victims, victims_named_in, others, sizeof(others) / sizeof(others[0]), false);
	end(victims, conf);
}

/* A version is no address, whoever owns its numbers; an address in a user agent is one. */
TEST(user_agents_that_name_us)
{
	static const char *const ours[] = {"http://10.0.0.1/", "Mozilla/5.0 (http://10.0.0.1/)", "bot (10.1.2.3)",
	    "10.1.2.3", "/10.1.2.3", "x//10.1.2.3", "bot/10.1.2.3:80", "bot/10.1.2.3/x", "a.example/10.1.2.3",
	    "bot/1.0 +http://bot.example/10.1.2.3", "bot/10-1-2-3", "bot/10.1.2.3.isp.example", "1/10.1.2.3",
	    "bot/10.1.2.3 10.1.2.3", "bot/1.0@10.1.2.3", "http:/10.1.2.3", "bot/%31%30.1.2.3:80", "bot/x10.1.2.3",
	    "Chrome%2f10.0.0.0"};
	static const char *const others[] = {"Mozilla/5.0 (X11) Chrome/10.0.0.0 Safari/537.36", "Chrome/10.0.0.0",
	    "(Chrome/10.0.0.0)", "a;Edg/10.1.2.3;b", "My-App_2/10.1.2.3, x", "App/10.1.2.3.4", "App/1.10.1.2.3"};
	struct conf *conf;
	struct victims *victims = NULL;
	char *why = NULL;

	begin();
	conf = conf_here(NULL);
	CHECK(victims_open(conf, dir, &victims, &why) == CC_OK);
	told_apart(victims, victims_named_in_agent, ours, sizeof(ours) / sizeof(ours[0]), true);
	told_apart(victims, victims_named_in_agent, others, sizeof(others) / sizeof(others[0]), false);
	CHECK(victims_named_in(victims, slice_str("Chrome/10.0.0.0")));
	end(victims, conf);
}

/* Any address of ours, written in any of the ways, anywhere in random text. */
TEST(no_way_out)
{
	struct conf *conf;
	struct victims *victims = NULL;
	uint64_t state = 11;
	char *why = NULL;

	begin();
	conf = conf_here(NULL);
	CHECK(victims_open(conf, dir, &victims, &why) == CC_OK);
	for (unsigned n = 0; n < 20000; n++) {
		uint8_t b[4] = {10, (uint8_t)rand_next(&state), (uint8_t)rand_next(&state), (uint8_t)rand_next(&state)};
		struct cc_addr addr = cc_addr4(b);
		char text[CC_ADDR_TEXT], whole[256] = "";
		size_t before = (size_t)rand_below(&state, 30), size = before;

		for (size_t i = 0; i < before; i++)
			whole[i] = (char)(33 + rand_below(&state, 94));
		/* A digit, or a point behind digits, would make another number of it. */
		whole[size++] = " =/,;x"[rand_below(&state, 6)];
		cc_addr_text(&addr, text);
		for (char *p = text; *p != '\0'; p++)
			size += (size_t)snprintf(
			    whole + size, sizeof(whole) - size, rand_below(&state, 20) == 0 ? "%%%02x" : "%c", *p);
		snprintf(whole + size, sizeof(whole) - size, "%s", n % 2 == 0 ? "/path?x" : "");
		if (!victims_named_in(victims, slice_str(whole)))
			printf("not found: %s in %s\n", text, whole);
		CHECK(victims_named_in(victims, slice_str(whole)));
	}
	end(victims, conf);
}

TESTS(T(published_pairs), T(prefixes_are_kept), T(a_pseudonym_and_back), T(networks_and_their_reload),
    T(a_hundred_thousand_networks), T(texts_that_name_us), T(user_agents_that_name_us),
    T(no_way_out))
