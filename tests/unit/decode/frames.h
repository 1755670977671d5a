/*
 * Builds frames for decode's tests: each word appends a header, lengths are mended at the end of the innermost first.
 */
#ifndef DECODE_FRAMES_H
#define DECODE_FRAMES_H

#include "decode/decode.h"

struct build {
	uint8_t b[70000];
	size_t size;
	uint16_t linktype;
};

static inline void
add(struct build *f, const void *p, size_t size)
{
	memcpy(f->b + f->size, p, size);
	f->size += size;
}

static inline void
add8(struct build *f, unsigned v)
{
	f->b[f->size++] = (uint8_t)v;
}

static inline void
add16(struct build *f, unsigned v)
{
	add8(f, v >> 8);
	add8(f, v);
}

static inline void
add32(struct build *f, uint32_t v)
{
	add16(f, v >> 16);
	add16(f, v);
}

static inline void
add_zero(struct build *f, size_t size)
{
	memset(f->b + f->size, 0, size);
	f->size += size;
}

static inline void
eth(struct build *f, unsigned type)
{
	add(f, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
	add16(f, type);
}

/* IPv4 10.0.0.`from` to 10.0.0.`to` around `inner` bytes. */
static inline void
ip4(struct build *f, unsigned proto, unsigned from, unsigned to, size_t inner)
{
	add8(f, 0x45);
	add8(f, 0);
	add16(f, (unsigned)(20 + inner));
	add16(f, 0x1234);
	add16(f, 0x4000);
	add8(f, 64);
	add8(f, proto);
	add16(f, 0);
	add32(f, 0x0a000000 | from);
	add32(f, 0x0a000000 | to);
}

/* IPv6 2001:db8::`from` to 2001:db8::`to`. */
static inline void
ip6(struct build *f, unsigned next, unsigned from, unsigned to, size_t inner)
{
	add32(f, 0x60000000);
	add16(f, (unsigned)inner);
	add8(f, next);
	add8(f, 64);
	for (unsigned i = 0; i < 2; i++) {
		add32(f, 0x20010db8);
		add_zero(f, 10);
		add16(f, i == 0 ? from : to);
	}
}

static inline void
udp(struct build *f, unsigned sport, unsigned dport, size_t inner)
{
	add16(f, sport);
	add16(f, dport);
	add16(f, (unsigned)(8 + inner));
	add16(f, 0);
}

#define TCP_SIZE 40 /* with 20 bytes of options */

static inline void
tcp(struct build *f, unsigned sport, unsigned dport, unsigned flags)
{
	add16(f, sport);
	add16(f, dport);
	add32(f, 1000);
	add32(f, 2000);
	add8(f, 0xa0);
	add8(f, flags);
	add16(f, 8192);
	add16(f, 0);
	add16(f, 0);
	add(f, "\x02\x04\x05\xb4\x04\x02\x08\x0a\x00\x00\x00\x07\x00\x00\x00\x09\x01\x03\x03\x07", 20);
}

static inline struct frame
frame_of(const struct build *f)
{
	return (struct frame){.p = f->b, .size = (uint32_t)f->size, .wire_size = (uint32_t)f->size,
	    .time = 1000000000ull,
	    .seq = 1, .linktype = f->linktype};
}

static inline const char *
stack_of(const struct packet *pkt, char text[512])
{
	text[0] = '\0';
	for (unsigned i = 0; i < pkt->layer_count; i++) {
		strcat(text, i > 0 ? ":" : "");
		strcat(text, layer_text(pkt->layer[i]));
	}
	return text;
}

static inline bool
has_event(const struct packet *pkt, enum decode_event event)
{
	return (pkt->events[event / 64] >> (event % 64) & 1) != 0;
}

static inline struct conf
conf_for_tests(void)
{
	static struct conf_pair tunnels[] = {{(char *)"4789", (char *)"vxlan"}, {(char *)"4790", (char *)"vxlan-gpe"},
	    {(char *)"6081", (char *)"geneve"}, {(char *)"2152", (char *)"gtp"}, {(char *)"3544", (char *)"teredo"},
	    {(char *)"6635", (char *)"mpls"}, {(char *)"8472", (char *)"none"}};
	struct conf conf;

	memset(&conf, 0, sizeof(conf));
	conf.decode_udp_tunnels = (struct conf_map){tunnels, sizeof(tunnels) / sizeof(tunnels[0])};
	conf.decode_depth = 6;
	conf.decode_defrag_memory = 1 << 20;
	conf.decode_defrag_timeout = 30000000000ull;
	conf.decode_defrag_policy = 6;
	return conf;
}

#endif
