#include "coarse.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace svfr {

namespace {

constexpr int TILES = 4, VALUES = TILES * TILES * 3;
constexpr long MOST = 1000000000;
// Half of what sampling every second pixel of a grainy tile changes, and more than filtering does.
constexpr double SAME = 0.02, SAME_PART = 0.15;

std::array<long, VALUES> means_of(const Pixels& pixels) {
  std::array<long, VALUES> means{};
  for (int tile = 0; tile < TILES * TILES; ++tile) {
    int row = tile / TILES, column = tile % TILES;
    double sum[3] = {0, 0, 0}, count[3] = {0, 0, 0};
    for (int y = pixels.height * row / TILES; y < pixels.height * (row + 1) / TILES; ++y)
      for (int x = pixels.width * column / TILES; x < pixels.width * (column + 1) / TILES; ++x)
        for (int c = 0; c < 3; ++c) {
          float value = pixels.row(y)[x * 4 + c];
          if (!std::isfinite(value)) continue;
          sum[c] += double(value);
          count[c] += 1;
        }
    for (int c = 0; c < 3; ++c) {
      double mean = count[c] > 0 ? 1000 * sum[c] / count[c] : 0;
      means[size_t(tile * 3 + c)] = std::lround(std::clamp(mean, -double(MOST), double(MOST)));
    }
  }
  return means;
}

}  // namespace

std::string coarse_means(const Pixels& pixels) {
  std::string text;
  for (long mean : means_of(pixels)) text += std::to_string(mean) + " ";
  return text;
}

bool may_show(const std::string& means, const Pixels& smaller) {
  std::array<long, VALUES> known{}, seen = means_of(smaller);
  const char* at = means.c_str();
  for (long& value : known) {
    char* end = nullptr;
    value = std::clamp(std::strtol(at, &end, 10), -MOST, MOST);
    if (end == at) return true;
    at = end;
  }
  int others = 0;
  for (int tile = 0; tile < TILES * TILES; ++tile) {
    bool is_other = false;
    for (int c = 0; c < 3; ++c) {
      double one = double(known[size_t(tile * 3 + c)]) / 1000, other = double(seen[size_t(tile * 3 + c)]) / 1000;
      double same = SAME + SAME_PART * std::max(std::abs(one), std::abs(other));
      is_other = is_other || std::abs(one - other) > same;
    }
    others += is_other;
  }
  return others <= TILES * TILES / 2;
}

}  // namespace svfr
