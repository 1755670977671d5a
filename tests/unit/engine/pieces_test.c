/* Evidence by a thread of its own: all that was given is there in the end, and what never came is not claimed. */
#include "engine/pieces.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "evidence/evidence.h"
#include "unit/test.h"

static char dir[64];

static struct pieces *
open_it(struct conf **ret_conf)
{
	struct pieces *pieces = NULL;
	char *why = NULL;

	*ret_conf = conf_new();
	CHECK(conf_set(*ret_conf, "evidence.max=64m", &why) == CC_OK);
	CHECK(pieces_open(*ret_conf, dir, &pieces, &why) == CC_OK);
	return pieces;
}

static void
remove_dir(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK(system(command) == 0);
}

static struct slice
piece(unsigned n, uint8_t bytes[5000], uint8_t ret_sha256[32])
{
	struct slice whole = slice_of(bytes, 100 + n * 37 % 4900);

	memset(bytes, (int)n, whole.size);
	memcpy(bytes, &n, sizeof(n));
	sha256_of(whole, ret_sha256);
	return whole;
}

static enum evidence_state
state_of(struct evidence_store *store, const uint8_t sha256[32], const char *behind)
{
	struct evidence_entry entry;

	if (evidence_store_find(store, sha256, &entry) != CC_OK)
		return EVIDENCE_STATES;
	CHECK(strcmp(entry.behind, behind) == 0);
	return entry.state;
}

TEST(all_is_there_in_the_end)
{
	struct evidence_store *store = NULL;
	struct conf *conf;
	struct pieces *pieces;
	uint8_t bytes[5000], sha256[32];
	char *why = NULL, behind[40];

	snprintf(dir, sizeof(dir), "/tmp/pieces_test.XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	pieces = open_it(&conf);
	for (unsigned n = 0; n < 100; n++) {
		CHECK(pieces_put(pieces, sha256, piece(n, bytes, sha256), NS_PER_S * (n + 1)));
		snprintf(behind, sizeof(behind), "domain:%u.example", n);
		CHECK(pieces_note(pieces, sha256, slice_str(behind)));
		CHECK(pieces_settled(pieces) <= pieces_given(pieces));
	}
	CHECK_UINT(pieces_given(pieces), 200);
	pieces_flush(pieces);
	CHECK_UINT(pieces_settled(pieces), 200);
	CHECK(!pieces_failed(pieces));
	pieces_close(pieces);
	CHECK(evidence_store_open(conf, dir, false, &store, &why) == CC_OK);
	for (unsigned n = 0; n < 100; n++) {
		(void)piece(n, bytes, sha256);
		snprintf(behind, sizeof(behind), "domain:%u.example", n);
		CHECK(state_of(store, sha256, behind) == EVIDENCE_KEPT);
	}
	evidence_store_close(store);
	conf_free(conf);
	remove_dir();
}

/* As when the sensor is killed after its message went and before the piece was written. */
TEST(what_was_never_written_is_not_claimed)
{
	struct evidence_store *store = NULL;
	struct conf *conf;
	struct pieces *pieces;
	uint8_t bytes[5000], sha256[32];
	struct slice read;
	char *why = NULL;

	snprintf(dir, sizeof(dir), "/tmp/pieces_test.XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	pieces = open_it(&conf);
	(void)piece(7, bytes, sha256);
	CHECK(pieces_note(pieces, sha256, slice_str("domain:a.example"))); /* its piece is nowhere */
	sha256[0] ^= 1;
	CHECK(pieces_put(pieces, sha256, slice_of(bytes, 200), NS_PER_S)); /* and this is another's digest */
	pieces_flush(pieces);
	CHECK(pieces_failed(pieces));
	pieces_close(pieces);
	CHECK(evidence_store_open(conf, dir, false, &store, &why) == CC_OK);
	CHECK(evidence_store_read(store, sha256, &read) == CC_ABSENT);
	CHECK(state_of(store, sha256, "") == EVIDENCE_STATES);
	sha256[0] ^= 1;
	CHECK(evidence_store_read(store, sha256, &read) == CC_ABSENT);
	CHECK(state_of(store, sha256, "") == EVIDENCE_STATES);
	evidence_store_close(store);
	conf_free(conf);
	remove_dir();
}

TESTS(T(all_is_there_in_the_end), T(what_was_never_written_is_not_claimed))
