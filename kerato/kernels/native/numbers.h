// The element types, each as a struct of its bits with a float32 value; and code for the processor that runs it.
#pragma once

#include <cstdint>
#include <cstring>

// A function so marked, with all that it calls, is compiled for three processors; the loader takes the best that fits.
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define KERATO_CLONED __attribute__((flatten, target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define KERATO_CLONED
#endif

namespace kerato {

struct Float {
  float bits;
  float value() const { return bits; }
  static Float of(float value) { return {value}; }
};

struct Bfloat {
  uint16_t bits;
  float value() const {
    const uint32_t wide = static_cast<uint32_t>(bits) << 16;
    float result;
    std::memcpy(&result, &wide, sizeof result);
    return result;
  }
  // To the nearest, ties to even; what is not a number stays none.
  static Bfloat of(float value) {
    uint32_t wide;
    std::memcpy(&wide, &value, sizeof wide);
    const uint32_t near = (wide + 0x7fff + (wide >> 16 & 1)) >> 16;
    return {static_cast<uint16_t>((wide & 0x7fffffff) > 0x7f800000 ? wide >> 16 | 0x40 : near)};
  }
};

}  // namespace kerato
