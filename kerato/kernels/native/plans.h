// oneDNN's primitives for convolutions: made from numbers, kept by them, executed with memory of the call's own.
#pragma once

#include <algorithm>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "dnnl.hpp"
#include "scratch.h"

#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
#include <omp.h>
#elif DNNL_CPU_THREADING_RUNTIME != DNNL_RUNTIME_SEQ && DNNL_CPU_THREADING_RUNTIME != DNNL_RUNTIME_THREADPOOL
#error "oneDNN must be built with ONEDNN_CPU_RUNTIME=SEQ, THREADPOOL or OMP"
#endif

namespace kerato {
namespace {

using dnnl::memory;
using Dims = memory::dims;

constexpr size_t kKept = 256;  // primitives

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

}  // namespace
}  // namespace kerato
