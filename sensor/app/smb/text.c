/* Names as SMB writes them: UTF-16LE, or bytes of an unknown code page, to UTF-8; GUIDs and times. */
#include <stdio.h>

#include "app/smb/own.h"

struct slice
smb_text(struct slice raw, bool unicode, char room[SMB_NAME_MAX])
{
	size_t size = 0;

	if (unicode)
		return utf16le_text(raw, room, SMB_NAME_MAX);
	while (size < raw.size && size < SMB_NAME_MAX && raw.p[size] != 0)
		size++;
	if (size > 0)
		memcpy(room, raw.p, size);
	return slice_of(room, size);
}

struct slice
smb_next_text(struct cur *c, struct slice message, bool unicode, char room[SMB_NAME_MAX])
{
	struct slice raw;
	size_t size = 0;

	if (unicode && (size_t)(c->p - message.p) % 2 != 0)
		cur_skip(c, 1);
	raw = cur_rest(c);
	if (unicode) {
		while (size + 2 <= raw.size && (raw.p[size] != 0 || raw.p[size + 1] != 0))
			size += 2;
		cur_skip(c, size + 2 <= raw.size ? size + 2 : raw.size);
	} else {
		while (size < raw.size && raw.p[size] != 0)
			size++;
		cur_skip(c, size < raw.size ? size + 1 : size);
	}
	return smb_text(slice_of(raw.p, size), unicode, room);
}

void
smb_guid_text(const uint8_t guid[16], char ret_text[37])
{
	static const uint8_t from[16] = {3, 2, 1, 0, 5, 4, 7, 6, 9, 8, 11, 10, 15, 14, 13, 12};
	uint8_t turned[16];

	for (int i = 0; i < 16; i++)
		turned[i] = guid[from[i]];
	dcerpc_uuid_text(turned, ret_text);
}

uint64_t
smb_time(uint64_t filetime)
{
	uint64_t seconds = filetime / 10000000;

	return seconds > 11644473600ull ? seconds - 11644473600ull : 0;
}
