// Sixteen lanes at a time through clang's vector extension: the same text becomes SSE, AVX2 or AVX-512 code by the
// target attribute around it. Macros, not functions: a vector argument would tie the ABI to the instruction set.
#pragma once
#include <stdint.h>

#define LANES 16
typedef float lanes_f32 __attribute__((vector_size(64)));
typedef float lanes_f32_unaligned __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint8_t lanes_u8_unaligned __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint16_t lanes_u16_unaligned __attribute__((vector_size(32), aligned(2), may_alias));

#define LOAD_F32(pointer) (*(const lanes_f32_unaligned *)(pointer))
#define STORE_F32(pointer, value) (*(lanes_f32_unaligned *)(pointer) = (value))
#define LOAD_U8(pointer) __builtin_convertvector(*(const lanes_u8_unaligned *)(pointer), lanes_f32)
#define LOAD_U16(pointer) __builtin_convertvector(*(const lanes_u16_unaligned *)(pointer), lanes_f32)
