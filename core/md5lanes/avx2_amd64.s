#include "textflag.h"

// The constants of RFC 1321, section 3.4.
DATA ·sines+0(SB)/8, $0xe8c7b756d76aa478
DATA ·sines+8(SB)/8, $0xc1bdceee242070db
DATA ·sines+16(SB)/8, $0x4787c62af57c0faf
DATA ·sines+24(SB)/8, $0xfd469501a8304613
DATA ·sines+32(SB)/8, $0x8b44f7af698098d8
DATA ·sines+40(SB)/8, $0x895cd7beffff5bb1
DATA ·sines+48(SB)/8, $0xfd9871936b901122
DATA ·sines+56(SB)/8, $0x49b40821a679438e
DATA ·sines+64(SB)/8, $0xc040b340f61e2562
DATA ·sines+72(SB)/8, $0xe9b6c7aa265e5a51
DATA ·sines+80(SB)/8, $0x02441453d62f105d
DATA ·sines+88(SB)/8, $0xe7d3fbc8d8a1e681
DATA ·sines+96(SB)/8, $0xc33707d621e1cde6
DATA ·sines+104(SB)/8, $0x455a14edf4d50d87
DATA ·sines+112(SB)/8, $0xfcefa3f8a9e3e905
DATA ·sines+120(SB)/8, $0x8d2a4c8a676f02d9
DATA ·sines+128(SB)/8, $0x8771f681fffa3942
DATA ·sines+136(SB)/8, $0xfde5380c6d9d6122
DATA ·sines+144(SB)/8, $0x4bdecfa9a4beea44
DATA ·sines+152(SB)/8, $0xbebfbc70f6bb4b60
DATA ·sines+160(SB)/8, $0xeaa127fa289b7ec6
DATA ·sines+168(SB)/8, $0x04881d05d4ef3085
DATA ·sines+176(SB)/8, $0xe6db99e5d9d4d039
DATA ·sines+184(SB)/8, $0xc4ac56651fa27cf8
DATA ·sines+192(SB)/8, $0x432aff97f4292244
DATA ·sines+200(SB)/8, $0xfc93a039ab9423a7
DATA ·sines+208(SB)/8, $0x8f0ccc92655b59c3
DATA ·sines+216(SB)/8, $0x85845dd1ffeff47d
DATA ·sines+224(SB)/8, $0xfe2ce6e06fa87e4f
DATA ·sines+232(SB)/8, $0x4e0811a1a3014314
DATA ·sines+240(SB)/8, $0xbd3af235f7537e82
DATA ·sines+248(SB)/8, $0xeb86d3912ad7d2bb
GLOBL ·sines(SB), RODATA|NOPTR, $256

// With AVX2 a register holds one word of eight messages. The words of a block are
// on the stack, the state in Y0 to Y3.
#define A Y0
#define B Y1
#define C Y2
#define D Y3
#define T Y4
#define U Y5
#define ONES Y6

// The functions of RFC 1321 in T: b comes late, so what needs it is done last.
// G's two halves have no bit in common; one is added to a by itself.
#define F(a, b, c, d) \
	VPXOR d, c, T \
	VPAND b, T, T \
	VPXOR d, T, T

#define G(a, b, c, d) \
	VPANDN c, d, T \
	VPADDD T, a, a \
	VPAND  b, d, T

#define H(a, b, c, d) \
	VPXOR d, c, T \
	VPXOR b, T, T

#define I(a, b, c, d) \
	VPXOR ONES, d, T \
	VPOR  b, T, T    \
	VPXOR c, T, T

// STEP is a = b + ((a + f(b, c, d) + m + sines[k/4]) <<< s).
#define STEP(f, a, b, c, d, m, k, s) \
	VPBROADCASTD k(R9), U  \
	VPADDD       m(SP), a, a \
	VPADDD       U, a, a   \
	f(a, b, c, d)          \
	VPADDD       T, a, a   \
	VPSLLD       $s, a, T  \
	VPSRLD       $(32-s), a, a \
	VPOR         T, a, a   \
	VPADDD       b, a, a

// LOAD reads half a block of message i.
#define LOAD(i, half, r) \
	MOVQ    (8*i)(SI), AX \
	VMOVDQU half(AX)(DX*1), r

// WORDS, PAIRS and HALVES transpose: of rows r0 to r3 each half of what PAIRS
// gives has one column; HALVES stores a column of all eight rows, and the fourth
// after it.
#define WORDS(r0, r1, t0, t1) \
	VPUNPCKLDQ r1, r0, t0 \
	VPUNPCKHDQ r1, r0, t1

#define PAIRS(t0, t1, t2, t3, r0, r1, r2, r3) \
	VPUNPCKLQDQ t2, t0, r0 \
	VPUNPCKHQDQ t2, t0, r1 \
	VPUNPCKLQDQ t3, t1, r2 \
	VPUNPCKHQDQ t3, t1, r3

#define HALVES(a, b, m) \
	VPERM2I128 $0x20, b, a, Y8 \
	VPERM2I128 $0x31, b, a, Y9 \
	VMOVDQU    Y8, m(SP)       \
	VMOVDQU    Y9, (m+128)(SP)

#define TRANSPOSE(half, m) \
	LOAD(0, half, Y0)      \
	LOAD(1, half, Y1)      \
	LOAD(2, half, Y2)      \
	LOAD(3, half, Y3)      \
	LOAD(4, half, Y4)      \
	LOAD(5, half, Y5)      \
	LOAD(6, half, Y6)      \
	LOAD(7, half, Y7)      \
	WORDS(Y0, Y1, Y8, Y9)  \
	WORDS(Y2, Y3, Y10, Y11) \
	WORDS(Y4, Y5, Y12, Y13) \
	WORDS(Y6, Y7, Y14, Y15) \
	PAIRS(Y8, Y9, Y10, Y11, Y0, Y1, Y2, Y3) \
	PAIRS(Y12, Y13, Y14, Y15, Y4, Y5, Y6, Y7) \
	HALVES(Y0, Y4, m)      \
	HALVES(Y1, Y5, m+32)   \
	HALVES(Y2, Y6, m+64)   \
	HALVES(Y3, Y7, m+96)

// func avx2(state *[4][lanes]uint32, messages *[lanes]*byte, blocks int)
TEXT ·avx2(SB), NOSPLIT, $512-24
	MOVQ state+0(FP), DI
	MOVQ messages+8(FP), SI
	MOVQ blocks+16(FP), CX
	LEAQ ·sines(SB), R9
	XORQ DX, DX

block:
	TRANSPOSE(0, 0)
	TRANSPOSE(32, 256)

	VMOVDQU  0(DI), A
	VMOVDQU  32(DI), B
	VMOVDQU  64(DI), C
	VMOVDQU  96(DI), D
	VPCMPEQD ONES, ONES, ONES

	STEP(F, A, B, C, D, 0, 0, 7)
	STEP(F, D, A, B, C, 32, 4, 12)
	STEP(F, C, D, A, B, 64, 8, 17)
	STEP(F, B, C, D, A, 96, 12, 22)
	STEP(F, A, B, C, D, 128, 16, 7)
	STEP(F, D, A, B, C, 160, 20, 12)
	STEP(F, C, D, A, B, 192, 24, 17)
	STEP(F, B, C, D, A, 224, 28, 22)
	STEP(F, A, B, C, D, 256, 32, 7)
	STEP(F, D, A, B, C, 288, 36, 12)
	STEP(F, C, D, A, B, 320, 40, 17)
	STEP(F, B, C, D, A, 352, 44, 22)
	STEP(F, A, B, C, D, 384, 48, 7)
	STEP(F, D, A, B, C, 416, 52, 12)
	STEP(F, C, D, A, B, 448, 56, 17)
	STEP(F, B, C, D, A, 480, 60, 22)

	STEP(G, A, B, C, D, 32, 64, 5)
	STEP(G, D, A, B, C, 192, 68, 9)
	STEP(G, C, D, A, B, 352, 72, 14)
	STEP(G, B, C, D, A, 0, 76, 20)
	STEP(G, A, B, C, D, 160, 80, 5)
	STEP(G, D, A, B, C, 320, 84, 9)
	STEP(G, C, D, A, B, 480, 88, 14)
	STEP(G, B, C, D, A, 128, 92, 20)
	STEP(G, A, B, C, D, 288, 96, 5)
	STEP(G, D, A, B, C, 448, 100, 9)
	STEP(G, C, D, A, B, 96, 104, 14)
	STEP(G, B, C, D, A, 256, 108, 20)
	STEP(G, A, B, C, D, 416, 112, 5)
	STEP(G, D, A, B, C, 64, 116, 9)
	STEP(G, C, D, A, B, 224, 120, 14)
	STEP(G, B, C, D, A, 384, 124, 20)

	STEP(H, A, B, C, D, 160, 128, 4)
	STEP(H, D, A, B, C, 256, 132, 11)
	STEP(H, C, D, A, B, 352, 136, 16)
	STEP(H, B, C, D, A, 448, 140, 23)
	STEP(H, A, B, C, D, 32, 144, 4)
	STEP(H, D, A, B, C, 128, 148, 11)
	STEP(H, C, D, A, B, 224, 152, 16)
	STEP(H, B, C, D, A, 320, 156, 23)
	STEP(H, A, B, C, D, 416, 160, 4)
	STEP(H, D, A, B, C, 0, 164, 11)
	STEP(H, C, D, A, B, 96, 168, 16)
	STEP(H, B, C, D, A, 192, 172, 23)
	STEP(H, A, B, C, D, 288, 176, 4)
	STEP(H, D, A, B, C, 384, 180, 11)
	STEP(H, C, D, A, B, 480, 184, 16)
	STEP(H, B, C, D, A, 64, 188, 23)

	STEP(I, A, B, C, D, 0, 192, 6)
	STEP(I, D, A, B, C, 224, 196, 10)
	STEP(I, C, D, A, B, 448, 200, 15)
	STEP(I, B, C, D, A, 160, 204, 21)
	STEP(I, A, B, C, D, 384, 208, 6)
	STEP(I, D, A, B, C, 96, 212, 10)
	STEP(I, C, D, A, B, 320, 216, 15)
	STEP(I, B, C, D, A, 32, 220, 21)
	STEP(I, A, B, C, D, 256, 224, 6)
	STEP(I, D, A, B, C, 480, 228, 10)
	STEP(I, C, D, A, B, 192, 232, 15)
	STEP(I, B, C, D, A, 416, 236, 21)
	STEP(I, A, B, C, D, 128, 240, 6)
	STEP(I, D, A, B, C, 352, 244, 10)
	STEP(I, C, D, A, B, 64, 248, 15)
	STEP(I, B, C, D, A, 288, 252, 21)

	VPADDD  0(DI), A, A
	VPADDD  32(DI), B, B
	VPADDD  64(DI), C, C
	VPADDD  96(DI), D, D
	VMOVDQU A, 0(DI)
	VMOVDQU B, 32(DI)
	VMOVDQU C, 64(DI)
	VMOVDQU D, 96(DI)

	ADDQ $64, DX
	DECQ CX
	JNZ  block
	VZEROUPPER
	RET
