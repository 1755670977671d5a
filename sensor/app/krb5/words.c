/*
 * The words of Kerberos: messages, errors (RFC 4120, 7.5.9; RFC 4556, RFC 6113), encryption types (IANA "Kerberos
 * Encryption Type Numbers").  Numbers in, static text out.
 */
#include "app/krb5/own.h"

struct word {
	int16_t number;
	const char *text;
};

static const struct word types[] = {
    {KRB5_AS_REQ, "KRB_AS_REQ"}, {KRB5_AS_REP, "KRB_AS_REP"}, {KRB5_TGS_REQ, "KRB_TGS_REQ"},
    {KRB5_TGS_REP, "KRB_TGS_REP"}, {KRB5_AP_REQ, "KRB_AP_REQ"}, {KRB5_AP_REP, "KRB_AP_REP"},
    {KRB5_ERROR, "KRB_ERROR"},
};

static const struct word errors[] = {
    {0, "KDC_ERR_NONE"}, {1, "KDC_ERR_NAME_EXP"}, {2, "KDC_ERR_SERVICE_EXP"}, {3, "KDC_ERR_BAD_PVNO"},
    {4, "KDC_ERR_C_OLD_MAST_KVNO"}, {5, "KDC_ERR_S_OLD_MAST_KVNO"}, {6, "KDC_ERR_C_PRINCIPAL_UNKNOWN"},
    {7, "KDC_ERR_S_PRINCIPAL_UNKNOWN"}, {8, "KDC_ERR_PRINCIPAL_NOT_UNIQUE"}, {9, "KDC_ERR_NULL_KEY"},
    {10, "KDC_ERR_CANNOT_POSTDATE"}, {11, "KDC_ERR_NEVER_VALID"}, {12, "KDC_ERR_POLICY"},
    {13, "KDC_ERR_BADOPTION"}, {14, "KDC_ERR_ETYPE_NOSUPP"}, {15, "KDC_ERR_SUMTYPE_NOSUPP"},
    {16, "KDC_ERR_PADATA_TYPE_NOSUPP"}, {17, "KDC_ERR_TRTYPE_NOSUPP"}, {18, "KDC_ERR_CLIENT_REVOKED"},
    {19, "KDC_ERR_SERVICE_REVOKED"}, {20, "KDC_ERR_TGT_REVOKED"}, {21, "KDC_ERR_CLIENT_NOTYET"},
    {22, "KDC_ERR_SERVICE_NOTYET"}, {23, "KDC_ERR_KEY_EXPIRED"}, {24, "KDC_ERR_PREAUTH_FAILED"},
    {25, "KDC_ERR_PREAUTH_REQUIRED"}, {26, "KDC_ERR_SERVER_NOMATCH"}, {27, "KDC_ERR_MUST_USE_USER2USER"},
    {28, "KDC_ERR_PATH_NOT_ACCEPTED"}, {29, "KDC_ERR_SVC_UNAVAILABLE"}, {31, "KRB_AP_ERR_BAD_INTEGRITY"},
    {32, "KRB_AP_ERR_TKT_EXPIRED"}, {33, "KRB_AP_ERR_TKT_NYV"}, {34, "KRB_AP_ERR_REPEAT"},
    {35, "KRB_AP_ERR_NOT_US"}, {36, "KRB_AP_ERR_BADMATCH"}, {37, "KRB_AP_ERR_SKEW"}, {38, "KRB_AP_ERR_BADADDR"},
    {39, "KRB_AP_ERR_BADVERSION"}, {40, "KRB_AP_ERR_MSG_TYPE"}, {41, "KRB_AP_ERR_MODIFIED"},
    {42, "KRB_AP_ERR_BADORDER"}, {44, "KRB_AP_ERR_BADKEYVER"}, {45, "KRB_AP_ERR_NOKEY"},
    {46, "KRB_AP_ERR_MUT_FAIL"}, {47, "KRB_AP_ERR_BADDIRECTION"}, {48, "KRB_AP_ERR_METHOD"},
    {49, "KRB_AP_ERR_BADSEQ"}, {50, "KRB_AP_ERR_INAPP_CKSUM"}, {51, "KRB_AP_PATH_NOT_ACCEPTED"},
    {52, "KRB_ERR_RESPONSE_TOO_BIG"}, {60, "KRB_ERR_GENERIC"}, {61, "KRB_ERR_FIELD_TOOLONG"},
    {62, "KDC_ERROR_CLIENT_NOT_TRUSTED"}, {63, "KDC_ERROR_KDC_NOT_TRUSTED"}, {64, "KDC_ERROR_INVALID_SIG"},
    {65, "KDC_ERR_KEY_TOO_WEAK"}, {66, "KDC_ERR_CERTIFICATE_MISMATCH"}, {67, "KRB_AP_ERR_NO_TGT"},
    {68, "KDC_ERR_WRONG_REALM"}, {69, "KRB_AP_ERR_USER_TO_USER_REQUIRED"},
    {70, "KDC_ERR_CANT_VERIFY_CERTIFICATE"}, {71, "KDC_ERR_INVALID_CERTIFICATE"}, {72, "KDC_ERR_REVOKED_CERTIFICATE"},
    {73, "KDC_ERR_REVOCATION_STATUS_UNKNOWN"}, {74, "KDC_ERR_REVOCATION_STATUS_UNAVAILABLE"},
    {75, "KDC_ERR_CLIENT_NAME_MISMATCH"}, {76, "KDC_ERR_KDC_NAME_MISMATCH"},
    {90, "KDC_ERR_PREAUTH_EXPIRED"}, {91, "KDC_ERR_MORE_PREAUTH_DATA_REQUIRED"},
    {93, "KDC_ERR_UNKNOWN_CRITICAL_FAST_OPTION"},
};

#define ETYPE(number, text) {text, (uint64_t)(int64_t)(number)}

/* In order: those that are weak first, each also as "weak". */
const struct cc_word krb5_etype_words[KRB5_ETYPE_WORDS] = {
    ETYPE(1, "des-cbc-crc"), ETYPE(2, "des-cbc-md4"), ETYPE(3, "des-cbc-md5"), ETYPE(5, "des3-cbc-md5"),
    ETYPE(7, "des3-cbc-sha1"), ETYPE(9, "dsawithsha1-cmsoid"), ETYPE(10, "md5withrsaencryption-cmsoid"),
    ETYPE(11, "sha1withrsaencryption-cmsoid"), ETYPE(12, "rc2cbc-envoid"), ETYPE(13, "rsaencryption-envoid"),
    ETYPE(14, "rsaes-oaep-env-oid"), ETYPE(15, "des-ede3-cbc-env-oid"), ETYPE(16, "des3-cbc-sha1-kd"),
    ETYPE(17, "aes128-cts-hmac-sha1-96"), ETYPE(18, "aes256-cts-hmac-sha1-96"),
    ETYPE(19, "aes128-cts-hmac-sha256-128"), ETYPE(20, "aes256-cts-hmac-sha384-192"), ETYPE(23, "rc4-hmac"),
    ETYPE(24, "rc4-hmac-exp"), ETYPE(25, "camellia128-cts-cmac"), ETYPE(26, "camellia256-cts-cmac"),
    ETYPE(65, "subkey-keymaterial"), ETYPE(-128, "rc4-md4"), ETYPE(-129, "rc4-plain2"), ETYPE(-130, "rc4-lm"),
    ETYPE(-131, "rc4-sha"), ETYPE(-132, "des-plain"), ETYPE(-133, "rc4-hmac-old"), ETYPE(-134, "rc4-plain-old"),
    ETYPE(-135, "rc4-hmac-old-exp"), ETYPE(-136, "rc4-plain-old-exp"), ETYPE(-140, "rc4-plain"),
    ETYPE(-141, "rc4-plain-exp"),
    ETYPE(0, "weak"), ETYPE(1, "weak"), ETYPE(2, "weak"), ETYPE(3, "weak"), ETYPE(4, "weak"), ETYPE(5, "weak"),
    ETYPE(6, "weak"), ETYPE(7, "weak"), ETYPE(8, "weak"), ETYPE(9, "weak"), ETYPE(10, "weak"), ETYPE(11, "weak"),
    ETYPE(12, "weak"), ETYPE(13, "weak"), ETYPE(14, "weak"), ETYPE(15, "weak"), ETYPE(16, "weak"),
    ETYPE(23, "weak"), ETYPE(24, "weak"), ETYPE(65, "weak"), ETYPE(-128, "weak"), ETYPE(-129, "weak"),
    ETYPE(-130, "weak"), ETYPE(-131, "weak"), ETYPE(-132, "weak"), ETYPE(-133, "weak"), ETYPE(-134, "weak"),
    ETYPE(-135, "weak"), ETYPE(-136, "weak"), ETYPE(-140, "weak"), ETYPE(-141, "weak"),
};

const struct cc_word krb5_type_words[KRB5_TYPE_WORDS] = {
    {"AS-REQ", KRB5_AS_REQ}, {"AS-REP", KRB5_AS_REP}, {"TGS-REQ", KRB5_TGS_REQ}, {"TGS-REP", KRB5_TGS_REP},
    {"ERROR", KRB5_ERROR},
};

static const char *
find(const struct word *word, size_t count, int64_t number)
{
	for (size_t i = 0; i < count; i++)
		if (word[i].number == number)
			return word[i].text;
	return NULL;
}

const char *
krb5_type_text(unsigned type)
{
	const char *text = find(types, sizeof(types) / sizeof(types[0]), type);

	return text != NULL ? text : "UNKNOWN";
}

const char *
krb5_error_text(int64_t code)
{
	return find(errors, sizeof(errors) / sizeof(errors[0]), code);
}

const char *
krb5_etype_text(int64_t etype)
{
	for (unsigned i = 0; i < KRB5_ETYPE_WORDS; i++)
		if (krb5_etype_words[i].value == (uint64_t)etype && strcmp(krb5_etype_words[i].name, "weak") != 0)
			return krb5_etype_words[i].name;
	return NULL;
}

/* Everything but AES and Camellia. */
bool
krb5_etype_weak(int64_t etype)
{
	return !((etype >= 17 && etype <= 20) || etype == 25 || etype == 26);
}
