// How a convolution is cut for the threads: into pictures, or where these are few into slabs of each.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "plans.h"

namespace kerato {
namespace {

constexpr int64_t kPiecesPerThread = 8;         // so that a thread that comes late does less, and a piece stays in the cache
constexpr int64_t kSumsPerThread = 2;           // pieces of a kernel gradient, which are added up
constexpr int64_t kSlabsPerThread = 2;          // each reads the whole kernel
constexpr double kWorkPerPiece = 2e7;           // floating-point operations below which a cut does not pay

// Rows of the first axis, from `begin` to before `end`; `low` and `high` rows of padding around them.
struct Rows {
  int64_t begin, end, low, high;

  int64_t count() const { return end - begin; }
};

// Rows begin ... end - 1 of the picture that is written (x for its gradient, else y), and those of the other that they
// need; the window has stride 1 where x is written.
struct Slab {
  Slab(const Key& key, int64_t begin, int64_t end) : key(key) {
    const int64_t *one = &key[kFields], length = one[0], stride = one[2], low = one[3], output = one[6];
    const int64_t reach = (one[1] - 1) * one[5];
    if (key[kRole] == kX) {
      y = {std::max<int64_t>(0, begin + low - reach), std::min(output, end + low), 0, 0};
      x = {begin, end, low - y.begin + begin, 0};
      x.high = y.count() - x.count() - x.low + reach;
    } else {
      const int64_t first = begin * stride - low, last = (end - 1) * stride - low + reach + 1;
      y = {begin, end, 0, 0};
      x = {std::max<int64_t>(0, first), std::min(length, last), std::max<int64_t>(0, -first), std::max<int64_t>(0, last - length)};
    }
    this->key[kBatch] = 1;
    int64_t* own = &this->key[kFields];
    own[0] = x.count(), own[3] = x.low, own[4] = x.high, own[6] = y.count();
  }

  bool possible() const { return x.count() > 0 && y.count() > 0 && x.low >= 0 && x.high >= 0; }

  Key key;
  Rows x, y;
};

// A part of a call: how it is computed, one of the call's `kinds`, and where it lies.
struct Piece {
  size_t kind;
  char *x, *y;
};

// One call and its pieces.
struct Call {
  Call(const Key& key, int64_t threads, char* x, char* y) : role(static_cast<Role>(key[kRole])), key(key), x(x), y(y) {
    const int64_t batch = key[kBatch], most = (role == kKernel ? kSumsPerThread : kPiecesPerThread) * threads;
    const auto worth = static_cast<int64_t>(2.0 * flops() / kWorkPerPiece);
    const int64_t wanted = std::clamp<int64_t>(worth, std::min(threads, batch), most);
    const bool few = batch < 2 * threads && wanted > batch && (role != kX || key[kFields + 2] == 1);
    const int64_t slabs = (std::min(wanted, kSlabsPerThread * threads) + batch - 1) / batch;
    if (!few || !cut_pictures(slabs)) cut_batch(std::min(wanted, batch));
  }

  const Plan& of(const Piece& piece) const { return *kinds[piece.kind]; }

  const Role role;
  std::vector<std::shared_ptr<const Plan>> kinds;
  std::vector<Piece> pieces;

 private:
  void cut_batch(int64_t wanted) {
    const int64_t batch = key[kBatch], size = (batch + wanted - 1) / wanted;
    for (int64_t first = 0; first < batch; first += size) {
      Key part = key;
      part[kBatch] = std::min(size, batch - first);
      pieces.push_back({kind_of(part), x + first * picture(kIn, 0), y + first * picture(kOut, 6)});
    }
  }

  // False where oneDNN has no way, or another one, to compute a slab.
  bool cut_pictures(int64_t slabs) {
    const int64_t rows = key[kFields + (role == kX ? 0 : 6)], size = (rows + slabs - 1) / slabs;
    const size_t x_row = picture(kIn, 0) / key[kFields], y_row = picture(kOut, 6) / key[kFields + 6];
    const std::string whole = plans().get(key)->name;
    for (int64_t begin = 0; begin < rows; begin += size) {
      const Slab slab(key, begin, std::min(rows, begin + size));
      if (!slab.possible()) return abandon();
      const size_t kind = kind_of(slab.key);
      if (kinds[kind]->name != whole) return abandon();
      for (int64_t n = 0; n < key[kBatch]; ++n)
        pieces.push_back({kind, x + n * picture(kIn, 0) + slab.x.begin * x_row, y + n * picture(kOut, 6) + slab.y.begin * y_row});
    }
    return true;
  }

  bool abandon() {
    kinds.clear();
    pieces.clear();
    return false;
  }

  size_t kind_of(const Key& part) {
    auto plan = plans().get(part);
    const auto found = std::find(kinds.begin(), kinds.end(), plan);
    if (found != kinds.end()) return found - kinds.begin();
    kinds.push_back(plan);
    return kinds.size() - 1;
  }

  // Bytes of one picture of x (kIn and its lengths, field 0 of an axis) or y (kOut and field 6).
  size_t picture(Field channels, int64_t field) const {
    size_t bytes = key[channels] * (key[kType] == static_cast<int64_t>(memory::data_type::f32) ? 4 : 2);
    for (int64_t axis = 0; axis < key[kRank]; ++axis) bytes *= key[kFields + kPerAxis * axis + field];
    return bytes;
  }

  double flops() const {
    double product = static_cast<double>(key[kBatch]) * key[kIn] / key[kGroups] * key[kOut];
    for (int64_t axis = 0; axis < key[kRank]; ++axis) {
      const int64_t* one = &key[kFields + kPerAxis * axis];
      product *= static_cast<double>(one[1]) * one[6];
    }
    return product;
  }

  const Key key;
  char *const x, *const y;
};

}  // namespace
}  // namespace kerato
