// Restore range, Refresh and Cancel: the only places where images of other frames are read, jobs are handed in
// and parameters are set.
#include <algorithm>
#include <cmath>
#include <fstream>

#include "conversation.hpp"
#include "effect.hpp"
#include "images.hpp"
#include "transfer.hpp"

namespace svfr {

namespace {

constexpr int MAX_FRAMES = 10000;
constexpr std::streamoff MAX_PHOTO_BYTES = 256 * 1024 * 1024;

// The host's progress window, if it has one; closes when it goes out of scope.
class Progress {
 public:
  explicit Progress(OfxImageEffectHandle effect, const std::string& label) : effect_(effect) {
    is_open_ = host.progress && host.progress->start(effect, label.c_str()) == ofx::OK;
  }
  ~Progress() {
    if (is_open_) host.progress->end(effect_);
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  // Returns whether the artist wants to stop.
  bool is_stopped(double share) { return is_open_ && host.progress->update(effect_, share) == ofx::REPLY_NO; }

 private:
  OfxImageEffectHandle effect_;
  bool is_open_ = false;
};

struct Range { int first, last; };

// Everything that was found out before a job is handed in, or why it cannot be.
struct Handing {
  OfxImageEffectHandle effect;
  Settings settings;
  Clip source, mask;
  Colour colour;
  Range range;
};

std::string problem_of(const Handing& h) {
  std::string problem = refusal(h.effect, h.source);
  if (!problem.empty()) return problem;
  const Settings& s = h.settings;
  if (!s.bfr && !s.colorize && !s.inpaint) return "Choose at least one task.";
  if (Properties(host.ofx->host).integer(ofx::TEMPORAL_ACCESS, 1) == 0 ||
      h.source.properties.integer(ofx::TEMPORAL_ACCESS, 1) == 0)
    return "This host gives an effect only the current frame, so a range cannot be read here.";
  if (h.range.last < h.range.first || h.range.first < 0) return "The frame range is empty or begins below 0.";
  if (h.range.last - h.range.first >= MAX_FRAMES) return "The frame range is longer than 10000 frames.";
  if (s.inpaint && s.roto == Roto::None) return "Inpaint needs a roto: choose the Mask clip or the source's alpha.";
  if (s.faces == "mask" && s.roto == Roto::None) return "Faces \"Those in the roto\" needs a roto.";
  if (s.roto == Roto::MaskClip && (!h.mask.handle || h.mask.properties.integer(ofx::CLIP_CONNECTED, 0) == 0))
    return "The roto is to come from the Mask clip, but nothing is connected to it.";
  return h.colour.problem;
}

Range range_of(const Settings& settings, const Clip& source) {
  if (settings.has_own_range) return Range{settings.first, settings.last};
  double first = source.properties.number(ofx::FRAME_RANGE, 1, 0), last = source.properties.number(ofx::FRAME_RANGE, 0, 1);
  if (!(std::fabs(first) < 1e7 && std::fabs(last) < 1e7)) return Range{0, -1};
  return Range{int(std::ceil(first)), int(std::floor(last))};
}

std::string frame_name(const char* stem, int frame) {
  char name[40];
  std::snprintf(name, sizeof name, "%s.%04d.exr", stem, frame);
  return name;
}

// Sends one frame of the plate and of its matte; returns why not, or nothing.
std::string send_frame(const Handing& h, Upload& upload, int frame) {
  std::string where = " at frame " + std::to_string(frame) + ".";
  ClipImage image(h.source.handle, frame);
  if (!image.is_there()) return "The host gives no image of the source" + where;
  Pixels pixels = to_pixels(image.view());
  Answer answer = upload.add(frame_name("plate", frame), write_exr(pixels, image.view().pixel_aspect, fingerprint(pixels)));
  if (!answer || h.settings.roto == Roto::None) return answer ? "" : answer.words;
  if (h.settings.roto == Roto::SourceAlpha) {
    if (image.view().components != 4) return "The roto is to come from the source's alpha, which it has not" + where;
    answer = upload.add(frame_name("matte", frame), write_matte(to_matte(image.view())));
    return answer ? "" : answer.words;
  }
  ClipImage mask(h.mask.handle, frame);
  if (!mask.is_there()) return "The host gives no image of the mask" + where;
  if (mask.view().width() != pixels.width || mask.view().height() != pixels.height)
    return "The mask's size is not the source's" + where;
  answer = upload.add(frame_name("matte", frame), write_matte(to_matte(mask.view())));
  return answer ? "" : answer.words;
}

std::string photo_name(const std::string& path) {
  size_t dot = path.find_last_of('.');
  std::string ending = dot == std::string::npos ? "" : path.substr(dot);
  for (char& c : ending) c = c >= 'A' && c <= 'Z' ? char(c + 32) : c;
  return "photo" + ending;
}

std::string send_photo(const Settings& settings, Upload& upload) {
  if (settings.reference != Reference::Photo) return "";
  std::ifstream file(settings.reference_photo, std::ios::binary | std::ios::ate);
  std::streamoff size = file ? std::streamoff(file.tellg()) : -1;
  if (size <= 0 || size > MAX_PHOTO_BYTES) return "The reference photo " + settings.reference_photo + " cannot be read.";
  std::string content(size_t(size), '\0');
  file.seekg(0);
  if (!file.read(&content[0], size)) return "The reference photo " + settings.reference_photo + " cannot be read.";
  Answer answer = upload.add(photo_name(settings.reference_photo), content);
  return answer ? "" : answer.words;
}

Json spec_of(const Handing& h, const std::string& folder, const std::string& results, const std::string& job) {
  const Settings& s = h.settings;
  Json tasks = Json::array(), references = Json::array(), layers = Json::array();
  if (s.bfr) tasks.add("bfr");
  if (s.colorize) tasks.add("colorize");
  if (s.inpaint) tasks.add("inpaint");
  Json reference = Json::object({{"track", Json()}, {"frame", Json()}, {"photo", Json()}});
  if (s.reference == Reference::Frame) reference.set("frame", s.reference_frame);
  if (s.reference == Reference::Photo) reference.set("photo", folder + photo_name(s.reference_photo));
  if (s.reference != Reference::Automatic) references.add(reference);
  Json colour = Json::object({{"space", h.colour.space},
                              {"config", h.colour.config.empty() ? Json() : Json(h.colour.config)}});
  Json spec = Json::object({{"plate", folder + "plate.%04d.exr"},
                            {"frames", std::to_string(h.range.first) + "-" + std::to_string(h.range.last)},
                            {"tasks", tasks},
                            {"output", results + job + "/frame.%04d.exr"},
                            {"faces", Json::object({{"mode", s.faces}})},
                            {"references", references},
                            {"colour", colour},
                            {"model", s.model},
                            {"preset", s.preset},
                            {"seed", s.seed},
                            {"layers", layers}});
  if (s.roto != Roto::None) spec.set("mask_path", folder + "matte.%04d.exr");
  return spec;
}

// Uploads the range and hands in the job; returns what to show, and sets `record` when it was accepted.
std::string hand_in(const Handing& h, JobRecord& record) {
  std::shared_ptr<Conversation> server = Conversation::with(h.settings.server);
  Progress progress(h.effect, "SVFR: sending frames to the server");
  double share = 0;
  Patience patience;
  patience.aborted = [&] { return progress.is_stopped(share); };
  Answer answer = server->ask("hello", Json::object({{"min_minor", 1}, {"max_minor", MINOR}, {"client", "openfx"}}), {}, patience);
  if (!answer) return answer.words;
  Upload upload(*server, patience, answer.message.body["local_folder"].as_text());
  std::string problem = send_photo(h.settings, upload);
  int count = h.range.last - h.range.first + 1;
  for (int i = 0; i < count && problem.empty(); ++i) {
    share = double(i) / count;
    if (progress.is_stopped(share)) return "Cancelled: nothing was handed in.";
    problem = send_frame(h, upload, h.range.first + i);
  }
  std::string folder, results;
  if (!problem.empty()) return problem;
  if (!(answer = upload.finish(folder, results))) return answer.words;
  std::string job = new_id();
  Json body = Json::object({{"job", job}, {"spec", spec_of(h, folder, results, job)}});
  if (!(answer = server->ask("submit", body, {}, patience))) return answer.words;
  record.id = job;
  record.first = h.range.first;
  record.last = h.range.last;
  return "Frames " + std::to_string(record.first) + " to " + std::to_string(record.last) + " are with the server. Press Refresh.";
}

void restore_range(OfxImageEffectHandle effect, double time) {
  Handing h{effect, read_settings(effect, time), find_clip(effect, SOURCE_CLIP), find_clip(effect, MASK_CLIP), {}, {0, -1}};
  h.range = range_of(h.settings, h.source);
  h.colour = colour_of(effect, h.source, h.settings);
  JobRecord record;
  std::string words = problem_of(h);
  if (words.empty()) words = hand_in(h, record);
  if (record.is_there()) set_text(effect, param::JOB, record.write());
  else show_message(effect, ofx::MESSAGE_ERROR, words);
  set_text(effect, param::STATUS, words);
  if (!record.is_there()) return;
  show_persistent(effect, ofx::MESSAGE_WARNING, "");
  bump_revision(effect);
}

std::string words_of(const Json& status) {
  const std::string& state = status["state"].as_text();
  const Json& progress = status["progress"];
  if (state == "done") return "Done.";
  if (state == "queued") return "Waiting for its turn.";
  if (state == "cancelled") return "Cancelled.";
  if (state == "failed") return "Failed: " + status["error"]["message"].as_text() + " " + status["error"]["remedy"].as_text();
  if (!progress.is_object()) return "Running.";
  return "Running: " + progress["stage"].as_text() + " " + std::to_string(progress["done"].as_integer()) + " of " +
         std::to_string(progress["total"].as_integer()) + ".";
}

void ask_about_job(OfxImageEffectHandle effect, double time, const char* op) {
  Settings settings = read_settings(effect, time);
  if (!settings.job.is_there()) {
    set_text(effect, param::STATUS, "Nothing restored yet. Press Restore range.");
    return;
  }
  Answer answer = Conversation::with(settings.server)->ask(op, Json::object({{"job", settings.job.id}}), {}, Patience{Millis(2000), 1});
  std::string words = answer ? words_of(answer.message.body) : answer.words;
  if (answer.code == "NOT_FOUND") words = "The server has forgotten this job. Press Restore range.";
  set_text(effect, param::STATUS, words);
  if (answer) show_persistent(effect, ofx::MESSAGE_WARNING, "");
  bump_revision(effect);
}

}  // namespace

int instance_changed(OfxImageEffectHandle effect, Properties in) {
  if (in.text(ofx::PROP_CHANGE_REASON) != ofx::USER_EDITED) return ofx::REPLY_DEFAULT;
  std::string name = in.text(ofx::PROP_NAME);
  double time = in.number(ofx::PROP_TIME);
  bool is_button = name == param::RESTORE || name == param::REFRESH || name == param::CANCEL;
  if (!is_button) return ofx::REPLY_DEFAULT;
  if (is_pass_through()) set_text(effect, param::STATUS, "SVFR_OFX_PASS_THROUGH is set: the effect does nothing.");
  else if (name == param::RESTORE) restore_range(effect, time);
  else ask_about_job(effect, time, name == param::REFRESH ? "status" : "cancel");
  return ofx::OK;
}

}  // namespace svfr
