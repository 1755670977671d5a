/*
 * A frame of each encapsulation, made by hand, with the stack and the inner tuple that it is to give.  A layer is a
 * function and a row here.
 */
#ifndef DECODE_LAYERS_MADE_H
#define DECODE_LAYERS_MADE_H

#include "frames.h"

static void
end_tcp(struct build *f)
{
	ip4(f, 6, 1, 2, TCP_SIZE + 4);
	tcp(f, 4000, 80, TCP_SYN);
	add(f, "GET ", 4);
}

#define INNER4 (20 + TCP_SIZE + 4) /* an IPv4 packet of end_tcp() */
#define INNER_ETH (14 + INNER4)

static void
make_plain(struct build *f)
{
	eth(f, 0x0800);
	end_tcp(f);
}

static void
make_vlan(struct build *f)
{
	eth(f, 0x88a8);
	add16(f, 0x2064);
	add16(f, 0x8100);
	add16(f, 0x00c8);
	add16(f, 0x0800);
	end_tcp(f);
}

static void
make_snap(struct build *f)
{
	eth(f, 8 + INNER4);
	add(f, "\xaa\xaa\x03\x00\x00\x00\x08\x00", 8);
	end_tcp(f);
}

static void
make_sll(struct build *f)
{
	f->linktype = 113;
	add_zero(f, 14);
	add16(f, 0x0800);
	end_tcp(f);
}

static void
make_sll2(struct build *f)
{
	f->linktype = 276;
	add16(f, 0x0800);
	add_zero(f, 18);
	end_tcp(f);
}

static void
make_raw(struct build *f)
{
	f->linktype = 101;
	end_tcp(f);
}

static void
make_null(struct build *f)
{
	f->linktype = 0;
	add(f, "\x02\x00\x00\x00", 4);
	end_tcp(f);
}

static void
make_loop(struct build *f)
{
	f->linktype = 108;
	add(f, "\x00\x00\x00\x02", 4);
	end_tcp(f);
}

static void
wlan_qos(struct build *f, unsigned qos)
{
	add(f, "\x88\x01\x00\x00", 4); /* data with quality of service, to the access point */
	add_zero(f, 18);
	add16(f, 0);
	add8(f, qos);
	add8(f, 0);
}

static void
make_radiotap(struct build *f)
{
	f->linktype = 127;
	add(f, "\x00\x00\x12\x00\x03\x00\x00\x00", 8); /* time stamp and flags */
	add_zero(f, 8);
	add8(f, 0x30); /* padded, with a checksum behind */
	add8(f, 0);
	wlan_qos(f, 0);
	add_zero(f, 2);
	add(f, "\xaa\xaa\x03\x00\x00\x00\x08\x00", 8);
	end_tcp(f);
	add(f, "\xde\xad\xbe\xef", 4);
}

static void
make_amsdu(struct build *f)
{
	f->linktype = 105;
	wlan_qos(f, 0x80);
	add_zero(f, 12);
	add16(f, 8 + INNER4);
	add(f, "\xaa\xaa\x03\x00\x00\x00\x08\x00", 8);
	end_tcp(f);
	add_zero(f, 30);
}

static void
make_prism(struct build *f)
{
	f->linktype = 119;
	add(f, "\x44\x00\x00\x00\x90\x00\x00\x00", 8);
	add_zero(f, 136);
	wlan_qos(f, 0);
	add(f, "\xaa\xaa\x03\x00\x00\x00\x08\x00", 8);
	end_tcp(f);
}

static void
make_avs(struct build *f)
{
	f->linktype = 163;
	add(f, "\x80\x21\x10\x01\x00\x00\x00\x40", 8);
	add_zero(f, 56);
	wlan_qos(f, 0);
	add(f, "\xaa\xaa\x03\x00\x00\x00\x08\x00", 8);
	end_tcp(f);
}

static void
make_ppp(struct build *f)
{
	f->linktype = 9;
	add(f, "\xff\x03\x00\x21", 4);
	end_tcp(f);
}

static void
make_ppp_short(struct build *f)
{
	f->linktype = 50;
	add8(f, 0x21);
	end_tcp(f);
}

static void
make_chdlc(struct build *f)
{
	f->linktype = 104;
	add(f, "\x0f\x00\x08\x00", 4);
	end_tcp(f);
}

static void
make_frame_relay(struct build *f)
{
	f->linktype = 107;
	add(f, "\x18\x41\x03\xcc", 4);
	end_tcp(f);
}

static void
make_fddi(struct build *f)
{
	f->linktype = 10;
	add8(f, 0x50);
	add_zero(f, 12);
	add(f, "\xaa\xaa\x03\x00\x00\x00\x08\x00", 8);
	end_tcp(f);
}

static void
make_nflog(struct build *f)
{
	f->linktype = 239;
	add(f, "\x02\x00\x00\x00\x08\x00\x01\x00\x08\x00\x01\x00", 12);
	add8(f, 4 + INNER4);
	add(f, "\x00\x09\x00", 3);
	end_tcp(f);
}

static void
make_mpls(struct build *f)
{
	eth(f, 0x8847);
	add32(f, 100u << 12 | 64);
	add32(f, 200u << 12 | 0x100 | 64);
	end_tcp(f);
}

static void
make_pseudo_wire(struct build *f)
{
	eth(f, 0x8847);
	add32(f, 300u << 12 | 0x100 | 64);
	add32(f, 0);
	eth(f, 0x0800);
	end_tcp(f);
}

static void
make_pppoe(struct build *f)
{
	eth(f, 0x8864);
	add16(f, 0x1100);
	add16(f, 77);
	add16(f, 2 + INNER4);
	add16(f, 0x0021);
	end_tcp(f);
}

static void
make_pbb(struct build *f)
{
	eth(f, 0x88e7);
	add32(f, 5);
	eth(f, 0x0800);
	end_tcp(f);
}

static void
make_nsh(struct build *f)
{
	eth(f, 0x894f);
	add16(f, 0x0fc2);
	add16(f, 0x0201);
	add32(f, 0x000001ff);
	end_tcp(f);
}

static void
make_gre(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 47, 8, 9, 16 + INNER4);
	add16(f, 0xb000); /* checksum, key, sequence */
	add16(f, 0x0800);
	add32(f, 0);
	add32(f, 4711);
	add32(f, 1);
	end_tcp(f);
}

static void
make_pptp(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 47, 8, 9, 16 + 4 + INNER4);
	add16(f, 0x3081);
	add16(f, 0x880b);
	add16(f, 4 + INNER4);
	add16(f, 99);
	add32(f, 1);
	add32(f, 1);
	add(f, "\xff\x03\x00\x21", 4);
	end_tcp(f);
}

static void
make_erspan_1(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 47, 8, 9, 4 + INNER_ETH);
	add32(f, 0x000088be);
	eth(f, 0x0800);
	end_tcp(f);
}

static void
make_erspan_2(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 47, 8, 9, 16 + INNER_ETH);
	add32(f, 0x100088be);
	add32(f, 1);
	add16(f, 0x1005); /* VLAN 5 */
	add16(f, 0x0065);
	add32(f, 0);
	eth(f, 0x0800);
	end_tcp(f);
}

static void
make_erspan_3(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 47, 8, 9, 28 + INNER_ETH);
	add32(f, 0x100022eb);
	add32(f, 1);
	add16(f, 0x2000);
	add16(f, 0x0065);
	add32(f, 0);
	add16(f, 0);
	add16(f, 1);
	add_zero(f, 8);
	eth(f, 0x0800);
	end_tcp(f);
}

static void
make_vxlan(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 17, 8, 9, 16 + INNER_ETH);
	udp(f, 50000, 4789, 8 + INNER_ETH);
	add32(f, 0x08000000);
	add32(f, 42u << 8);
	eth(f, 0x0800);
	end_tcp(f);
}

static void
make_geneve(struct build *f)
{
	eth(f, 0x86dd);
	ip6(f, 17, 8, 9, 20 + INNER_ETH);
	udp(f, 50000, 6081, 12 + INNER_ETH);
	add32(f, 0x01006558);
	add32(f, 43u << 8);
	add32(f, 0);
	eth(f, 0x0800);
	end_tcp(f);
}

static void
make_gtp(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 17, 8, 9, 24 + INNER4);
	udp(f, 2152, 2152, 16 + INNER4);
	add16(f, 0x34ff);
	add16(f, 8 + INNER4);
	add32(f, 0xcafe);
	add32(f, 0x00000085);
	add32(f, 0x01100000);
	end_tcp(f);
}

static void
make_teredo(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 17, 8, 9, 8 + 8 + 40 + TCP_SIZE);
	udp(f, 5000, 3544, 8 + 40 + TCP_SIZE);
	add_zero(f, 8);
	ip6(f, 6, 1, 2, TCP_SIZE);
	tcp(f, 4000, 80, TCP_SYN);
}

static void
make_ipip(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 4, 8, 9, INNER4);
	end_tcp(f);
}

static void
make_6in4(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 41, 8, 9, 40 + TCP_SIZE);
	ip6(f, 6, 1, 2, TCP_SIZE);
	tcp(f, 4000, 80, TCP_SYN);
}

static void
make_4in6(struct build *f)
{
	eth(f, 0x86dd);
	ip6(f, 4, 8, 9, INNER4);
	end_tcp(f);
}

static void
make_etherip(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 97, 8, 9, 2 + INNER_ETH);
	add16(f, 0x3000);
	eth(f, 0x0800);
	end_tcp(f);
}

static void
make_extensions(struct build *f)
{
	eth(f, 0x86dd);
	ip6(f, 0, 1, 2, 8 + 8 + 8 + 24 + TCP_SIZE);
	add(f, "\x3c\x00\x05\x02\x00\x00\x01\x00", 8); /* hop by hop: router alert */
	add(f, "\x2b\x00\x01\x04\x00\x00\x00\x00", 8); /* destination options: padding */
	add(f, "\x33\x00\x00\x00\x00\x00\x00\x00", 8); /* routing */
	add(f, "\x06\x04\x00\x00", 4);                 /* authentication */
	add_zero(f, 20);
	tcp(f, 4000, 80, TCP_SYN);
}

static void
make_ah(struct build *f)
{
	eth(f, 0x0800);
	ip4(f, 51, 1, 2, 24 + TCP_SIZE);
	add(f, "\x06\x04\x00\x00", 4);
	add_zero(f, 20);
	tcp(f, 4000, 80, TCP_SYN);
}

static const struct kind {
	const char *name;
	void (*make)(struct build *f);
	const char *stack;
	uint32_t tunnel, tunnel_flow;
	unsigned vlans;
} kinds[] = {
    {"plain", make_plain, "eth:ip:tcp", 0, 0, 0},
    {"vlan", make_vlan, "eth:ieee8021ad:vlan:ip:tcp", 0, 0, 2},
    {"snap", make_snap, "eth:llc:ip:tcp", 0, 0, 0},
    {"sll", make_sll, "sll:ip:tcp", 0, 0, 0},
    {"sll2", make_sll2, "sll:ip:tcp", 0, 0, 0},
    {"raw", make_raw, "raw:ip:tcp", 0, 0, 0},
    {"null", make_null, "null:ip:tcp", 0, 0, 0},
    {"loop", make_loop, "null:ip:tcp", 0, 0, 0},
    {"radiotap", make_radiotap, "radiotap:wlan_radio:wlan:llc:ip:tcp", 0, 0, 0},
    {"amsdu", make_amsdu, "wlan:llc:ip:tcp", 0, 0, 0},
    {"prism", make_prism, "prism:wlan_radio:wlan:llc:ip:tcp", 0, 0, 0},
    {"avs", make_avs, "wlancap:wlan_radio:wlan:llc:ip:tcp", 0, 0, 0},
    {"ppp", make_ppp, "ppp:ip:tcp", 0, 0, 0},
    {"ppp_short", make_ppp_short, "ppp:ip:tcp", 0, 0, 0},
    {"chdlc", make_chdlc, "chdlc:ip:tcp", 0, 0, 0},
    {"frame_relay", make_frame_relay, "fr:ip:tcp", 0, 0, 0},
    {"fddi", make_fddi, "fddi:llc:ip:tcp", 0, 0, 0},
    {"nflog", make_nflog, "nflog:ip:tcp", 0, 0, 0},
    {"mpls", make_mpls, "eth:mpls:ip:tcp", 200, 0, 0},
    {"pseudo_wire", make_pseudo_wire, "eth:mpls:pwethcw:eth:ip:tcp", 300, 0, 0},
    {"pppoe", make_pppoe, "eth:pppoes:ppp:ip:tcp", 77, 77, 0},
    {"pbb", make_pbb, "eth:ieee8021ah:ip:tcp", 0, 0, 0},
    {"nsh", make_nsh, "eth:nsh:ip:tcp", 0, 0, 0},
    {"gre", make_gre, "eth:ip:gre:ip:tcp", 4711, 4711, 0},
    {"pptp", make_pptp, "eth:ip:gre:ppp:ip:tcp", 99, 0, 0},
    {"erspan_1", make_erspan_1, "eth:ip:gre:erspan:eth:ip:tcp", 0, 0, 0},
    {"erspan_2", make_erspan_2, "eth:ip:gre:erspan:eth:ip:tcp", 0x65, 0, 1},
    {"erspan_3", make_erspan_3, "eth:ip:gre:erspan:eth:ip:tcp", 0x65, 0, 0},
    {"vxlan", make_vxlan, "eth:ip:udp:vxlan:eth:ip:tcp", 42, 42, 0},
    {"geneve", make_geneve, "eth:ipv6:udp:geneve:eth:ip:tcp", 43, 43, 0},
    {"gtp", make_gtp, "eth:ip:udp:gtp:ip:tcp", 0xcafe, 0, 0},
    {"teredo", make_teredo, "eth:ip:udp:teredo:ipv6:tcp", 0, 0, 0},
    {"ipip", make_ipip, "eth:ip:ip:tcp", 0, 0, 0},
    {"6in4", make_6in4, "eth:ip:ipv6:tcp", 0, 0, 0},
    {"4in6", make_4in6, "eth:ipv6:ip:tcp", 0, 0, 0},
    {"etherip", make_etherip, "eth:ip:etherip:eth:ip:tcp", 0, 0, 0},
    {"extensions", make_extensions, "eth:ipv6:ipv6.hopopts:ipv6.dstopts:ipv6.routing:ah:tcp", 0, 0, 0},
    {"ah", make_ah, "eth:ip:ah:tcp", 0, 0, 0},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static inline struct build
built(const struct kind *kind)
{
	static struct build f;

	f.size = 0;
	f.linktype = 1;
	kind->make(&f);
	return f;
}

#endif
