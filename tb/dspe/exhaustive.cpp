// Exhaustive proof of the array of DSP-E chains (fvgm_dspe_array): a plain loop around the Verilated model.
//
//   exhaustive fp16 [--neighbours] SLICE...   1/256 slices of the 2^32 pairs of FP16 operands
//   exhaustive significand                    the 2^22 pairs of significands, in both lines of the chains
//   exhaustive int8                           byte pairs, corners and long sums in every lane
//   --flip N                                  inverts one bit of the Nth lane compared (negative test)
//   --seed N                                  random neighbours
//
// Operands go to all lines and columns at once, so that a step of FP16 compares 2 * ROWS * COLS pairs. The pair sits in one of the
// eight slots, which moves on by one from step to step; the others hold +0. With --neighbours they hold random finite numbers,
// opposite to a zero: edges then align the pair beside greater and smaller operands, in several passes, and the result is the same.
// The oracle is integer arithmetic on the fields of the operands, it shares nothing with the RTL or with models/dspe.py.
//
// Standard output is one JSON object a line: {"progress": pairs} now and then, {"mismatch": ...} for the first 20 of a
// part, a summary for every part. `sum` and `square` are the sums of a * 2^16 + b and of its square modulo 2^64 over the pairs
// compared: a fingerprint that shows, over all slices, that every pair came exactly once.
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "Vfvgm_dspe_array.h"
#include "verilated.h"

namespace {

using u128 = unsigned __int128;

constexpr unsigned kRows = ROWS, kLines = 2 * ROWS, kCols = COLS, kDepth = 8;
constexpr unsigned kLaneBits = 99, kLanes = kLines * kCols;
constexpr unsigned kSlices = 256;
constexpr unsigned kGroupsA = 65536 / kLines, kGroupsB = 65536 / kCols;
constexpr u128 kMask96 = (u128(1) << 96) - 1;
static_assert(65536 % kLines == 0 && 65536 % kCols == 0 && kGroupsB % kSlices == 0, "sizes must divide 2^16");

enum Precision { kInt8 = 0, kFp16 = 1 };

// ---- Oracle: {nan, pinf, ninf, 96 bits in units of 2^-48} of one product of FP16 operands.
u128 fp16_product(uint16_t a, uint16_t b) {
  const unsigned exp_a = (a >> 10) & 31, exp_b = (b >> 10) & 31, man_a = a & 1023, man_b = b & 1023;
  const bool negative = (a ^ b) >> 15;
  const bool inf_a = exp_a == 31 && man_a == 0, inf_b = exp_b == 31 && man_b == 0;
  const bool nan_a = exp_a == 31 && man_a != 0, nan_b = exp_b == 31 && man_b != 0;
  const bool zero_a = (a & 0x7FFF) == 0, zero_b = (b & 0x7FFF) == 0;
  if (nan_a || nan_b || (inf_a && zero_b) || (zero_a && inf_b)) return u128(4) << 96;
  if (inf_a || inf_b) return u128(negative ? 1 : 2) << 96;
  const unsigned sig_a = exp_a ? 1024 + man_a : man_a, sig_b = exp_b ? 1024 + man_b : man_b;
  const unsigned shift = (exp_a ? exp_a - 1 : 0) + (exp_b ? exp_b - 1 : 0);
  const u128 magnitude = u128(sig_a * sig_b) << shift;
  return (negative ? -magnitude : magnitude) & kMask96;
}

struct Random {  // splitmix64
  uint64_t state;
  uint64_t next() {
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  uint16_t finite() {  // any FP16 number but infinities and NaN
    for (;;) {
      const uint16_t x = uint16_t(next() >> 40);
      if ((x & 0x7C00) != 0x7C00) return x;
    }
  }
};

struct Operands {
  uint16_t a[kLines][kDepth], b[kCols][kDepth];
};

// What a tile's results must be. Finite FP16 tiles here have one pair that counts, in `slot`.
struct Tile {
  Precision precision;
  unsigned slot;
  uint16_t a[kLines], b[kCols];
  int32_t sum[kLines][2][kCols];
};

struct Counters {
  uint64_t compared = 0, mismatches = 0, steps = 0, sum = 0, square = 0;
};

class Bench {
 public:
  uint64_t flip = 0;  // number of the lane whose bit 5 is inverted, from 1 on
  Counters count;

  Bench() : context_(new VerilatedContext), top_(new Vfvgm_dspe_array(context_.get())) {
    top_->rst_ni = 0;
    for (int i = 0; i < 8; i++) edge();
    top_->rst_ni = 1;
    for (int i = 0; i < 4; i++) edge();
  }

  ~Bench() { top_->final(); }

  // One step; `tile` if it ends one.
  void step(const Operands& x, Precision precision, const Tile* tile) {
    static_assert(sizeof(top_->a_i) == sizeof x.a && sizeof(top_->b_i) == sizeof x.b, "ports as Operands");
    std::memcpy(&top_->a_i, x.a, sizeof x.a);
    std::memcpy(&top_->b_i, x.b, sizeof x.b);
    top_->precision_i = precision;
    top_->last_i = tile != nullptr;
    top_->step_valid_i = 1;
    while (!top_->step_ready_o) cycle();
    if (tile) expected_.push_back(*tile);
    cycle();
    top_->step_valid_i = 0;
    count.steps++;
  }

  // Wait for the results under way.
  void flush() {
    top_->step_valid_i = 0;
    for (int i = 0; i < 200; i++) cycle();
    if (!expected_.empty()) {
      std::printf("{\"error\": \"%zu tiles without a result\"}\n", expected_.size());
      std::exit(2);
    }
  }

 private:
  std::unique_ptr<VerilatedContext> context_;
  std::unique_ptr<Vfvgm_dspe_array> top_;
  std::deque<Tile> expected_;
  uint64_t lanes_ = 0;

  void edge() {
    top_->clk_i = 1, top_->clk2x_i = 1;
    top_->eval();
    top_->clk2x_i = 0;
    top_->eval();
    top_->clk_i = 0, top_->clk2x_i = 1;
    top_->eval();
    top_->clk2x_i = 0;
    top_->eval();
  }

  void cycle() {
    edge();
    if (top_->drain_valid_o) compare();
  }

  void compare() {
    if (expected_.empty()) {
      std::printf("{\"error\": \"a result that no tile has\"}\n");
      std::exit(2);
    }
    const Tile& tile = expected_.front();
    uint8_t drain[sizeof(top_->drain_o) + 16];
    std::memcpy(drain, &top_->drain_o, sizeof(top_->drain_o));
    for (unsigned line = 0; line < kLines; line++) {
      for (unsigned col = 0; col < kCols; col++) {
        const unsigned bit = ((line / 2 * kCols + col) * 2 + line % 2) * kLaneBits;
        u128 got;
        std::memcpy(&got, drain + bit / 8, sizeof got);
        got = (got >> (bit % 8)) & ((u128(1) << kLaneBits) - 1);
        if (++lanes_ == flip) got ^= u128(1) << 5;
        u128 want;
        if (tile.precision == kFp16) {
          const uint64_t pair = uint64_t(tile.a[line]) << 16 | tile.b[col];
          count.sum += pair;
          count.square += pair * pair;
          want = fp16_product(tile.a[line], tile.b[col]);
        } else {
          got &= ~uint64_t(0);
          want = uint64_t(uint32_t(tile.sum[line][1][col])) << 32 | uint32_t(tile.sum[line][0][col]);
        }
        if (got != want) report(tile, line, col, got, want);
      }
    }
    count.compared += kLanes;
    expected_.pop_front();
  }

  void report(const Tile& tile, unsigned line, unsigned col, u128 got, u128 want) {
    if (count.mismatches++ >= 20) return;
    std::printf("{\"mismatch\": {\"a\": %u, \"b\": %u, \"slot\": %u, \"line\": %u, \"column\": %u, "
                "\"got\": \"%012" PRIx64 "%016" PRIx64 "\", \"expected\": \"%012" PRIx64 "%016" PRIx64 "\"}}\n",
                tile.a[line], tile.b[col], tile.slot, line, col, uint64_t(got >> 64), uint64_t(got), uint64_t(want >> 64),
                uint64_t(want));
  }
};

void summary(const char* part, const std::string& more, const Counters& c) {
  std::printf("{\"part\": \"%s\"%s, \"steps\": %" PRIu64 ", \"compared\": %" PRIu64 ", \"mismatches\": %" PRIu64
              ", \"sum\": %" PRIu64 ", \"square\": %" PRIu64 "}\n",
              part, more.c_str(), c.steps, c.compared, c.mismatches, c.sum, c.square);
  std::fflush(stdout);
}

// ---- FP16. Group g of the a operands is {g, g + kGroupsA, ...}, one for each line, so of the b operands for columns.
// Slice k has, for every group of a, every 256th group of b, from a place that looks random; b's groups are dealt out by an
// odd factor so that those of a slice differ in all their bits. Over the 256 slices each pair of groups comes once.
void fp16_slice(Bench& bench, unsigned slice, bool neighbours, Random& random) {
  Counters before = bench.count;
  bench.count = Counters();
  Operands x;
  std::memset(&x, 0, sizeof x);
  unsigned slot = slice % kDepth;
  for (unsigned group = 0; group < kGroupsA; group++) {
    const unsigned start = (group * 0x9E3779B1u >> 24) + slice;
    for (unsigned j = 0; j < kGroupsB / kSlices; j++) {
      const unsigned group_b = (j * kSlices + start % kSlices) * 2731u % kGroupsB;
      Tile tile;
      tile.precision = kFp16;
      tile.slot = slot;
      for (unsigned k = 0; neighbours && k < kDepth; k++) {
        const bool rows = random.next() >> 63;
        for (unsigned l = 0; l < kLines; l++) x.a[l][k] = rows ? random.finite() : random.next() >> 63 << 15;
        for (unsigned c = 0; c < kCols; c++) x.b[c][k] = rows ? random.next() >> 63 << 15 : random.finite();
      }
      for (unsigned l = 0; l < kLines; l++) x.a[l][slot] = tile.a[l] = uint16_t(group + l * kGroupsA);
      for (unsigned c = 0; c < kCols; c++) x.b[c][slot] = tile.b[c] = uint16_t(group_b + c * kGroupsB);
      bench.step(x, kFp16, &tile);
      for (unsigned l = 0; l < kLines; l++) x.a[l][slot] = 0;
      for (unsigned c = 0; c < kCols; c++) x.b[c][slot] = 0;
      slot = (slot + 1) % kDepth;
    }
    if (group % (kGroupsA / 64) == kGroupsA / 64 - 1) {
      std::printf("{\"progress\": %" PRIu64 "}\n", bench.count.compared);
      std::fflush(stdout);
    }
  }
  bench.flush();
  summary(neighbours ? "fp16_neighbours" : "fp16", ", \"slice\": " + std::to_string(slice), bench.count);
  bench.count = before;
}

// Bit patterns 0 to 2047 are the significands 0 to 2047 at one power of two: the result is the product itself, in both lines of
// each chain.
void significand(Bench& bench) {
  Operands x;
  std::memset(&x, 0, sizeof x);
  unsigned slot = 0;
  for (unsigned a = 0; a < 2048; a += kRows) {
    for (unsigned b = 0; b < 2048; b += kCols) {
      Tile tile;
      tile.precision = kFp16;
      tile.slot = slot;
      for (unsigned l = 0; l < kLines; l++) x.a[l][slot] = tile.a[l] = uint16_t(a + l / 2);
      for (unsigned c = 0; c < kCols; c++) x.b[c][slot] = tile.b[c] = uint16_t(b + c);
      bench.step(x, kFp16, &tile);
      for (unsigned l = 0; l < kLines; l++) x.a[l][slot] = 0;
      for (unsigned c = 0; c < kCols; c++) x.b[c][slot] = 0;
      slot = (slot + 1) % kDepth;
    }
  }
  bench.flush();
  summary("significand", "", bench.count);
}

// ---- INT8: sums of whole tiles on ordinary integers.
class Int8 {
 public:
  Int8(Bench& bench, Random& random) : bench_(bench), random_(random) { std::memset(&tile_, 0, sizeof tile_); }

  Operands x;

  void step(bool last) {
    for (unsigned l = 0; l < kLines; l++) {
      for (unsigned c = 0; c < kCols; c++) {
        int low = 0, high = 0;
        for (unsigned k = 0; k < kDepth; k++) {
          const int b = int8_t(x.b[c][k] & 0xFF);
          low += int8_t(x.a[l][k] & 0xFF) * b;
          high += int8_t(x.a[l][k] >> 8) * b;
        }
        // Wraps as the register does.
        tile_.sum[l][0][c] = int32_t(uint32_t(tile_.sum[l][0][c]) + uint32_t(low));
        tile_.sum[l][1][c] = int32_t(uint32_t(tile_.sum[l][1][c]) + uint32_t(high));
      }
    }
    for (unsigned l = 0; l < kLines; l++) tile_.a[l] = x.a[l][0];
    for (unsigned c = 0; c < kCols; c++) tile_.b[c] = x.b[c][0];
    tile_.precision = kInt8;
    tile_.slot = 0;
    bench_.step(x, kInt8, last ? &tile_ : nullptr);
    if (last) std::memset(&tile_, 0, sizeof tile_);
  }

  void randomise() {
    uint16_t* words[2] = {&x.a[0][0], &x.b[0][0]};
    const unsigned sizes[2] = {kLines * kDepth, kCols * kDepth};
    for (int i = 0; i < 2; i++) {
      for (unsigned w = 0; w < sizes[i]; w += 4) {
        const uint64_t r = random_.next();
        std::memcpy(words[i] + w, &r, 8);
      }
    }
  }

  // Byte `half` of line l in slot k; column c in slot k, whose upper byte must not matter.
  void set_row(unsigned l, unsigned half, unsigned k, uint8_t value) {
    x.a[l][k] = half ? uint16_t((x.a[l][k] & 0x00FF) | value << 8) : uint16_t((x.a[l][k] & 0xFF00) | value);
  }
  void set_col(unsigned c, unsigned k, uint8_t value) { x.b[c][k] = uint16_t((x.b[c][k] & 0xFF00) | value); }

  void finish(const char* part) {
    bench_.flush();
    summary(part, "", bench_.count);
    bench_.count = Counters();
  }

 private:
  Bench& bench_;
  Random& random_;
  Tile tile_;
};

void int8(Bench& bench, Random& random) {
  const uint8_t corner[4] = {0x80, 0x7F, 0x81, 0x00};  // -128, 127, -127, 0
  Int8 t(bench, random);

  // All byte pairs in each of the four lanes of a chain and each slot, all else random.
  for (unsigned lane = 0; lane < 4; lane++) {
    for (unsigned slot = 0; slot < kDepth; slot++) {
      for (unsigned a = 0; a < 256; a += kRows) {
        for (unsigned b = 0; b < 256; b += kCols) {
          t.randomise();
          for (unsigned r = 0; r < kRows; r++) t.set_row(2 * r + lane / 2, lane % 2, slot, uint8_t(a + r));
          for (unsigned c = 0; c < kCols; c++) t.set_col(c, slot, uint8_t(b + c));
          t.step(true);
        }
      }
    }
  }
  t.finish("int8_pairs");

  // The 4^4 corners of the lanes and 4 of the column in one slot, the others once 0, once random corners.
  for (unsigned fill = 0; fill < 2; fill++) {
    for (unsigned slot = 0; slot < kDepth; slot++) {
      for (unsigned lanes = 0; lanes < 256; lanes += kRows) {
        for (unsigned col = 0; col < 4; col += kCols < 4 ? kCols : 4) {
          for (unsigned k = 0; k < kDepth; k++) {
            for (unsigned l = 0; l < kLines; l++) {
              const unsigned bits = lanes + l / 2;
              for (unsigned half = 0; half < 2; half++) {
                const uint8_t other = fill ? corner[random.next() >> 62] : 0;
                t.set_row(l, half, k, k == slot ? corner[bits >> (4 * (l % 2) + 2 * half) & 3] : other);
              }
            }
            for (unsigned c = 0; c < kCols; c++) {
              t.set_col(c, k, k == slot ? corner[(col + c) % 4] : fill ? corner[random.next() >> 62] : 0);
            }
          }
          t.step(true);
        }
      }
    }
  }
  t.finish("int8_corners_of_a_slot");

  // The 4^4 corners of the lanes, equal in all slots, under each pattern of corners over the eight slots of the column.
  for (unsigned lanes = 0; lanes < 256; lanes += kRows) {
    for (unsigned k = 0; k < kDepth; k++) {
      for (unsigned l = 0; l < kLines; l++) {
        for (unsigned half = 0; half < 2; half++) t.set_row(l, half, k, corner[(lanes + l / 2) >> (4 * (l % 2) + 2 * half) & 3]);
      }
    }
    for (unsigned pattern = 0; pattern < 65536; pattern += kCols) {
      for (unsigned c = 0; c < kCols; c++) {
        for (unsigned k = 0; k < kDepth; k++) t.set_col(c, k, corner[(pattern + c) >> (2 * k) & 3]);
      }
      t.step(true);
    }
  }
  t.finish("int8_corners_of_columns");

  // Each pattern of corners over the eight slots of one lane, under each corner of the column; other lanes random corners.
  for (unsigned lane = 0; lane < 4; lane++) {
    for (unsigned pattern = 0; pattern < 65536; pattern += kRows) {
      for (unsigned col = 0; col < 4; col += kCols < 4 ? kCols : 4) {
        for (unsigned k = 0; k < kDepth; k++) {
          for (unsigned l = 0; l < kLines; l++) {
            for (unsigned half = 0; half < 2; half++) {
              const bool tested = 2 * (l % 2) + half == lane;
              t.set_row(l, half, k, corner[tested ? (pattern + l / 2) >> (2 * k) & 3 : unsigned(random.next() >> 62)]);
            }
          }
          for (unsigned c = 0; c < kCols; c++) t.set_col(c, k, corner[(col + c) % 4]);
        }
        t.step(true);
      }
    }
  }
  t.finish("int8_corners_of_lanes");

  // K = 8192 at every corner combination; then K = 2^17 with -128 * -128, whose sum 2^31 wraps to -2^31.
  for (unsigned lanes = 0; lanes < 256; lanes += kRows) {
    for (unsigned col = 0; col < 4; col += kCols < 4 ? kCols : 4) {
      for (unsigned k = 0; k < kDepth; k++) {
        for (unsigned l = 0; l < kLines; l++) {
          for (unsigned half = 0; half < 2; half++) t.set_row(l, half, k, corner[(lanes + l / 2) >> (4 * (l % 2) + 2 * half) & 3]);
        }
        for (unsigned c = 0; c < kCols; c++) t.set_col(c, k, corner[(col + c) % 4]);
      }
      for (unsigned i = 0; i < 8192 / kDepth; i++) t.step(i == 8192 / kDepth - 1);
    }
  }
  t.finish("int8_k8192");
  std::memset(t.x.a, 0x80, sizeof t.x.a);
  std::memset(t.x.b, 0x80, sizeof t.x.b);
  for (unsigned i = 0; i < 131072 / kDepth; i++) t.step(i == 131072 / kDepth - 1);
  t.finish("int8_wrap");
}

}  // namespace

int main(int argc, char** argv) {
  Bench bench;
  Random random{1};
  bool neighbours = false;
  std::vector<unsigned> slices;
  const std::string part = argc > 1 ? argv[1] : "";
  for (int i = 2; i < argc; i++) {
    const std::string option = argv[i];
    if (option == "--neighbours") neighbours = true;
    else if (option == "--flip" && i + 1 < argc) bench.flip = std::strtoull(argv[++i], nullptr, 10);
    else if (option == "--seed" && i + 1 < argc) random.state = std::strtoull(argv[++i], nullptr, 10);
    else slices.push_back(unsigned(std::strtoul(argv[i], nullptr, 10)) % kSlices);
  }
  if (part == "fp16") {
    for (unsigned slice : slices) fp16_slice(bench, slice, neighbours, random);
  } else if (part == "significand") {
    significand(bench);
  } else if (part == "int8") {
    int8(bench, random);
  } else {
    std::fprintf(stderr, "usage: exhaustive fp16 [--neighbours] SLICE... | significand | int8  [--flip N] [--seed N]\n");
    return 2;
  }
  return 0;
}
