#include "sending.hpp"

#include <algorithm>
#include <cstdio>

#include "coarse.hpp"
#include "files.hpp"
#include "images.hpp"
#include "sha256.hpp"

namespace svfr {

namespace {

constexpr size_t MAX_PHOTO_BYTES = 256 * 1024 * 1024;
constexpr size_t MAX_CONFIG_BYTES = 64 * 1024 * 1024;
constexpr size_t HEAD_BYTES = 65536;  // what the server compares of a file

std::string frame_name(const char* stem, int frame) {
  char name[40];
  std::snprintf(name, sizeof name, "%s.%04d.exr", stem, frame);
  return name;
}

bool is_archive(const std::string& config) { return config.rfind("PK", 0) == 0; }

// Every config of OpenColorIO says its version, and none is read without.
bool is_config(const std::string& content) {
  return is_archive(content) || content.find("ocio_profile_version") != std::string::npos;
}

// A config may have any name in the host; the server reads those of its two kinds by theirs.
const char* config_name(const std::string& content) { return is_archive(content) ? "config.ocioz" : "config.ocio"; }

// Takes one frame of the plate and of its matte; returns why not, or nothing.
std::string take_frame(const Handing& h, const Take& take, int frame) {
  std::string where = " at frame " + std::to_string(frame) + ".";
  ClipImage image(h.source.handle, frame);
  if (!image.is_there()) return no_image_words(h.settings, h.source, frame);
  Pixels pixels = to_pixels(image.view());
  SourceWords words{fingerprint(pixels), coarse_means(pixels)};
  Answer answer = take(frame_name("plate", frame), write_exr(pixels, image.view().pixel_aspect, words));
  if (!answer || h.settings.roto == Roto::None) return answer ? "" : answer.words;
  if (h.settings.roto == Roto::SourceAlpha) {
    if (image.view().components != 4) return "The roto is to come from the source's alpha, which it has not" + where;
    answer = take(frame_name("matte", frame), write_matte(to_matte(image.view())));
    return answer ? "" : answer.words;
  }
  ClipImage mask(h.mask.handle, frame);
  if (!mask.is_there()) return no_mask_words(frame);
  if (mask.view().width() != pixels.width || mask.view().height() != pixels.height)
    return "The mask's size is not the source's" + where;
  answer = take(frame_name("matte", frame), write_matte(to_matte(mask.view())));
  return answer ? "" : answer.words;
}

std::string take_photo(const Settings& settings, const Take& take) {
  if (settings.reference != Reference::Photo) return "";
  std::string content, why;
  if (!read_file(settings.reference_photo, MAX_PHOTO_BYTES, content)) {
    why = why_unread(settings.reference_photo, MAX_PHOTO_BYTES);
    if (why.empty()) why = "does not exist";
  } else if (content.empty()) {
    why = "is empty";
  }
  if (!why.empty()) return "The Reference photo " + settings.reference_photo + " " + why + ". Choose another file there.";
  Answer answer = take(photo_name(settings.reference_photo), content);
  return answer ? "" : answer.words;
}

}  // namespace

std::string no_mask_words(int frame) {
  return "The host gives no image of the Mask clip at frame " + std::to_string(frame) + ".";
}

std::string photo_name(const std::string& path) { return "photo" + ending_of(path); }

std::string find_config(Conversation& server, Handing& h, const Patience& patience) {
  const std::string& path = h.colour.config;
  std::string content;
  if (path.empty() || path.rfind("ocio://", 0) == 0) return "";
  if (!read_file(path, MAX_CONFIG_BYTES, content)) {
    std::string why = why_unread(path, MAX_CONFIG_BYTES);
    return why.empty() ? "" : "The OCIO config " + path + " " + why + ".";  // what is not here may be the server's own
  }
  if (!is_config(content))
    return "The OCIO config " + path + " is " + (content.empty() ? "empty" : "no config of OpenColorIO") +
           ". Choose another file in OCIO config.";
  Json file = Json::object({{"path", path}, {"bytes", int64_t(content.size())},
                            {"sha256", sha256_hex(content.data(), std::min(HEAD_BYTES, content.size()))}});
  Answer answer = server.ask("compare", Json::object({{"files", Json::array({file})}}), {}, patience);
  if (!answer && answer.code != "BAD_REQUEST") return answer.words;  // which is how it is said of a path like no other
  const std::vector<Json>& same = answer.message.body["same"].items();
  if (same.size() == 1 && same[0].as_bool()) return "";
  if (!is_archive(content) && content.find("FileTransform") != std::string::npos)
    return "The server does not see the OCIO config " + path + ", and its LUTs cannot be sent from here. Make one file of "
           "both with ocioarchive (.ocioz), or put them where the server sees them.";
  h.sent_config = std::move(content);
  return "";
}

std::string config_there(const Handing& h, const std::string& folder) {
  return h.sent_config.empty() ? h.colour.config : folder + config_name(h.sent_config);
}

// The server answers no less than what each file would be answered in the end. That much is lacking at most, unless
// frames differ in size; only where that does not fit are all frames read to know what is there already.
std::string check_room(const Handing& h, Upload& counted, const std::function<bool(int)>& begin_frame) {
  const std::string new_set(32, '0');
  int64_t bytes = 0;
  Take measure = [&](const std::string&, const std::string& content) {
    bytes += int64_t(content.size());
    return Answer{};
  };
  Handing first = h;
  first.range.last = first.range.first;
  std::string problem = take_all(first, measure, begin_frame);
  if (!problem.empty()) return problem;
  bytes *= h.range.count();
  Answer answer = counted.room_for(new_set, bytes, bytes);
  if (answer.code != "TRANSFERS_FULL" && answer.code != "DISK_FULL") return answer ? "" : answer.words;
  Take count = [&](const std::string& name, const std::string& content) { return counted.count(name, content); };
  problem = take_all(h, count, begin_frame);
  if (!problem.empty()) return problem;
  answer = counted.ask_room();
  return answer ? "" : answer.words;
}

std::string take_all(const Handing& h, const Take& take, const std::function<bool(int)>& begin_frame) {
  std::string problem = take_photo(h.settings, take);
  if (problem.empty() && !h.sent_config.empty()) {
    Answer answer = take(config_name(h.sent_config), h.sent_config);
    if (!answer) problem = answer.words;
  }
  for (int frame = h.range.first; frame <= h.range.last && problem.empty(); ++frame) {
    if (!begin_frame(frame)) return "Cancelled: nothing was handed in.";
    problem = take_frame(h, take, frame);
  }
  return problem;
}

}  // namespace svfr
