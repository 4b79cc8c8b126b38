#include "textflag.h"

// func hasAVX2() bool
TEXT ·hasAVX2(SB), NOSPLIT, $0-1
	MOVB $0, ret+0(FP)

	// There is a leaf 7.
	XORL AX, AX
	CPUID
	CMPL AX, $7
	JLT  no

	// AVX, and an operating system that saves registers by XSAVE.
	MOVL $1, AX
	XORL CX, CX
	CPUID
	ANDL $0x18000000, CX
	CMPL CX, $0x18000000
	JNE  no

	// It saves the ones of AVX and SSE.
	XORL CX, CX
	XGETBV
	ANDL $6, AX
	CMPL AX, $6
	JNE  no

	// AVX2.
	MOVL  $7, AX
	XORL  CX, CX
	CPUID
	TESTL $0x20, BX
	JZ    no
	MOVB  $1, ret+0(FP)

no:
	RET
