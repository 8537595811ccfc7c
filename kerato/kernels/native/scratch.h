// Memory for one call at a time, kept for the next.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <list>
#include <mutex>
#include <new>

namespace kerato {

constexpr size_t kKeptBytes = size_t{1} << 28;  // idle
constexpr size_t kAligned = 64;

// A block of memory: fresh pages cost more than the work of a small convolution.
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

}  // namespace kerato
