// Sixteen float32 numbers at once, and matrix products of them, for processors with AVX-512.
//
// What is KERATO_WIDE is compiled for these alone and becomes part of its callers; a KERATO_WIDE_ENTRY is called from code for any
// processor, once `knows` has said that this one has what it needs.
#pragma once

#include <cstdint>

#include "dnnl.hpp"
#include "numbers.h"

namespace kerato {
namespace lanes {

// Whether the processor has these instructions, and $ONEDNN_MAX_CPU_ISA lets them be used.
inline bool knows(dnnl::cpu_isa set) {
  const auto wanted = static_cast<unsigned>(set);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & wanted) == wanted;
}

}  // namespace lanes
}  // namespace kerato

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define KERATO_LANES 1
#define KERATO_WIDE __attribute__((target("arch=x86-64-v4"), always_inline)) inline
#define KERATO_WIDE_ENTRY __attribute__((target("arch=x86-64-v4"), noinline)) inline
#define KERATO_UNROLL _Pragma("GCC unroll 64")

namespace kerato {
namespace lanes {

constexpr int64_t kLanes = 16;
using Lanes = float __attribute__((vector_size(64)));
using Wholes = uint32_t __attribute__((vector_size(64)));
using Halves = uint16_t __attribute__((vector_size(32)));
using AnyLanes = float __attribute__((vector_size(64), aligned(4), may_alias));  // wherever they lie
using AnyHalves = uint16_t __attribute__((vector_size(32), aligned(2), may_alias));

KERATO_WIDE Lanes load(const float* from) { return *reinterpret_cast<const AnyLanes*>(from); }
KERATO_WIDE Lanes load(const Float* from) { return *reinterpret_cast<const AnyLanes*>(from); }
KERATO_WIDE Lanes load(const Bfloat* from) {
  const Halves low = *reinterpret_cast<const AnyHalves*>(from);
  return reinterpret_cast<Lanes>(__builtin_convertvector(low, Wholes) << 16);
}
KERATO_WIDE void store(float* to, Lanes value) { *reinterpret_cast<AnyLanes*>(to) = value; }
KERATO_WIDE void store(Float* to, Lanes value) { *reinterpret_cast<AnyLanes*>(to) = value; }
KERATO_WIDE void store(Bfloat* to, Lanes value) {  // as Bfloat::of
  const auto wide = reinterpret_cast<Wholes>(value);
  const Wholes near = (wide + 0x7fff + (wide >> 16 & 1)) >> 16, none = wide >> 16 | 0x40;
  const Wholes low = (wide & 0x7fffffff) > 0x7f800000 ? none : near;
  *reinterpret_cast<AnyHalves*>(to) = __builtin_convertvector(low, Halves);
}

// c[r][...] of kRows rows and 16 kWide columns = the sum over k of a[r * row + k * step] * b[k][...], added to c with `add`.
template <int kRows, int kWide>
KERATO_WIDE void block_product(const float* a, int64_t row, int64_t step, const float* b, int64_t depth, int64_t b_row, float* c,
                               int64_t c_row, bool add) {
  Lanes sums[kRows][kWide];
  KERATO_UNROLL
  for (int r = 0; r < kRows; ++r)
    KERATO_UNROLL
    for (int w = 0; w < kWide; ++w) sums[r][w] = add ? load(c + r * c_row + w * kLanes) : Lanes{};
  for (int64_t k = 0; k < depth; ++k) {
    Lanes columns[kWide];
    KERATO_UNROLL
    for (int w = 0; w < kWide; ++w) columns[w] = load(b + k * b_row + w * kLanes);
    KERATO_UNROLL
    for (int r = 0; r < kRows; ++r)
      KERATO_UNROLL
      for (int w = 0; w < kWide; ++w) sums[r][w] += a[r * row + k * step] * columns[w];
  }
  KERATO_UNROLL
  for (int r = 0; r < kRows; ++r)
    KERATO_UNROLL
    for (int w = 0; w < kWide; ++w) store(c + r * c_row + w * kLanes, sums[r][w]);
}

// c (rows, 16 kWide) as above, whole blocks first; a block has 16 sums, but no more than 8 rows.
template <int kWide>
KERATO_WIDE void panel_product(int64_t rows, const float* a, int64_t row, int64_t step, const float* b, int64_t depth,
                               int64_t b_row, float* c, int64_t c_row, bool add) {
  constexpr int kRows = kWide == 4 ? 4 : 8;
  int64_t r = 0;
  for (; r + kRows <= rows; r += kRows)
    block_product<kRows, kWide>(a + r * row, row, step, b, depth, b_row, c + r * c_row, c_row, add);
  for (; r < rows; ++r) block_product<1, kWide>(a + r * row, row, step, b, depth, b_row, c + r * c_row, c_row, add);
}

// Columns that are multiplied at once, and lie side by side in a transformed kernel.
inline int64_t panel(int64_t columns) { return columns % 64 == 0 ? 64 : columns % 32 == 0 ? 32 : 16; }

// c (rows, columns) in rows of `c_row`; b's panels lie `b_panel` apart, its rows `b_row`.
KERATO_WIDE_ENTRY void product(int64_t rows, int64_t columns, const float* a, int64_t row, int64_t step, const float* b,
                               int64_t depth, int64_t b_panel, int64_t b_row, float* c, int64_t c_row, bool add) {
  const int64_t width = panel(columns);
  for (int64_t first = 0; first < columns; first += width, b += b_panel, c += width)
    if (width == 64)
      panel_product<4>(rows, a, row, step, b, depth, b_row, c, c_row, add);
    else if (width == 32)
      panel_product<2>(rows, a, row, step, b, depth, b_row, c, c_row, add);
    else
      panel_product<1>(rows, a, row, step, b, depth, b_row, c, c_row, add);
}

}  // namespace lanes
}  // namespace kerato
#else
#define KERATO_LANES 0
#endif
