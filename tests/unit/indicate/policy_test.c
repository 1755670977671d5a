/* What a match names, and what it does not: whose side is whose, and what may leave. */
#include "indicate/indicate.h"

#include "unit/test.h"

static const uint8_t home[4] = {192, 0, 2, 10}, away[4] = {203, 0, 113, 66};

struct scene {
	struct conf *conf;
	struct pool *pool;
	struct flows *flows;
	struct indicate *indicate;
	struct flow flow;
	struct batch batch;
	struct match match, *list[1];
	struct rule_info rule;
	struct cc_tx tx;
	struct cc_value value[8];
	struct cc_record rec[16];
	unsigned count;
};

static struct scene *
scene_new(bool client_is_home, uint8_t proto)
{
	struct scene *s = calloc(1, sizeof(*s));
	char *why = NULL;

	s->conf = conf_new();
	CHECK(conf_set(s->conf, "vars.address.HOME_NET=[192.0.2.0/24,!192.0.2.99]", &why) == CC_OK);
	CHECK(conf_set(s->conf, "indicate.tlp=clear", &why) == CC_OK);
	s->pool = pool_new(64u << 20);
	s->flows = flows_new(s->conf, s->pool, 1);
	CHECK(indicate_new(s->conf, s->flows, &s->indicate, &why) == CC_OK);
	CHECK(batch_open(&s->batch, s->conf) == CC_OK);
	s->flow.proto = proto;
	s->flow.ip_version = 4;
	s->flow.side[0].addr = cc_addr4(client_is_home ? home : away);
	s->flow.side[1].addr = cc_addr4(client_is_home ? away : home);
	s->flow.side[0].port = 40000;
	s->flow.side[1].port = 80;
	s->rule =
	    (struct rule_info){.gid = 1, .sid = 5, .rev = 2, .severity = 1, .priority = 1, .msg = slice_str("rule")};
	s->match = (struct match){.by = MATCH_SIGNATURE, .rule = &s->rule, .flow = &s->flow, .offset = UINT64_MAX};
	s->list[0] = &s->match;
	s->tx.value = s->value;
	return s;
}

static void
scene_free(struct scene *s)
{
	s->batch.match = NULL;
	s->batch.match_count = 0;
	batch_close(&s->batch);
	indicate_free(s->indicate);
	flows_free(s->flows);
	pool_free(s->pool);
	conf_free(s->conf);
	free(s);
}

static void
speaks(struct scene *s, const char *parser)
{
	s->tx.parser = app_parser_by_name(slice_str(parser));
	s->match.tx = &s->tx;
	CHECK(s->tx.parser != NULL);
}

static void
says(struct scene *s, const char *path, const char *text)
{
	struct cc_value *value = &s->value[s->tx.count++];

	for (unsigned i = 0; i < s->tx.parser->field_count; i++) {
		const char *eve = s->tx.parser->fields[i].eve;

		if (eve != NULL && strcmp(eve, path) == 0)
			value->field = (uint16_t)i;
	}
	value->bytes = (const uint8_t *)text;
	value->size = (uint32_t)strlen(text);
	s->tx.present[value->field / 64] |= 1ull << value->field % 64;
}

static void
run(struct scene *s)
{
	struct match **old = s->batch.match;

	s->batch.match = s->list;
	s->batch.match_count = 1;
	s->count = 0;
	while (s->count < 16 &&
	       indicate_next(s->indicate, &s->flow, NULL, &s->batch, 1700000000 * NS_PER_S, &s->rec[s->count]) == CC_OK)
		s->count++;
	s->batch.match = old;
	s->batch.match_count = 0;
}

static const struct cc_record *
find(const struct scene *s, enum cc_kind kind, const char *value)
{
	for (unsigned i = 0; i < s->count; i++) {
		if (s->rec[i].kind == kind && slice_is(s->rec[i].value, value))
			return &s->rec[i];
	}
	return NULL;
}

/* All records of all tests can cross the ring. */
static void
check_records(const struct scene *s)
{
	struct buf out;
	struct cc_record back;

	buf_open(&out, RECORD_SIZE_MAX);
	for (unsigned i = 0; i < s->count; i++) {
		buf_clear(&out);
		CHECK(record_encode(&s->rec[i], &out) == CC_OK);
		CHECK(record_decode(buf_slice(&out), &back) == CC_OK);
	}
	buf_close(&out);
}

TEST(client_goes_to_an_evil_server)
{
	struct scene *s = scene_new(true, 6);
	const struct cc_record *rec;

	s->flow.established = true;
	s->flow.side[0].packets = s->flow.side[1].packets = 5;
	s->flow.side[0].payload_packets = s->flow.side[1].payload_packets = 2;
	s->flow.side[1].gap_bytes = 1;
	s->flow.side[1].stream_bytes = 999;
	speaks(s, "http");
	says(s, "hostname", "Evil.Example");
	says(s, "url", "/a/../x?y");
	says(s, "http_method", "GET");
	says(s, "http_user_agent", "curl");
	run(s);
	check_records(s);
	CHECK_UINT(s->count, 3);
	CHECK(find(s, CC_KIND_URL, "http://evil.example/x?y") == &s->rec[0]);
	CHECK(find(s, CC_KIND_DOMAIN, "evil.example") != NULL);
	rec = find(s, CC_KIND_ADDR, "203.0.113.66");
	CHECK(rec != NULL && rec->direction == CC_OUTBOUND && !rec->attacker_is_client &&
	      rec->proof == CC_PROOF_DIALOGUE);
	CHECK(rec != NULL && rec->loss == 1 && rec->severity == 1 && rec->sid == 5 && rec->class == CC_CLASS_ALERT);
	scene_free(s);
}

/* An attack on a server of ours: its name, its URL and its address are not the attacker's. */
TEST(attack_on_our_server)
{
	struct scene *s = scene_new(false, 6);

	speaks(s, "http");
	says(s, "hostname", "www.ours.example");
	says(s, "url", "/secret");
	run(s);
	check_records(s);
	CHECK_UINT(s->count, 1);
	CHECK(find(s, CC_KIND_ADDR, "203.0.113.66") != NULL);
	CHECK(
	    s->rec[0].direction == CC_INBOUND && s->rec[0].attacker_is_client && s->rec[0].proof == CC_PROOF_SPOOFABLE);
	CHECK_UINT(s->rec[0].domain.size + s->rec[0].url.size, 0);
	scene_free(s);
}

TEST(a_name_asked_for)
{
	struct scene *s = scene_new(true, 17);

	s->flow.side[0].packets = s->flow.side[0].payload_packets = 1;
	speaks(s, "dns");
	says(s, "rrname", "c2.evil.example");
	run(s);
	check_records(s);
	CHECK_UINT(s->count, 1);
	CHECK(find(s, CC_KIND_DOMAIN, "c2.evil.example") != NULL);
	CHECK_UINT(s->rec[0].proof, CC_PROOF_SPOOFABLE);
	scene_free(s);
}

TEST(rule_says_who_the_victim_is)
{
	struct scene *s = scene_new(true, 6);

	/* Both sides are away: the one that began would be it, but the rule's target says otherwise. */
	s->flow.side[0].addr = cc_addr4((const uint8_t[]){198, 51, 100, 1});
	s->rule.target_src = true;
	s->match.dir = CC_TO_SERVER;
	run(s);
	CHECK(find(s, CC_KIND_ADDR, "203.0.113.66") != NULL);
	s->rule.target_src = false;
	run(s);
	CHECK(find(s, CC_KIND_ADDR, "198.51.100.1") != NULL);
	/* An exception of the home networks is not home. */
	s->flow.side[0].addr = cc_addr4((const uint8_t[]){192, 0, 2, 99});
	run(s);
	CHECK(find(s, CC_KIND_ADDR, "192.0.2.99") != NULL);
	check_records(s);
	scene_free(s);
}

TEST(nobody_in_particular)
{
	static const uint8_t addresses[][4] = {
	    {127, 0, 0, 1}, {0, 0, 0, 0}, {224, 0, 0, 5}, {255, 255, 255, 255}, {169, 254, 1, 1}, {192, 0, 2, 1}};
	struct scene *s = scene_new(true, 6);

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		s->flow.side[1].addr = cc_addr4(addresses[i]);
		s->rule.target_src = true;
		run(s);
		CHECK_UINT(s->count, 0);
	}
	CHECK_UINT(indicate_counts(s->indicate)[INDICATE_NOTHING], 6);
	scene_free(s);
}

TEST(strictest_marking)
{
	static const struct rule_meta meta[] = {{{(const uint8_t *)"tlp", 3}, {(const uint8_t *)"green", 5}},
	    {{(const uint8_t *)"TLP", 3}, {(const uint8_t *)"amber", 5}}};
	struct scene *s = scene_new(true, 6);

	s->rule.meta = meta;
	s->rule.meta_count = 1;
	run(s);
	CHECK(s->count == 1 && s->rec[0].tlp == CC_TLP_GREEN);
	s->rule.meta_count = 2;
	run(s);
	CHECK(s->count == 1 && s->rec[0].tlp == CC_TLP_AMBER);
	scene_free(s);
}

/* Of configuration, network list and rule, whichever of them says it, the strictest holds. */
TEST(strictest_of_three)
{
	static const char *const level[] = {"clear", "green", "amber", "amber+strict", "red"};

	for (int all = 0; all < 125; all++) {
		int of[3] = {all % 5, all / 5 % 5, all / 25}, most = 0;
		struct rule_meta meta = {slice_str("tlp"), slice_str(level[of[2]])};
		struct scene *s = scene_new(true, 6);
		char text[80], *why = NULL;

		for (int i = 0; i < 3; i++)
			most = of[i] > most ? of[i] : most;
		snprintf(text, sizeof(text), "indicate.tlp=%s", level[of[0]]);
		CHECK(conf_set(s->conf, text, &why) == CC_OK);
		snprintf(text, sizeof(text), "indicate.tlp_networks.192.0.2.0/24=%s", level[of[1]]);
		CHECK(conf_set(s->conf, text, &why) == CC_OK);
		indicate_free(s->indicate);
		CHECK(indicate_new(s->conf, s->flows, &s->indicate, &why) == CC_OK);
		s->rule.meta = &meta;
		s->rule.meta_count = 1;
		run(s);
		CHECK(s->count == 1 && s->rec[0].tlp == (enum cc_tlp)most);
		scene_free(s);
	}
}

TEST(watch_names_its_own)
{
	static const struct watch_info watch = {.kind = CC_KIND_ADDR,
	    .value = {(const uint8_t *)"203.0.113.66", 12}};
	struct scene *s = scene_new(true, 6);

	s->match.by = MATCH_WATCH;
	s->match.rule = NULL;
	s->match.watch = &watch;
	run(s);
	check_records(s);
	CHECK_UINT(s->count, 1);
	CHECK(
	    s->rec[0].detector == CC_BY_WATCH && s->rec[0].class == CC_CLASS_SIGHTING && !s->rec[0].attacker_is_client);
	scene_free(s);
}

static void
watch_it(struct scene *s, enum cc_kind kind, const char *value)
{
	static struct watch_info watch;

	watch = (struct watch_info){.kind = (uint8_t)kind, .value = slice_str(value)};
	s->match.by = MATCH_WATCH;
	s->match.rule = NULL;
	s->match.watch = &watch;
}

/* Each kind of thing in each kind of flow: no more is said than was shown. */
TEST(proof_of_every_kind)
{
	static const struct {
		enum cc_kind kind;
		const char *parser, *value;
		enum cc_proof most, least;
	} kinds[] = {
	    {CC_KIND_ADDR, "http", "203.0.113.66", CC_PROOF_DIALOGUE, CC_PROOF_SPOOFABLE},
	    {CC_KIND_DOMAIN, "tls", "evil.example", CC_PROOF_DIALOGUE, CC_PROOF_SPOOFABLE},
	    {CC_KIND_URL, "http", "http://evil.example/", CC_PROOF_DIALOGUE, CC_PROOF_SPOOFABLE},
	    {CC_KIND_FILE_SHA256, "http", "0123", CC_PROOF_CONTENT, CC_PROOF_CONTENT},
	    {CC_KIND_JA3, "tls", "0123", CC_PROOF_DIALOGUE, CC_PROOF_SPOOFABLE},
	    {CC_KIND_JA3S, "tls", "0123", CC_PROOF_DIALOGUE, CC_PROOF_SPOOFABLE},
	    {CC_KIND_JA4, "tls", "0123", CC_PROOF_DIALOGUE, CC_PROOF_SPOOFABLE},
	    {CC_KIND_CERT_SHA256, "tls", "0123", CC_PROOF_KEYED, CC_PROOF_SPOOFABLE},
	    {CC_KIND_USER_AGENT, "http", "curl", CC_PROOF_DIALOGUE, CC_PROOF_SPOOFABLE},
	    {CC_KIND_EMAIL, "smtp", "a@evil.example", CC_PROOF_SPOOFABLE, CC_PROOF_SPOOFABLE},
	    {CC_KIND_HASSH, "ssh", "0123", CC_PROOF_DIALOGUE, CC_PROOF_SPOOFABLE},
	    {CC_KIND_HASSH_SERVER, "ssh", "0123", CC_PROOF_DIALOGUE, CC_PROOF_SPOOFABLE},
	    {CC_KIND_SSH_HOST_KEY, "ssh", "0123", CC_PROOF_KEYED, CC_PROOF_SPOOFABLE},
	};
	bool seen[CC_KIND_COUNT] = {false};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		seen[kinds[i].kind] = true;
		/* bits: the server's packets, a handshake, payload of both, both sides done */
		for (unsigned state = 0; state < 16; state++) {
			bool server = (state & 1) != 0, established = (state & 2) != 0, both = (state & 4) != 0;
			bool done = (state & 8) != 0;
			enum cc_proof want = !server       ? CC_PROOF_SPOOFABLE
					     : both        ? CC_PROOF_DIALOGUE
					     : established ? CC_PROOF_HANDSHAKE
							   : CC_PROOF_SPOOFABLE;
			struct scene *s = scene_new(true, 6);

			s->flow.side[0].packets = 3;
			s->flow.side[1].packets = server ? 3 : 0;
			s->flow.established = established;
			s->flow.side[0].payload_packets = s->flow.side[1].payload_packets = both ? 2 : 0;
			speaks(s, kinds[i].parser);
			s->tx.done[0] = s->tx.done[1] = done;
			watch_it(s, kinds[i].kind, kinds[i].value);
			run(s);
			if (want == CC_PROOF_DIALOGUE && done && established)
				want = CC_PROOF_KEYED;
			want = want > kinds[i].most ? kinds[i].most : want < kinds[i].least ? kinds[i].least : want;
			CHECK_UINT(s->count, 1);
			if (s->rec[0].proof != want)
				fprintf(stderr, "%s, state %u\n", record_kind_text(kinds[i].kind), state);
			CHECK_UINT(s->rec[0].proof, want);
			scene_free(s);
		}
	}
	for (unsigned kind = CC_KIND_ADDR; kind < CC_KIND_COUNT; kind++)
		CHECK(seen[kind]);
}

/* A certificate that was shown, and the key used: the name beside it is what anybody could have asked for. */
TEST(a_key_proves_its_certificate_alone)
{
	static const char cert[] = "aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:"
				   "aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99";
	static const char hex[] = "aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899";
	struct scene *s = scene_new(true, 6);
	const struct cc_record *rec;

	s->flow.established = true;
	s->flow.side[0].packets = s->flow.side[1].packets = 5;
	s->flow.side[0].payload_packets = s->flow.side[1].payload_packets = 2;
	speaks(s, "tls");
	says(s, "sni", "evil.example");
	says(s, "concert.fingerprint_sha256", cert);
	s->tx.done[0] = s->tx.done[1] = true;
	run(s);
	check_records(s);
	rec = find(s, CC_KIND_CERT_SHA256, hex);
	CHECK(rec != NULL && rec->proof == CC_PROOF_KEYED);
	rec = find(s, CC_KIND_DOMAIN, "evil.example");
	CHECK(rec != NULL && rec->proof == CC_PROOF_DIALOGUE);
	rec = find(s, CC_KIND_ADDR, "203.0.113.66");
	CHECK(rec != NULL && rec->proof == CC_PROOF_DIALOGUE);
	scene_free(s);
}

/* Who fetches mail is told who sent it; what our own people send is not told. */
TEST(senders_of_fetched_mail)
{
	static const char *const parsers[] = {"pop3", "imap"};

	for (size_t i = 0; i < 2; i++) {
		struct scene *s = scene_new(true, 6);

		s->match.buffer = "email.from";
		speaks(s, parsers[i]);
		says(s, "/email.from", "\"Bank\" <Service@Evil.Example>");
		run(s);
		CHECK(find(s, CC_KIND_EMAIL, "service@evil.example") != NULL);
		scene_free(s);
		s = scene_new(false, 6); /* somebody outside fetches from a server of ours */
		s->match.buffer = "email.from";
		speaks(s, parsers[i]);
		says(s, "/email.from", "service@evil.example");
		run(s);
		CHECK(find(s, CC_KIND_EMAIL, "service@evil.example") != NULL);
		scene_free(s);
	}
	struct scene *s = scene_new(true, 6);

	s->match.buffer = "smtp.mail_from";
	speaks(s, "smtp");
	says(s, "mail_from", "<us@home.example>");
	run(s);
	CHECK(find(s, CC_KIND_EMAIL, "us@home.example") == NULL);
	scene_free(s);
}

/* The order of a request's headers goes with whatever the request names. */
TEST(order_of_headers)
{
	struct scene *s = scene_new(true, 6);

	speaks(s, "http");
	says(s, "hostname", "evil.example");
	says(s, "concert.header_order", "host,user-agent,accept");
	run(s);
	CHECK(s->count > 0 && slice_is(s->rec[0].header_order, "host,user-agent,accept"));
	check_records(s);
	scene_free(s);
}

TEST(bad_networks_are_named)
{
	static const char *const sets[][2] = {{"indicate.home=[10.0.0.0/8, nonsense]", "nonsense"},
	    {"vars.address.HOME_NET=[10.0.0.0/8,$NOWHERE]", "$NOWHERE"},
	    {"vars.address.HOME_NET=$HOME_NET", "HOME_NET"}, {"indicate.tlp_networks.10.0.0.0/8=purple", "purple"}};

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		struct conf *conf = conf_new();
		struct indicate *indicate = NULL;
		char *why = NULL;

		CHECK(conf_set(conf, sets[i][0], &why) == CC_OK);
		free(why);
		why = NULL;
		CHECK(indicate_new(conf, NULL, &indicate, &why) == CC_BAD);
		CHECK(why != NULL && strstr(why, sets[i][1]) != NULL);
		free(why);
		indicate_free(indicate);
		conf_free(conf);
	}
}

TESTS(T(client_goes_to_an_evil_server), T(attack_on_our_server), T(a_name_asked_for), T(rule_says_who_the_victim_is),
    T(nobody_in_particular), T(strictest_marking), T(strictest_of_three), T(proof_of_every_kind),
    T(a_key_proves_its_certificate_alone),
    T(senders_of_fetched_mail), T(order_of_headers), T(watch_names_its_own), T(bad_networks_are_named))
