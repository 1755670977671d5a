/* A session of SMB over several connections: what is opened, written, read and closed on one or another. */
#include "smb_made.h"

static void
ioctl(struct made *m, uint64_t id, uint32_t code)
{
	size_t start = record(m);

	head2(m, 11, false, id, 0);
	le(m, 57, 4);
	le(m, code, 4);
	for (int i = 0; i < 16; i++)
		le(m, 0xff, 1);
	zero(m, 32);
	end_record(m, start);
}

static void
bind_session(struct made *m, uint64_t id)
{
	size_t start = record(m);

	head2(m, 1, false, id, 0);
	le(m, 25, 2);
	le(m, 1, 1); /* one more connection of the session */
	zero(m, 22);
	end_record(m, start);
}

static void
say(struct rig *rig, enum cc_dir dir, struct made *m)
{
	rig_add(rig, dir, all(m));
	m->size = 0;
}

/* A read of a piece, on the connection at hand. */
static void
read_piece(struct rig *rig, uint64_t id, uint64_t offset, const char *text)
{
	struct made m = {.size = 0};

	read_file(&m, false, id, FILE_KEY, offset, (uint32_t)strlen(text), "");
	say(rig, CC_TO_SERVER, &m);
	read_file(&m, true, id, FILE_KEY, offset, 0, text);
	say(rig, CC_TO_CLIENT, &m);
}

/*
 * One session with two connections: the file is opened on the first, read on both, in an order that is none; `lost`
 * leaves a piece out.  What came of it.
 */
static const char *
two_channels(struct rig *rig, bool lost, size_t idle)
{
	struct made m = {.size = 0};
	struct flow first;

	rig_begin(rig);
	negotiate(&m, false, 0);
	ioctl(&m, 1, 0x001401fc);
	tree(&m, false, 2, "\\\\srv\\C$", 0);
	create(&m, false, 3, "a.exe", "", 0);
	say(rig, CC_TO_SERVER, &m);
	negotiate(&m, true, 0);
	tree(&m, true, 2, "", 1);
	create(&m, true, 3, "", FILE_KEY, 16);
	say(rig, CC_TO_CLIENT, &m);
	read_piece(rig, 4, 0, "0123");
	read_piece(rig, 5, 12, "cdef");
	first = rig->flow;

	rig_begin(rig);
	rig->flow.side[CC_TO_SERVER].port = 50001;
	negotiate(&m, false, 0);
	bind_session(&m, 1);
	say(rig, CC_TO_SERVER, &m);
	negotiate(&m, true, 0);
	say(rig, CC_TO_CLIENT, &m);
	read_piece(rig, 2, 8, "89ab");
	if (!lost)
		read_piece(rig, 3, 4, "4567");
	app_finish(rig->app, &rig->flow, &rig->batch);
	rig_drain(rig);
	app_flow_free(rig->app, &rig->flow);

	rig->flow = first;
	close_file(&m, false, 6, FILE_KEY);
	say(rig, CC_TO_SERVER, &m);
	close_file(&m, true, 6, FILE_KEY);
	say(rig, CC_TO_CLIENT, &m);
	rig->idle = idle;
	return rig_end(rig);
}

TEST(files_over_several_connections)
{
	struct rig rig;
	size_t idle;
	const char *out;

	rig_open(&rig, NULL);
	idle = pool_used(rig.pool);
	out = two_channels(&rig, false, idle);
	CHECK(strstr(out, "file > whole 16 ") != NULL);
	CHECK(strstr(out, " a.exe [0123456789abcdef]") != NULL);
	out = two_channels(&rig, true, idle);
	CHECK(strstr(out, "whole 16") == NULL);
	CHECK(strstr(out, "file > cut 16 ") != NULL);
	rig_close(&rig);
}

static void
write_piece(struct rig *rig, uint64_t id, uint64_t offset, const char *text)
{
	struct made m = {.size = 0};

	write_file(&m, false, id, FILE_KEY, offset, text, strlen(text));
	say(rig, CC_TO_SERVER, &m);
	write_file(&m, true, id, FILE_KEY, offset, text, 0);
	say(rig, CC_TO_CLIENT, &m);
}

/* A file that is opened on one connection, written on both (or on the first alone), and closed on the second. */
TEST(closed_over_another_connection)
{
	struct made m = {.size = 0};
	struct flow first;
	struct rig rig;
	const char *out;
	size_t idle;

	rig_open(&rig, NULL);
	idle = pool_used(rig.pool);
	for (unsigned both = 0; both < 2; both++) {
		rig_begin(&rig);
		negotiate(&m, false, 0);
		ioctl(&m, 1, 0x001401fc);
		tree(&m, false, 2, "\\\\srv\\C$", 0);
		create(&m, false, 3, "b.exe", "", 0);
		say(&rig, CC_TO_SERVER, &m);
		negotiate(&m, true, 0);
		tree(&m, true, 2, "", 1);
		create(&m, true, 3, "", FILE_KEY, 0);
		say(&rig, CC_TO_CLIENT, &m);
		write_piece(&rig, 4, 0, "0123");
		write_piece(&rig, 5, 4, "4567");
		first = rig.flow;

		rig_begin(&rig);
		rig.flow.side[CC_TO_SERVER].port = 50001;
		negotiate(&m, false, 0);
		bind_session(&m, 1);
		say(&rig, CC_TO_SERVER, &m);
		negotiate(&m, true, 0);
		say(&rig, CC_TO_CLIENT, &m);
		if (both != 0)
			write_piece(&rig, 2, 8, "89ab");
		close_file(&m, false, 6, FILE_KEY);
		say(&rig, CC_TO_SERVER, &m);
		close_file(&m, true, 6, FILE_KEY);
		say(&rig, CC_TO_CLIENT, &m);
		app_finish(rig.app, &rig.flow, &rig.batch);
		rig_drain(&rig);
		app_flow_free(rig.app, &rig.flow);

		rig.flow = first;
		rig.idle = idle;
		out = rig_end(&rig);
		CHECK(strstr(out, both != 0 ? "file < whole 12 " : "file < whole 8 ") != NULL);
		CHECK(strstr(out, both != 0 ? " b.exe [0123456789ab]" : " b.exe [01234567]") != NULL);
	}
	rig_close(&rig);
}

/* Read on the connection where it was opened, closed on another: nothing was written, so nothing is told of that. */
TEST(closed_over_another_connection_after_reading)
{
	struct made m = {.size = 0};
	struct flow first;
	struct rig rig;
	const char *out;
	size_t idle;

	rig_open(&rig, NULL);
	idle = pool_used(rig.pool);
	rig_begin(&rig);
	negotiate(&m, false, 0);
	ioctl(&m, 1, 0x001401fc);
	tree(&m, false, 2, "\\\\srv\\C$", 0);
	create(&m, false, 3, "c.exe", "", 0);
	say(&rig, CC_TO_SERVER, &m);
	negotiate(&m, true, 0);
	tree(&m, true, 2, "", 1);
	create(&m, true, 3, "", FILE_KEY, 4);
	say(&rig, CC_TO_CLIENT, &m);
	read_piece(&rig, 4, 0, "0123");
	first = rig.flow;

	rig_begin(&rig);
	rig.flow.side[CC_TO_SERVER].port = 50001;
	negotiate(&m, false, 0);
	bind_session(&m, 1);
	close_file(&m, false, 6, FILE_KEY);
	say(&rig, CC_TO_SERVER, &m);
	negotiate(&m, true, 0);
	close_file(&m, true, 6, FILE_KEY);
	say(&rig, CC_TO_CLIENT, &m);
	app_finish(rig.app, &rig.flow, &rig.batch);
	rig_drain(&rig);
	app_flow_free(rig.app, &rig.flow);

	rig.flow = first;
	rig.idle = idle;
	out = rig_end(&rig);
	CHECK(strstr(out, "file > whole 4 ") != NULL);
	CHECK(strstr(out, "SMB1_COMMAND") == NULL);
	CHECK(strstr(out, "tx 5") == NULL);
	rig_close(&rig);
}

TESTS(T(files_over_several_connections), T(closed_over_another_connection),
    T(closed_over_another_connection_after_reading))
