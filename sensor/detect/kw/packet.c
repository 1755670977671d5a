/* Headers of the packet: IP, TCP, ICMP. */
#include "detect/kw/kw.h"

static const struct ip_info *
inner_ip(const struct run *run)
{
	return run->pkt != NULL && run->pkt->ip_count > 0 ? &run->pkt->ip[run->pkt->ip_count - 1] : NULL;
}

static bool
is_tcp(const struct run *run)
{
	return run->pkt != NULL && run->pkt->proto == 6 && run->pkt->has_transport;
}

static bool
is_icmp(const struct run *run)
{
	return run->pkt != NULL && (run->pkt->proto == 1 || run->pkt->proto == 58) && run->pkt->has_transport;
}

/* One test for each number of a header: NUMBER_TEST(name, is it there, the number). */
#define NUMBER_TEST(name, there, number)                                                                               \
	static bool name##_test(struct run *run, const struct check *check)                                            \
	{                                                                                                              \
		return (there) && number_holds(check->data, (number));                                                 \
	}                                                                                                              \
	static enum cc_status name##_parse(                                                                            \
	    struct build *build, const struct keyword *keyword, struct slice value, bool negated)                      \
	{                                                                                                              \
		(void)negated;                                                                                         \
		return packet_check(build, keyword, name##_test, value, UINT32_MAX);                                   \
	}

NUMBER_TEST(ttl, inner_ip(run) != NULL, inner_ip(run)->ttl)
NUMBER_TEST(tos, inner_ip(run) != NULL && inner_ip(run)->version == 4, inner_ip(run)->tos)
NUMBER_TEST(id, inner_ip(run) != NULL && inner_ip(run)->version == 4, inner_ip(run)->id)
/* IPv4 counts in units of 8 bytes, IPv6 in bytes, and of its fragments alone. */
NUMBER_TEST(fragoffset, inner_ip(run) != NULL && (inner_ip(run)->version == 4 || run->pkt->is_fragment),
    inner_ip(run)->version == 4 ? inner_ip(run)->frag_off & 0x1fffu : inner_ip(run)->frag_off)
NUMBER_TEST(seq, is_tcp(run), run->pkt->tcp.seq)
NUMBER_TEST(ack, is_tcp(run), run->pkt->tcp.ack)
NUMBER_TEST(window, is_tcp(run), run->pkt->tcp.window)
NUMBER_TEST(mss, is_tcp(run) && run->pkt->tcp.mss != 0, run->pkt->tcp.mss)
NUMBER_TEST(itype, is_icmp(run), run->pkt->icmp.type)
NUMBER_TEST(icode, is_icmp(run), run->pkt->icmp.code)

/* Echoes, and ICMPv4's questions for time, information and mask, have an identifier and a number (RFC 792, 950). */
static bool
is_numbered(const struct run *run)
{
	static const uint8_t kinds[] = {0, 8, 13, 14, 15, 16, 17, 18};
	uint8_t type;

	if (!is_icmp(run))
		return false;
	type = run->pkt->icmp.type;
	if (run->pkt->proto == 58)
		return type == 128 || type == 129;
	return memchr(kinds, type, sizeof(kinds)) != NULL;
}

NUMBER_TEST(icmp_id, is_numbered(run), run->pkt->icmp.id)
NUMBER_TEST(icmp_seq, is_numbered(run), run->pkt->icmp.seq)

/* RFC 4443, 3.2: type 2 "packet too big", then the MTU. */
static uint64_t
icmpv6_mtu_of(const struct packet *pkt)
{
	struct cur c = cur_slice(pkt->l4);

	cur_skip(&c, 4);
	return cur_u32(&c);
}

NUMBER_TEST(icmpv6_mtu, is_icmp(run) && run->pkt->proto == 58 && run->pkt->icmp.type == 2 && run->pkt->l4.size >= 8,
    icmpv6_mtu_of(run->pkt))

static enum cc_status
l3_proto_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	bool four = slice_is_nocase(value, "ipv4") || slice_is_nocase(value, "ip4");

	(void)keyword, (void)negated;
	if (!four && !slice_is_nocase(value, "ipv6") && !slice_is_nocase(value, "ip6"))
		return build_refuse(build, "should be ipv4 or ipv6");
	build->rule.versions &= four ? 1 : 2;
	return build->rule.versions != 0 ? CC_OK : build_refuse(build, "contradicts the rule's protocol");
}

static bool
ip_proto_test(struct run *run, const struct check *check)
{
	return run->pkt != NULL ? run->pkt->ip_count > 0 && number_holds(check->data, packet_proto(run->pkt))
				: run->flow != NULL && number_holds(check->data, run->flow->proto);
}

/* "TCP" for "tcp", but not "TcP": it would be a slip in other sensors. */
static bool
is_upper(struct slice text, const char *word)
{
	for (size_t i = 0; i < text.size; i++) {
		if (text.p[i] >= 'a' && text.p[i] <= 'z')
			return false;
	}
	return slice_is_nocase(text, word);
}

static enum cc_status
ip_proto_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	static const struct {
		const char *word, *number;
	} names[] = {{"icmp", "1"}, {"igmp", "2"}, {"tcp", "6"}, {"udp", "17"}, {"gre", "47"}, {"esp", "50"},
	    {"ah", "51"}, {"icmpv6", "58"}, {"ipv6-icmp", "58"}, {"sctp", "132"}, {"pim", "103"}, {"ospf", "89"},
	    {"ipip", "4"}, {"ipv6", "41"}};
	struct slice rest = value;
	char text[16];
	bool ip_only = build->ip_keyword_only, packet = build->packet_keyword;
	char op = 0;

	(void)negated;
	if (rest.size > 0 && (rest.p[0] == '!' || rest.p[0] == '<' || rest.p[0] == '>')) {
		op = (char)rest.p[0];
		rest = slice_trim(slice_of(rest.p + 1, rest.size - 1));
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (slice_is(rest, names[i].word) || is_upper(rest, names[i].word)) {
			snprintf(text, sizeof(text), "%.1s%s", op != 0 ? &op : "", names[i].number);
			if (op != 0)
				text[0] = op;
			value = slice_str(text);
		}
	}
	if (packet_check(build, keyword, ip_proto_test, value, 255) != CC_OK)
		return CC_BAD;
	build->ip_keyword_only = ip_only;
	build->packet_keyword = packet;
	return CC_OK;
}

static bool
sameip_test(struct run *run, const struct check *check)
{
	(void)check;
	return run->pkt != NULL && run->pkt->ip_count > 0 && cc_addr_cmp(&run->pkt->src, &run->pkt->dst) == 0;
}

static enum cc_status
sameip_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	(void)value, (void)negated;
	build->packet_keyword = true;
	build->packet_keyword_name = keyword->name;
	build->ip_keyword_only = false;
	return build_check(build, sameip_test, PHASE_PACKET) != NULL ? CC_OK : CC_BAD;
}

/* a: bits that count, b: bits that must be set of them; kind: '+' these and perhaps others, '*' any, '!' none, 0
 * exactly. */
static bool
bits_hold(const struct check *check, uint32_t value)
{
	value &= check->a;
	switch (check->kind) {
	case '+':
		return (value & check->b) == check->b;
	case '*':
		return (value & check->b) != 0;
	case '!':
		return (value & check->b) != check->b;
	default:
		return value == check->b;
	}
}

static bool
flags_test(struct run *run, const struct check *check)
{
	return is_tcp(run) && bits_hold(check, run->pkt->tcp.flags);
}

static bool
flag_letters(struct slice letters, uint32_t *ret_bits)
{
	static const char names[] = "FSRPAUECfsrpauec";
	static const uint8_t bit[] = {TCP_FIN, TCP_SYN, TCP_RST, TCP_PSH, TCP_ACK, TCP_URG, TCP_ECE, TCP_CWR};

	for (size_t i = 0; i < letters.size; i++) {
		const char *at = memchr(names, letters.p[i], 16);

		if (letters.p[i] == '1')
			*ret_bits |= TCP_CWR;
		else if (letters.p[i] == '2')
			*ret_bits |= TCP_ECE;
		else if (at != NULL)
			*ret_bits |= bit[(at - names) % 8];
		else if (letters.p[i] != '0')
			return false;
	}
	return true;
}

static enum cc_status
flags_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct slice rest = value, want, ignore;
	uint32_t bits = 0, masked = 0;
	uint8_t kind = 0;
	struct check *check;

	(void)negated;
	slice_split(&rest, ',', &want);
	want = slice_trim(want);
	if (want.size > 0 && strchr("+*!", want.p[0]) != NULL) {
		kind = want.p[0];
		want = slice_of(want.p + 1, want.size - 1);
	} else if (want.size > 1 && strchr("+*!", want.p[want.size - 1]) != NULL) {
		kind = want.p[want.size - 1];
		want.size--;
	}
	if (want.size == 0 || !flag_letters(want, &bits))
		return build_refuse(
		    build, "flags are letters of FSRPAUEC, 1, 2 or 0, perhaps with +, * or ! before them");
	if (slice_split(&rest, ',', &ignore)) {
		ignore = slice_trim(ignore);
		if (ignore.size > 0 && ignore.p[0] == '!')
			ignore = slice_of(ignore.p + 1, ignore.size - 1);
		if (!flag_letters(ignore, &masked))
			return build_refuse(build, "the ignored flags are letters of FSRPAUEC, 1, 2");
	}
	check = build_check(build, flags_test, PHASE_PACKET);
	if (check == NULL)
		return CC_BAD;
	check->a = 0xffu & ~masked;
	check->b = bits & check->a;
	check->kind = kind;
	build->packet_keyword = true;
	build->packet_keyword_name = keyword->name;
	build->ip_keyword_only = false;
	return CC_OK;
}

static bool
fragbits_test(struct run *run, const struct check *check)
{
	const struct ip_info *ip = inner_ip(run);

	return ip != NULL && ip->version == 4 && bits_hold(check, (uint32_t)ip->frag_off & 0xe000u);
}

static enum cc_status
fragbits_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct check *check = build_check(build, fragbits_test, PHASE_PACKET);

	(void)negated;
	if (check == NULL)
		return CC_BAD;
	check->a = 0xe000;
	for (size_t i = 0; i < value.size; i++) {
		uint8_t c = (uint8_t)(value.p[i] >= 'a' && value.p[i] <= 'z' ? value.p[i] - 32 : value.p[i]);

		if (strchr("+*!", c) != NULL)
			check->kind = c;
		else if (c == 'M' || c == 'D' || c == 'R')
			check->b |= c == 'M' ? 0x2000u : c == 'D' ? 0x4000u : 0x8000u;
		else if (c != ' ')
			return build_refuse(build, "letters are M, D and R, perhaps with +, * or ! before them");
	}
	build->packet_keyword = true;
	build->packet_keyword_name = keyword->name;
	build->ip_keyword_only = false;
	return CC_OK;
}

/* Walks the options of an IPv4 header (RFC 791, 3.1). */
static bool
ipopts_test(struct run *run, const struct check *check)
{
	const struct ip_info *ip = inner_ip(run);
	struct cur in;

	if (ip == NULL || ip->version != 4)
		return false;
	in = cur_slice(ip->header);
	cur_skip(&in, 20);
	if (check->a == 256)
		return !in.bad && cur_left(&in) > 0;
	while (!in.bad && cur_left(&in) > 0) {
		uint8_t kind = cur_u8(&in), size;

		if (kind == check->a)
			return true;
		if (kind == 0)
			return false;
		if (kind == 1)
			continue;
		size = cur_u8(&in);
		if (in.bad || size < 2)
			return false;
		cur_skip(&in, size - 2u);
	}
	return false;
}

static enum cc_status
ipopts_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	static const struct {
		const char *word;
		uint32_t kind;
	} table[] = {{"rr", 7}, {"lsrr", 131}, {"eol", 0}, {"nop", 1}, {"ts", 68}, {"sec", 130}, {"ssrr", 137},
	    {"satid", 136}, {"any", 256}, {"esec", 133}, {"cipso", 134}, {"rtralt", 148}, {"qs", 25}};
	struct check *check = build_check(build, ipopts_test, PHASE_PACKET);

	(void)negated;
	build->packet_keyword = true;
	build->packet_keyword_name = keyword->name;
	build->ip_keyword_only = false;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]) && check != NULL; i++) {
		if (slice_is_nocase(value, table[i].word)) {
			check->a = table[i].kind;
			return CC_OK;
		}
	}
	return build_refuse(
	    build, "should be rr, lsrr, ssrr, eol, nop, ts, sec, esec, satid, cipso, rtralt, qs or any");
}

static bool
checksum_test(struct run *run, const struct check *check)
{
	const struct ip_info *ip = inner_ip(run);
	bool ok;

	if (ip == NULL || run->pkt->is_fragment)
		return false;
	if (check->b != 0 && (ip->version != check->b || run->pkt->proto != check->kind))
		return false;
	if (check->b == 0 && ip->version != 4)
		return false;
	ok = check->b == 0 ? decode_ip_checksum_ok(run->pkt) : decode_l4_checksum_ok(run->pkt);
	return ok == (check->a != 0);
}

static enum cc_status
checksum_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	struct check *check = build_check(build, checksum_test, PHASE_PACKET);
	const char *name = keyword->name;

	(void)negated;
	if (check == NULL)
		return CC_BAD;
	if (!slice_is_nocase(value, "valid") && !slice_is_nocase(value, "invalid"))
		return build_refuse(build, "should be valid or invalid");
	check->a = slice_is_nocase(value, "valid");
	if (strncmp(name, "ipv4", 4) != 0) {
		check->b = strstr(name, "v6") != NULL ? 6 : 4;
		check->kind = name[0] == 't' ? 6 : name[0] == 'u' ? 17 : check->b == 4 ? 1 : 58;
	}
	build->packet_keyword = true;
	build->packet_keyword_name = name;
	build->ip_keyword_only = false;
	return CC_OK;
}

/* ip.src:10.0.0.0/8 … : addresses as in a header. */
static bool
address_test(struct run *run, const struct check *check)
{
	return run->pkt != NULL && run->pkt->ip_count > 0 &&
	       addr_set_has(check->data, check->a != 0 ? &run->pkt->dst : &run->pkt->src);
}

static enum cc_status
address_parse(struct build *build, const struct keyword *keyword, struct slice value, bool negated)
{
	const struct addr_set *set;
	struct check *check;

	(void)negated;
	if (value.size == 0)
		return build_sticky(build, keyword->name);
	if (addr_set_parse(build, value, &set) != CC_OK ||
	    (check = build_check(build, address_test, PHASE_PACKET)) == NULL)
		return CC_BAD;
	check->data = set;
	check->a = strcmp(keyword->name, "ip.dst") == 0;
	build->packet_keyword = true;
	build->packet_keyword_name = keyword->name;
	build->ip_keyword_only = false;
	return CC_OK;
}

#define NUMBER(symbol, word, other, function, text)                                                                    \
	const struct keyword kw_##symbol = {word, other, KW_VALUE, function##_parse, NULL, text}
NUMBER(ttl, "ttl", NULL, ttl, "Time to live, or hop limit");
NUMBER(tos, "tos", NULL, tos, "Type of service of an IPv4 packet");
NUMBER(id, "id", NULL, id, "Identification of the IPv4 header");
NUMBER(fragoffset, "fragoffset", NULL, fragoffset,
    "Offset of a fragment, in units of 8 bytes for IPv4, in bytes for IPv6");
NUMBER(seq, "seq", "tcp.seq", seq, "TCP sequence number");
NUMBER(ack, "ack", "tcp.ack", ack, "TCP acknowledgement number");
NUMBER(window, "window", "tcp.window", window, "TCP window, as in the header");
NUMBER(tcp_mss, "tcp.mss", NULL, mss, "The maximum segment size that the TCP options announce");
NUMBER(itype, "itype", NULL, itype, "ICMP type");
NUMBER(icode, "icode", NULL, icode, "ICMP code");
NUMBER(icmp_id, "icmp_id", NULL, icmp_id, "ICMP echo identifier");
NUMBER(icmp_seq, "icmp_seq", NULL, icmp_seq, "ICMP echo sequence number");
NUMBER(ip_proto, "ip_proto", NULL, ip_proto, "Protocol above IP: 17, udp, !6");
NUMBER(ipopts, "ipopts", NULL, ipopts, "An option of the IPv4 header");
NUMBER(fragbits, "fragbits", NULL, fragbits, "Bits of the IPv4 fragment field: M, D, R with +, * or !");
NUMBER(flags, "flags", "tcp.flags", flags, "TCP flags: S, +S, *SA, !F; behind a comma those to leave out");
const struct keyword kw_ip_src = {
    "ip.src", NULL, 0, address_parse, NULL, "The source address is one of these; without them its bytes as a buffer"};
const struct keyword kw_ip_dst = {"ip.dst", NULL, 0, address_parse, NULL,
    "The destination address is one of these; without them its bytes as a buffer"};
NUMBER(ipv4_csum, "ipv4-csum", NULL, checksum, "The IPv4 header's checksum is valid, or invalid");
NUMBER(tcpv4_csum, "tcpv4-csum", NULL, checksum, "The TCP checksum over IPv4 is valid, or invalid");
NUMBER(tcpv6_csum, "tcpv6-csum", NULL, checksum, "The TCP checksum over IPv6 is valid, or invalid");
NUMBER(udpv4_csum, "udpv4-csum", NULL, checksum, "The UDP checksum over IPv4 is valid, or invalid");
NUMBER(udpv6_csum, "udpv6-csum", NULL, checksum, "The UDP checksum over IPv6 is valid, or invalid");
NUMBER(icmpv4_csum, "icmpv4-csum", NULL, checksum, "The ICMP checksum is valid, or invalid");
NUMBER(icmpv6_csum, "icmpv6-csum", NULL, checksum, "The ICMPv6 checksum is valid, or invalid");
const struct keyword kw_sameip = {
    "sameip", NULL, KW_NO_VALUE, sameip_parse, NULL, "Source and destination address are equal"};
const struct keyword kw_icmpv6_mtu = {"icmpv6.mtu", NULL, KW_VALUE, icmpv6_mtu_parse, NULL,
    "The MTU that an ICMPv6 \"packet too big\" tells"};
const struct keyword kw_l3_proto = {"l3_proto", NULL, KW_VALUE, l3_proto_parse, NULL, "ipv4 or ipv6"};
