// Convolution, its input gradient and its kernel gradient on the CPU by oneDNN, as XLA calls them.
//
// Arrays are as the package has them, channels last: x (batch, *lengths, in), kernel (*window, in / groups, out),
// y (batch, *output, out). x and y are read and written in place; the kernel is brought into the layout that oneDNN
// prefers, and back. A call is cut into pieces for XLA's threads; within a piece oneDNN has one thread.
// Primitives are kept by shape, the oldest go first; all that one call writes is the call's own.

#include <algorithm>
#include <cstring>
#include <list>
#include <string>
#include <vector>

#include "cuts.h"
#include "numbers.h"
#include "threads.h"
#include "winograd.h"

namespace ffi = xla::ffi;

namespace kerato {
namespace {

constexpr int64_t kNumbersPerRange = 1 << 15;

size_t aligned(size_t bytes) { return (bytes + kAligned - 1) / kAligned * kAligned; }

// y = y + bias, and max(y, 0) with relu, where NaN stays NaN; `bytes` of y.
template <class T>
void finish(T* y, size_t bytes, const T* bias, int64_t channels, bool relu) {
  const int64_t rows = bytes / sizeof(T) / channels;
  for (int64_t row = 0; row < rows; ++row, y += channels)
    for (int64_t c = 0; c < channels; ++c) {
      const float sum = T::of(y[c].value() + bias[c].value()).value();
      y[c] = T::of(relu && sum < 0 ? 0.0f : sum);
    }
}
KERATO_CLONED void finish_with(Float* y, size_t bytes, const Float* bias, int64_t channels, bool relu) {
  finish(y, bytes, bias, channels, relu);
}
KERATO_CLONED void finish_with(Bfloat* y, size_t bytes, const Bfloat* bias, int64_t channels, bool relu) {
  finish(y, bytes, bias, channels, relu);
}

// What is done to every piece of y while it is in the cache; without a bias, nothing.
struct Finish {
  char* bias = nullptr;
  int64_t channels = 0;
  bool relu = false;

  void operator()(const memory::desc& desc, void* y) const {
    if (bias == nullptr) return;
    if (desc.get_data_type() == memory::data_type::f32)
      finish_with(static_cast<Float*>(y), desc.get_size(), reinterpret_cast<Float*>(bias), channels, relu);
    else
      finish_with(static_cast<Bfloat*>(y), desc.get_size(), reinterpret_cast<Bfloat*>(bias), channels, relu);
  }
};

// y, or x: every piece with the same kernel, reordered once for each kind.
void map_pieces(const Call& call, Threads& threads, char* kernel, const Finish& finish) {
  std::list<Scratch> reordered;
  std::vector<char*> inner;
  for (const auto& plan : call.kinds) {
    if (plan->reorders) {
      reordered.emplace_back(plan->inner_kernel.get_size());
      reorder(*plan, kernel, reordered.back().data());
    }
    inner.push_back(plan->reorders ? reordered.back().data() : kernel);
  }
  threads.run(call.pieces.size(), [&](int64_t i) {
    const OneThread alone;
    const Piece& piece = call.pieces[i];
    execute(call.of(piece), call.role, piece.x, inner[piece.kind], piece.y);
    finish(call.of(piece).y, piece.y);
  });
}

// The kernel gradient: the sum of what the pieces give, in float32 whatever the type.
void sum_pieces(const Call& call, Threads& threads, char* kernel, bool low_precision) {
  const auto pieces = static_cast<int64_t>(call.pieces.size());
  const size_t bytes = call.kinds[0]->kernel.get_size();
  const size_t step = aligned(bytes);
  const Scratch partial((pieces - !low_precision) * step);
  auto part = [&](int64_t piece) {
    return !low_precision && piece == 0 ? kernel : partial.data() + (piece - !low_precision) * step;
  };
  threads.run(pieces, [&](int64_t i) {
    const OneThread alone;
    const Piece& piece = call.pieces[i];
    const Plan& plan = call.of(piece);
    const Scratch inner(plan.reorders ? plan.inner_kernel.get_size() : 0);
    char* target = plan.reorders ? inner.data() : part(i);
    execute(plan, kKernel, piece.x, target, piece.y);
    if (plan.reorders) reorder(plan, target, part(i));
  });
  const int64_t numbers = bytes / sizeof(float);
  const int64_t ranges = std::clamp<int64_t>(numbers / kNumbersPerRange, 1, threads.size());
  threads.run(ranges, [&](int64_t range) {
    const int64_t begin = range * numbers / ranges, end = (range + 1) * numbers / ranges;
    auto* total = reinterpret_cast<float*>(part(0));
    for (int64_t piece = 1; piece < pieces; ++piece) {
      const auto* other = reinterpret_cast<const float*>(part(piece));
      for (int64_t i = begin; i < end; ++i) total[i] += other[i];
    }
    auto* low = reinterpret_cast<Bfloat*>(kernel);
    if (low_precision)
      for (int64_t i = begin; i < end; ++i) low[i] = Bfloat::of(total[i]);
  });
}

ffi::ErrorOr<memory::data_type> type_of(ffi::DataType type) {
  if (type == ffi::F32) return memory::data_type::f32;
  if (type == ffi::BF16) return memory::data_type::bf16;
  return ffi::Unexpected(ffi::Error::InvalidArgument("kerato: convolution of an element type that is not float32 or bfloat16"));
}

// `given` from Python lacks the type, which is known here.
Key complete(const int64_t* given, size_t size, memory::data_type type) {
  Key key(given, given + size);
  key[kType] = static_cast<int64_t>(type);
  return key;
}

ffi::Error solve(ffi::ThreadPool pool, ffi::AnyBuffer first, ffi::AnyBuffer second, ffi::Result<ffi::AnyBuffer> result,
                 ffi::Span<const int64_t> given, const Finish& finish) {
  const auto type = type_of(first.element_type());
  if (type.has_error()) return type.error();
  if (first.element_type() != second.element_type() || first.element_type() != result->element_type())
    return ffi::Error::InvalidArgument("kerato: convolution of two element types");
  if (given.size() < kFields || given.size() != static_cast<size_t>(kFields + kPerAxis * given[kRank]))
    return ffi::Error::InvalidArgument("kerato: a convolution's geometry has another number of entries");
  const auto role = static_cast<Role>(given[kRole]);
  auto *a = static_cast<char*>(first.untyped_data()), *b = static_cast<char*>(second.untyped_data());
  auto* out = static_cast<char*>(result->untyped_data());
  char* kernel = role == kKernel ? out : role == kX ? a : b;
  try {
    Threads threads(pool);
    const Key key = complete(given.begin(), given.size(), *type);
    char *x = role == kX ? out : a, *y = role == kY ? out : b;
    if (winograd::solved(key, threads, x, kernel, y, finish.bias, finish.relu)) return ffi::Error::Success();
    const Call call(key, threads.size(), x, y);
    const OneThread alone;
    if (role == kKernel)
      sum_pieces(call, threads, kernel, *type == memory::data_type::bf16);
    else
      map_pieces(call, threads, kernel, finish);
  } catch (const std::exception& error) {
    return ffi::Error::Internal(std::string("kerato: a convolution: ") + error.what());
  }
  return ffi::Error::Success();
}

ffi::Error convolve(ffi::ThreadPool pool, ffi::AnyBuffer first, ffi::AnyBuffer second, ffi::Result<ffi::AnyBuffer> result,
                    ffi::Span<const int64_t> given) {
  return solve(pool, first, second, result, given, Finish{});
}

ffi::Error convolve_with_bias(ffi::ThreadPool pool, ffi::AnyBuffer x, ffi::AnyBuffer kernel, ffi::AnyBuffer bias,
                              ffi::Result<ffi::AnyBuffer> y, ffi::Span<const int64_t> given, bool relu) {
  const auto channels = static_cast<int64_t>(bias.element_count());
  return solve(pool, x, kernel, y, given, Finish{static_cast<char*>(bias.untyped_data()), channels, relu});
}

}  // namespace
}  // namespace kerato

XLA_FFI_DEFINE_HANDLER_SYMBOL(kerato_convolution, kerato::convolve,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Ret<ffi::AnyBuffer>()
                                  .Attr<ffi::Span<const int64_t>>("geometry"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(kerato_convolution_with_bias, kerato::convolve_with_bias,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Ret<ffi::AnyBuffer>()
                                  .Attr<ffi::Span<const int64_t>>("geometry")
                                  .Attr<bool>("relu"));

extern "C" {

// Of the calls and their attributes; `ABI` in __init__.py.
int kerato_native_abi() { return 4; }

// "oneDNN 3.2.0": which library computes.
const char* kerato_native_name() {
  static const std::string name = [] {
    const auto* version = dnnl_version();
    return "oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
           std::to_string(version->patch);
  }();
  return name.c_str();
}

// How it would be computed: writes the implementation's name, or nothing where it cannot. `given` is what a call has.
void kerato_convolution_probe(const int64_t* given, int64_t size, int64_t low_precision, char* name, int64_t room) {
  name[0] = 0;
  try {
    const auto type = low_precision ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
    const auto key = kerato::complete(given, static_cast<size_t>(size), type);
    const int tile = kerato::winograd::tile_of(key);
    const auto found = tile == 0 ? kerato::plans().get(key)->name : "winograd " + std::to_string(tile);
    std::strncpy(name, found.c_str(), room - 1);
    name[room - 1] = 0;
  } catch (const std::exception&) {
  }
}

// How many primitives are kept.
int64_t kerato_convolutions_kept() { return static_cast<int64_t>(kerato::plans().size()); }
}
