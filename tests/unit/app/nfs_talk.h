/*
 * Talks of NFS: a file read in version 3 (its end first), one written in version 4.  struct said and SAID are the
 * includer's (torture.h).  Each message is a datagram, or behind a mark of its size a record.
 */
#ifndef APP_NFS_TALK_H
#define APP_NFS_TALK_H

#define W(n) "\0\0\0" n
#define AUTH W("\1") W("\x18") W("\7") W("\3") "box\0" W("\1") W("\5") W("\0") W("\0") W("\0")
#define CALL(xid, version, procedure) W(xid) W("\0") W("\2") "\0\1\x86\xa3" W(version) W(procedure) AUTH
#define REPLY(xid) W(xid) W("\1") W("\0") W("\0") W("\0") W("\0")
#define FH W("\4") "ABCD"
#define FH2 W("\4") "WXYZ"
#define ATTR(size) W("\1") W("\1") W("\0") W("\1") W("\0") W("\0") W("\0") W(size) \
	"0123456789abcdef0123456789abcdef0123456789abcdef01234567"

static const struct said nfs_v3[] = {
	SAID(CC_TO_SERVER, CALL("\1", "\3", "\3") FH W("\5") "a.txt\0\0\0"),
	SAID(CC_TO_CLIENT, REPLY("\1") W("\0") FH2 W("\0") W("\0")),
	SAID(CC_TO_SERVER, CALL("\2", "\3", "\6") FH2 W("\0") W("\4") W("\4")),
	SAID(CC_TO_SERVER, CALL("\3", "\3", "\6") FH2 W("\0") W("\0") W("\4")),
	SAID(CC_TO_CLIENT, REPLY("\2") W("\0") ATTR("\6") W("\2") W("\1") W("\2") "EF\0\0"),
	SAID(CC_TO_CLIENT, REPLY("\3") W("\0") ATTR("\6") W("\4") W("\0") W("\4") "ABCD"),
	SAID(CC_TO_SERVER, CALL("\4", "\3", "\x0e") FH W("\1") "a\0\0\0" FH W("\1") "b\0\0\0"),
	SAID(CC_TO_CLIENT, REPLY("\4") W("\2")),
};

static const struct said nfs_v4[] = {
    SAID(CC_TO_SERVER,
	CALL("\1", "\4", "\1") W("\0") W("\0") W("\4") W("\x16") FH W("\x12") W("\0") W("\2")
	    W("\0") "clientid" W("\1") "o\0\0\0" W("\0") W("\0") W("\4") "file" W("\x0a") W("\x09") W("\1") W("\1")),
    SAID(CC_TO_CLIENT, REPLY("\1") W("\0") W("\0") W("\3") W("\x16") W("\0") W("\x12")
			   W("\0") "0123456789abcdef" W("\1") "12345678"
							      "12345678" W("\0") W("\0") W("\0") W("\x0a") W("\0") FH2),
    SAID(CC_TO_SERVER, CALL("\2", "\4", "\1") W("\0") W("\0") W("\2") W("\x16") FH2 W("\x26") "0123456789abcdef" W("\0")
			   W("\0") W("\2") W("\3") "hey\0"),
    SAID(CC_TO_CLIENT,
	REPLY("\2") W("\0") W("\0") W("\2") W("\x16") W("\0") W("\x26") W("\0") W("\3") W("\2") "12345678"),
    SAID(CC_TO_SERVER, CALL("\3", "\4", "\1") W("\0") W("\0") W("\2") W("\x16") FH2 W("\4") W("\0") "0123456789abcdef"),
};

#endif
