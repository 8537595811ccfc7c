// Convolution, its input gradient and its kernel gradient on the CPU by oneDNN, as XLA calls them.
//
// Arrays are as the package has them, channels last: x (batch, *lengths, in), kernel (*window, in / groups, out),
// y (batch, *output, out). x and y are read and written in place; the kernel is brought into the layout that oneDNN
// prefers, and back. A call cuts the batch into pieces for XLA's threads; within a piece oneDNN has one thread.
// Primitives are kept by shape, the oldest go first; all that one call writes is the call's own.

#include <algorithm>
#include <cstring>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "dnnl.hpp"
#include "numbers.h"
#include "scratch.h"
#include "threads.h"

#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
#include <omp.h>
#elif DNNL_CPU_THREADING_RUNTIME != DNNL_RUNTIME_SEQ && DNNL_CPU_THREADING_RUNTIME != DNNL_RUNTIME_THREADPOOL
#error "oneDNN must be built with ONEDNN_CPU_RUNTIME=SEQ, THREADPOOL or OMP"
#endif

namespace ffi = xla::ffi;
using dnnl::memory;
using Dims = memory::dims;

namespace kerato {
namespace {

constexpr size_t kKept = 256;  // primitives
constexpr int64_t kPiecesPerThread = 8;         // so that a thread that comes late does less, and a piece stays in the cache
constexpr int64_t kSumsPerThread = 2;           // pieces of a kernel gradient, which are added up
constexpr double kWorkPerPiece = 2e7;           // floating-point operations below which a cut does not pay
constexpr int64_t kNumbersPerRange = 1 << 15;

enum Role : int64_t { kY = 0, kX = 1, kKernel = 2 };

// What determines a primitive: the fields below, then per axis length, window, stride, low, high, dilation, output.
enum Field { kRole, kType, kRank, kBatch, kIn, kOut, kGroups, kFields, kPerAxis = 7 };
using Key = std::vector<int64_t>;

struct KeyHash {
  size_t operator()(const Key& key) const {
    size_t hash = 1469598103934665603ull;
    for (int64_t number : key) hash = (hash ^ static_cast<size_t>(number)) * 1099511628211ull;
    return hash;
  }
};

const dnnl::engine& engine() {
  static const auto* one = new dnnl::engine(dnnl::engine::kind::cpu, 0);  // outlives every thread
  return *one;
}

// For the length of a call of oneDNN's, its parallel regions have one thread; those of others are left as they were.
class OneThread {
#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }

 private:
  const int before_;
#else
 public:
  OneThread() {}  // not trivial, so that nobody warns of an unused variable
#endif
};

size_t aligned(size_t bytes) { return (bytes + kAligned - 1) / kAligned * kAligned; }

// A primitive, and the one that reorders the kernel before or after it; never changed once made, so shared by threads.
struct Plan {
  dnnl::primitive run, reorder;
  memory::desc x, y, kernel, inner_kernel, scratch, reorder_scratch;
  bool reorders = false, reorders_back = false;
  std::string name;
};

memory::desc channels_last(const Dims& dims, memory::data_type type) {
  Dims strides(dims.size());
  strides[1] = 1;
  int64_t step = dims[1];
  for (size_t axis = dims.size() - 1; axis >= 2; --axis) {
    strides[axis] = step;
    step *= dims[axis];
  }
  strides[0] = step;
  return {dims, type, strides};
}

// (*window, in / groups, groups * filters) as oneDNN's ([groups,] filters, in / groups, *window).
memory::desc kernel_desc(const Dims& window, int64_t in, int64_t out, int64_t groups, memory::data_type type) {
  const int64_t depth = in / groups;
  Dims dims{out / groups, depth}, strides{1, out}, inner(window.size());
  int64_t step = out * depth;
  for (size_t axis = window.size(); axis-- > 0; step *= window[axis]) inner[axis] = step;
  dims.insert(dims.end(), window.begin(), window.end());
  strides.insert(strides.end(), inner.begin(), inner.end());
  if (groups > 1) {
    dims.insert(dims.begin(), groups);
    strides.insert(strides.begin(), out / groups);
  }
  return {dims, type, strides};
}

std::shared_ptr<const Plan> make_plan(const Key& key) {
  const OneThread alone;
  const auto role = static_cast<Role>(key[kRole]);
  const auto type = static_cast<memory::data_type>(key[kType]);
  const int64_t in = key[kIn], out = key[kOut], groups = key[kGroups];
  Dims x{key[kBatch], in}, y{key[kBatch], out}, window, strides, low, high, dilation;
  for (int64_t axis = 0; axis < key[kRank]; ++axis) {
    const int64_t* one = &key[kFields + kPerAxis * axis];
    x.push_back(one[0]);
    window.push_back(one[1]);
    strides.push_back(one[2]);
    low.push_back(one[3]);
    high.push_back(one[4]);
    dilation.push_back(one[5] - 1);
    y.push_back(one[6]);
  }
  auto plan = std::make_shared<Plan>();
  plan->x = channels_last(x, type);
  plan->y = channels_last(y, type);
  const auto exact = role == kKernel ? memory::data_type::f32 : type;  // pieces of a kernel gradient are summed
  plan->kernel = kernel_desc(window, in, out, groups, exact);
  const memory::desc any(plan->kernel.get_dims(), type, memory::format_tag::any);
  const memory::desc any_gradient(plan->kernel.get_dims(), exact, memory::format_tag::any);

  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  constexpr auto direct = dnnl::algorithm::convolution_direct;
  using Forward = dnnl::convolution_forward;
  const Forward::primitive_desc forward(engine(), dnnl::prop_kind::forward_training, direct, plan->x, any, plan->y,
                                        strides, dilation, low, high, attr);
  auto keep = [&](const auto& found, const dnnl::primitive& run, const memory::desc& inner) {
    plan->run = run;
    plan->inner_kernel = inner;
    plan->scratch = found.scratchpad_desc();
    plan->name = found.impl_info_str();
  };
  if (role == kY) {
    keep(forward, Forward(forward), forward.weights_desc());
  } else if (role == kX) {
    using Backward = dnnl::convolution_backward_data;
    const Backward::primitive_desc found(engine(), direct, plan->x, any, plan->y, strides, dilation, low, high, forward,
                                         attr);
    keep(found, Backward(found), found.weights_desc());
  } else {
    using Backward = dnnl::convolution_backward_weights;
    const Backward::primitive_desc found(engine(), direct, plan->x, any_gradient, plan->y, strides, dilation, low, high, forward,
                                         attr);
    keep(found, Backward(found), found.diff_weights_desc());
  }
  plan->reorders = plan->inner_kernel != plan->kernel;
  plan->reorders_back = role == kKernel;
  if (plan->reorders) {
    const auto& from = role == kKernel ? plan->inner_kernel : plan->kernel;
    const auto& to = role == kKernel ? plan->kernel : plan->inner_kernel;
    const dnnl::reorder::primitive_desc found(engine(), from, engine(), to, attr);
    plan->reorder = dnnl::reorder(found);
    plan->reorder_scratch = found.scratchpad_desc();
  }
  return plan;
}

// The plans used last. Two threads may make the same one; either is right.
class Plans {
 public:
  std::shared_ptr<const Plan> get(const Key& key) {
    {
      std::lock_guard<std::mutex> lock(guard_);
      auto found = places_.find(key);
      if (found != places_.end()) {
        order_.splice(order_.begin(), order_, found->second);
        return found->second->second;
      }
    }
    auto plan = make_plan(key);
    std::lock_guard<std::mutex> lock(guard_);
    if (places_.count(key) == 0) {
      order_.emplace_front(key, plan);
      places_[key] = order_.begin();
      if (order_.size() > kKept) {
        places_.erase(order_.back().first);
        order_.pop_back();
      }
    }
    return plan;
  }

  size_t size() {
    std::lock_guard<std::mutex> lock(guard_);
    return order_.size();
  }

 private:
  using Order = std::list<std::pair<Key, std::shared_ptr<const Plan>>>;
  std::mutex guard_;
  Order order_;
  std::unordered_map<Key, Order::iterator, KeyHash> places_;
};

Plans& plans() {
  static auto* one = new Plans;
  return *one;
}

void reorder(const Plan& plan, void* from, void* to) {
  dnnl::stream stream(engine());
  const bool back = plan.reorders_back;
  const Scratch own(plan.reorder_scratch.get_size());
  memory source(back ? plan.inner_kernel : plan.kernel, engine(), from);
  memory target(back ? plan.kernel : plan.inner_kernel, engine(), to);
  memory scratch(plan.reorder_scratch, engine(), own.data());
  plan.reorder.execute(stream, {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, target}, {DNNL_ARG_SCRATCHPAD, scratch}});
  stream.wait();
}

void execute(const Plan& plan, Role role, void* x, void* inner_kernel, void* y) {
  dnnl::stream stream(engine());
  const Scratch own(plan.scratch.get_size());
  memory at_x(plan.x, engine(), x), at_y(plan.y, engine(), y), kernel(plan.inner_kernel, engine(), inner_kernel);
  memory scratch(plan.scratch, engine(), own.data());
  plan.run.execute(stream, {{role == kX ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, at_x},
                            {role == kKernel ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS, kernel},
                            {role == kY ? DNNL_ARG_DST : DNNL_ARG_DIFF_DST, at_y},
                            {DNNL_ARG_SCRATCHPAD, scratch}});
  stream.wait();
}

// One call: the pieces of its batch, all of one size but the last, and where each lies.
struct Call {
  Call(const Key& key, int64_t threads, char* x, char* y) : role(static_cast<Role>(key[kRole])), x(x), y(y) {
    const int64_t batch = key[kBatch];
    const double work = 2.0 * flops(key);
    const int64_t most = (role == kKernel ? kSumsPerThread : kPiecesPerThread) * threads;
    const auto worth = static_cast<int64_t>(work / kWorkPerPiece);
    const int64_t wanted = std::clamp<int64_t>(worth, std::min(threads, batch), std::min(most, batch));
    size = (batch + wanted - 1) / wanted;
    pieces = (batch + size - 1) / size;
    Key part = key;
    part[kBatch] = size;
    plan = plans().get(part);
    part[kBatch] = batch - (pieces - 1) * size;
    last = part[kBatch] == size ? plan : plans().get(part);
    x_step = plan->x.get_size();
    y_step = plan->y.get_size();
  }

  const Plan& of(int64_t piece) const { return piece == pieces - 1 ? *last : *plan; }
  void* x_of(int64_t piece) const { return x + piece * x_step; }
  void* y_of(int64_t piece) const { return y + piece * y_step; }

  static double flops(const Key& key) {
    double product = static_cast<double>(key[kBatch]) * key[kIn] / key[kGroups] * key[kOut];
    for (int64_t axis = 0; axis < key[kRank]; ++axis) {
      const int64_t* one = &key[kFields + kPerAxis * axis];
      product *= static_cast<double>(one[1]) * one[6];
    }
    return product;
  }

  const Role role;
  char *x, *y;
  int64_t size, pieces;
  std::shared_ptr<const Plan> plan, last;
  size_t x_step, y_step;
};

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

// y, or x: every piece with the same kernel, reordered once.
void map_pieces(const Call& call, Threads& threads, char* kernel, const Finish& finish) {
  const Scratch first(call.plan->reorders ? call.plan->inner_kernel.get_size() : 0);
  const Scratch second(call.last->reorders ? call.last->inner_kernel.get_size() : 0);
  if (call.plan->reorders) reorder(*call.plan, kernel, first.data());
  if (call.last->reorders && call.last != call.plan) reorder(*call.last, kernel, second.data());
  threads.run(call.pieces, [&](int64_t piece) {
    const OneThread alone;
    const Plan& plan = call.of(piece);
    char* inner = !plan.reorders ? kernel : &plan == call.plan.get() ? first.data() : second.data();
    execute(plan, call.role, call.x_of(piece), inner, call.y_of(piece));
    finish(plan.y, call.y_of(piece));
  });
}

// The kernel gradient: the sum of what the pieces give, in float32 whatever the type.
void sum_pieces(const Call& call, Threads& threads, char* kernel, bool low_precision) {
  const size_t bytes = call.plan->kernel.get_size();
  const size_t step = aligned(bytes);
  const Scratch partial((call.pieces - !low_precision) * step);
  auto part = [&](int64_t piece) {
    return !low_precision && piece == 0 ? kernel : partial.data() + (piece - !low_precision) * step;
  };
  threads.run(call.pieces, [&](int64_t piece) {
    const OneThread alone;
    const Plan& plan = call.of(piece);
    const Scratch inner(plan.reorders ? plan.inner_kernel.get_size() : 0);
    char* target = plan.reorders ? inner.data() : part(piece);
    execute(plan, kKernel, call.x_of(piece), target, call.y_of(piece));
    if (plan.reorders) reorder(plan, target, part(piece));
  });
  const int64_t numbers = bytes / sizeof(float);
  const int64_t ranges = std::clamp<int64_t>(numbers / kNumbersPerRange, 1, threads.size());
  threads.run(ranges, [&](int64_t range) {
    const int64_t begin = range * numbers / ranges, end = (range + 1) * numbers / ranges;
    auto* total = reinterpret_cast<float*>(part(0));
    for (int64_t piece = 1; piece < call.pieces; ++piece) {
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
    const Call call(complete(given.begin(), given.size(), *type), threads.size(), role == kX ? out : a,
                    role == kY ? out : b);
    const OneThread alone;
    if (role == kKernel)
      sum_pieces(call, threads, kernel, *type == memory::data_type::bf16);
    else
      map_pieces(call, threads, kernel, finish);
  } catch (const std::exception& error) {
    return ffi::Error::Internal(std::string("kerato: oneDNN: ") + error.what());
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
int kerato_native_abi() { return 3; }

// "oneDNN 3.2.0": which library computes.
const char* kerato_native_name() {
  static const std::string name = [] {
    const auto* version = dnnl_version();
    return "oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
           std::to_string(version->patch);
  }();
  return name.c_str();
}

// How oneDNN would compute it: writes the implementation's name, or nothing where it cannot. `given` is what a call has.
void kerato_convolution_probe(const int64_t* given, int64_t size, int64_t low_precision, char* name, int64_t room) {
  name[0] = 0;
  try {
    const auto type = low_precision ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
    const auto key = kerato::complete(given, static_cast<size_t>(size), type);
    std::strncpy(name, kerato::plans().get(key)->name.c_str(), room - 1);
    name[room - 1] = 0;
  } catch (const std::exception&) {
  }
}

// How many primitives are kept.
int64_t kerato_convolutions_kept() { return static_cast<int64_t>(kerato::plans().size()); }
}
