// How many requests may be under way at once: more while answers come soon, fewer when they come late. The same
// numbers as svfr_client/send_window.py, which says why.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstddef>

namespace svfr {

constexpr size_t MOST_UNDER_WAY = 16;
constexpr std::chrono::milliseconds SOON(500), LATE(1500);

class SendWindow {
 public:
  explicit SendWindow(size_t most = MOST_UNDER_WAY) : most_(most) {}
  size_t count() const { return count_; }
  // Takes note that a request was answered so long after it was handed to the socket.
  void answered(std::chrono::steady_clock::duration after) {
    if (after < SOON) count_ = std::min(most_, count_ + 1);
    else if (after > LATE) count_ = std::max<size_t>(1, count_ / 2);
  }
  // Begins anew with one: what was under way may be lost.
  void broke() { count_ = 1; }

 private:
  size_t most_, count_ = 1;
};

}  // namespace svfr
