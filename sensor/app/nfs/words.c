/* Names of NFS's procedures, of version 4's operations and of what becomes of them (RFC 1094, 1813, 7530, 8881, 7862).
 */
#include "app/nfs/own.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const char *
nfs_procedure_text(unsigned version, uint32_t procedure)
{
	static const char *const v2[] = {
	    "NULL", "GETATTR", "SETATTR", "ROOT", "LOOKUP", "READLINK", "READ", "WRITECACHE", "WRITE", "CREATE",
	    "REMOVE", "RENAME", "LINK", "SYMLINK", "MKDIR", "RMDIR", "READDIR", "STATFS"};
	static const char *const v3[] = {
	    "NULL", "GETATTR", "SETATTR", "LOOKUP", "ACCESS", "READLINK", "READ", "WRITE", "CREATE", "MKDIR",
	    "SYMLINK", "MKNOD", "REMOVE", "RMDIR", "RENAME", "LINK", "READDIR", "READDIRPLUS", "FSSTAT", "FSINFO",
	    "PATHCONF", "COMMIT"};
	static const char *const op[] = {"NULL", "COMPOUND", "COMPOUND",
	    "ACCESS", "CLOSE", "COMMIT", "CREATE", "DELEGPURGE", "DELEGRETURN", "GETATTR", "GETFH", "LINK", "LOCK",
	    "LOCKT", "LOCKU", "LOOKUP", "LOOKUPP", "NVERIFY", "OPEN", "OPENATTR", "OPEN_CONFIRM", "OPEN_DOWNGRADE",
	    "PUTFH", "PUTPUBFH", "PUTROOTFH", "READ", "READDIR", "READLINK", "REMOVE", "RENAME", "RENEW", "RESTOREFH",
	    "SAVEFH", "SECINFO", "SETATTR", "SETCLIENTID", "SETCLIENTID_CONFIRM", "VERIFY", "WRITE",
	    "RELEASE_LOCKOWNER", "BACKCHANNEL_CTL", "BIND_CONN_TO_SESSION", "EXCHANGE_ID", "CREATE_SESSION",
	    "DESTROY_SESSION", "FREE_STATEID", "GET_DIR_DELEGATION", "GETDEVICEINFO", "GETDEVICELIST", "LAYOUTCOMMIT",
	    "LAYOUTGET", "LAYOUTRETURN", "SECINFO_NO_NAME", "SEQUENCE", "SET_SSV", "TEST_STATEID", "WANT_DELEGATION",
	    "DESTROY_CLIENTID", "RECLAIM_COMPLETE", "ALLOCATE", "COPY", "COPY_NOTIFY", "DEALLOCATE", "IO_ADVISE",
	    "LAYOUTERROR", "LAYOUTSTATS", "OFFLOAD_CANCEL", "OFFLOAD_STATUS", "READ_PLUS", "SEEK", "WRITE_SAME",
	    "CLONE"};

	switch (version) {
	case 2:
		return procedure < COUNT(v2) ? v2[procedure] : "UNKNOWN";
	case 3:
		return procedure < COUNT(v3) ? v3[procedure] : "UNKNOWN";
	default:
		return procedure < COUNT(op) ? op[procedure] : "UNKNOWN";
	}
}

/* By number; versions agree on what they share. */
const char *
nfs_status_text(uint32_t status)
{
	static const struct {
		uint32_t status;
		const char *text;
	} known[] = {
	    {0, "OK"},
	    {1, "ERR_PERM"},
	    {2, "ERR_NOENT"},
	    {5, "ERR_IO"},
	    {6, "ERR_NXIO"},
	    {13, "ERR_ACCES"},
	    {17, "ERR_EXIST"},
	    {18, "ERR_XDEV"},
	    {19, "ERR_NODEV"},
	    {20, "ERR_NOTDIR"},
	    {21, "ERR_ISDIR"},
	    {22, "ERR_INVAL"},
	    {27, "ERR_FBIG"},
	    {28, "ERR_NOSPC"},
	    {30, "ERR_ROFS"},
	    {31, "ERR_MLINK"},
	    {63, "ERR_NAMETOOLONG"},
	    {66, "ERR_NOTEMPTY"},
	    {69, "ERR_DQUOT"},
	    {70, "ERR_STALE"},
	    {71, "ERR_REMOTE"},
	    {10001, "ERR_BADHANDLE"},
	    {10002, "ERR_NOT_SYNC"},
	    {10003, "ERR_BAD_COOKIE"},
	    {10004, "ERR_NOTSUPP"},
	    {10005, "ERR_TOOSMALL"},
	    {10006, "ERR_SERVERFAULT"},
	    {10007, "ERR_BADTYPE"},
	    {10008, "ERR_JUKEBOX"},
	    {10009, "ERR_SAME"},
	    {10010, "ERR_DENIED"},
	    {10011, "ERR_EXPIRED"},
	    {10012, "ERR_LOCKED"},
	    {10013, "ERR_GRACE"},
	    {10014, "ERR_FHEXPIRED"},
	    {10015, "ERR_SHARE_DENIED"},
	    {10016, "ERR_WRONGSEC"},
	    {10018, "ERR_RESOURCE"},
	    {10020, "ERR_NOFILEHANDLE"},
	    {10021, "ERR_MINOR_VERS_MISMATCH"},
	    {10022, "ERR_STALE_CLIENTID"},
	    {10023, "ERR_STALE_STATEID"},
	    {10025, "ERR_BAD_STATEID"},
	    {10033, "ERR_BADXDR"},
	    {10052, "ERR_BADSESSION"},
	};

	for (size_t i = 0; i < COUNT(known); i++)
		if (known[i].status == status)
			return known[i].text;
	return "ERR_UNKNOWN";
}
