/*
 * The words of DNS: record types (IANA "Resource Record (RR) TYPEs"), response codes, classes.  Numbers in, static text
 * out; any thread.
 */
#include "app/dns/own.h"

static const char *const low_types[] = {
	[1] = "A", [2] = "NS", [3] = "MD", [4] = "MF", [5] = "CNAME", [6] = "SOA", [7] = "MB", [8] = "MG", [9] = "MR",
	[10] = "NULL", [11] = "WKS", [12] = "PTR", [13] = "HINFO", [14] = "MINFO", [15] = "MX", [16] = "TXT",
	[17] = "RP",
	[18] = "AFSDB", [19] = "X25", [20] = "ISDN", [21] = "RT", [22] = "NSAP", [23] = "NSAPPTR", [24] = "SIG",
	[25] = "KEY", [26] = "PX", [27] = "GPOS", [28] = "AAAA", [29] = "LOC", [30] = "NXT", [31] = "EID",
	[32] = "NIMLOC",
	[33] = "SRV", [34] = "ATMA", [35] = "NAPTR", [36] = "KX", [37] = "CERT", [38] = "A6", [39] = "DNAME",
	[40] = "SINK",
	[41] = "OPT", [42] = "APL", [43] = "DS", [44] = "SSHFP", [45] = "IPSECKEY", [46] = "RRSIG", [47] = "NSEC",
	[48] = "DNSKEY", [49] = "DHCID", [50] = "NSEC3", [51] = "NSEC3PARAM", [52] = "TLSA", [53] = "SMIMEA",
	[55] = "HIP",
	[56] = "NINFO", [57] = "RKEY", [58] = "TALINK", [59] = "CDS", [60] = "CDNSKEY", [61] = "OPENPGPKEY",
	[62] = "CSYNC", [63] = "ZONEMD", [64] = "SVCB", [65] = "HTTPS", [66] = "DSYNC", [99] = "SPF", [100] = "UINFO",
	[101] = "UID", [102] = "GID", [103] = "UNSPEC", [104] = "NID", [105] = "L32", [106] = "L64", [107] = "LP",
	[108] = "EUI48", [109] = "EUI64",
};

static const char *const high_types[] = {
	"TKEY", "TSIG", "IXFR", "AXFR", "MAILB", "MAILA", "ANY", "URI", "CAA", "AVC", "DOA", "AMTRELAY", "RESINFO",
};

static const char *const rcodes[] = {
	"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH",
	"NOTZONE",
};

const char *
dns_type_word(uint16_t type)
{
	if (type < sizeof(low_types) / sizeof(low_types[0]))
		return low_types[type];
	if (type >= 249 && type < 249 + sizeof(high_types) / sizeof(high_types[0]))
		return high_types[type - 249];
	return type == 32768 ? "TA" : type == 32769 ? "DLV" : NULL;
}

const char *
dns_rcode_word(unsigned rcode)
{
	return rcode < sizeof(rcodes) / sizeof(rcodes[0]) ? rcodes[rcode] : NULL;
}

bool
dns_class_known(uint16_t class)
{
	return class == 1 || class == 3 || class == 4 || class == 254 || class == 255;
}
