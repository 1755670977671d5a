/*
 * A rule's header: action protocol addresses ports direction addresses ports.  Protocols are transports, or the names
 * of the parsers of sensor/app/; a protocol that this sensor does not parse is refused, as its traffic could not be
 * told.
 */
#include "detect/own.h"

/* The next word; a list in brackets is one word, blanks and all. */
static struct slice
word_next(struct cur *in)
{
	struct slice rest = cur_rest(in);
	size_t skip = 0, size = 0;
	unsigned open = 0;

	while (skip < rest.size && (rest.p[skip] == ' ' || rest.p[skip] == '\t'))
		skip++;
	while (skip + size < rest.size) {
		uint8_t c = rest.p[skip + size];

		if (c == '[')
			open++;
		else if (c == ']' && open > 0)
			open--;
		else if ((c == ' ' || c == '\t' || c == '(') && open == 0)
			break;
		size++;
	}
	cur_skip(in, skip);
	return cur_take(in, size);
}

static bool
protocol_transport(struct rule *rule, struct slice word)
{
	static const struct {
		const char *word;
		uint8_t protos, versions, flow;
	} table[] = {
	    {"ip", PROTO_ALL, 3, 0},
	    {"ip4", PROTO_ALL, 1, 0},
	    {"ipv4", PROTO_ALL, 1, 0},
	    {"ip6", PROTO_ALL, 2, 0},
	    {"ipv6", PROTO_ALL, 2, 0},
	    {"tcp", PROTO_TCP, 3, 0},
	    {"tcp-pkt", PROTO_TCP, 3, FLOW_NO_STREAM},
	    {"tcp-stream", PROTO_TCP, 3, FLOW_ONLY_STREAM},
	    {"udp", PROTO_UDP, 3, 0},
	    {"sctp", PROTO_SCTP, 3, 0},
	    {"icmp", PROTO_ICMP4 | PROTO_ICMP6, 3, 0},
	    {"icmpv4", PROTO_ICMP4, 1, 0},
	    {"icmpv6", PROTO_ICMP6, 2, 0},
	    {"pkthdr", PROTO_ALL | PROTO_NONIP, 3, 0},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (slice_is_nocase(word, table[i].word)) {
			rule->protos = table[i].protos;
			rule->versions = table[i].versions;
			rule->flow |= table[i].flow;
			return true;
		}
	}
	return false;
}

/* http is any version of it; http1 names the parser of HTTP/1; dcerpc goes over SMB's pipes, too. */
uint64_t
protocol_apps(struct slice word)
{
	uint64_t apps = 0;

	for (unsigned i = 0; i < app_parser_count && i < 64; i++) {
		const char *name = app_parsers[i]->name;

		if (slice_is_nocase(word, name) || (slice_is_nocase(word, "http") && strncmp(name, "http", 4) == 0) ||
		    (slice_is_nocase(word, "http1") && strcmp(name, "http") == 0) ||
		    (slice_is_nocase(word, "dcerpc") && strcmp(name, "smb") == 0) ||
		    ((slice_is_nocase(word, "ikev1") || slice_is_nocase(word, "ikev2")) && strcmp(name, "ike") == 0) ||
		    (slice_is_nocase(word, "ssl") && strcmp(name, "tls") == 0))
			apps |= 1ull << i;
	}
	return apps;
}

static enum cc_status
protocol_parse(struct build *build, struct slice word)
{
	struct rule *rule = &build->rule;

	if (protocol_transport(rule, word))
		return CC_OK;
	rule->apps = protocol_apps(word);
	if (rule->apps == 0)
		return build_refuse(
		    build, "protocol \"%.*s\" is not one that this sensor parses", (int)word.size, word.p);
	build->app_proto = true;
	rule->versions = 3;
	for (unsigned i = 0; i < app_parser_count && i < 64; i++) {
		if ((rule->apps >> i & 1) != 0)
			rule->protos |=
			    (uint8_t)((app_parsers[i]->tcp ? PROTO_TCP : 0) | (app_parsers[i]->udp ? PROTO_UDP : 0) |
				      (app_parsers[i]->icmp ? PROTO_ICMP4 | PROTO_ICMP6 : 0));
	}
	return CC_OK;
}

static bool
starts_body(const struct cur *in)
{
	struct slice rest = slice_trim(cur_rest(in));

	return rest.size > 0 && rest.p[0] == '(';
}

/* Of a word of the rule; of one that isn't there, 1. */
static uint32_t
column_of(const uint8_t *start, struct slice word, const struct cur *in)
{
	uintptr_t at = (uintptr_t)word.p, first = (uintptr_t)start;

	return at >= first && at < (uintptr_t)in->end ? (uint32_t)(at - first) + 1 : 1;
}

enum cc_status
header_parse(struct build *build, struct cur *in)
{
	static const struct {
		const char *word;
		enum rule_action action;
	} actions[] = {{"alert", RULE_ALERT}, {"pass", RULE_PASS}, {"drop", RULE_DROP}, {"reject", RULE_REJECT},
	    {"rejectsrc", RULE_REJECT}, {"rejectdst", RULE_REJECT}, {"rejectboth", RULE_REJECT}};
	const uint8_t *start = in->p;
	struct slice word[7];
	struct rule *rule = &build->rule;
	size_t i;

	for (i = 0; i < 7; i++) {
		if (i == 2 && starts_body(in)) { /* Snort 3: of any address and port */
			word[2] = word[3] = word[5] = word[6] = slice_str("any");
			word[4] = slice_str("->");
			break;
		}
		word[i] = word_next(in);
		build->column = (uint32_t)(word[i].p != NULL ? word[i].p - start : 0) + 1;
		if (word[i].size == 0)
			return build_refuse(
			    build, "the header ends early; it is: action protocol address port -> address port");
	}
	build->column = 1;
	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (slice_is_nocase(word[0], actions[i].word))
			break;
	}
	if (i == sizeof(actions) / sizeof(actions[0]))
		return build_refuse(build, "\"%.*s\" is no action; actions are alert, pass, drop and reject",
		    (int)word[0].size, word[0].p);
	rule->info.action = actions[i].action;
	build->column = (uint32_t)(word[1].p - start) + 1;
	if (protocol_parse(build, word[1]) != CC_OK)
		return CC_BAD;
	build->column = column_of(start, word[4], in);
	rule->both_ways = slice_is(word[4], "<>");
	if (!rule->both_ways && !slice_is(word[4], "->"))
		return build_refuse(
		    build, "\"%.*s\" is no direction; directions are -> and <>", (int)word[4].size, word[4].p);
	build->column = column_of(start, word[2], in);
	if (addr_set_parse(build, word[2], &rule->src) != CC_OK)
		return CC_BAD;
	build->column = column_of(start, word[3], in);
	if (port_set_parse(build, word[3], &rule->sport) != CC_OK)
		return CC_BAD;
	build->column = column_of(start, word[5], in);
	if (addr_set_parse(build, word[5], &rule->dst) != CC_OK)
		return CC_BAD;
	build->column = column_of(start, word[6], in);
	return port_set_parse(build, word[6], &rule->dport);
}
