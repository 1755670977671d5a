/* Announced connections with the real core around them: FTP's control and data flows, side by side in one table. */
#include "app_rig.h"


static const uint8_t client_addr[] = {10, 0, 0, 1}, server_addr[] = {10, 0, 0, 2}, other_addr[] = {10, 0, 0, 3};

static void
ends(struct rig *rig, const uint8_t *client, uint16_t client_port, const uint8_t *server, uint16_t server_port)
{
	rig->flow.side[CC_TO_SERVER].addr = cc_addr4(client);
	rig->flow.side[CC_TO_SERVER].port = client_port;
	rig->flow.side[CC_TO_CLIENT].addr = cc_addr4(server);
	rig->flow.side[CC_TO_CLIENT].port = server_port;
}

/* A control connection up to the command that wants data; it stays open in *ret_flow. */
static void
control(struct rig *rig, uint16_t client_port, const char *lines, struct flow *ret_flow)
{
	rig_begin(rig);
	ends(rig, client_addr, client_port, server_addr, 21);
	while (*lines != '\0') {
		const char *end = strchr(lines, '\n') + 1;
		bool server = lines[0] >= '0' && lines[0] <= '9';

		rig_add(rig, server ? CC_TO_CLIENT : CC_TO_SERVER, slice_of(lines, (size_t)(end - lines)));
		lines = end;
	}
	*ret_flow = rig->flow;
}

/* Another flow, whole; what came out of it. */
static const char *
stream(struct rig *rig, const uint8_t *from, uint16_t from_port, const uint8_t *to, uint16_t to_port, enum cc_dir dir,
    const char *text)
{
	rig_begin(rig);
	ends(rig, from, from_port, to, to_port);
	for (; *text != '\0'; text++)
		rig_add(rig, dir, slice_of(text, 1));
	rig_chunk(rig, CC_TO_SERVER, slice_of(NULL, 0), 0, true);
	rig_chunk(rig, CC_TO_CLIENT, slice_of(NULL, 0), 0, true);
	app_finish(rig->app, &rig->flow, &rig->batch);
	rig_drain(rig);
	app_flow_free(rig->app, &rig->flow);
	buf_add_u8(&rig->out, 0);
	return (const char *)rig->out.p;
}

static void
end_control(struct rig *rig, const struct flow *flow, size_t idle)
{
	rig->flow = *flow;
	rig->idle = idle;
	rig_end(rig);
}

static const char passive[] = "220 ftp\r\nPASV\r\n227 ok (10,0,0,2,4,1)\r\nRETR GET / HTTP/1.0\r\n";

TEST(passive_data_are_a_file)
{
	struct rig rig;
	struct flow flow;
	size_t idle;
	const char *out;

	rig_open(&rig, NULL);
	idle = pool_used(rig.pool);
	control(&rig, 40000, passive, &flow);
	out = stream(&rig, client_addr, 40001, server_addr, 1025, CC_TO_CLIENT, "SSH-2.0-no\r\n");
	CHECK(strstr(out, "is ftp-data\n") != NULL);
	CHECK(strstr(out, "file > whole 12 ") != NULL);
	CHECK(strstr(out, " GET / HTTP/1.0 [SSH-2.0-no\\r\\n]") != NULL);
	CHECK(strstr(out, "odd ") == NULL);
	/* only once: the next is asked what it is */
	out = stream(&rig, client_addr, 40002, server_addr, 1025, CC_TO_CLIENT, "SSH-2.0-yes\r\n");
	CHECK(strstr(out, "is ssh\n") != NULL);
	end_control(&rig, &flow, idle);
	rig_close(&rig);
}

/* An IRC session that stays open. */
static void
chat(struct rig *rig, uint16_t client_port, const char *from_server, const char *from_client, struct flow *ret_flow)
{
	rig_begin(rig);
	ends(rig, client_addr, client_port, server_addr, 6667);
	rig_add(rig, CC_TO_SERVER, slice_str("NICK bot\r\nUSER bot 0 * :bot\r\n"));
	rig_add(rig, CC_TO_CLIENT, slice_str(":srv 001 bot :Welcome\r\n:srv 375 bot :- motd\r\n"));
	rig_add(rig, CC_TO_CLIENT, slice_str(from_server));
	rig_add(rig, CC_TO_SERVER, slice_str(from_client));
	*ret_flow = rig->flow;
}

TEST(files_between_irc_clients)
{
	static const uint8_t other[4] = {10, 9, 9, 9};
	struct rig rig;
	struct flow flow;
	size_t idle;
	const char *out;

	rig_open(&rig, NULL);
	idle = pool_used(rig.pool);
	/* Fetched: 10.9.9.9 as a number. */
	chat(&rig, 40000, ":x!y@z PRIVMSG bot :\1DCC SEND \"a b.exe\" 168364297 5000 4\1\r\n", "", &flow);
	out = stream(&rig, client_addr, 40001, other, 5000, CC_TO_CLIENT, "MZ..");
	CHECK(strstr(out, "is dcc\n") != NULL);
	CHECK(strstr(out, "file > whole 4 ") != NULL);
	CHECK(strstr(out, " a b.exe [MZ..]") != NULL);
	end_control(&rig, &flow, idle);
	/* Offered by the client itself, to whoever comes; less than was said. */
	chat(&rig, 40002, "", "PRIVMSG x :\1DCC SEND loot.zip 167772161 5001 9\1\r\n", &flow);
	out = stream(&rig, other, 40003, client_addr, 5001, CC_TO_CLIENT, "loot");
	CHECK(strstr(out, "is dcc\n") != NULL);
	CHECK(strstr(out, "file > cut 4 ") != NULL);
	end_control(&rig, &flow, idle);
	/* At an address that is not its own: not believed. */
	chat(&rig, 40004, "", "PRIVMSG x :\1DCC SEND loot.zip 168364297 5001 9\1\r\n", &flow);
	out = stream(&rig, server_addr, 40005, other, 5001, CC_TO_CLIENT, "loot");
	CHECK(strstr(out, "is dcc\n") == NULL);
	end_control(&rig, &flow, idle);
	rig_close(&rig);
}

/* No FIN: as far as it was seen. */
TEST(data_without_end_are_a_part)
{
	struct rig rig;
	struct flow flow;
	size_t idle;
	const char *out;

	rig_open(&rig, NULL);
	idle = pool_used(rig.pool);
	control(&rig, 40000, passive, &flow);
	rig_begin(&rig);
	ends(&rig, client_addr, 40001, server_addr, 1025);
	rig.flow.side[CC_TO_CLIENT].tcp_flags = TCP_SYN | TCP_ACK;
	rig_add(&rig, CC_TO_CLIENT, slice_str("data"));
	app_finish(rig.app, &rig.flow, &rig.batch);
	rig_drain(&rig);
	app_flow_free(rig.app, &rig.flow);
	buf_add_u8(&rig.out, 0);
	out = (const char *)rig.out.p;
	CHECK(strstr(out, "is ftp-data\n") != NULL);
	CHECK(strstr(out, "file > cut 4 ") != NULL);
	end_control(&rig, &flow, idle);
	rig_close(&rig);
}

TEST(active_data_come_from_the_server)
{
	struct rig rig;
	struct flow flow;
	size_t idle;
	const char *out;

	rig_open(&rig, NULL);
	idle = pool_used(rig.pool);
	control(&rig, 40000, "220 ftp\r\nPORT 10,0,0,1,4,2\r\n200 ok\r\nSTOR x\r\n", &flow);
	out = stream(&rig, server_addr, 20, client_addr, 1026, CC_TO_CLIENT, "data");
	CHECK(strstr(out, "is ftp-data\n") != NULL);
	CHECK(strstr(out, " x [data]") != NULL);
	end_control(&rig, &flow, idle);
	rig_close(&rig);
}

TEST(strangers_are_not_taken)
{
	struct rig rig;
	struct flow flow;
	size_t idle;

	rig_open(&rig, NULL);
	idle = pool_used(rig.pool);
	control(&rig, 40000, passive, &flow);
	/* another client, another server, another port, the wrong way round */
	CHECK(strstr(stream(&rig, other_addr, 1, server_addr, 1025, CC_TO_CLIENT, "SSH-2.0-x\n"), "is ssh") != NULL);
	CHECK(strstr(stream(&rig, client_addr, 1, other_addr, 1025, CC_TO_CLIENT, "SSH-2.0-x\n"), "is ssh") != NULL);
	CHECK(strstr(stream(&rig, client_addr, 1, server_addr, 1026, CC_TO_CLIENT, "SSH-2.0-x\n"), "is ssh") != NULL);
	CHECK(strstr(stream(&rig, server_addr, 1025, client_addr, 9, CC_TO_CLIENT, "SSH-2.0-x\n"), "is ssh") != NULL);
	/* too late */
	rig.frame.time += 300 * NS_PER_S;
	CHECK(strstr(stream(&rig, client_addr, 1, server_addr, 1025, CC_TO_CLIENT, "SSH-2.0-x\n"), "is ssh") != NULL);
	end_control(&rig, &flow, idle);
	rig_close(&rig);
}

TEST(listings_and_parts_are_no_whole_files)
{
	struct rig rig;
	struct flow flow;
	size_t idle;
	const char *out;

	rig_open(&rig, NULL);
	idle = pool_used(rig.pool);
	control(&rig, 40000, "220 ftp\r\nEPSV\r\n229 ok (|||1025|)\r\nLIST\r\n", &flow);
	out = stream(&rig, client_addr, 1, server_addr, 1025, CC_TO_CLIENT, "a\r\n");
	CHECK(strstr(out, "is ftp-data") != NULL && strstr(out, "file") == NULL);
	end_control(&rig, &flow, idle);
	control(&rig, 40000, "220 ftp\r\nEPSV\r\n229 ok (|||1025|)\r\nREST 9\r\n350 ok\r\nRETR f\r\n", &flow);
	out = stream(&rig, client_addr, 1, server_addr, 1025, CC_TO_CLIENT, "part");
	CHECK(strstr(out, "file > cut 4 ") != NULL);
	end_control(&rig, &flow, idle);
	rig_close(&rig);
}

/* One place a flow, a bound for all; the oldest makes room, and all memory comes back. */
TEST(the_table_is_bounded)
{
	static struct flow flow[1100];
	struct rig rig;
	size_t idle, one;

	rig_open(&rig, NULL);
	idle = pool_used(rig.pool);
	for (unsigned i = 0; i < 1100; i++) {
		control(&rig, (uint16_t)(2000 + i), passive, &flow[i]);
		if (i % 100 == 0)
			for (int k = 0; k < 50; k++) { /* the same flow again and again */
				rig_add(&rig, CC_TO_SERVER, slice_str("PORT 10,0,0,1,9,9\r\n"));
				rig_add(&rig, CC_TO_CLIENT, slice_str("200 ok\r\n"));
			}
	}
	CHECK_UINT(app_counts(rig.app)[APP_EXPECTED_LOST], 1100 - 1024);
	one = pool_used(rig.pool);
	for (unsigned i = 0; i < 1100; i++) {
		rig.flow = flow[i];
		rig.idle = idle;
		app_finish(rig.app, &rig.flow, &rig.batch);
		app_batch_reset(rig.app, &rig.batch);
		app_flow_free(rig.app, &rig.flow);
	}
	CHECK(one > idle);
	CHECK_UINT(pool_used(rig.pool), idle);
	rig_close(&rig);
}

TEST(servers_that_speak_first_are_no_oddity)
{
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	rig_begin(&rig);
	rig_add(&rig, CC_TO_CLIENT, slice_str("220 some FTP server\r\n"));
	rig_add(&rig, CC_TO_SERVER, slice_str("USER x\r\n"));
	rig_add(&rig, CC_TO_CLIENT, slice_str("331 Password\r\n"));
	out = rig_end(&rig);
	CHECK(strstr(out, "is ftp\n") != NULL);
	CHECK(strstr(out, "odd ") == NULL);
	rig_close(&rig);
}

/* AUTH TLS: what follows the 234 is a handshake, identified anew. */
TEST(tls_behind_auth)
{
	static const uint8_t alert[] = {0x15, 3, 3, 0, 2, 2, 40};
	struct rig rig;
	const char *out;

	rig_open(&rig, NULL);
	rig_begin(&rig);
	rig_add(&rig, CC_TO_CLIENT, slice_str("220 some FTP server\r\n"));
	rig_add(&rig, CC_TO_SERVER, slice_str("AUTH TLS\r\n"));
	rig_add(&rig, CC_TO_CLIENT, slice_str("234 go\r\n"));
	rig_add(&rig, CC_TO_CLIENT, slice_of(alert, sizeof(alert)));
	out = rig_end(&rig);
	CHECK(strstr(out, "is ftp\n") != NULL);
	CHECK(strstr(out, "is tls\n") != NULL);
	rig_close(&rig);
}

TESTS(T(passive_data_are_a_file), T(data_without_end_are_a_part), T(files_between_irc_clients),
    T(active_data_come_from_the_server), T(strangers_are_not_taken),
    T(listings_and_parts_are_no_whole_files), T(the_table_is_bounded), T(servers_that_speak_first_are_no_oddity),
    T(tls_behind_auth))
