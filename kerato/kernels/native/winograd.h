// Convolutions with windows of 3 x 3 and stride 1 by fewer products: Winograd's minimal filtering (Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks", 2016, arXiv 1509.09308), for processors with AVX-512.
//
// The smaller picture is cut into tiles. A tile and the kernel are seen as polynomials and taken at `kIn` points along each
// axis; there the convolution is a product per point, summed over channels: a matrix product per point. With y, x and kernel
// transformed by A, B and G: y = A'[(G kernel G') * (B' x B)]A, and each gradient is the same form read the other way.
#pragma once

#include <algorithm>
#include <cstdint>

#include "lanes.h"
#include "plans.h"

namespace kerato {
namespace winograd {

using namespace lanes;

#if KERATO_LANES
// A way has `kOut` outputs along an axis from `kIn` inputs; what its transforms cost was measured (a tile, and a kernel's
// input channel, each times 16 channels).

// The points 0, 1, -1 and infinity.
struct Two {
  static constexpr int kOut = 2, kIn = 4, kTileCycles = 100, kKernelCycles = 700;

  static KERATO_WIDE void input(const Lanes* x, Lanes* t) {
    t[0] = x[0] - x[2], t[1] = x[1] + x[2], t[2] = x[2] - x[1], t[3] = x[3] - x[1];
  }
  static KERATO_WIDE void kernel(const Lanes* g, Lanes* t) {
    const Lanes even = (g[0] + g[2]) * 0.5f, odd = g[1] * 0.5f;
    t[0] = g[0], t[1] = even + odd, t[2] = even - odd, t[3] = g[2];
  }
  static KERATO_WIDE void output(const Lanes* t, Lanes* y) { y[0] = t[0] + t[1] + t[2], y[1] = t[1] - t[2] + t[3]; }
  static KERATO_WIDE void output_back(const Lanes* y, Lanes* t) {
    t[0] = y[0], t[1] = y[0] + y[1], t[2] = y[0] - y[1], t[3] = y[1];
  }
  static KERATO_WIDE void kernel_back(const Lanes* t, Lanes* g) {
    const Lanes even = (t[1] + t[2]) * 0.5f;
    g[0] = t[0] + even, g[1] = (t[1] - t[2]) * 0.5f, g[2] = even + t[3];
  }
};

// The points 0, 1, -1, 1/2, -2 and infinity, which lose fewer digits than 2 and -2 do
// (Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd Convolution", 2018, arXiv 1803.10986).
struct Four {
  static constexpr int kOut = 4, kIn = 6, kTileCycles = 300, kKernelCycles = 1600;

  static KERATO_WIDE void input(const Lanes* x, Lanes* t) {
    const Lanes odd = x[1] - x[3], even = x[2] - x[4];
    t[0] = x[0] + x[4] - 2.0f * x[2] - 1.5f * odd;
    t[1] = x[1] - 0.5f * x[2] - 2.5f * x[3] - x[4];
    t[2] = 2.5f * x[2] - x[1] - 0.5f * x[3] - x[4];
    t[3] = 2.0f * odd + even;
    t[4] = 0.5f * odd - even;
    t[5] = x[1] + x[5] - 2.0f * x[3] - 1.5f * even;
  }
  static KERATO_WIDE void kernel(const Lanes* g, Lanes* t) {
    const Lanes outer = (g[0] + g[2]) * (1 / 3.0f), middle = g[1] * (1 / 3.0f);
    t[0] = g[0], t[1] = -outer - middle, t[2] = outer - middle;
    t[3] = (g[0] + 0.5f * g[1] + 0.25f * g[2]) * (16 / 15.0f);
    t[4] = (g[0] - 2.0f * g[1] + 4.0f * g[2]) * (1 / 15.0f);
    t[5] = g[2];
  }
  static KERATO_WIDE void output(const Lanes* t, Lanes* y) {
    const Lanes sum = t[1] + t[2], difference = t[1] - t[2];
    y[0] = t[0] + sum + t[3] + t[4];
    y[1] = difference + 0.5f * t[3] - 2.0f * t[4];
    y[2] = sum + 0.25f * t[3] + 4.0f * t[4];
    y[3] = difference + 0.125f * t[3] - 8.0f * t[4] + t[5];
  }
  static KERATO_WIDE void output_back(const Lanes* y, Lanes* t) {
    const Lanes even = y[0] + y[2], odd = y[1] + y[3];
    t[0] = y[0], t[1] = even + odd, t[2] = even - odd;
    t[3] = y[0] + 0.5f * y[1] + 0.25f * y[2] + 0.125f * y[3];
    t[4] = y[0] - 2.0f * y[1] + 4.0f * y[2] - 8.0f * y[3];
    t[5] = y[3];
  }
  static KERATO_WIDE void kernel_back(const Lanes* t, Lanes* g) {
    const Lanes middle = (t[1] + t[2]) * (-1 / 3.0f), outer = (t[2] - t[1]) * (1 / 3.0f);
    const Lanes half = t[3] * (16 / 15.0f), two = t[4] * (1 / 15.0f);
    g[0] = t[0] + outer + half + two;
    g[1] = middle + 0.5f * half - 2.0f * two;
    g[2] = outer + 0.25f * half + 4.0f * two + t[5];
  }
};

// kAlong on every column, then on every row.
template <auto kAlong, int kFrom, int kTo>
KERATO_WIDE void both_axes(const Lanes (&from)[kFrom][kFrom], Lanes (&to)[kTo][kTo]) {
  Lanes half[kTo][kFrom];
  KERATO_UNROLL
  for (int s = 0; s < kFrom; ++s) {
    Lanes line[kFrom], moved[kTo];
    KERATO_UNROLL
    for (int r = 0; r < kFrom; ++r) line[r] = from[r][s];
    kAlong(line, moved);
    KERATO_UNROLL
    for (int r = 0; r < kTo; ++r) half[r][s] = moved[r];
  }
  KERATO_UNROLL
  for (int r = 0; r < kTo; ++r) kAlong(half[r], to[r]);
}

// `channels` of pictures (batch, *lengths, stride) whose tiles, of whatever size, begin `step` cells after one another, the first
// `low` cells before the first cell; tile t is number t % across of row t / across % down of picture t / (across * down).
template <class T>
struct Tiled {
  T* data;
  int64_t channels, stride, lengths[2], low[2], step, down, across;

  int64_t top(int64_t tile) const { return tile / across % down * step - low[0]; }
  int64_t left(int64_t tile) const { return tile % across * step - low[1]; }
  bool has(int64_t row, int64_t column) const { return 0 <= row && row < lengths[0] && 0 <= column && column < lengths[1]; }
  T* at(int64_t tile) const {
    return data + ((tile / (across * down) * lengths[0] + top(tile)) * lengths[1] + left(tile)) * stride;
  }
};

// One tile of the next; `kWhole` where it lies within its picture.
template <auto kAlong, int kFrom, int kTo, bool kWhole, class T>
KERATO_WIDE void transform_tile(const Tiled<T>& from, int64_t tile, float* to, int64_t point) {
  alignas(64) static const T zeros[kLanes] = {};
  const int64_t top = from.top(tile), left = from.left(tile), row = from.lengths[1] * from.stride;
  const T* data = from.at(tile);
  for (int64_t c = 0; c < from.channels; c += kLanes, data += kLanes, to += kLanes) {
    Lanes cells[kFrom][kFrom], at[kTo][kTo];
    KERATO_UNROLL
    for (int r = 0; r < kFrom; ++r)
      KERATO_UNROLL
      for (int s = 0; s < kFrom; ++s)
        cells[r][s] = load(kWhole || from.has(top + r, left + s) ? data + r * row + s * from.stride : zeros);
    both_axes<kAlong>(cells, at);
    KERATO_UNROLL
    for (int r = 0; r < kTo; ++r)
      KERATO_UNROLL
      for (int s = 0; s < kTo; ++s) store(to + (r * kTo + s) * point, at[r][s]);
  }
}

// to[point][tile][channels] = the tiles, kFrom cells each way, at kTo points each way; zeros around a picture.
template <auto kAlong, int kFrom, int kTo, class T>
KERATO_WIDE void transform_tiles(const Tiled<T>& from, int64_t first, int64_t count, float* to, int64_t point) {
  for (int64_t t = first; t < first + count; ++t, to += from.channels) {
    const int64_t top = from.top(t), left = from.left(t);
    if (from.has(top, left) && from.has(top + kFrom - 1, left + kFrom - 1))
      transform_tile<kAlong, kFrom, kTo, true>(from, t, to, point);
    else
      transform_tile<kAlong, kFrom, kTo, false>(from, t, to, point);
  }
}

// y's tiles of from[point][tile][channels], and bias and relu; what is not a number stays none.
template <class F, class T>
KERATO_WIDE void outputs(const float* from, int64_t point, const Tiled<T>& y, int64_t first, int64_t count, const T* bias,
                         bool relu) {
  constexpr int kIn = F::kIn, kOut = F::kOut;
  for (int64_t t = first; t < first + count; ++t, from += y.channels) {
    const int64_t rows = std::min<int64_t>(kOut, y.lengths[0] - y.top(t)), columns = std::min<int64_t>(kOut, y.lengths[1] - y.left(t));
    T* to = y.at(t);
    for (int64_t c = 0; c < y.channels; c += kLanes) {
      Lanes at[kIn][kIn], tile[kOut][kOut];
      KERATO_UNROLL
      for (int r = 0; r < kIn; ++r)
        KERATO_UNROLL
        for (int s = 0; s < kIn; ++s) at[r][s] = load(from + (r * kIn + s) * point + c);
      both_axes<F::output>(at, tile);
      const Lanes shift = bias == nullptr ? Lanes{} : load(bias + c);
      KERATO_UNROLL
      for (int r = 0; r < kOut; ++r)
        KERATO_UNROLL
        for (int s = 0; s < kOut; ++s) {
          const Lanes sum = tile[r][s] + shift;
          if (r < rows && s < columns) store(to + (r * y.lengths[1] + s) * y.stride + c, relu ? (sum < 0 ? Lanes{} : sum) : sum);
        }
    }
  }
}

// 16 x 16 of a kernel (3, 3, in, out) at the points, from channel `i` to channel `o`, as product() wants its second matrix;
// of the kernel turned round and with its channels exchanged if `turned`.
template <class F, class T>
KERATO_WIDE void transform_kernel(const T* kernel, int64_t in, int64_t out, int64_t i, int64_t o, bool turned, float* to,
                                  int64_t point) {
  constexpr int kIn = F::kIn;
  const int64_t width = panel(out);
  float part[3][3][kLanes][kLanes];
  for (int cell = 0; cell < 9; ++cell)
    for (int64_t a = 0; a < kLanes; ++a)
      for (int64_t b = 0; b < kLanes; ++b)
        part[cell / 3][cell % 3][a][b] =
            kernel[turned ? ((8 - cell) * out + o + b) * in + i + a : (cell * in + i + a) * out + o + b].value();
  to += o / width * width * in + i * width + o % width;
  for (int a = 0; a < kLanes; ++a, to += width) {
    Lanes cells[3][3], at[kIn][kIn];
    KERATO_UNROLL
    for (int r = 0; r < 3; ++r)
      KERATO_UNROLL
      for (int s = 0; s < 3; ++s) cells[r][s] = load(part[r][s][a]);
    both_axes<F::kernel>(cells, at);
    KERATO_UNROLL
    for (int r = 0; r < kIn; ++r)
      KERATO_UNROLL
      for (int s = 0; s < kIn; ++s) store(to + (r * kIn + s) * point, at[r][s]);
  }
}

// kernel[...][i][o] for one i, 16 o: the kernel whose points, summed over `parts` that lie `part` numbers apart, are `from`.
template <class F, class T>
KERATO_WIDE void kernel_of_points(const float* from, int64_t point, int64_t parts, int64_t part, T* kernel, int64_t cell) {
  constexpr int kIn = F::kIn;
  Lanes at[kIn][kIn], cells[3][3];
  KERATO_UNROLL
  for (int r = 0; r < kIn; ++r)
    KERATO_UNROLL
    for (int s = 0; s < kIn; ++s) {
      Lanes sum = load(from + (r * kIn + s) * point);
      for (int64_t i = 1; i < parts; ++i) sum += load(from + i * part + (r * kIn + s) * point);
      at[r][s] = sum;
    }
  both_axes<F::kernel_back>(at, cells);
  KERATO_UNROLL
  for (int r = 0; r < 3; ++r)
    KERATO_UNROLL
    for (int s = 0; s < 3; ++s) store(kernel + (r * 3 + s) * cell, cells[r][s]);
}

constexpr int64_t kAsked = 1 << 18;  // bytes: a quarter of a core's own cache

// Asks for the cells of kSize x kSize of `count` tiles, the part `p` of `parts` of them, before they are read, or with kWrite
// written: memory then answers while products are computed. What lies beside the pictures is asked for in vain, which is allowed.
template <int kSize, int kWrite, class T>
KERATO_WIDE void ask_for(const Tiled<T>& of, int64_t first, int64_t count, int64_t p, int64_t parts) {
  const int64_t numbers = kSize * of.channels, line = 64 / static_cast<int64_t>(sizeof(T));
  if (count * kSize * numbers * static_cast<int64_t>(sizeof(T)) > kAsked) return;
  for (int64_t t = first + p * count / parts; t < first + (p + 1) * count / parts; ++t)
    for (int64_t r = 0; r < kSize; ++r)
      for (int64_t n = 0; n < numbers; n += line)
        __builtin_prefetch(of.at(t) + r * of.lengths[1] * of.stride + n, kWrite, 2);
}

// The entries: functions that are called, so that the code for AVX-512 stays within them.

template <class F, class T>
KERATO_WIDE_ENTRY void kernel_blocks(const T* kernel, int64_t in, int64_t out, bool turned, int64_t begin, int64_t end,
                                     float* points) {
  const int64_t across = out / kLanes;
  for (int64_t block = begin; block < end; ++block)
    transform_kernel<F>(kernel, in, out, block / across * kLanes, block % across * kLanes, turned, points, in * out);
}

template <class F, class T>
KERATO_WIDE_ENTRY void map_block(const Tiled<T>& x, const float* kernel, const Tiled<T>& y, int64_t first, int64_t count, float* x_at,
                                 float* y_at, const T* bias, bool relu) {
  constexpr int64_t kPoints = F::kIn * F::kIn;
  const int64_t in = x.channels, out = y.channels, x_point = count * in + kLanes, y_point = count * out + kLanes;
  transform_tiles<F::input, F::kIn, F::kIn>(x, first, count, x_at, x_point);
  for (int64_t p = 0; p < kPoints; ++p) {
    ask_for<F::kOut, 0>(x, first + count, count, p, kPoints);
    ask_for<F::kOut, 1>(y, first, count, p, kPoints);
    product(count, out, x_at + p * x_point, in, 1, kernel + p * in * out, in, panel(out) * in, panel(out), y_at + p * y_point, out,
            false);
  }
  outputs<F>(y_at, y_point, y, first, count, bias, relu);
}

template <class F, class T>
KERATO_WIDE_ENTRY void sum_block(const Tiled<T>& x, const Tiled<T>& y, int64_t first, int64_t count, float* x_at, float* y_at,
                                 float* kernel) {
  constexpr int64_t kPoints = F::kIn * F::kIn;
  const int64_t in = x.channels, out = y.channels, x_point = count * in + kLanes, y_point = count * out + kLanes;
  transform_tiles<F::input, F::kIn, F::kIn>(x, first, count, x_at, x_point);
  transform_tiles<F::output_back, F::kOut, F::kIn>(y, first, count, y_at, y_point);
  for (int64_t p = 0; p < kPoints; ++p) {
    ask_for<F::kOut, 0>(x, first + count, count, p, kPoints);
    ask_for<F::kOut, 0>(y, first + count, count, p, kPoints);
    product(in, out, x_at + p * x_point, 1, in, y_at + p * y_point, count, panel(out), out, kernel + p * in * out, out, true);
  }
}

template <class F, class T>
KERATO_WIDE_ENTRY void kernel_rows(const float* from, int64_t in, int64_t out, int64_t parts, int64_t part, T* kernel,
                                   int64_t cell) {
  for (int64_t i = 0; i < in * out; i += kLanes)
    kernel_of_points<F>(from + i, in * out, parts, part, kernel + i, cell);
}

// What follows is compiled for any processor.

constexpr int64_t kBlockBytes = 1 << 19;  // of transformed tiles: they stay in a core's own cache
constexpr int64_t kSumBytes = 1 << 20;    // of a piece's kernel gradient at the points
constexpr int64_t kPieces = 8;            // per thread
constexpr int64_t kSums = 2;              // pieces of a kernel gradient per thread
constexpr int64_t kKernelBlocks = 8;      // of 16 x 16 channels, below which a cut does not pay

class Numbers : public Scratch {
 public:
  explicit Numbers(int64_t count) : Scratch(sizeof(float) * count) {}
  float* at() const { return reinterpret_cast<float*>(data()); }
};

// y of x, or x of y with the kernel `turned` and the names exchanged; either gradient. F is Two or Four.
template <class F, class T>
struct Convolution {
  static constexpr int64_t kPoints = F::kIn * F::kIn;

  Convolution(const Key& key, T* x_data, T* y_data) {
    const int64_t *h = &key[kFields], *w = h + kPerAxis;
    turned = key[kRole] == kX;
    x = {x_data, key[kIn], key[kIn], {h[0], w[0]}, {h[3], w[3]}, F::kOut, 0, 0};
    y = {y_data, key[kOut], key[kOut], {h[6], w[6]}, {0, 0}, F::kOut, 0, 0};
    if (turned) {
      std::swap(x, y);
      for (int axis : {0, 1}) x.low[axis] = 2 - y.low[axis], y.low[axis] = 0;
    }
    x.down = y.down = (y.lengths[0] + F::kOut - 1) / F::kOut;
    x.across = y.across = (y.lengths[1] + F::kOut - 1) / F::kOut;
    in = x.channels, out = y.channels, tiles = key[kBatch] * y.down * y.across;
  }

  template <class Threads>
  void map(Threads& threads, const T* kernel, const T* bias, bool relu) const {
    const int64_t blocks = in / kLanes * (out / kLanes), ranges = std::clamp<int64_t>(blocks / kKernelBlocks, 1, threads.size());
    const Numbers points(kPoints * in * out);
    threads.run(ranges, [&](int64_t i) {
      kernel_blocks<F>(kernel, in, out, turned, i * blocks / ranges, (i + 1) * blocks / ranges, points.at());
    });
    const int64_t size = block(threads.size()), pieces = std::min(blocks_of(size), kPieces * threads.size());
    threads.run(pieces, [&](int64_t i) {
      const Numbers x_at(kPoints * (size * in + kLanes)), y_at(kPoints * (size * out + kLanes));
      each_block(i, pieces, size, [&](int64_t first, int64_t number) {
        map_block<F>(x, points.at(), y, first, number, x_at.at(), y_at.at(), bias, relu);
      });
    });
  }

  // Channels of x are shared out, and where these are few the tiles, whose sums are added in their order.
  template <class Threads>
  void sum(Threads& threads, T* kernel) const {
    const auto wanted = kSumBytes / static_cast<int64_t>(sizeof(float)) / (kPoints * out) / kLanes * kLanes;
    const int64_t channels = std::clamp(wanted, kLanes, in), ranges = (in + channels - 1) / channels;
    const int64_t size = block(threads.size());
    const int64_t parts = std::min(blocks_of(size), (kSums * threads.size() + ranges - 1) / ranges), part = kPoints * channels * out;
    const Numbers sums(part * parts * ranges);
    auto width = [&](int64_t range) { return std::min(channels, in - range * channels); };
    threads.run(ranges * parts, [&](int64_t i) {
      Tiled<T> own = x;
      own.data += i / parts * channels, own.channels = width(i / parts);
      const Numbers x_at(kPoints * (size * channels + kLanes)), y_at(kPoints * (size * out + kLanes));
      std::fill_n(sums.at() + i * part, part, 0.0f);
      each_block(i % parts, parts, size, [&](int64_t first, int64_t number) {
        sum_block<F>(own, y, first, number, x_at.at(), y_at.at(), sums.at() + i * part);
      });
    });
    threads.run(ranges, [&](int64_t i) {
      kernel_rows<F>(sums.at() + i * parts * part, width(i), out, parts, part, kernel + i * channels * out, in * out);
    });
  }

 private:
  // Tiles that are transformed before they are multiplied: a multiple of 8, few enough for every thread to have some.
  int64_t block(int64_t threads) const {
    const auto most = kBlockBytes / static_cast<int64_t>(sizeof(float)) / (kPoints * (in + out));
    const int64_t fair = (tiles + threads - 1) / threads;
    return (std::min(std::clamp<int64_t>(most, 24, 96), fair) + 7) / 8 * 8;
  }

  int64_t blocks_of(int64_t size) const { return (tiles + size - 1) / size; }

  // use(first tile, number of tiles) for the blocks of piece `i`.
  template <class Use>
  void each_block(int64_t i, int64_t pieces, int64_t size, const Use& use) const {
    const int64_t count = blocks_of(size), end = std::min(tiles, (i + 1) * count / pieces * size);
    for (int64_t first = i * count / pieces * size; first < end; first += size) use(first, std::min(size, end - first));
  }

  Tiled<T> x, y;
  bool turned;
  int64_t in, out, tiles;
};

// Processor cycles of the way F, of which each multiplies 16 numbers.
template <class F>
double cycles(const Key& key) {
  const int64_t* written = &key[kFields + (key[kRole] == kX ? 0 : 6)];
  const double in = key[kIn], out = key[kOut], tiles = static_cast<double>(key[kBatch]) *
      ((written[0] + F::kOut - 1) / F::kOut) * ((written[kPerAxis] + F::kOut - 1) / F::kOut);
  return (tiles * (F::kIn * F::kIn * in * out + F::kTileCycles * (in + out)) + F::kKernelCycles * in * out) / kLanes;
}

constexpr double kWorthwhile = 0.95;   // of the plain way's cycles
constexpr double kPlainKernel = 1.2;  // times those of an output, as measured of oneDNN

// 4 or 2, the outputs of a tile along an axis, or 0 where the convolution is not of this kind or the plain way is as fast.
inline int tile_of(const Key& key) {
  const bool low = key[kType] == static_cast<int64_t>(memory::data_type::bf16);
  if (!knows(dnnl::cpu_isa::avx512_core) || (low && knows(dnnl::cpu_isa::avx512_core_amx))) return 0;
  if (key[kRank] != 2 || key[kGroups] != 1 || key[kIn] % kLanes != 0 || key[kOut] % kLanes != 0) return 0;
  double plain = 9.0 * key[kBatch] * key[kIn] * key[kOut] / kLanes;
  for (int axis : {0, 1}) {
    const int64_t* one = &key[kFields + kPerAxis * axis];
    if (one[1] != 3 || one[2] != 1 || one[5] != 1) return 0;
    plain *= one[6];
  }
  if (key[kRole] == kKernel) plain *= kPlainKernel;
  if (low && knows(dnnl::cpu_isa::avx512_core_bf16)) plain /= 2;
  const double two = cycles<Two>(key), four = cycles<Four>(key);
  return std::min(two, four) > kWorthwhile * plain ? 0 : two < four ? 2 : 4;
}

template <class F, class T, class Threads>
void solve(const Key& key, Threads& threads, void* x, void* kernel, void* y, void* bias, bool relu) {
  const Convolution<F, T> own(key, static_cast<T*>(x), static_cast<T*>(y));
  if (key[kRole] == kKernel)
    own.sum(threads, static_cast<T*>(kernel));
  else
    own.map(threads, static_cast<T*>(kernel), static_cast<T*>(bias), relu);
}

// Whether it has been computed; nothing is done where it is not of this kind.
template <class Threads>
bool solved(const Key& key, Threads& threads, void* x, void* kernel, void* y, void* bias, bool relu) {
  const int tile = tile_of(key);
  const bool low = key[kType] == static_cast<int64_t>(memory::data_type::bf16);
  if (tile == 2) (low ? solve<Two, Bfloat, Threads> : solve<Two, Float, Threads>)(key, threads, x, kernel, y, bias, relu);
  if (tile == 4) (low ? solve<Four, Bfloat, Threads> : solve<Four, Float, Threads>)(key, threads, x, kernel, y, bias, relu);
  return tile != 0;
}
#else
inline int tile_of(const Key&) { return 0; }

template <class Threads>
bool solved(const Key&, Threads&, void*, void*, void*, void*, bool) {
  return false;
}
#endif

}  // namespace winograd
}  // namespace kerato
