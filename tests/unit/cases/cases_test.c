/* A case's document, hostile ones among them, and what is made of it for people. */
#include <fcntl.h>
#include <jansson.h>
#include <unistd.h>

#include "unit/count_malloc.h"
#include "unit/test.h"

#include "cases/cases.h"
#include "cmd/cases.h"

#define ID "case--9e1586b8-7ebe-8851-badf-c67e72e32484"
#define EVIL "<script>alert(1)</script>\\u202egnp.exe`|[x](http://evil.example)\\\" onload='x' &amp;\\u0007"

static const char whole[] =
    "{\"id\":\"" ID "\",\"activity\":\"activity--1\",\"state\":\"determined\",\"exercise\":false,\"first_seen\":\"2026-03-01T12:00:00Z\","
    "\"last_seen\":\"2026-03-02T12:00:00Z\",\"organisations\":[\"cert.a\",\"cert.b\",\"" EVIL "\"],"
    "\"trace\":[{\"time\":\"2026-03-01T12:00:00Z\",\"event\":\"opened\",\"with\":\"" EVIL "\"}],\"sightings\":[\"m1\",\"m2\",\"" EVIL "\"],"
    "\"answer\":{\"verdict\":\"source\",\"kind\":\"domain\",\"value\":\"" EVIL "\",\"confidence\":0.931},"
    "\"hypotheses\":[{\"kind\":\"source\",\"candidate\":{\"kind\":\"domain\",\"value\":\"" EVIL "\"},\"probability\":0.9310096,\"log_odds\":6.5,\"witness\":6.4,"
    "\"bonus\":0.1,\"evidence\":2,\"for\":[{\"organisation\":\"cert.a\",\"message\":\"m1\",\"item\":\"" EVIL "\",\"indicator\":\"domain:" EVIL "\",\"proof\":\"keyed\","
    "\"llr\":2.47,\"factors\":{\"proof\":2.6,\"rarity\":1,\"independence\":1,\"coverage\":1,\"clock\":0.95}}],\"against\":[{\"organisation\":\"" EVIL "\",\"item\":\"x\","
    "\"llr\":-0.1}]},{\"kind\":\"forged\",\"candidate\":null,\"probability\":0.0023077,\"log_odds\":0.5,\"for\":[],\"against\":[]},"
    "{\"kind\":\"cannot say\",\"candidate\":null,\"probability\":0.0463516,\"log_odds\":3.5,\"for\":[],\"against\":[]},"
    "{\"kind\":\"relayed\",\"candidate\":null,\"probability\":0.0023077,\"log_odds\":0.5},{\"kind\":\"shared\",\"candidate\":null,\"probability\":0.0170,\"log_odds\":2.5}],"
    "\"completeness\":0.55,\"coverage\":[{\"organisation\":\"cert.a\",\"from\":\"2026-03-01T00:00:00Z\",\"until\":\"2026-03-01T18:00:00Z\",\"lost\":0.1,"
    "\"clock_error_s\":5},{\"organisation\":\"cert.b\",\"from\":\"2026-03-01T00:00:00Z\",\"until\":\"2026-03-03T00:00:00Z\",\"lost\":0,\"clock_error_s\":null}],"
    "\"missing\":[{\"item\":\"another witness\",\"ask\":\"" EVIL "\",\"request\":{\"kind\":\"have-you-seen\",\"indicators\":[{\"kind\":\"domain\",\"value\":\"" EVIL "\"}],"
    "\"from\":\"2026-03-01T12:00:00Z\"},\"value_bits\":0.31}],"
    "\"infrastructure\":{\"nodes\":[{\"id\":\"n1\",\"kind\":\"domain\",\"value\":\"" EVIL "\",\"seen_by\":[\"cert.a\"],\"proof\":\"keyed\"},"
    "{\"id\":\"n2\",\"kind\":\"addr\",\"value\":\"192.0.2.7\",\"seen_by\":[\"cert.a\",\"cert.b\"],\"proof\":\"dialogue\"}],"
    "\"edges\":[{\"from\":\"n1\",\"to\":\"n2\",\"why\":\"" EVIL "\",\"weight\":3},{\"from\":\"n1\",\"to\":\"n9\",\"why\":\"nowhere\",\"weight\":1}]},"
    "\"timeline\":[{\"organisation\":\"cert.a\",\"from\":\"2026-03-01T12:00:00Z\",\"until\":\"2026-03-01T13:00:00Z\",\"error_s\":5,\"positive\":true,\"echo\":false,"
    "\"item\":\"" EVIL "\",\"message\":\"m1\"},{\"organisation\":\"cert.b\",\"from\":\"2026-03-02T12:00:00Z\",\"until\":\"2026-03-02T12:00:00Z\",\"error_s\":null,"
    "\"positive\":false,\"item\":\"x\",\"message\":\"m2\"},{\"organisation\":\"" EVIL "\",\"from\":\"2026-03-02T12:00:00Z\",\"until\":\"2026-03-02T12:00:00Z\","
    "\"error_s\":1e300,\"positive\":true,\"echo\":true,\"item\":\"x\",\"message\":\"m3\"}],"
    "\"opinions\":[{\"organisation\":\"cert.b\",\"opinion\":\"agree\",\"text\":\"\",\"time\":\"2026-03-03T00:00:00Z\",\"message\":\"o1\"},"
    "{\"organisation\":\"cert.b\",\"opinion\":\"disagree\",\"text\":\"" EVIL "\",\"time\":\"2026-03-04T00:00:00Z\",\"message\":\"o2\"}]}";

static struct casefile *
read_case(const char *text)
{
	struct casefile *one = NULL;
	char *why = NULL;

	if (cases_read(slice_str(text), &one, &why) != CC_OK)
		printf("%s\n", why != NULL ? why : "?");
	free(why);
	return one;
}

static size_t
count_of(const struct buf *text, const char *what)
{
	size_t count = 0, size = strlen(what);
	const uint8_t *p = text->p, *end = text->p + text->size, *at;

	while (p < end && (at = memmem(p, (size_t)(end - p), what, size)) != NULL) {
		count++;
		p = at + size;
	}
	return count;
}

TEST(members)
{
	struct casefile *one = read_case(whole);

	CHECK(one != NULL);
	if (one == NULL)
		return;
	CHECK_TEXT(one->id, ID);
	CHECK_UINT(one->organisations, 3);
	CHECK_UINT(one->messages, 3);
	CHECK_UINT(one->hypotheses, 5);
	CHECK_UINT(one->edges, 1); /* one leads nowhere */
	CHECK_UINT(one->sights, 3);
	CHECK(one->sight[1].error < 0 && !one->sight[1].positive);
	CHECK(one->sight[2].error <= 1e9);
	CHECK_UINT(cases_tally(one).disagree, 1);
	CHECK_UINT(cases_tally(one).agree, 0); /* of one organisation the latest counts */
	cases_free(one);
}

/* As strict as the sightings, and as the opinions on it; an older document without a marking is AMBER. */
TEST(marked)
{
	static const char clean[] = "{\"id\":\"" ID "\",\"tlp\":\"green\",\"answer\":{\"verdict\":\"cannot say\"}}";
	struct casefile *one = read_case(whole), *green = read_case(clean);

	CHECK(one != NULL && one->tlp == CC_TLP_AMBER);
	CHECK(green != NULL && green->tlp == CC_TLP_GREEN && green->floor == CC_TLP_GREEN);
	if (one != NULL && green != NULL) {
		cases_mark(green, CC_TLP_CLEAR);
		CHECK(green->tlp == CC_TLP_GREEN);
		cases_mark(green, CC_TLP_AMBER);
		CHECK(green->tlp == CC_TLP_AMBER && green->floor == CC_TLP_GREEN);
		CHECK(cases_add_opinion(green, &(struct case_opinion){"cert.b", "agree", "", "o1", "", 5,
						   CC_TLP_AMBER_STRICT}) == CC_OK);
		CHECK(cases_marking(green) == CC_TLP_AMBER_STRICT && green->tlp == CC_TLP_AMBER);
		CHECK(cases_drop_opinions(green) == CC_OK && cases_marking(green) == CC_TLP_AMBER);
	}
	cases_free(one);
	cases_free(green);
}

TEST(refused)
{
	static const char *const bad[] = {"", "[]", "{}", "{\"id\":\"case--x\",\"answer\":{\"verdict\":\"source\"}}",
	    "{\"id\":\"" ID "\"}", "{\"id\":\"" ID "\",\"answer\":{}}",
	    "{\"id\":\"" ID "\",\"id\":\"" ID "\",\"answer\":{\"verdict\":\"source\"}}",
	    "{\"id\":\"CASE--9e1586b8-7ebe-8851-badf-c67e72e32484\",\"answer\":{\"verdict\":\"source\"}}"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct casefile *one = NULL;
		char *why = NULL;

		CHECK(cases_read(slice_str(bad[i]), &one, &why) == CC_BAD);
		CHECK(one == NULL && why != NULL);
		free(why);
	}
}

static void
all_forms(const struct casefile *one, struct buf *out)
{
	cases_html(out, one);
	cases_markdown(out, one);
	cases_text(out, one);
	cases_row(out, one);
}

/* Cut at each byte it is no case; with a byte changed it is none, or one that can be told without harm. */
TEST(damaged)
{
	size_t size = strlen(whole);
	char *text = strdup(whole);
	struct buf out;

	buf_open(&out, 16u << 20);
	for (size_t i = 0; i < size; i++) {
		struct casefile *one = NULL;
		char *why = NULL;

		CHECK(cases_read(slice_of(whole, i), &one, &why) == CC_BAD);
		free(why);
	}
	for (size_t i = 0; i < size; i += 3) {
		static const char to[] = "0-}]\"e\x80,";
		struct casefile *one = NULL;
		char *why = NULL;

		text[i] = to[i % (sizeof(to) - 1)];
		if (cases_read(slice_of(text, size), &one, &why) == CC_OK) {
			buf_clear(&out);
			all_forms(one, &out);
			cases_free(one);
		}
		free(why);
		text[i] = whole[i];
	}
	buf_close(&out);
	free(text);
}

TEST(wrong_types)
{
	static const char odd[] = "{\"id\":\"" ID "\",\"answer\":{\"verdict\":\"source\",\"kind\":7,\"value\":[],"
						  "\"confidence\":\"1\"},\"hypotheses\":[7,{},{\"kind\":"
				  "\"source\",\"probability\":1e308,\"log_odds\":-1e308,\"for\":[{}],\"against\":7}],"
				  "\"coverage\":{},\"missing\":[{}],\"infrastructure\":[],"
				  "\"timeline\":[{}, "
				  "{\"from\":\"2026-03-02T12:00:00Z\",\"until\":\"1999-03-02T12:00:00Z\"}],"
				  "\"organisations\":[1,2],\"opinions\":[{}],\"trace\":[1]}";
	struct casefile *one = read_case(odd);
	struct buf out;

	CHECK(one != NULL);
	buf_open(&out, 16u << 20);
	if (one != NULL)
		all_forms(one, &out);
	CHECK(out.size > 0 && count_of(&out, "nan") == 0 && count_of(&out, "inf %") == 0);
	cases_free(one);
	buf_close(&out);
}

TEST(page_is_safe)
{
	struct casefile *one = read_case(whole);
	struct buf out;

	buf_open(&out, 16u << 20);
	if (one != NULL)
		cases_html(&out, one);
	CHECK_UINT(count_of(&out, "<script"), 0);
	CHECK_UINT(count_of(&out, "\xe2\x80\xae"), 0); /* right-to-left override */
	CHECK(count_of(&out, "&lt;U+202E&gt;") > 0);
	CHECK(count_of(&out, "&lt;script&gt;") > 0);
	CHECK_UINT(count_of(&out, "onload='x'"), 0);
	CHECK_UINT(count_of(&out, "href"), 0);
	CHECK_UINT(count_of(&out, "src="), 0);
	CHECK_UINT(count_of(&out, "url(h"), 0);
	CHECK_UINT(count_of(&out, "default-src 'none'"), 1);
	buf_clear(&out);
	if (one != NULL)
		cases_markdown(&out, one);
	CHECK_UINT(count_of(&out, "<"), 0);
	CHECK_UINT(count_of(&out, "`|["), 0);
	buf_clear(&out);
	if (one != NULL)
		cases_text(&out, one);
	CHECK_UINT(count_of(&out, "\a"), 0);
	CHECK_UINT(count_of(&out, "\xe2\x80\xae"), 0);
	cases_free(one);
	buf_close(&out);
}

/* What is told is infrastructure; nobody is named as behind it. */
TEST(no_word_of_who)
{
	static const char *const never[] = {"attribut", " actor", "nation-", "country", "government", "culprit",
	    "perpetrator", "hacker", "criminal", "guilty", "person", "suspect", "blame", "adversary", "enemy",
	    "attacker", "people", "foreign", "citizen", "sponsor", "motive", "somebody behind"};
	struct casefile *one = read_case(whole);
	struct buf out;

	buf_open(&out, 16u << 20);
	if (one != NULL)
		all_forms(one, &out);
	for (size_t i = 0; i < out.size; i++)
		out.p[i] = out.p[i] >= 'A' && out.p[i] <= 'Z' ? (uint8_t)(out.p[i] + 32) : out.p[i];
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		CHECK_UINT(count_of(&out, never[i]), 0);
		if (count_of(&out, never[i]) > 0)
			printf("%s\n", never[i]);
	}
	cases_free(one);
	buf_close(&out);
}

#define LANE(who) "{\"organisation\":\"" who "\",\"item\":\"a\",\"from\":\"2026-03-02T12:00:00Z\"," \
		  "\"until\":\"2026-03-02T13:00:00Z\"}"
#define FAMILY(middle) "the-first-half-of-a-name-" middle "-and-behind-it-all-that-the-others-have.example"

/* The labels of the time line, apart from their titles. */
static size_t
label_at(const struct buf *out, size_t from, struct slice *ret_label)
{
	static const char head[] = "class=\"who\">", end[] = "</text>";
	const uint8_t *at = memmem(out->p + from, out->size - from, head, sizeof(head) - 1), *over;

	if (at == NULL || (over = memmem(at, (size_t)(out->p + out->size - at), end, sizeof(end) - 1)) == NULL)
		return 0;
	*ret_label = slice_of(at, (size_t)(over - at));
	return (size_t)(over - out->p);
}

/* Names of one family that differ in the middle alone are told apart; none is too wide, or lost. */
TEST(labels)
{
	static const char text[] = "{\"id\":\"" ID "\",\"answer\":{\"verdict\":\"cannot say\"},\"timeline\":[" LANE(
	    FAMILY("north")) "," LANE(FAMILY("south")) "," LANE("short.example") "," LANE(
	    "\u202e\u202e\u202e\u202ea") "]}";
	struct casefile *one = read_case(text);
	struct slice a, b, c, d;
	struct buf out;
	size_t at;

	CHECK(one != NULL);
	buf_open(&out, 16u << 20);
	cases_html(&out, one);
	at = label_at(&out, 0, &a);
	CHECK(at > 0 && (at = label_at(&out, at, &b)) > 0 && (at = label_at(&out, at, &c)) > 0 &&
	      label_at(&out, at, &d) > 0);
	CHECK(!slice_eq(a, b));
	CHECK(memmem(a.p, a.size, "north", 5) != NULL && memmem(b.p, b.size, "south", 5) != NULL);
	CHECK(memmem(a.p, a.size, "example<", 8) != NULL);
	CHECK(memmem(c.p, c.size, ">short.example", 14) != NULL && memmem(c.p, c.size, "tspan", 5) == NULL);
	CHECK(memmem(d.p, d.size, "\xe2\x80\xa6", 3) == NULL && d.p[d.size - 9] == 'a');
	cases_free(one);
	buf_close(&out);
}

/* Who reads it sees that all names below are meant, and not a host of that name. */
TEST(zone_is_no_host)
{
	static const char zone[] = "{\"id\":\"" ID
				   "\",\"answer\":{\"verdict\":\"source\",\"kind\":\"domain\",\"value\":\"tunnel.example\","
				   "\"zone\":true,\"confidence\":0.9},\"hypotheses\":[{\"kind\":\"source\",\"candidate\":{\"kind\":"
				   "\"domain\",\"value\":\"tunnel.example\",\"zone\":true},\"probability\":0.9,\"log_odds\":6}]}";
	struct casefile *one = read_case(zone);
	struct buf out;

	buf_open(&out, 16u << 20);
	CHECK(one != NULL && strcmp(one->what, one->hypothesis[0].what) == 0);
	if (one != NULL)
		all_forms(one, &out);
	CHECK(count_of(&out, "the zone of all names below") >= 3);
	CHECK_UINT(count_of(&out, "the domain name"), 0);
	cases_free(one);
	buf_close(&out);
}

/* Clocks that know their year badly, and times at the ends of what can be told, are drawn all the same. */
TEST(odd_times)
{
	static const char *const time[] = {"1970-01-01T00:00:01Z", "2554-07-21T23:34:33Z"};
	char text[600];

	for (size_t i = 0; i < 2; i++) {
		struct casefile *one;
		struct buf out;

		snprintf(text, sizeof(text),
		    "{\"id\":\"" ID "\",\"answer\":{\"verdict\":\"cannot say\"},\"timeline\":[{\"organisation\":"
		    "\"a\",\"item\":\"b\",\"from\":\"%s\",\"until\":\"%s\",\"error_s\":86400}]}",
		    time[i], time[i]);
		one = read_case(text);
		CHECK(one != NULL);
		buf_open(&out, 16u << 20);
		cases_html(&out, one);
		CHECK_UINT(count_of(&out, "holds no time line"), 0);
		CHECK(count_of(&out, "class=\"dot\"") >= 1);
		cases_free(one);
		buf_close(&out);
	}
}

TEST(cleaned)
{
	struct buf out;

	buf_open(&out, 4096);
	cases_clean(&out, "abcdefghijklmnopqrstuvwxyz", 11);
	buf_add_u8(&out, '\0');
	CHECK_TEXT((const char *)out.p, "abcdef\xe2\x80\xa6wxyz");
	buf_clear(&out);
	cases_clean(&out, "a\tb\xe2\x80\x8f\xff" "c", 100);
	buf_add_u8(&out, '\0');
	CHECK_TEXT((const char *)out.p, "a<U+0009>b<U+200F>\xef\xbf\xbd" "c");
	/* What counts is what is shown; a heap of marks is one mark too many. */
	buf_clear(&out);
	cases_clean(&out, "\xe2\x80\xae\xe2\x80\xae" "abcdefgh", 15);
	buf_add_u8(&out, '\0');
	CHECK_TEXT((const char *)out.p, "<U+202E>\xe2\x80\xa6" "defgh");
	buf_clear(&out);
	cases_clean(&out, "a\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81" "b\xe3\x85\xa4", 100);
	buf_add_u8(&out, '\0');
	CHECK_TEXT((const char *)out.p, "a\xcc\x81\xcc\x81\xe2\x80\xa6" "b<U+3164>");
	buf_close(&out);
}

/* No two nodes in one place, whatever the graph; the same twice. */
TEST(layout)
{
	static const char *const kind[] = {"domain", "addr", "cert-sha256", "file-sha256", "url", "key-sha256", "odd"};
	struct case_node node[CASES_NODES];
	struct case_edge edge[CASES_EDGES];
	struct casefile one = {
	    .node = node, .edge = edge, .what = "addr", .value = "v1", .nodes = CASES_NODES, .edges = CASES_EDGES};
	struct cases_place a[CASES_NODES], b[CASES_NODES];
	unsigned rows[CASES_COLUMNS], again[CASES_COLUMNS];
	char value[CASES_NODES][16];
	size_t left_out, drawn = 0;
	uint32_t seed = 1;

	memset(node, 0, sizeof(node));
	for (size_t i = 0; i < CASES_NODES; i++) {
		snprintf(value[i], sizeof(value[i]), "v%zu", i);
		node[i] = (struct case_node){
		    .id = value[i], .kind = kind[i % 7], .value = value[i], .proof = "", .seers = i % 5};
	}
	for (size_t i = 0; i < CASES_EDGES; i++) {
		seed = seed * 1664525 + 1013904223;
		edge[i] = (struct case_edge){
		    .from = (seed >> 8) % CASES_NODES, .to = (seed >> 20) % CASES_NODES, .why = "", .weight = 1};
	}
	cases_layout(&one, a, rows, &left_out);
	for (size_t i = 0; i < CASES_NODES; i++) {
		drawn += a[i].drawn;
		for (size_t k = 0; k < i; k++)
			CHECK(!a[i].drawn || !a[k].drawn || a[i].column != a[k].column || a[i].row != a[k].row);
	}
	CHECK_UINT(drawn + left_out, CASES_NODES);
	CHECK(a[1].drawn); /* the answer always is */
	cases_layout(&one, b, again, &left_out);
	for (size_t i = 0; i < CASES_NODES; i++)
		CHECK(a[i].drawn == b[i].drawn && a[i].column == b[i].column && a[i].row == b[i].row);
}

TEST(changes)
{
	struct casefile *one = read_case(whole), *other = read_case(whole);
	bool changed;
	struct buf out;

	CHECK(one != NULL && other != NULL);
	CHECK(cases_note_change(one, other, 1000, &changed) == CC_OK && !changed);
	other->confidence = 0.5;
	other->verdict = "cannot say";
	other->value = other->what = "";
	CHECK(cases_note_change(one, other, 1000, &changed) == CC_OK && changed);
	CHECK_UINT(one->traces, 2);
	CHECK_TEXT(one->trace[1].event, "answer changed");
	CHECK(strstr(one->trace[1].with, "cannot say") == one->trace[1].with);
	CHECK(cases_add_trace(other, &(struct case_trace){"closed", "over", 5}) == CC_OK);
	CHECK(cases_join_trace(one, other) == CC_OK);
	CHECK_UINT(one->traces, 3);
	CHECK(cases_set_state(one, "closed") == CC_OK && strcmp(one->state, "closed") == 0);
	buf_open(&out, 16u << 20);
	all_forms(one, &out);
	CHECK(count_of(&out, "This case is closed: ") >= 3 && count_of(&out, "What follows is how it stood.") == 3);
	buf_close(&out);
	CHECK(cases_drop_opinions(one) == CC_OK && one->opinions == 0);
	/* A document that must fit loses lists, never its answer. */
	buf_open(&out, 1u << 20);
	CHECK(cases_document(one, 3000, &out) == CC_OK && out.size <= 3000);
	CHECK_UINT(count_of(&out, "\"verdict\""), 1);
	CHECK(cases_document(one, 100, &out) == CC_FULL);
	buf_close(&out);
	cases_free(one);
	cases_free(other);
}

TEST(found)
{
	struct cases_list list = {NULL, 0, 0};
	bool many;

	CHECK(cases_list_add(&list, read_case(whole)) == CC_OK);
	CHECK(cases_list_add(&list, read_case("{\"id\":\"case--9e1586b8-0000-8851-badf-c67e72e32484\",\"answer\":{"
					      "\"verdict\":\"cannot say\"}}")) == CC_OK);
	CHECK(cases_find(&list, "9e1586b8-7", &many) == list.one[0]);
	CHECK(cases_find(&list, ID, &many) == list.one[0]);
	CHECK(cases_find(&list, "9e15", &many) == NULL && many);
	CHECK(cases_find(&list, "", &many) == NULL && !many);
	CHECK(cases_find(&list, "case--", &many) == NULL && !many);
	CHECK(cases_find(&list, "8", &many) == NULL && !many);
	cases_list_free(&list);
}

static bool
says(const struct buf *text, const char *what)
{
	if (count_of(text, what) > 0)
		return true;
	printf("no \"%s\" in: %.*s\n", what, (int)text->size, (const char *)text->p);
	return false;
}

/* Who did not look has not looked in vain; the time is that of own sights; what is in an organisation's networks is
 * shown as a relay. */
TEST(who_saw)
{
	static const char open[] =
	    "{\"id\":\"" ID "\",\"first_seen\":\"2026-03-01T12:00:00Z\",\"last_seen\":\"2026-03-09T12:00:00Z\","
	    "\"organisations\":[\"d\",\"c\",\"b\",\"a\"],\"answer\":{\"verdict\":\"cannot say\",\"leaning\":\"cannot say\"},"
	    "\"hypotheses\":[{\"kind\":\"source\",\"candidate\":{\"kind\":\"addr\",\"value\":\"192.0.2.7\"},\"probability\":0.2,"
	    "\"parts\":[{\"why\":\"in the networks of an organisation\",\"nats\":-4.5}],"
	    "\"for\":[{\"organisation\":\"c\",\"proof\":\"spoofable\",\"hours\":0.5,\"lost\":0.25,\"item\":\"not seen, and not looked\",\"llr\":0}],\"against\":[{\"organisation\":\"d\",\"item\":\"looked for and not seen\",\"llr\":-0.1}]},"
	    "{\"kind\":\"source\",\"candidate\":{\"kind\":\"addr\",\"value\":\"198.51.100.9\"},\"probability\":0.1,\"parts\":[{\"why\":\"steers a "
	    "host that others saw attack\",\"nats\":2,\"of\":2.5}]},"
	    "{\"kind\":\"cannot say\",\"probability\":0.7,\"parts\":[{\"why\":\"fewer than two witnesses\",\"nats\":3.5,\"of\":1}]}],"
	    "\"coverage\":[{\"organisation\":\"c\",\"from\":\"2026-03-01T00:00:00Z\",\"until\":\"2026-03-02T00:00:00Z\",\"lost\":0.5}],"
	    "\"completeness\":1,\"missing\":[{\"item\":\"another witness\",\"ask\":\"e\",\"request\":{\"kind\":\"have-you-seen\",\"indicators\":[{"
	    "\"kind\":\"addr\",\"value\":\"192.0.2.7\"},{\"kind\":\"domain\",\"value\":\"x.example\"}]},\"contact\":{\"name\":\"Duty\",\"email\":"
	    "\"duty@e.example\"},\"value_bits\":0.2}],"
	    "\"notices\":[{\"organisation\":\"e\",\"id\":\"n1\",\"title\":\"Look\",\"names\":\"192.0.2.7\"}],"
	    "\"timeline\":[{\"organisation\":\"b\",\"from\":\"2026-03-01T12:00:00Z\",\"until\":\"2026-03-01T13:00:00Z\",\"error_s\":1},"
	    "{\"organisation\":\"a\",\"from\":\"2026-03-03T12:00:00Z\",\"until\":\"2026-03-04T13:00:00Z\",\"error_s\":1},"
	    "{\"organisation\":\"c\",\"from\":\"2026-03-09T12:00:00Z\",\"until\":\"2026-03-09T12:00:00Z\",\"positive\":false},"
	    "{\"organisation\":\"d\",\"from\":\"2026-03-09T12:00:00Z\",\"until\":\"2026-03-09T12:00:00Z\",\"positive\":false}]}";
	struct casefile *one = read_case(open);
	struct buf out;
	size_t width = 0;

	CHECK(one != NULL);
	if (one == NULL)
		return;
	buf_open(&out, 1u << 20);
	cases_markdown(&out, one);
	CHECK(says(&out, "Between 2026-03-01 12:00 UTC and 2026-03-04 13:00 UTC, 2 organisations saw it: "
			 "`a` and `b`."));
	CHECK(says(&out, "`d` looked for it and did not see it."));
	CHECK(says(&out, "`c` did not see it either, but did not look at that time, which says nothing."));
	CHECK(says(&out, "The address `192.0.2.7` is in the networks of one of the organisations"));
	CHECK(says(&out, "The address `198.51.100.9` was seen reaching such a host"));
	CHECK(says(&out, "The weightiest reason: only one organisation saw it in a way that is hard to forge (70.0 %)"
			 "."));
	CHECK(says(&out, "It could be that it comes from the address `198.51.100.9`: 10.0 %."));
	CHECK(says(&out, "about sights of the address `192.0.2.7` and the domain name `x.example`."));
	CHECK(says(&out, "`e` has published a warning that names `192.0.2.7`: \u201c`Look`\u201d."));
	CHECK(says(&out, "Contact: `Duty`, `duty@e.example`."));
	CHECK_UINT(count_of(&out, "lost 50 %"), 0); /* of a time that is of no account */
	CHECK_UINT(count_of(&out, "single packets"), 0);
	CHECK(says(&out, " (looked 0.5 h, lost 25 %) | \u2013 |"));
	buf_clear(&out);
	cases_text(&out, one);
	CHECK(says(&out, "  [1] e can be asked"));
	CHECK_UINT(count_of(&out, "how it stood"), 0);
	for (size_t i = 0; i < out.size; i++) {
		width = out.p[i] == '\n' ? 0 : width + ((out.p[i] & 0xc0) != 0x80);
		CHECK(width < 80);
	}
	cases_free(one);
	buf_close(&out);
}

/* A row of the list fits a terminal where the case is ours; nothing is surely so. */
TEST(row)
{
	struct casefile *one = read_case(whole);
	struct buf out;
	size_t width = 0;

	buf_open(&out, 1u << 20);
	one->confidence = 0.99999;
	cases_row(&out, one);
	for (size_t i = 0; i < out.size; i++)
		width += (out.p[i] & 0xc0) != 0x80;
	CHECK(width <= 81 && says(&out, "> 99.9 %") && says(&out, " ours\n"));
	cases_free(one);
	buf_close(&out);
}

#define NAMED \
	"\"answer\":{\"verdict\":\"source\",\"kind\":\"addr\",\"value\":\"192.0.2.7\",\"confidence\":0.9},"
#define WITHOUT(who) "{\"organisation\":\"" who "\",\"answer\":{\"verdict\":\"cannot say\"}}"

/* Whose word it rests on is said with the answer, and that it stands without anybody's; an older document says
 * neither. */
TEST(whose_word_it_rests_on)
{
	static const struct {
		const char *text, *said;
	} row[] = {
	    {NAMED "\"rests_on\":[" WITHOUT("cert.a") "]",
		"It rests on the word of cert.a: without what it reported, nobody could say."},
	    {NAMED "\"rests_on\":[" WITHOUT("cert.a") "," WITHOUT("cert.b") "]",
		"It rests on the word of each of cert.a and cert.b: without what any one of them reported, nobody could "
		"say."},
	    {"\"answer\":{\"verdict\":\"cannot say\"},\"rests_on\":[{\"organisation\":\"cert.a\"," NAMED "\"x\":0}]",
		"Without what cert.a reported, it would point to the address 192.0.2.7."},
	    {NAMED "\"rests_on\":[]", "It would stand without what any one organisation reported."},
	    {NAMED "\"x\":0", NULL},
	    {NAMED "\"hypotheses\":[{\"kind\":\"cannot say\",\"probability\":0.25,\"parts\":[{"
		   "\"why\":\"who steers it is one organisation's word\",\"nats\":5,\"of\":0.75}]}]",
		"only one organisation saw who steers the host."},
	    {"\"answer\":{\"verdict\":\"cannot say\"},\"rests_on\":[{\"organisation\":\"" EVIL
	     "\",\"answer\":{\"verdict\":\"source\",\"kind\":\"addr\",\"value\":\"" EVIL "\"}}, 7, {\"answer\":[]}]",
		"Without what "},
	};
	void (*const form[])(struct buf *, const struct casefile *) = {cases_text, cases_markdown, cases_html};

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char text[1024];
		struct casefile *one;

		snprintf(text, sizeof(text), "{\"id\":\"" ID "\",%s}", row[i].text);
		one = read_case(text);
		CHECK(one != NULL);
		for (unsigned f = 0; f < 3 && one != NULL; f++) {
			struct buf plain, out;

			buf_open(&out, 1u << 20);
			buf_open(&plain, 1u << 20);
			form[f](&out, one);
			CHECK(f == 0 || count_of(&out, "<script") == 0);
			/* Without marking-up, and lines as they are broken. */
			for (size_t k = 0, tag = 0; k < out.size; k++) {
				uint8_t is = out.p[k] == '\n' ? ' ' : out.p[k];

				tag = f == 2 && is == '<' ? 1 : tag;
				if (!tag && is != '`' && (is != ' ' || plain.size == 0 || plain.p[plain.size - 1] != ' '))
					buf_add_u8(&plain, is);
				tag = out.p[k] == '>' ? 0 : tag;
			}
			if (row[i].said != NULL)
				CHECK(count_of(&plain, row[i].said) >= 1);
			else
				CHECK(count_of(&plain, "word of") == 0 && count_of(&plain, "would stand") == 0);
			buf_close(&plain);
			buf_close(&out);
		}
		cases_free(one);
	}
}

/* What is sent and exported: texts of partners stand in it as code spans, and no link, picture or tag is theirs. */
TEST(posted)
{
	struct casefile *one = read_case(whole);
	struct posting p;

	CHECK(one != NULL && cases_posting(one, "cert.a", 0, SIZE_MAX, CASES_NODES, &p) == CC_OK);
	for (unsigned i = 0; i < 2; i++) {
		const struct buf *text = i == 0 ? &p.name : &p.summary;
		bool code = false;

		CHECK(i == 0 || count_of(text, "evil.example") >= 1);
		CHECK(count_of(text, "<script") == 0 && count_of(text, "\xe2\x80\xae") == 0);
		for (size_t k = 0; k < text->size && i == 1; k++) {
			code = code != (text->p[k] == '`');
			CHECK(code || text->p[k] != '[');
			CHECK(!code || text->p[k] != '\n');
		}
		CHECK(!code);
	}
	/* Our own words, and of the id's. */
	CHECK_TEXT((const char *)p.name.p, "Case 9e1586b8");
	p.post.edges = cases_edges(one, &p);
	CHECK_UINT(p.post.edges, 1);
	CHECK_TEXT(p.edge[0].why, "seen with");
	cases_posting_close(&p);
	cases_free(one);
}

/* Whose it is stays, whoever is trusted; that he is not any more is said. */
TEST(trusted_no_more)
{
	void (*const form[])(struct buf *, const struct casefile *) = {
	    cases_text, cases_markdown, cases_html, cases_row};
	struct casefile *one = read_case(whole);

	CHECK(one != NULL && cases_set_publisher(one, "cert.z"));
	for (unsigned i = 0; i < 8; i++) {
		struct buf out;

		buf_open(&out, 1u << 20);
		one->untrusted = i >= 4;
		form[i % 4](&out, one);
		CHECK_UINT(count_of(&out, "cert.z"), 1);
		CHECK_UINT(count_of(&out, CASES_UNTRUSTED), i >= 4);
		buf_close(&out);
	}
	cases_free(one);
}

/* A case that was published is in the list, whole, or named and counted, wherever memory ends. */
TEST(none_without_a_word)
{
	struct board_case from = {.id = ID, .organisation = "cert.a", .message = "m1", .ours = true,
	    .document = slice_str(whole)};
	unsigned long all = 0;
	int said, nowhere;

	if (!MALLOC_OWN)
		return;
	said = dup(STDERR_FILENO);
	nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	CHECK(said >= 0 && nowhere >= 0 && dup2(nowhere, STDERR_FILENO) >= 0);
	for (unsigned long at = 0; at <= 2 * all; at++) {
		struct cases_room r = {.left_out = 0};

		malloc_count = 0;
		malloc_fails = (at + 1) / 2;
		malloc_fails_on = at % 2 == 0;
		malloc_counting = true;
		cases_take(&r, &from);
		malloc_counting = false;
		all = at == 0 ? malloc_count : all;
		CHECK(all > 5);
		CHECK_UINT(r.list.count + r.left_out, 1);
		CHECK(at > 0 || r.left_out == 0);
		if (r.list.count > 0) {
			const struct casefile *one = r.list.one[0];

			CHECK(one->hypotheses == 5 && one->hypothesis[0].supports == 1 && one->nodes == 2);
			CHECK(one->edges == 1 && one->sights == 3 && one->spans == 2 && one->traces == 1);
			CHECK(one->missings == 1 && one->messages == 3 && one->opinions == 0);
		}
		cases_list_free(&r.list);
	}
	CHECK(dup2(said, STDERR_FILENO) >= 0);
	close(said);
	close(nowhere);
}

/* What is sent: all of it, or it is not sent; wherever memory ends. */
static void
check_posting(const struct buf *name, const struct buf *summary, const struct buf *document)
{
	struct casefile *one = read_case(whole);
	struct posting p;
	enum cc_status st;

	CHECK(one != NULL);
	malloc_count = 0;
	malloc_counting = true;
	st = cases_posting(one, "cert.a", 0, SIZE_MAX, CASES_NODES, &p);
	malloc_counting = false;
	CHECK(st == CC_OK || malloc_fails > 0);
	if (st == CC_OK && name != NULL) {
		CHECK(slice_eq(buf_slice(&p.name), buf_slice(name)));
		CHECK(slice_eq(buf_slice(&p.summary), buf_slice(summary)));
		CHECK(slice_eq(buf_slice(&p.document), buf_slice(document)));
	}
	cases_posting_close(&p);
	cases_free(one);
}

TEST(none_is_sent_in_part)
{
	struct casefile *one = read_case(whole);
	struct posting p;
	unsigned long all;

	if (!MALLOC_OWN)
		return;
	malloc_fails = 0;
	check_posting(NULL, NULL, NULL);
	all = malloc_count;
	CHECK(all > 10);
	CHECK(cases_posting(one, "cert.a", 0, SIZE_MAX, CASES_NODES, &p) == CC_OK);
	for (unsigned long at = 1; at <= 2 * all; at++) {
		malloc_fails = (at + 1) / 2;
		malloc_fails_on = at % 2 == 0;
		check_posting(&p.name, &p.summary, &p.document);
	}
	malloc_fails = 0;
	cases_posting_close(&p);
	cases_free(one);
}

/* A page is whole, or says that it is not. */
TEST(no_page_is_shown_in_part)
{
	static void (*const form[])(struct buf *, const struct casefile *) = {
	    cases_text, cases_markdown, cases_html, cases_row};

	for (unsigned f = 0; f < sizeof(form) / sizeof(form[0]) && MALLOC_OWN; f++) {
		struct casefile *one = read_case(whole);
		struct buf page;
		unsigned long all = 0;

		CHECK(one != NULL);
		buf_open(&page, 16u << 20);
		for (unsigned long at = 0; at <= 2 * all; at++) {
			struct buf out;

			buf_open(&out, 16u << 20);
			malloc_count = 0;
			malloc_fails = (at + 1) / 2;
			malloc_fails_on = at % 2 == 0;
			malloc_counting = true;
			form[f](&out, one);
			malloc_counting = false;
			malloc_fails = 0;
			if (at == 0) {
				all = malloc_count;
				buf_add_slice(&page, buf_slice(&out));
			}
			CHECK(out.full || slice_eq(buf_slice(&out), buf_slice(&page)));
			CHECK(at > 0 || !out.full);
			buf_close(&out);
		}
		CHECK(all > 0);
		buf_close(&page);
		cases_free(one);
	}
}

TESTS(T(members), T(marked), T(refused), T(damaged), T(wrong_types), T(page_is_safe), T(no_word_of_who), T(labels),
    T(odd_times), T(zone_is_no_host), T(cleaned), T(layout), T(changes), T(found), T(who_saw), T(row),
    T(whose_word_it_rests_on), T(posted), T(trusted_no_more), T(none_without_a_word), T(none_is_sent_in_part),
    T(no_page_is_shown_in_part))
