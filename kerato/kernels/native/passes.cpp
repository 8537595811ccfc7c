// Passes over memory that XLA makes slowly on a CPU, as it calls them: the largest cells of windows, and per channel sums,
// products, means and variances over all other axes. Arrays are channels last, float32 or bfloat16.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "numbers.h"
#include "pieces.h"

namespace ffi = xla::ffi;

namespace kerato {
namespace {

constexpr int64_t kLanes = 1024;  // sums that go on side by side, in the nearest cache
constexpr int64_t kTerms = 64;    // of a float32 sum, before it is added to others in float64

// A window's way along one axis.
struct Axis {
  int64_t length, window, stride, low, dilation, output;
};

// How windows lie on three axes; axes that are not there have length 1.
struct Geometry {
  Axis axes[3];

  int64_t cells() const { return axes[0].length * axes[1].length * axes[2].length; }
  int64_t windows() const { return axes[0].output * axes[1].output * axes[2].output; }

  // use(o, cell, k) for every window o in turn and every real cell that it meets, which is its k-th.
  template <class Use>
  void each(const Use& use) const {
    const auto &[d, h, w] = axes;
    int64_t o = 0;
    for (int64_t od = 0; od < d.output; ++od)
      for (int64_t oh = 0; oh < h.output; ++oh)
        for (int64_t ow = 0; ow < w.output; ++ow, ++o)
          for (int64_t kd = 0, xd = od * d.stride - d.low; kd < d.window; ++kd, xd += d.dilation)
            for (int64_t kh = 0, xh = oh * h.stride - h.low; kh < h.window; ++kh, xh += h.dilation)
              for (int64_t kw = 0, xw = ow * w.stride - w.low; kw < w.window; ++kw, xw += w.dilation)
                if (0 <= xd && xd < d.length && 0 <= xh && xh < h.length && 0 <= xw && xw < w.length)
                  use(o, (xd * h.length + xh) * w.length + xw, (kd * h.window + kh) * w.window + kw);
  }
};

// y[o] the largest cell of window o of one picture, index[o] its number; the first of several. NaN wins, as in XLA.
template <class T>
void largest(const Geometry& g, int64_t channels, const T* x, T* y, uint8_t* index) {
  std::fill(y, y + g.windows() * channels, T::of(-std::numeric_limits<float>::infinity()));
  std::fill(index, index + g.windows() * channels, uint8_t{0});
  g.each([&](int64_t o, int64_t cell, int64_t k) {
    const T* __restrict from = x + cell * channels;
    T* __restrict best = y + o * channels;
    uint8_t* __restrict which = index + o * channels;
    const auto number = static_cast<uint8_t>(k);
    for (int64_t c = 0; c < channels; ++c) {
      const T now = from[c], before = best[c];
      const bool larger = now.value() > before.value(), none = now.value() != now.value();
      which[c] = larger ? number : which[c];
      best[c].bits = larger | none ? now.bits : before.bits;
    }
  });
}

// sums[k][c] over rows the sum of term(i, lane)[k], where i is the number's place and lane % channels its channel; several
// rows go on side by side where channels are few. `lanes` has room for K times kLanes numbers, or channels if more.
template <int K, class Terms>
void sum_rows(int64_t rows, int64_t channels, float* lanes, double* sums, const Terms& terms) {
  const int64_t beside = std::max<int64_t>(1, kLanes / channels), width = beside * channels;
  std::fill(sums, sums + K * channels, 0.0);
  for (int64_t first = 0; first < rows; first += beside * kTerms) {
    std::fill(lanes, lanes + K * width, 0.0f);
    const int64_t start = first * channels, end = std::min(rows, first + beside * kTerms) * channels;
    for (int64_t row = start; row < end; row += width) {
      const int64_t numbers = std::min(width, end - row);
      for (int64_t i = 0; i < numbers; ++i) {
        const std::array<float, K> term = terms(row + i, i);
        for (int k = 0; k < K; ++k) lanes[k * width + i] += term[k];
      }
    }
    for (int k = 0; k < K; ++k)
      for (int64_t i = 0; i < width; i += channels)
        for (int64_t c = 0; c < channels; ++c) sums[k * channels + c] += lanes[k * width + i + c];
  }
}

template <class T>
void total_rows(const T* x, int64_t rows, int64_t channels, float* lanes, double* sums) {
  sum_rows<1>(rows, channels, lanes, sums, [x](int64_t i, int64_t) { return std::array{x[i].value()}; });
}

template <class T>
void product_rows(const T* a, const Float* b, int64_t rows, int64_t channels, float* lanes, double* sums) {
  sum_rows<1>(rows, channels, lanes, sums, [=](int64_t i, int64_t) { return std::array{a[i].value() * b[i].value()}; });
}

// Of what differs from `middle` (a number per lane), and of its square.
template <class T>
void spread_rows(const T* x, const float* middle, int64_t rows, int64_t channels, float* lanes, double* sums) {
  sum_rows<2>(rows, channels, lanes, sums, [=](int64_t i, int64_t lane) {
    const float off = x[i].value() - middle[lane];
    return std::array{off, off * off};
  });
}

KERATO_CLONED void largest_of(const Geometry& g, int64_t channels, const Float* x, Float* y, uint8_t* index) {
  largest(g, channels, x, y, index);
}
KERATO_CLONED void largest_of(const Geometry& g, int64_t channels, const Bfloat* x, Bfloat* y, uint8_t* index) {
  largest(g, channels, x, y, index);
}
KERATO_CLONED void total_of(const Float* x, int64_t rows, int64_t channels, float* lanes, double* sums) {
  total_rows(x, rows, channels, lanes, sums);
}
KERATO_CLONED void total_of(const Bfloat* x, int64_t rows, int64_t channels, float* lanes, double* sums) {
  total_rows(x, rows, channels, lanes, sums);
}
KERATO_CLONED void product_of(const Float* a, const Float* b, int64_t rows, int64_t channels, float* lanes, double* sums) {
  product_rows(a, b, rows, channels, lanes, sums);
}
KERATO_CLONED void product_of(const Bfloat* a, const Float* b, int64_t rows, int64_t channels, float* lanes, double* sums) {
  product_rows(a, b, rows, channels, lanes, sums);
}
KERATO_CLONED void spread_of(const Float* x, const float* middle, int64_t rows, int64_t channels, float* lanes, double* sums) {
  spread_rows(x, middle, rows, channels, lanes, sums);
}
KERATO_CLONED void spread_of(const Bfloat* x, const float* middle, int64_t rows, int64_t channels, float* lanes, double* sums) {
  spread_rows(x, middle, rows, channels, lanes, sums);
}

// What `function` makes of a value of the array's element type, told apart by a null pointer to it.
template <class Function>
ffi::Error by_type(const ffi::AnyBuffer& array, const Function& function) {
  try {
    if (array.element_type() == ffi::F32)
      function(static_cast<Float*>(nullptr));
    else if (array.element_type() == ffi::BF16)
      function(static_cast<Bfloat*>(nullptr));
    else
      return ffi::Error::InvalidArgument("kerato: an element type that is not float32 or bfloat16");
  } catch (const std::exception& error) {
    return ffi::Error::Internal(std::string("kerato: ") + error.what());
  }
  return ffi::Error::Success();
}

ffi::Error max_pool(ffi::ThreadPool pool, ffi::AnyBuffer x, ffi::Result<ffi::AnyBuffer> y,
                    ffi::Result<ffi::Buffer<ffi::U8>> index, ffi::Span<const int64_t> given) {
  Geometry g;
  if (given.size() * sizeof(int64_t) != sizeof g.axes)
    return ffi::Error::InvalidArgument("kerato: a window's geometry has another number of entries");
  std::memcpy(g.axes, given.begin(), sizeof g.axes);
  return by_type(x, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const int64_t channels = x.dimensions().back(), in = g.cells() * channels, out = g.windows() * channels;
    Pieces(pool, x.dimensions().front(), in).run([&](int64_t, int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n)
        largest_of(g, channels, static_cast<T*>(x.untyped_data()) + n * in, static_cast<T*>(y->untyped_data()) + n * out,
                   index->typed_data() + n * out);
    });
  });
}

// The `count` sums per channel of an array's rows, made of partial ones: part(first row, rows, lanes, sums).
template <class Part>
std::vector<double> sums_of(ffi::ThreadPool& pool, const ffi::AnyBuffer& x, int64_t count, const Part& part) {
  const int64_t channels = x.dimensions().back(), each = count * channels;
  Pieces pieces(pool, x.element_count() / channels, channels);
  std::vector<double> sums(pieces.size() * each);
  pieces.run([&](int64_t i, int64_t begin, int64_t end) {
    std::vector<float> lanes(count * std::max(kLanes, channels));
    part(begin, end - begin, lanes.data(), sums.data() + i * each);
  });
  for (size_t i = each; i < sums.size(); ++i) sums[i % each] += sums[i];
  sums.resize(each);
  return sums;
}

ffi::Error channel_totals(ffi::ThreadPool pool, ffi::AnyBuffer x, ffi::Result<ffi::AnyBuffer> result) {
  return by_type(x, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const int64_t channels = x.dimensions().back();
    const auto sums = sums_of(pool, x, 1, [&](int64_t first, int64_t rows, float* lanes, double* own) {
      total_of(static_cast<T*>(x.untyped_data()) + first * channels, rows, channels, lanes, own);
    });
    for (int64_t c = 0; c < channels; ++c)
      static_cast<T*>(result->untyped_data())[c] = T::of(static_cast<float>(sums[c]));
  });
}

ffi::Error channel_products(ffi::ThreadPool pool, ffi::AnyBuffer a, ffi::Buffer<ffi::F32> b,
                            ffi::Result<ffi::Buffer<ffi::F32>> result) {
  return by_type(a, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const int64_t channels = a.dimensions().back();
    const auto sums = sums_of(pool, a, 1, [&](int64_t first, int64_t rows, float* lanes, double* own) {
      product_of(static_cast<T*>(a.untyped_data()) + first * channels,
                 static_cast<Float*>(b.untyped_data()) + first * channels, rows, channels, lanes, own);
    });
    std::copy(sums.begin(), sums.end(), result->typed_data());
  });
}

// Sums are of what differs from the first row, so that a mean far from 0 costs the variance no digits.
ffi::Error channel_moments(ffi::ThreadPool pool, ffi::AnyBuffer x, ffi::Result<ffi::Buffer<ffi::F32>> mean,
                           ffi::Result<ffi::Buffer<ffi::F32>> variance) {
  return by_type(x, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const int64_t channels = x.dimensions().back();
    const auto* numbers = static_cast<T*>(x.untyped_data());
    std::vector<float> middle(std::max(kLanes, channels));
    for (size_t i = 0; i < middle.size(); ++i) middle[i] = numbers[i % channels].value();
    const auto sums = sums_of(pool, x, 2, [&](int64_t first, int64_t rows, float* lanes, double* own) {
      spread_of(numbers + first * channels, middle.data(), rows, channels, lanes, own);
    });
    const double rows = static_cast<double>(x.element_count() / channels);
    for (int64_t c = 0; c < channels; ++c) {
      const double off = sums[c] / rows, square = sums[channels + c] / rows - off * off;
      mean->typed_data()[c] = static_cast<float>(middle[c] + off);
      variance->typed_data()[c] = static_cast<float>(square < 0 ? 0 : square);
    }
  });
}

}  // namespace
}  // namespace kerato

XLA_FFI_DEFINE_HANDLER_SYMBOL(kerato_max_pool, kerato::max_pool,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Ret<ffi::AnyBuffer>()
                                  .Ret<ffi::Buffer<ffi::U8>>()
                                  .Attr<ffi::Span<const int64_t>>("geometry"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(kerato_channel_totals, kerato::channel_totals,
                              ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(kerato_channel_products, kerato::channel_products,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Ret<ffi::Buffer<ffi::F32>>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(kerato_channel_moments, kerato::channel_moments,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Ret<ffi::Buffer<ffi::F32>>()
                                  .Ret<ffi::Buffer<ffi::F32>>());
