/* Calls each operation with each pair of operands and prints a hash of its results. */

typedef unsigned char u8;
typedef unsigned int u32;

struct operation {
	void (*run)(const u8 *operands, u8 *result);
	const u8 *pairs;
	u32 count;
};

extern const struct operation operations[];
extern const u32 operation_count;

#define TTY (*(volatile u32 *)0xff008000)
#define CONTROL (*(volatile u32 *)0xff009004)

enum { RESULT = 16, PAIR = 32 };

__asm__(".globl _start\n_start:\n\tmove.l #0x800000, %sp\n\tjsr run_all\n1:\tbra 1b");

void run_all(void)
{
	for (u32 i = 0; i < operation_count; i++) {
		const struct operation *operation = &operations[i];
		u32 hash = 0x811c9dc5;

		for (u32 pair = 0; pair < operation->count; pair++) {
			u8 result[RESULT] = { 0 };

			operation->run(operation->pairs + pair * PAIR, result);
			for (int byte = 0; byte < RESULT; byte++)
				hash = (hash ^ result[byte]) * 0x01000193;
		}
		for (int shift = 28; shift >= 0; shift -= 4)
			TTY = "0123456789abcdef"[hash >> shift & 15];
		TTY = '\n';
	}
	CONTROL = 2;
}
