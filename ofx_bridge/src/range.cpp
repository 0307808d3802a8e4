#include "range.hpp"

#include <cmath>

namespace svfr {

namespace {

constexpr int MAX_FRAMES = 10000;
const char* const OWN_RANGE = "Choose Range: The frames below, and set First frame and Last frame.";

}  // namespace

Range clip_range(const Clip& source) {
  double first = source.properties.number(ofx::FRAME_RANGE, 1, 0), last = source.properties.number(ofx::FRAME_RANGE, 0, 1);
  if (!(std::fabs(first) < 1e9 && std::fabs(last) < 1e9)) return Range{};
  return Range{int(std::ceil(first)), int(std::floor(last))};
}

Range range_of(const Settings& settings, const Clip& source) {
  return settings.has_own_range ? Range{settings.first, settings.last} : clip_range(source);
}

std::string range_problem(const Settings& settings, const Clip& source) {
  Range range = range_of(settings, source), clip = clip_range(source);
  bool is_own = settings.has_own_range;
  std::string clips = clip.is_empty() ? "" : " The clip has the frames " + clip.words() + ".";
  if (range.is_empty() && !is_own) return std::string("The host does not say which frames the clip has. ") + OWN_RANGE;
  if (range.is_empty())
    return "The range is empty: First frame is " + std::to_string(range.first) + ", Last frame " + std::to_string(range.last) + "." + clips;
  if (range.first < -MAX_FRAME || range.last > MAX_FRAME)
    return "The clip has the frames " + range.words() + ", and no number may have more than seven digits. " + OWN_RANGE;
  if (range.count() <= MAX_FRAMES) return "";
  std::string length = " is longer than " + std::to_string(MAX_FRAMES) + " frames.";
  if (!is_own) return "The clip, frames " + range.words() + "," + length + " " + OWN_RANGE;
  return "The range from First frame " + std::to_string(range.first) + " to Last frame " + std::to_string(range.last) + length + clips;
}

std::string no_image_words(const Settings& settings, const Clip& source, int frame) {
  std::string words = "The host gives no image of the source at frame " + std::to_string(frame) + ".";
  Range clip = clip_range(source);
  if (!settings.has_own_range || clip.is_empty() || clip.holds(frame)) return words;
  return words + " The clip has the frames " + clip.words() + ": set First frame and Last frame, or choose Range: The whole clip.";
}

}  // namespace svfr
