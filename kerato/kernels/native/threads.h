// The threads that oneDNN works with: XLA's own pool where oneDNN was built for a pool of its caller, else OpenMP's.
//
// With a pool there is one set of threads in the process, whoever computes. Work is claimed, not assigned: the caller
// takes pieces like every helper and waits only for pieces that a helper has begun, so a pool whose threads all wait
// for one another cannot come about.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "dnnl.hpp"
#include "xla/ffi/api/ffi.h"

#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_THREADPOOL
#define KERATO_POOL 1
#include "dnnl_threadpool.hpp"
#include "dnnl_threadpool_iface.hpp"
#else
#define KERATO_POOL 0
#endif

namespace kerato {

#if KERATO_POOL

class Workers : public dnnl::threadpool_interop::threadpool_iface {
 public:
  explicit Workers(xla::ffi::ThreadPool pool)
      : pool_(pool), size_(std::max<int>(1, static_cast<int>(pool.num_threads()))) {}

  int get_num_threads() const override { return size_; }
  bool get_in_parallel() const override { return inside(); }
  uint64_t get_flags() const override { return 0; }
  void wait() /* of newer interfaces: parallel_for has already waited */ {}

  void parallel_for(int n, const std::function<void(int, int)>& piece) override {
    auto job = std::make_shared<Job>(n, &piece);
    for (int i = 1; i < std::min(n, size_); ++i) pool_.Schedule([job] { job->work(); });
    job->work();
    std::unique_lock<std::mutex> lock(job->guard);
    job->all_done.wait(lock, [&] { return job->done == n; });
  }

 private:
  struct Job {
    Job(int n, const std::function<void(int, int)>* piece) : n(n), piece(piece) {}

    void work() {
      const bool before = inside();
      inside() = true;
      int own = 0;
      for (int i; (i = next.fetch_add(1)) < n; ++own) (*piece)(i, n);  // `piece` lives while one is unfinished
      inside() = before;
      if (own == 0) return;
      std::lock_guard<std::mutex> lock(guard);
      if ((done += own) == n) all_done.notify_all();
    }

    const int n;
    const std::function<void(int, int)>* piece;
    std::atomic<int> next{0};
    int done = 0;
    std::mutex guard;
    std::condition_variable all_done;
  };

  static bool& inside() {
    static thread_local bool value = false;
    return value;
  }

  xla::ffi::ThreadPool pool_;
  const int size_;
};

#endif

inline const char* threads_name() {
#if KERATO_POOL
  return "XLA's threads";
#elif DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
  return "OpenMP";
#elif DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_TBB
  return "TBB";
#else
  return "one thread";
#endif
}

}  // namespace kerato
