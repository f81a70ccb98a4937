/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Unpacks what Debian's lz4_compress has packed, so that a script can check the round trip.
 * Source: the LZ4 block format description, https://github.com/lz4/lz4/blob/dev/doc/
 * lz4_Block_format.md.
 */
#include "module.h"

MODULE("lz4_decode", "Dual MIT/GPL");

struct input {
	const uint8_t *next;
	const uint8_t *end;
};

/* A length of 15 in the token goes on in bytes of which each is added, until one is not 255. */
static int whole_length(struct input *in, unsigned nibble, size_t *length)
{
	*length = nibble;
	if (nibble < 15)
		return 0;
	uint8_t byte;
	do {
		if (in->next == in->end)
			return -1;
		byte = *in->next++;
		*length += byte;
	} while (byte == 255);
	return 0;
}

/* The number of bytes written to `to`; -1 if the input is no LZ4 block or the room is too small. */
int lz4_decode(const uint8_t *from, uint8_t *to, int from_size, int room)
{
	struct input in = { from, from + from_size };
	size_t written = 0, length;

	while (in.next != in.end) {
		uint8_t token = *in.next++;

		if (whole_length(&in, token >> 4, &length) != 0 ||
		    length > (size_t)(in.end - in.next) || length > (size_t)room - written)
			return -1;
		for (; length != 0; length--)
			to[written++] = *in.next++;
		if (in.next == in.end)
			return (int)written;

		if (in.end - in.next < 2)
			return -1;
		size_t distance = in.next[0] | (size_t)in.next[1] << 8;
		in.next += 2;
		if (whole_length(&in, token & 15, &length) != 0)
			return -1;
		length += 4;
		if (distance == 0 || distance > written || length > (size_t)room - written)
			return -1;
		for (; length != 0; length--, written++)
			to[written] = to[written - distance];
	}
	return -1;
}
EXPORT(lz4_decode);

int init_module(void)
{
	return 0;
}

void cleanup_module(void)
{
}
