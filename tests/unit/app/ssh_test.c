/* SSH: connections made here packet by packet, cut at every byte, broken, flipped. */
#include "parser_rig.h"
#include "../test.h"
#include "app/ssh/own.h"

extern const struct cc_parser ssh_parser;

struct made {
	uint8_t b[65536];
	size_t size;
};

static struct made a, b; /* the client's and the server's bytes */

static void
add(struct made *m, const void *p, size_t size)
{
	memcpy(m->b + m->size, p, size);
	m->size += size;
}

static void
add_text(struct made *m, const char *text)
{
	add(m, text, strlen(text));
}

static void
add32(struct made *m, size_t n)
{
	uint8_t bytes[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	add(m, bytes, 4);
}

static void
add_string(struct made *m, const char *text)
{
	add32(m, strlen(text));
	add_text(m, text);
}

static void
add_packet(struct made *m, const struct made *payload)
{
	uint8_t padding = 5;

	add32(m, payload->size + 1 + padding);
	add(m, &padding, 1);
	add(m, payload->b, payload->size);
	add(m, "\0\0\0\0\0", padding);
}

static void
add_kexinit(struct made *m, const char *kex)
{
	static const char *const lists[] = {"ssh-ed25519", "c2s-cipher", "s2c-cipher", "c2s-mac", "s2c-mac", "none",
	    "zlib", "", ""};
	static struct made p;

	p.size = 0;
	add(&p, "\x14" "0123456789abcdef", 17);
	add_string(&p, kex);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		add_string(&p, lists[i]);
	add(&p, "\0\0\0\0\0", 5);
	add_packet(m, &p);
}

static void
add_short(struct made *m, uint8_t type)
{
	struct made p;

	p.size = 0;
	add(&p, &type, 1);
	add_packet(m, &p);
}

/* The server's answer of a key exchange: the host key's blob, the server's share, a signature. */
static void
add_reply(struct made *m, uint8_t type)
{
	static struct made p;

	p.size = 0;
	add(&p, &type, 1);
	add32(&p, 4 + 11 + 4 + 4);
	add_string(&p, "ssh-ed25519");
	add_string(&p, "KEY!");
	add_string(&p, "share");
	add_string(&p, "signature");
	add_packet(m, &p);
}

static void
make(const char *server)
{
	a.size = b.size = 0;
	add_text(&a, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
	add_kexinit(&a, "curve25519-sha256,ext-info-c");
	add_short(&a, 30);
	add_short(&a, 21);
	add_text(&a, "encrypted from here");
	add_text(&b, server);
	add_kexinit(&b, "curve25519-sha256");
	add_reply(&b, 31);
	add_short(&b, 21);
	add_text(&b, "encrypted from here, too");
}

static void
run(struct cc_ctx *rig, size_t step)
{
	rig_open(rig, &ssh_parser, false, 22);
	for (size_t at = 0; at < a.size || at < b.size; at += step) {
		if (at < a.size)
			rig_feed(rig, CC_TO_SERVER, slice_of(a.b + at, a.size - at < step ? a.size - at : step));
		if (at < b.size)
			rig_feed(rig, CC_TO_CLIENT, slice_of(b.b + at, b.size - at < step ? b.size - at : step));
	}
	rig_end(rig);
}

static void
check_all(struct cc_ctx *rig)
{
	CHECK_UINT(rig->tx_count, 1);
	CHECK_UINT(rig->done_count, 1);
	CHECK_TEXT(rig_value(rig, 0, "client.proto_version", 0), "2.0");
	CHECK_TEXT(rig_value(rig, 0, "client.software_version", 0), "OpenSSH_9.2p1");
	CHECK_TEXT(rig_value(rig, 0, "concert.client_comment", 0), "Debian-2");
	CHECK_TEXT(rig_value(rig, 0, "client.hassh.string", 0),
	    "curve25519-sha256,ext-info-c;c2s-cipher;c2s-mac;none");
	/* by md5sum and sha256sum */
	CHECK_TEXT(rig_value(rig, 0, "ssh.hassh", 0), "c0368e75f38aff5f82b3a45bb1ae8d73");
	CHECK_TEXT(rig_value(rig, 0, "server.software_version", 0), "dropbear-2022.83");
	CHECK_TEXT(rig_value(rig, 0, "server.hassh.string", 0), "curve25519-sha256;s2c-cipher;s2c-mac;zlib");
	CHECK_TEXT(rig_value(rig, 0, "ssh.hassh.server", 0), "acf4626f7fd5d2c3ace678dea00788a7");
	CHECK_TEXT(rig_value(rig, 0, "concert.host_key_type", 0), "ssh-ed25519");
	CHECK_TEXT(rig_value(rig, 0, "ssh.host_key", 0),
	    "33395174335a82487270be27f4e43c52f56e7fd6c5b77dfb372b7ded3dfa4913");
	CHECK_UINT(rig->anomalies, 0);
	CHECK(rig->enough[0] && rig->enough[1]);
}

TEST(table_is_whole)
{
	CHECK(rig_table_right(&ssh_parser));
}

TEST(connection_in_pieces_of_any_size)
{
	struct cc_ctx rig;

	make("SSH-2.0-dropbear-2022.83\r\n");
	for (size_t step = 1; step < 700; step += step < 20 ? 1 : 37) {
		run(&rig, step);
		check_all(&rig);
		rig_free(&rig);
	}
}

/* Either side cut anywhere: whatever is told is told once, and never too early. */
TEST(cut_at_every_byte)
{
	make("SSH-2.0-dropbear-2022.83\r\n");
	for (size_t cut = 0; cut <= b.size; cut++) {
		struct cc_ctx rig;
		size_t banner = strlen("SSH-2.0-dropbear-2022.83\r\n");

		rig_open(&rig, &ssh_parser, false, 22);
		rig_feed(&rig, CC_TO_CLIENT, slice_of(b.b, cut));
		CHECK_UINT(rig.done_count, 0);
		CHECK_UINT(rig.tx_count, cut >= banner);
		CHECK_UINT(rig.enough[CC_TO_CLIENT], cut >= b.size - strlen("encrypted from here, too"));
		rig_end(&rig);
		CHECK_UINT(rig.done_count, rig.tx_count);
		CHECK_UINT(rig.anomaly_count, 0);
		rig_free(&rig);
	}
}

TEST(server_talks_before_its_banner)
{
	struct cc_ctx rig;

	make("Welcome.\nBe good.\r\nSSH-2.0-dropbear-2022.83\n");
	run(&rig, 11);
	check_all(&rig);
	rig_free(&rig);
}

TEST(host_keys_of_every_exchange)
{
	static const uint8_t types[] = {30, 31, 33};
	struct cc_ctx rig;

	for (size_t i = 0; i < sizeof(types); i++) {
		a.size = b.size = 0;
		add_text(&b, "SSH-2.0-x\r\n");
		add_kexinit(&b, "k");
		add_reply(&b, types[i]);
		run(&rig, 1000);
		CHECK_TEXT(rig_value(&rig, 0, "concert.host_key_type", 0), "ssh-ed25519");
		rig_free(&rig);
	}
	/* The group exchange's prime stands where the key would. */
	{
		static struct made p;

		a.size = b.size = p.size = 0;
		add_text(&b, "SSH-2.0-x\r\n");
		add_kexinit(&b, "k");
		add(&p, "\x1f\0\0\0\x09\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\1\2", 19);
		add_packet(&b, &p);
		add_reply(&b, 33);
		run(&rig, 1000);
		CHECK_TEXT(rig_value(&rig, 0, "concert.host_key_type", 0), "ssh-ed25519");
		rig_free(&rig);
	}
}

/* lists: kex, host keys, ciphers and MACs both ways */
static void
agrees(struct cc_ctx *rig, const char *const client[6], const char *const server[6])
{
	rig_open(rig, &ssh_parser, false, 22);
	for (unsigned side = 0; side < 2; side++) {
		struct made *m = side == 0 ? &a : &b;
		static struct made p;

		m->size = p.size = 0;
		add_text(m, "SSH-2.0-x\r\n");
		add(&p,
		    "\x14"
		    "0123456789abcdef",
		    17);
		for (unsigned i = 0; i < 6; i++)
			add_string(&p, side == 0 ? client[i] : server[i]);
		for (unsigned i = 0; i < 4; i++)
			add_string(&p, i < 2 ? "none" : "");
		add(&p, "\0\0\0\0\0", 5);
		add_packet(m, &p);
		rig_feed(rig, side == 0 ? CC_TO_SERVER : CC_TO_CLIENT, slice_of(m->b, m->size));
	}
}

TEST(weak_choices)
{
	static const char *const good[6] = {
	    "curve25519-sha256", "ssh-ed25519", "aes128-ctr", "aes128-ctr", "hmac-sha2-256", "hmac-sha2-256"};
	static const struct {
		unsigned list;
		const char *client, *server, *odd;
	} tried[] = {
	    {0, "diffie-hellman-group1-sha1", "diffie-hellman-group1-sha1", "weak_kex"},
	    {0, "curve25519-sha256,diffie-hellman-group1-sha1", "diffie-hellman-group1-sha1,curve25519-sha256", NULL},
	    {0, "curve25519-sha256,diffie-hellman-group1-sha1", "diffie-hellman-group1-sha1", "weak_kex"},
	    {0, "diffie-hellman-group1-sha1", "curve25519-sha256", NULL},
	    {1, "ssh-dss", "ssh-rsa,ssh-dss", "weak_host_key"},
	    {2, "arcfour128", "arcfour128", "weak_cipher"},
	    {3, "aes128-cbc,3des-cbc", "3des-cbc", "weak_cipher"},
	    {2, "none", "none", "weak_cipher"},
	    {4, "hmac-md5-etm@openssh.com", "hmac-md5-etm@openssh.com", "weak_mac"},
	    {5, "hmac-sha1-96", "hmac-sha1-96", "weak_mac"},
	};
	struct cc_ctx rig;

	for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
		const char *client[6], *server[6];

		memcpy(client, good, sizeof(client));
		memcpy(server, good, sizeof(server));
		client[tried[i].list] = tried[i].client;
		server[tried[i].list] = tried[i].server;
		agrees(&rig, client, server);
		if (tried[i].odd != NULL)
			CHECK(rig_has_anomaly(&rig, tried[i].odd));
		CHECK_UINT(rig.anomaly_count, tried[i].odd != NULL);
		rig_end(&rig);
		rig_free(&rig);
	}
	{ /* a cipher that needs no MAC */
		const char *both[6];

		memcpy(both, good, sizeof(both));
		both[2] = both[3] = "aes128-gcm@openssh.com";
		both[4] = both[5] = "hmac-md5";
		agrees(&rig, both, both);
		CHECK_UINT(rig.anomaly_count, 0);
		rig_end(&rig);
		rig_free(&rig);
	}
}

TEST(weak_keys)
{
	static struct made blob;
	static uint8_t modulus[257];

	memset(modulus, 0xff, sizeof(modulus));
	modulus[0] = 0;
	for (size_t size = 129; size <= 257; size += 128) {
		blob.size = 0;
		add_string(&blob, "ssh-rsa");
		add_string(&blob, "\1\0\1");
		add32(&blob, size);
		add(&blob, modulus, size);
		CHECK(ssh_weak_key(slice_of(blob.b, blob.size)) == (size == 129));
		for (size_t cut = 0; cut < blob.size; cut++)
			CHECK(!ssh_weak_key(slice_of(blob.b, cut)));
	}
	blob.size = 0;
	add_string(&blob, "ssh-dss");
	CHECK(ssh_weak_key(slice_of(blob.b, blob.size)));
}

TEST(old_versions_are_told_and_left)
{
	static const struct {
		const char *client, *server;
	} cases[] = {{"SSH-1.5-a\n", "SSH-1.99-b\n"}, {"", "SSH-1.99-b\n"}, {"SSH-1.5-a\n", ""}};
	struct cc_ctx rig;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		a.size = b.size = 0;
		add_text(&a, cases[i].client);
		if (a.size > 0)
			add(&a, "\0\0\0\x0a\0\0\0\0\0\0\3........", 19);
		add_text(&b, cases[i].server);
		if (b.size > 0)
			add(&b, "\0\0\1\x0b\xd1\xaa\xbb\xcc\xdd\2........", 18);
		run(&rig, 1000);
		CHECK(rig_has_anomaly(&rig, "obsolete_version"));
		CHECK(!rig_has_anomaly(&rig, "invalid_record"));
		CHECK_UINT(rig.done_count, 1);
		CHECK(rig_value(&rig, 0, "ssh.hassh", 0) == NULL);
		rig_free(&rig);
	}
}

TEST(broken_things_are_named)
{
	struct cc_ctx rig;
	uint8_t *kex;

	/* a banner that is none, in place of the client's */
	a.size = b.size = 0;
	add_text(&a, "HELLO\r\n");
	run(&rig, 3);
	CHECK(rig_has_anomaly(&rig, "invalid_banner"));
	rig_free(&rig);
	/* a long one, longer than is waited for; what follows its end is read */
	a.size = b.size = 0;
	add_text(&a, "SSH-2.0-");
	memset(a.b + a.size, 'x', SSH_LINE_MAX + 5000);
	a.size += SSH_LINE_MAX + 5000;
	add_text(&a, "\r\n");
	add_kexinit(&a, "k");
	run(&rig, 1000);
	CHECK(rig_has_anomaly(&rig, "long_banner"));
	CHECK(rig_value(&rig, 0, "ssh.hassh", 0) != NULL);
	rig_free(&rig);
	/* a list beyond its packet */
	a.size = b.size = 0;
	add_text(&a, "SSH-2.0-x\r\n");
	kex = a.b + a.size + 5 + 17;
	add_kexinit(&a, "k");
	kex[1] = 1;
	run(&rig, 1000);
	CHECK(rig_has_anomaly(&rig, "invalid_kex"));
	rig_free(&rig);
	/* a huge packet is passed by without waiting for it */
	a.size = b.size = 0;
	add_text(&a, "SSH-2.0-x\r\n");
	add32(&a, 40000);
	memset(a.b + a.size, 4, 40000);
	a.size += 40000;
	add_kexinit(&a, "k");
	run(&rig, 1000);
	CHECK(rig_has_anomaly(&rig, "long_kex_record"));
	CHECK(rig_value(&rig, 0, "ssh.hassh", 0) != NULL);
	rig_free(&rig);
	/* no packet at all */
	a.size = b.size = 0;
	add_text(&a, "SSH-2.0-x\r\n");
	add32(&a, 3);
	add(&a, "\x09\x14\0", 3);
	run(&rig, 1000);
	CHECK(rig_has_anomaly(&rig, "invalid_record"));
	rig_free(&rig);
}

TEST(gap_ends_a_side)
{
	struct cc_ctx rig;

	make("SSH-2.0-dropbear-2022.83\r\n");
	rig_open(&rig, &ssh_parser, false, 22);
	rig_feed(&rig, CC_TO_SERVER, slice_of(a.b, 40));
	rig_gap(&rig, CC_TO_SERVER, 100);
	CHECK_UINT(rig.enough[CC_TO_SERVER], 1);
	rig_feed(&rig, CC_TO_CLIENT, slice_of(b.b, b.size));
	CHECK_UINT(rig.done_count, 1);
	CHECK(rig_value(&rig, 0, "ssh.hassh", 0) == NULL);
	CHECK(rig_value(&rig, 0, "ssh.hassh.server", 0) != NULL);
	rig_end(&rig);
	rig_free(&rig);
}

TEST(probe_knows_banners)
{
	struct cc_ctx rig;
	static const char banner[] = "SSH-2.0-x\r\n";

	rig_open(&rig, &ssh_parser, false, 22);
	for (size_t i = 0; i < sizeof(banner); i++)
		CHECK_UINT(ssh_probe(&rig, CC_TO_SERVER, slice_of(banner, i)), i < 6 ? CC_MORE : CC_OK);
	CHECK_UINT(ssh_probe(&rig, CC_TO_SERVER, slice_str("SSH-connection")), CC_BAD);
	CHECK_UINT(ssh_probe(&rig, CC_TO_SERVER, slice_str("SSL")), CC_BAD);
	CHECK_UINT(ssh_probe(&rig, CC_TO_CLIENT, slice_str("220 x")), CC_BAD);
	rig_end(&rig);
	rig_free(&rig);
}

TEST(flipped_bytes)
{
	srand(7);
	for (int i = 0; i < 4000; i++) {
		struct cc_ctx rig;

		make("SSH-1.99-dropbear-2022.83\r\n");
		for (int j = rand() % 8; j >= 0; j--) {
			a.b[(size_t)rand() % a.size] = (uint8_t)rand();
			b.b[(size_t)rand() % b.size] = (uint8_t)rand();
		}
		run(&rig, 1 + (size_t)rand() % 300);
		CHECK(rig.done_count == rig.tx_count && rig.done_count <= 1);
		rig_free(&rig);
	}
}

TESTS(T(table_is_whole), T(connection_in_pieces_of_any_size), T(cut_at_every_byte), T(server_talks_before_its_banner),
    T(host_keys_of_every_exchange), T(old_versions_are_told_and_left), T(weak_choices), T(weak_keys),
    T(broken_things_are_named), T(gap_ends_a_side), T(probe_knows_banners), T(flipped_bytes))
