#include "vigil.hpp"

#include <algorithm>
#include <ctime>

namespace svfr {

namespace {

// The same numbers and words as in svfr_client/silence.py.
constexpr Millis QUIET(4000);
constexpr Millis ANOTHER_WAIT(500);  // the host was busy with something else between two calls

std::string time_of_day(Clock::time_point when) {
  auto there = std::chrono::system_clock::now() + std::chrono::duration_cast<Millis>(when - Clock::now());
  std::time_t seconds = std::chrono::system_clock::to_time_t(there);
  std::tm parts{};
#ifdef _WIN32
  localtime_s(&parts, &seconds);
#else
  localtime_r(&seconds, &parts);
#endif
  char text[16];
  std::strftime(text, sizeof text, "%H:%M:%S", &parts);
  return text;
}

}  // namespace

void Vigil::waits(Clock::time_point until) {
  Clock::time_point now = Clock::now();
  if (now - called_at_ > ANOTHER_WAIT) began_ = now;
  called_at_ = now;
  if (now - std::max(began_, server_.heard_at()) < QUIET) {
    if (is_said_) say_("");
    is_said_ = false;
    return;
  }
  if (is_said_ && std::chrono::abs(until - until_) < Millis(2000)) return;
  is_said_ = true;
  until_ = until;
  say_("The server does not answer; waiting until " + time_of_day(until) + ".");
}

}  // namespace svfr
