// The frames that are restored together: those of the clip, or those that the artist names.
#pragma once
#include <string>

#include "effect.hpp"

namespace svfr {

// Frames from `first` to `last`, both included; none where `last` is the smaller one.
struct Range {
  int first = 0, last = -1;
  bool is_empty() const { return last < first; }
  bool holds(int frame) const { return frame >= first && frame <= last; }
  int count() const { return is_empty() ? 0 : last - first + 1; }
  std::string words() const { return std::to_string(first) + " to " + std::to_string(last); }
};

// Returns the frames of a clip; none where the host does not say which it has.
Range clip_range(const Clip& source);
// Returns what Range, First frame and Last frame ask for.
Range range_of(const Settings& settings, const Clip& source);
// Returns why the frames that are asked for are none that a job can have, or nothing.
std::string range_problem(const Settings& settings, const Clip& source);
// Returns the words for a frame of the range that the host gives no image of.
std::string no_image_words(const Settings& settings, const Clip& source, int frame);

}  // namespace svfr
