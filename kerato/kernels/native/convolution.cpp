// Convolution, its input gradient and its kernel gradient on the CPU by oneDNN, as XLA calls them.
//
// Arrays are as the package has them, channels last: x (batch, *lengths, in), kernel (*window, in / groups, out),
// y (batch, *output, out). x and y are read and written in place; the kernel is brought into the layout that oneDNN
// prefers, and back. Primitives are kept by shape, the oldest go first; all that one call writes is the call's own.

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "threads.h"

namespace ffi = xla::ffi;
using dnnl::memory;
using Dims = memory::dims;

namespace kerato {
namespace {

constexpr size_t kKept = 256;                  // primitives
constexpr size_t kKeptBytes = size_t{1} << 28;  // idle scratch memory
constexpr size_t kAligned = 64;

enum Role : int64_t { kY = 0, kX = 1, kKernel = 2 };

// What determines a primitive: role, type, threads, rank, batch, in, out, groups, then per axis length, window, stride,
// low, high, dilation, output.
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

// Memory for one call at a time, kept for the next: fresh pages cost more than the work of a small convolution.
class Scratch {
 public:
  explicit Scratch(size_t bytes) {
    std::lock_guard<std::mutex> lock(guard());
    auto fits = [&](const Block& block) { return block.bytes >= bytes && block.bytes <= 4 * bytes + (1 << 20); };
    auto found = std::find_if(idle().begin(), idle().end(), fits);
    if (found != idle().end()) {
      block_ = *found;
      idle_bytes() -= block_.bytes;
      idle().erase(found);
    } else {
      block_.bytes = (std::max<size_t>(bytes, 1) + kAligned - 1) / kAligned * kAligned;
      block_.data = static_cast<char*>(std::aligned_alloc(kAligned, block_.bytes));
      if (block_.data == nullptr) throw std::bad_alloc();
    }
  }

  ~Scratch() {
    std::lock_guard<std::mutex> lock(guard());
    idle().push_back(block_);
    idle_bytes() += block_.bytes;
    while (idle_bytes() > kKeptBytes) {
      std::free(idle().front().data);
      idle_bytes() -= idle().front().bytes;
      idle().pop_front();
    }
  }

  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  char* data() const { return block_.data; }

 private:
  struct Block {
    char* data = nullptr;
    size_t bytes = 0;
  };

  static std::mutex& guard() {
    static auto* one = new std::mutex;
    return *one;
  }
  static std::list<Block>& idle() {
    static auto* one = new std::list<Block>;
    return *one;
  }
  static size_t& idle_bytes() {
    static size_t bytes = 0;
    return bytes;
  }

  Block block_;
};

size_t aligned(size_t bytes) { return (bytes + kAligned - 1) / kAligned * kAligned; }

// A primitive, and the one that reorders the kernel before or after it; never changed once made, so shared by threads.
struct Plan {
  dnnl::primitive run, reorder;
  memory::desc x, y, kernel, inner_kernel, scratch, reorder_scratch;
  bool reorders = false;
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
  const auto role = static_cast<Role>(key[0]);
  const auto type = static_cast<memory::data_type>(key[1]);
  const int64_t rank = key[3], batch = key[4], in = key[5], out = key[6], groups = key[7];
  Dims x{batch, in}, y{batch, out}, window, strides, low, high, dilation;
  for (int64_t axis = 0; axis < rank; ++axis) {
    const int64_t* one = &key[8 + 7 * axis];
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
  plan->kernel = kernel_desc(window, in, out, groups, type);
  const memory::desc any(plan->kernel.get_dims(), type, memory::format_tag::any);

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
    const Backward::primitive_desc found(engine(), direct, plan->x, any, plan->y, strides, dilation, low, high, forward,
                                         attr);
    keep(found, Backward(found), found.diff_weights_desc());
  }
  plan->reorders = plan->inner_kernel != plan->kernel;
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

void run(const Plan& plan, Role role, void* x, void* kernel, void* y, dnnl::stream stream) {
  const size_t inner_bytes = plan.reorders ? aligned(plan.inner_kernel.get_size()) : 0;
  const size_t scratch_bytes = aligned(plan.scratch.get_size());
  const size_t reorder_bytes = plan.reorders ? aligned(plan.reorder_scratch.get_size()) : 0;
  const Scratch own(inner_bytes + scratch_bytes + reorder_bytes);
  memory scratch(plan.scratch, engine(), own.data() + inner_bytes);
  memory outer(plan.kernel, engine(), kernel);
  memory inner = plan.reorders ? memory(plan.inner_kernel, engine(), own.data()) : outer;
  auto reorder = [&](memory& from, memory& to) {
    if (!plan.reorders) return;
    memory extra(plan.reorder_scratch, engine(), own.data() + inner_bytes + scratch_bytes);
    plan.reorder.execute(stream, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}, {DNNL_ARG_SCRATCHPAD, extra}});
  };
  memory at_x(plan.x, engine(), x), at_y(plan.y, engine(), y);
  if (role != kKernel) reorder(outer, inner);
  const bool forward = role == kY;
  plan.run.execute(stream, {{role == kX ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, at_x},
                            {role == kKernel ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS, inner},
                            {forward ? DNNL_ARG_DST : DNNL_ARG_DIFF_DST, at_y},
                            {DNNL_ARG_SCRATCHPAD, scratch}});
  if (role == kKernel) reorder(inner, outer);
  stream.wait();
}

ffi::ErrorOr<memory::data_type> type_of(ffi::DataType type) {
  if (type == ffi::F32) return memory::data_type::f32;
  if (type == ffi::BF16) return memory::data_type::bf16;
  return ffi::Unexpected(ffi::Error::InvalidArgument("kerato: convolution of an element type that is not float32 or bfloat16"));
}

// `key` from Python lacks the type and the threads; both are known here.
Key complete(ffi::Span<const int64_t> given, memory::data_type type, int threads) {
  Key key(given.begin(), given.end());
  key[1] = static_cast<int64_t>(type);
  key[2] = threads;
  return key;
}

ffi::Error convolve(ffi::ThreadPool pool, ffi::AnyBuffer first, ffi::AnyBuffer second, ffi::Result<ffi::AnyBuffer> result,
                    ffi::Span<const int64_t> given) {
  const auto type = type_of(first.element_type());
  if (type.has_error()) return type.error();
  if (first.element_type() != second.element_type() || first.element_type() != result->element_type())
    return ffi::Error::InvalidArgument("kerato: convolution of two element types");
  if (given.size() < 8 || given.size() != static_cast<size_t>(8 + 7 * given[3]))
    return ffi::Error::InvalidArgument("kerato: a convolution's geometry has another number of entries");
  const auto role = static_cast<Role>(given[0]);
  void *a = first.untyped_data(), *b = second.untyped_data(), *out = result->untyped_data();
  void* x = role == kX ? out : a;
  void* kernel = role == kKernel ? out : role == kX ? a : b;
  void* y = role == kY ? out : b;
  try {
#if KERATO_POOL
    Workers workers(pool);
    dnnl_threadpool_interop_set_max_concurrency(workers.get_num_threads());
    const auto plan = plans().get(complete(given, *type, workers.get_num_threads()));
    run(*plan, role, x, kernel, y, dnnl::threadpool_interop::make_stream(engine(), &workers));
#else
    const auto plan = plans().get(complete(given, *type, 0));
    run(*plan, role, x, kernel, y, dnnl::stream(engine()));
#endif
  } catch (const dnnl::error& error) {
    return ffi::Error::Internal(std::string("kerato: oneDNN: ") + error.what());
  } catch (const std::exception& error) {
    return ffi::Error::Internal(std::string("kerato: ") + error.what());
  }
  return ffi::Error::Success();
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

extern "C" {

// Of the calls and their attributes; `ABI` in __init__.py.
int kerato_native_abi() { return 1; }

// "oneDNN 3.2.0, OpenMP": which library computes and with whose threads.
const char* kerato_native_name() {
  static const std::string name = [] {
    const auto* version = dnnl_version();
    return "oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
           std::to_string(version->patch) + ", " + kerato::threads_name();
  }();
  return name.c_str();
}

// How oneDNN would compute it: writes the implementation's name, or nothing where it cannot. `given` is what a call has.
void kerato_convolution_probe(const int64_t* given, int64_t size, int64_t low_precision, char* name, int64_t room) {
  name[0] = 0;
  try {
    const auto type = low_precision ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
    auto key = kerato::complete({given, static_cast<size_t>(size)}, type, 0);
    std::strncpy(name, kerato::plans().get(key)->name.c_str(), room - 1);
    name[room - 1] = 0;
  } catch (const std::exception&) {
  }
}

// How many primitives are kept.
int64_t kerato_convolutions_kept() { return static_cast<int64_t>(kerato::plans().size()); }
}
