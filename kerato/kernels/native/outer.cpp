// Sums of outer products, the kernel gradient of a dense layer, as XLA calls it: a (rows, in) and b (rows, out) to (in, out).
// a is multiplied as it lies, where XLA would turn it round first.

#include <algorithm>
#include <cstdint>

#include "lanes.h"
#include "threads.h"

namespace ffi = xla::ffi;

namespace kerato {
namespace {

constexpr double kWorkPerPiece = 4e6;  // floating-point operations below which a cut does not pay
constexpr int64_t kRowsTogether = 8;   // of the result: pieces begin at multiples of it

ffi::Error outer(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> a, ffi::Buffer<ffi::F32> b, ffi::Result<ffi::Buffer<ffi::F32>> c) {
#if KERATO_LANES
  const int64_t rows = a.dimensions()[0], in = a.dimensions()[1], out = b.dimensions()[1];
  if (out % lanes::kLanes != 0 || b.dimensions()[0] != rows)
    return ffi::Error::InvalidArgument("kerato: outer products need as many rows of both, and columns in multiples of 16");
  Threads threads(pool);
  const double work = 2.0 * static_cast<double>(rows) * static_cast<double>(in) * static_cast<double>(out);
  const int64_t pieces = std::clamp<int64_t>(static_cast<int64_t>(work / kWorkPerPiece), 1, threads.size());
  threads.run(pieces, [&](int64_t i) {
    const int64_t blocks = (in + kRowsTogether - 1) / kRowsTogether;
    const int64_t first = i * blocks / pieces * kRowsTogether, end = std::min(in, (i + 1) * blocks / pieces * kRowsTogether);
    lanes::product(end - first, out, a.typed_data() + first, 1, in, b.typed_data(), rows, lanes::panel(out), out,
                    c->typed_data() + first * out, out, false);
  });
  return ffi::Error::Success();
#else
  return ffi::Error::Unimplemented("kerato: outer products need a processor with AVX-512");
#endif
}

}  // namespace
}  // namespace kerato

XLA_FFI_DEFINE_HANDLER_SYMBOL(kerato_outer, kerato::outer,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Ret<ffi::Buffer<ffi::F32>>());

extern "C" {

// Whether this processor computes sixteen numbers at once.
int kerato_has_lanes() { return KERATO_LANES && kerato::lanes::knows(dnnl::cpu_isa::avx512_core); }
}
