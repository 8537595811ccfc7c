// How a pass over an array is cut for XLA's threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "threads.h"

namespace kerato {

constexpr int64_t kPiecesPerThread = 4;        // so that a thread that comes late does less
constexpr int64_t kNumbersPerPiece = 1 << 14;  // below which a cut does not pay

// piece(i, begin, end) for ranges that together are 0 ... count - 1, an item of `numbers` numbers; on XLA's threads.
class Pieces {
 public:
  Pieces(xla::ffi::ThreadPool& pool, int64_t count, int64_t numbers) : threads_(pool), count_(count) {
    const int64_t worth = count * numbers / kNumbersPerPiece;
    size_ = std::clamp<int64_t>(worth, 1, std::min(count, kPiecesPerThread * threads_.size()));
  }

  int64_t size() const { return size_; }

  template <class Piece>
  void run(const Piece& piece) {
    threads_.run(size_, [&](int64_t i) { piece(i, i * count_ / size_, (i + 1) * count_ / size_); });
  }

 private:
  Threads threads_;
  int64_t count_, size_;
};

}  // namespace kerato
