/*
 * What is sealed for one partner: opens what jose and jwcrypto sealed (for RFC 8037's key of A.6), and our own; nothing
 * that was changed at any bit, cut at any byte, moved to another message, for another key, or by other algorithms.
 */
#include "exchange/exchange.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/test.h"

#define BOB_X "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"
#define BOB_KID "u809Vppx5ixWMOohxWr2aM3m5bD0LQ67g_GPmubQus4"
#define REQUEST "1b4e28ba-2fa1-5fd2-883f-0016d3cca427"
#define RESPONDER "cert.b.example"

static const char bob[] =
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6UduSwq\n-----END PRIVATE "
    "KEY-----\n";
static const char by_jwcrypto[] = "eyJhbGciOiJFQ0RILUVTIiwiYXB1IjoiWTJWeWRDNWlMbVY0WVcxd2JHVSIsImFwdiI6Ik1XSTBaVEk0WW1F"
				  "dE1tWmhNUzAxWm1ReUxUZzRNMll0TURBeE5t"
				  "UXpZMk5oTkRJMyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsiY3J2IjoiWDI1NTE5Iiwia3R5IjoiT0tQIiwi"
				  "eCI6IlRIUkt3M0Y2TF9wbUdzeGV0akhBZXI4"
				  "aDE5ZXY4NWVENWZnUmV4WDFuam8ifSwia2lkIjoidTgwOVZwcHg1aXhXTU9vaHhXcjJhTTNtNWJEMExRNjdn"
				  "X0dQbXViUXVzNCJ9..vadznWZqnWb4jmZH.C-"
				  "gwFOumoEn_tgbeCoLMNY0rB6ghmw._a8dp50DtnFEHve6AcuZ9w";
static const char by_jose[] = "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTI1NkdDTSIsImtpZCI6InU4MDlWcHB4NWl4V01Pb2h4V3IyYU0zbTVi"
			      "RDBMUTY3Z19HUG11YlF1czQiLCJlcGsi"
			      "Onsi"
			      "eCI6IkJKMmE4MEJnSldzVWtZX05TZVhkMmptOHoyVjRTc3BtUFRzLVJ0SzFnQ0kiLCJjcnYiOiJYMjU1MTkiLCJr"
			      "dHkiOiJPS1AifSwiYXB1IjoiWTJWeWRD"
			      "NWlMbVY0WVcxd2JHVSIsImFwdiI6Ik1XSTBaVEk0WW1FdE1tWmhNUzAxWm1ReUxUZzRNMll0TURBeE5tUXpZMk5o"
			      "TkRJMyJ9..Iy8KAcFs1G4KMSGW.-5y8N"
			      "G_bgk6idT8Yaevd4fJd.UtFZButxpsmYmfcfM6vtuw";

static struct agreement *
key_of(const char *pem)
{
	char dir[] = "/tmp/jwe_test.XXXXXX", path[128], command[160], *why;
	struct agreement *a = NULL;
	FILE *file;

	CHECK(mkdtemp(dir) != NULL);
	if (pem != NULL) {
		snprintf(path, sizeof(path), "%s/keys", dir);
		CHECK(mkdir(path, 0700) == 0);
		snprintf(path, sizeof(path), "%s/keys/agreement.key", dir);
		file = fopen(path, "w");
		CHECK(file != NULL && fputs(pem, file) >= 0);
		fclose(file);
		CHECK(chmod(path, 0644) == 0);
		CHECK_UINT(agreement_open(dir, false, &a, &why), CC_DENIED); /* others may read it */
		CHECK(strstr(why, "chmod 0600") != NULL);
		free(why);
		CHECK(chmod(path, 0600) == 0);
	} else {
		CHECK_UINT(agreement_open(dir, false, &a, &why), CC_ABSENT);
		free(why);
	}
	CHECK_UINT(agreement_open(dir, pem == NULL, &a, &why), CC_OK);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK(system(command) == 0);
	return a;
}

static enum cc_status
open_text(const struct agreement *a, const char *text, size_t size, struct slice *ret_plain)
{
	const char *why;

	*ret_plain = slice_of(NULL, 0);
	return jwe_open(a, slice_str(RESPONDER), slice_str(REQUEST), slice_of(text, size), ret_plain, &why);
}

static void
opens_to(const struct agreement *a, const char *text, const char *want)
{
	struct slice plain;

	CHECK_UINT(open_text(a, text, strlen(text), &plain), CC_OK);
	CHECK(slice_is(plain, want));
	free((void *)(uintptr_t)plain.p);
}

TEST(others_libraries)
{
	struct agreement *a = key_of(bob);

	CHECK(strcmp(agreement_x(a), BOB_X) == 0 && strcmp(agreement_kid(a), BOB_KID) == 0);
	opens_to(a, by_jwcrypto, "{\"text\":\"by jwcrypto\"}");
	opens_to(a, by_jose, "{\"text\":\"by jose\"}");
	agreement_close(a);
}

TEST(our_own)
{
	struct agreement *a = key_of(NULL), *other = key_of(bob);
	struct buf first, second;
	const char *why;
	struct slice plain;

	buf_open(&first, 1u << 20);
	buf_open(&second, 1u << 20);
	for (size_t size = 0; size < 70; size++) {
		char text[80];

		memset(text, 'a' + (int)(size % 26), size);
		text[size] = '\0';
		buf_clear(&first);
		CHECK_UINT(
		    jwe_seal(agreement_x(a), slice_str(RESPONDER), slice_str(REQUEST), slice_of(text, size), &first),
		    CC_OK);
		buf_add_u8(&first, '\0');
		opens_to(a, (const char *)first.p, text);
	}
	CHECK_UINT(jwe_seal(agreement_x(a), slice_str(RESPONDER), slice_str(REQUEST), slice_str("x"), &second), CC_OK);
	CHECK_UINT(jwe_open(other, slice_str(RESPONDER), slice_str(REQUEST), buf_slice(&second), &plain, &why), CC_BAD);
	CHECK(strstr(why, "another key") != NULL);
	CHECK_UINT(
	    jwe_open(a, slice_str("cert.c.example"), slice_str(REQUEST), buf_slice(&second), &plain, &why), CC_BAD);
	CHECK_UINT(
	    jwe_open(a, slice_str(RESPONDER), slice_str(REQUEST "/1"), buf_slice(&second), &plain, &why), CC_BAD);
	CHECK(strstr(why, "another message") != NULL);
	CHECK_UINT(jwe_seal("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", slice_str(""), slice_str(""), slice_str("x"),
		       &first),
	    CC_IO);
	CHECK_UINT(jwe_seal("short", slice_str(""), slice_str(""), slice_str("x"), &first), CC_IO);
	buf_close(&first);
	buf_close(&second);
	agreement_close(a);
	agreement_close(other);
}

TEST(changed_or_cut)
{
	struct agreement *a = key_of(bob);
	const char *const all[] = {by_jwcrypto, by_jose};
	struct slice plain;

	for (size_t k = 0; k < 2; k++) {
		size_t size = strlen(all[k]);
		char *copy = malloc(size + 1);

		CHECK(copy != NULL);
		for (size_t at = 0; at < size; at++) {
			CHECK_UINT(open_text(a, all[k], at, &plain), CC_BAD);
			for (int bit = 0; bit < 8; bit++) {
				memcpy(copy, all[k], size + 1);
				copy[at] = (char)(copy[at] ^ 1 << bit);
				/* The last character of a part has bits that base64url does not use: strict readers
				 * refuse those, too. */
				CHECK_UINT(open_text(a, copy, size, &plain), CC_BAD);
			}
		}
		free(copy);
	}
	agreement_close(a);
}

/* Headers that ask for less, for more, or for a key that gives a secret of zeros. */
TEST(downgraded)
{
	static const char *const header[] = {
	    "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"" BOB_KID "\"}",
	    "{\"alg\":\"ECDH-ES+A128KW\",\"enc\":\"A256GCM\",\"kid\":\"" BOB_KID "\"}",
	    "{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\",\"kid\":\"" BOB_KID "\"}",
	    "{\"alg\":\"none\",\"enc\":\"none\"}",
	    "{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\",\"zip\":\"DEF\",\"kid\":\"" BOB_KID "\"}",
	    "{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\",\"crit\":[\"x\"],\"kid\":\"" BOB_KID "\"}",
	    "{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\",\"kid\":\"" BOB_KID
	    "\",\"apu\":\"Y2VydC5iLmV4YW1wbGU\",\"apv\":\"MWI0ZTI4YmEtMmZhMS01ZmQyLTg4M2Yt"
	    "MDAxNmQzY2NhNDI3\",\"epk\":{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":"
	    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}",
	    "{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\",\"kid\":\"" BOB_KID
	    "\",\"apu\":\"Y2VydC5iLmV4YW1wbGU\",\"apv\":\"MWI0ZTI4YmEtMmZhMS01ZmQyLTg4M2Yt"
	    "MDAxNmQzY2NhNDI3\",\"epk\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" BOB_X "\",\"y\":\"" BOB_X "\"}}",
	    "[]",
	    "{",
	    "",
	};
	struct agreement *a = key_of(bob);
	struct slice plain;

	for (size_t i = 0; i < sizeof(header) / sizeof(header[0]); i++) {
		char text[1024], *end = base64url_text(slice_str(header[i]), text);

		strcat(end, strchr(by_jose, '.'));
		CHECK_UINT(open_text(a, text, strlen(text), &plain), CC_BAD);
	}
	agreement_close(a);
}

/* The key before opens until its time is over, and no longer; who held on to it is told that it is for another key. */
TEST(rotated)
{
	char dir[] = "/tmp/jwe_test.XXXXXX", path[128], command[160], before[KEY_ID], *why = NULL;
	struct conf *conf = conf_new();
	struct agreement *a = NULL;
	struct slice plain;
	struct stat st;
	struct buf out;
	uint64_t until, now = time_now();
	FILE *file;

	CHECK(mkdtemp(dir) != NULL);
	CHECK_UINT(agreement_rotate(conf, dir, now, &why), CC_ABSENT);
	free(why);
	CHECK_UINT(agreement_open(dir, true, &a, &why), CC_OK);
	snprintf(before, sizeof(before), "%s", agreement_x(a));
	CHECK(agreement_old_x(a, &until)[0] == '\0');
	agreement_close(a);
	buf_open(&out, 4096);
	CHECK_UINT(jwe_seal(before, slice_str(RESPONDER), slice_str(REQUEST), slice_str("text"), &out), CC_OK);

	CHECK_UINT(agreement_rotate(conf, dir, now, &why), CC_OK);
	CHECK_UINT(agreement_open(dir, false, &a, &why), CC_OK);
	CHECK(strcmp(agreement_x(a), before) != 0);
	CHECK_TEXT(agreement_old_x(a, &until), before);
	CHECK(until / NS_PER_S == (now + conf->exchange_key_overlap) / NS_PER_S);
	CHECK_UINT(open_text(a, (const char *)out.p, out.size, &plain), CC_OK);
	free((void *)(uintptr_t)plain.p);
	agreement_close(a);
	snprintf(path, sizeof(path), "%s/keys/agreement.key", dir);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	snprintf(path, sizeof(path), "%s/keys/agreement.key.old", dir);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);

	snprintf(path, sizeof(path), "%s/keys/agreement.until", dir);
	file = fopen(path, "w");
	CHECK(file != NULL && fputs("2026-01-01T00:00:00Z\n", file) >= 0);
	fclose(file);
	CHECK_UINT(agreement_open(dir, false, &a, &why), CC_OK);
	CHECK(agreement_old_x(a, &until)[0] == '\0');
	CHECK_UINT(open_text(a, (const char *)out.p, out.size, &plain), CC_BAD);
	agreement_close(a);
	buf_close(&out);
	conf_free(conf);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK(system(command) == 0);
}

TESTS(T(rotated), T(others_libraries), T(our_own), T(changed_or_cut), T(downgraded))
