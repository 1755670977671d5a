/*
 * HASSH and HASSHServer (Salesforce's specification): MD5 of the lists of key exchange, ciphers, MACs and compressions,
 * joined by semicolons; of the client those from client to server, of the server those from server to client.
 */
#include "app/ssh/own.h"

void
ssh_put_hassh(struct cc_ctx *ctx, struct cc_tx *tx, enum cc_dir dir, const struct ssh_kexinit *kexinit)
{
	bool client = dir == CC_TO_SERVER;
	const struct slice part[4] = {
	    kexinit->list[SSH_KEX],
	    kexinit->list[client ? SSH_CIPHER_TS : SSH_CIPHER_TC],
	    kexinit->list[client ? SSH_MAC_TS : SSH_MAC_TC],
	    kexinit->list[client ? SSH_COMPRESSION_TS : SSH_COMPRESSION_TC],
	};
	size_t size = part[0].size + part[1].size + part[2].size + part[3].size + 3, at = 0;
	uint8_t *text = cc_tx_alloc(ctx, tx, size), md5[16];
	char hex[33];

	if (text == NULL)
		return;
	for (unsigned i = 0; i < 4; i++) {
		if (i > 0)
			text[at++] = ';';
		if (part[i].size > 0)
			memcpy(text + at, part[i].p, part[i].size);
		at += part[i].size;
	}
	md5_of(slice_of(text, size), md5);
	cc_put_text(ctx, tx, client ? SSH_F_HASSH : SSH_F_HASSH_SERVER, hex_text(slice_of(md5, 16), hex));
	cc_put_ref(ctx, tx, client ? SSH_F_HASSH_STRING : SSH_F_HASSH_SERVER_STRING, slice_of(text, size));
}
