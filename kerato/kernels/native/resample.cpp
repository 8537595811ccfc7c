// Pictures read at other places, as XLA calls it: y[n, i, j] is x[n] at matrix[n] (i, j, 1), mixed of the four cells around.
// XLA's gather reads number by number, at places that it has written to memory before; here places never leave the nearest
// cache, and are float64. Arrays are channels last and float32; in bfloat16, which takes longer to mix, XLA is as fast.

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "numbers.h"
#include "pieces.h"

namespace ffi = xla::ffi;

namespace kerato {
namespace {

constexpr int64_t kTogether = 256;  // places found before cells are read
constexpr int64_t kAhead = 32;      // pixels for which cells are asked for beforehand: turned rows jump in memory
constexpr int32_t kOutside = -1;    // instead of a cell's number

enum class Fill : int64_t { kConstant, kNearest, kReflect, kWrap };

template <class T>
using Block = std::array<T, kTogether>;

// One axis of a picture, and which of its cells stands at a whole place that may be outside.
struct Axis {
  double last, period = 0, turns = 0, mirror = std::numeric_limits<double>::infinity();
  bool empty_around;

  Axis(int64_t length, Fill fill) : last(static_cast<double>(length - 1)), empty_around(fill == Fill::kConstant) {
    if (fill == Fill::kWrap) period = last + 1;
    if (fill == Fill::kReflect) period = 2 * (last + 1), mirror = period - 1;
    if (period > 0) turns = 1 / period;
  }

  // A cell of the picture whatever the place is, also what is not a number. The half keeps quotients off whole numbers.
  int32_t cell(double place) const {
    double found = place - period * std::floor((place + 0.5) * turns);
    found = found < mirror - found ? found : mirror - found;
    found = found > 0 ? found : 0;
    found = found < last ? found : last;
    return static_cast<int32_t>((found != place) & empty_around ? kOutside : found);
  }

  // The cells on both sides of places, and how far each place is on its way from the first to the second.
  void around(const Block<double>& place, int64_t count, std::array<Block<int32_t>, 2>& cells, Block<float>& way) const {
    const Axis axis = *this;  // a copy, which the compiler knows to stay as it is
    for (int64_t k = 0; k < count; ++k) {
      const double before = std::floor(place[k]);
      cells[0][k] = axis.cell(before), cells[1][k] = axis.cell(before + 1);
      way[k] = static_cast<float>(place[k] - before);
    }
  }
};

// How a batch is read: its matrices, and its shifts (rows and columns added to i and j) if there are any.
struct Reading {
  int64_t height, width, channels;
  Axis down, across;
  const float* matrices;
  const float* shifts;
};

// The four cells that each pixel is mixed of, by their numbers in the picture, and their weights.
struct Places {
  std::array<Block<int32_t>, 4> cell;
  std::array<Block<float>, 4> weight;

  // Of `count` pixels of a picture from the one with the number `first` on.
  void find(const Reading& g, const float* matrix, const float* shift, int64_t first, int64_t count) {
    Block<double> y, x;
    for (int64_t k = 0, i = first / g.width, j = first % g.width; k < count; ++k) {
      y[k] = static_cast<double>(i), x[k] = static_cast<double>(j);
      if (++j == g.width) j = 0, ++i;
    }
    if (shift)
      for (int64_t k = 0; k < count; ++k) y[k] += shift[2 * k], x[k] += shift[2 * k + 1];
    std::array<double, 9> m;
    std::copy(matrix, matrix + 9, m.begin());
    for (int64_t k = 0; k < count; ++k) {
      const double i = y[k], j = x[k], nearness = 1 / (m[6] * i + m[7] * j + m[8]);
      y[k] = (m[0] * i + m[1] * j + m[2]) * nearness, x[k] = (m[3] * i + m[4] * j + m[5]) * nearness;
    }
    std::array<Block<int32_t>, 2> rows, columns;
    Block<float> down, right;
    g.down.around(y, count, rows, down);
    g.across.around(x, count, columns, right);
    const auto width = static_cast<int32_t>(g.width);
    for (int q = 0; q < 4; ++q)
      for (int64_t k = 0; k < count; ++k) {
        const int32_t r = rows[q / 2][k], c = columns[q % 2][k];
        cell[q][k] = (r | c) < 0 ? kOutside : r * width + c;
        weight[q][k] = (q / 2 ? down[k] : 1 - down[k]) * (q % 2 ? right[k] : 1 - right[k]);
      }
  }

  // The pixels themselves; kChannels is the number of channels where the compiler may know it, else 0.
  template <int kChannels>
  void mix(int64_t count, int64_t several, const float* picture, const float* outside, float* __restrict y) const {
    const int64_t channels = kChannels ? kChannels : several;
    for (int64_t k = 0; k < count; ++k, y += channels) {
      __builtin_prefetch(picture + cell[3][std::min(k + kAhead, count - 1)] * channels);
      std::array<const float*, 4> from;
      for (int q = 0; q < 4; ++q) from[q] = cell[q][k] < 0 ? outside : picture + cell[q][k] * channels;
      for (int64_t c = 0; c < channels; ++c) {
        float sum = 0;
        for (int q = 0; q < 4; ++q) sum += weight[q][k] * from[q][c];
        y[c] = sum;
      }
    }
  }
};

// Asks for large pages for an array that is about to be written for the first time, as NumPy does for its own: XLA takes
// new memory for each large result, and to get it in pages of 4 KB takes as long as to fill it.
void in_large_pages(void* array, size_t bytes) {
#ifdef MADV_HUGEPAGE
  constexpr size_t kPage = 4096, kWorth = 1 << 22;
  const uintptr_t start = (reinterpret_cast<uintptr_t>(array) + kPage - 1) / kPage * kPage;
  if (bytes >= kWorth) madvise(reinterpret_cast<void*>(start), bytes - kPage, MADV_HUGEPAGE);
#endif
}

// The pixels begin ... end - 1 of all pixels of y; `outside` is a pixel of what is around a picture.
KERATO_CLONED void read(const Reading& g, int64_t begin, int64_t end, const float* x, const float* outside, float* y) {
  Places places;
  const int64_t cells = g.height * g.width;
  for (int64_t pixel = begin, count; pixel < end; pixel += count) {
    const int64_t n = pixel / cells, first = pixel % cells;
    count = std::min({kTogether, cells - first, end - pixel});
    places.find(g, g.matrices + 9 * n, g.shifts ? g.shifts + 2 * pixel : nullptr, first, count);
    const float* picture = x + n * cells * g.channels;
    float* to = y + pixel * g.channels;
    if (g.channels == 1)
      places.mix<1>(count, 1, picture, outside, to);
    else if (g.channels == 3)
      places.mix<3>(count, 3, picture, outside, to);
    else
      places.mix<0>(count, g.channels, picture, outside, to);
  }
}

ffi::Error resample(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> x, ffi::Buffer<ffi::F32> matrices, ffi::RemainingArgs rest,
                    ffi::Result<ffi::Buffer<ffi::F32>> y, int64_t fill, float value) {
  const auto size = x.dimensions();
  const int64_t cells = size[1] * size[2], pixels = size[0] * cells;
  const float* shifts = nullptr;
  int64_t moved = pixels;
  if (rest.size() > 0) {
    const auto given = *rest.get<ffi::Buffer<ffi::F32>>(0);
    shifts = given.typed_data(), moved = given.element_count() / 2;
  }
  if (matrices.element_count() != 9 * size[0] || moved != pixels || cells > std::numeric_limits<int32_t>::max())
    return ffi::Error::InvalidArgument("kerato: a matrix for each picture, a shift for each pixel, and cells of 31 bits");
  const Axis down(size[1], static_cast<Fill>(fill)), across(size[2], static_cast<Fill>(fill));
  const Reading g{size[1], size[2], size[3], down, across, matrices.typed_data(), shifts};
  const std::vector<float> outside(g.channels, value);
  in_large_pages(y->typed_data(), y->size_bytes());
  Pieces(pool, pixels, g.channels).run([&](int64_t, int64_t begin, int64_t end) {
    read(g, begin, end, x.typed_data(), outside.data(), y->typed_data());
  });
  return ffi::Error::Success();
}

}  // namespace
}  // namespace kerato

XLA_FFI_DEFINE_HANDLER_SYMBOL(kerato_resample, kerato::resample,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .RemainingArgs()
                                  .Ret<ffi::Buffer<ffi::F32>>()
                                  .Attr<int64_t>("fill")
                                  .Attr<float>("value"));
