// Pieces of work on the threads that XLA has already, so that a process has one set of threads, whoever computes.
//
// Pieces are claimed, not assigned: the caller takes them like every helper and waits only for pieces that a helper has
// begun. So a helper that comes late costs nothing, and a pool whose threads wait for one another cannot come about.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>

#include "xla/ffi/api/ffi.h"

namespace kerato {

class Threads {
 public:
  explicit Threads(xla::ffi::ThreadPool& pool)
      : pool_(pool), size_(std::max<int64_t>(1, pool.num_threads())) {}

  int64_t size() const { return size_; }

  // piece(0) ... piece(n - 1), in any order, at the same time; rethrows what one of them throws.
  void run(int64_t n, const std::function<void(int64_t)>& piece) {
    auto job = std::make_shared<Job>(n, &piece);
    for (int64_t i = 1; i < std::min(n, size_); ++i) pool_.Schedule([job] { job->work(); });
    job->work();
    std::unique_lock<std::mutex> lock(job->guard);
    job->finished.wait(lock, [&] { return job->done == n; });
    if (job->error) std::rethrow_exception(job->error);
  }

 private:
  struct Job {
    Job(int64_t n, const std::function<void(int64_t)>* piece) : n(n), piece(piece) {}

    void work() {
      int64_t own = 0;
      std::exception_ptr trouble;
      for (int64_t i; (i = next.fetch_add(1)) < n; ++own) {  // `piece` lives as long as one is unfinished
        try {
          (*piece)(i);
        } catch (...) {
          trouble = std::current_exception();
        }
      }
      if (own == 0) return;
      std::lock_guard<std::mutex> lock(guard);
      if (trouble) error = trouble;
      if ((done += own) == n) finished.notify_all();
    }

    const int64_t n;
    const std::function<void(int64_t)>* piece;
    std::atomic<int64_t> next{0};
    int64_t done = 0;
    std::exception_ptr error;
    std::mutex guard;
    std::condition_variable finished;
  };

  xla::ffi::ThreadPool& pool_;
  const int64_t size_;
};

}  // namespace kerato
