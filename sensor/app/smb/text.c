/* Names as SMB writes them: UTF-16LE, or bytes of an unknown code page, to UTF-8; GUIDs and times. */
#include <stdio.h>

#include "app/smb/own.h"

static size_t
put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 63));
		to[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 63));
	to[2] = (char)(0x80 | (c >> 6 & 63));
	to[3] = (char)(0x80 | (c & 63));
	return 4;
}

struct slice
smb_text(struct slice raw, bool unicode, char room[SMB_NAME_MAX])
{
	struct cur c = cur_slice(raw);
	size_t size = 0;

	if (!unicode) {
		while (size < raw.size && size < SMB_NAME_MAX && raw.p[size] != 0)
			size++;
		if (size > 0)
			memcpy(room, raw.p, size);
		return slice_of(room, size);
	}
	while (cur_left(&c) >= 2 && size + 4 <= SMB_NAME_MAX) {
		uint32_t unit = cur_u16le(&c);
		struct cur ahead = c;
		uint32_t low;

		if (unit == 0)
			break;
		if (unit >= 0xd800 && unit < 0xe000) { /* half of a pair: with its other half, or a mark for it */
			low = cur_u16le(&ahead);
			if (unit < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
				unit = 0x10000 + ((unit & 0x3ff) << 10 | (low & 0x3ff));
				c = ahead;
			} else {
				unit = 0xfffd;
			}
		}
		size += put_utf8(room + size, unit);
	}
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
