#include "checks.hpp"

#include <algorithm>

#include "files.hpp"
#include "images.hpp"
#include "wording.hpp"

namespace svfr {

namespace {

constexpr int MODELS_MINOR = 3;  // the first minor version in which a server names its models
constexpr size_t LONGEST_LIST = 200;  // of names in a message
const char* const PHOTO_ENDINGS[] = {".exr", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dpx", ".webp"};

std::string reference_problem(const Handing& h) {
  const Settings& s = h.settings;
  if (s.reference == Reference::Frame && !h.range.holds(s.reference_frame))
    return "Reference frame is " + std::to_string(s.reference_frame) + ", which is not among the frames that are restored, " +
           h.range.words() + ". Set Reference frame to one of them.";
  if (s.reference != Reference::Photo) return "";
  if (s.reference_photo.empty()) return "Reference is A photo, but Reference photo is empty. Choose a file there.";
  std::string ending = ending_of(s.reference_photo), known;
  for (const char* each : PHOTO_ENDINGS) {
    if (ending == each) return "";
    known += (known.empty() ? "" : ", ") + std::string(each);
  }
  return "The Reference photo " + s.reference_photo + " is no picture that the server reads. Choose one of these: " + known + ".";
}

bool has_text(const Json& list, const std::string& text) {
  const std::vector<Json>& all = list.items();
  return std::any_of(all.begin(), all.end(), [&](const Json& each) { return each.as_text() == text; });
}

std::string names_of(const std::vector<Json>& models) {
  std::string names;
  for (const Json& model : models) {
    const std::string& name = model["name"].as_text();
    if (!model["problem"].is_null()) continue;
    if (names.size() + name.size() > LONGEST_LIST) return names + " and others";
    names += (names.empty() ? "" : ", ") + name;
  }
  return names.empty() ? "none" : names;
}

}  // namespace

std::string problem_of(const Handing& h) {
  std::string problem = refusal(h.effect, h.source);
  if (!problem.empty()) return problem;
  const Settings& s = h.settings;
  if (!s.bfr && !s.colorize && !s.inpaint) return "Choose at least one task: Restore faces, Colorize or Inpaint.";
  if (Properties(host.ofx->host).integer(ofx::TEMPORAL_ACCESS, 1) == 0 ||
      h.source.properties.integer(ofx::TEMPORAL_ACCESS, 1) == 0)
    return "This host gives an effect only the current frame, so a range cannot be read here.";
  problem = range_problem(s, h.source);
  if (!problem.empty()) return problem;
  if (s.inpaint && s.roto == Roto::None) return "Inpaint needs a roto: choose Mask clip or Source alpha in Roto.";
  if (s.faces == "mask" && s.roto == Roto::None)
    return "Faces \"Those in the roto\" needs a roto: choose Mask clip or Source alpha in Roto.";
  if (s.roto == Roto::MaskClip && (!h.mask.handle || h.mask.properties.integer(ofx::CLIP_CONNECTED, 0) == 0))
    return "The roto is to come from the Mask clip, but nothing is connected to it.";
  problem = reference_problem(h);
  if (!problem.empty()) return problem;
  if (s.model.empty()) return "Model is empty. Name one there, for instance mini.";
  return h.colour.problem;
}

std::string ends_problem(const Handing& h) {
  for (int frame : {h.range.first, h.range.last}) {
    if (!ClipImage(h.source.handle, frame).is_there()) return no_image_words(h.settings, h.source, frame);
    if (h.settings.roto == Roto::MaskClip && !ClipImage(h.mask.handle, frame).is_there()) return no_mask_words(frame);
  }
  return "";
}

std::string model_problem(Conversation& server, const Settings& settings, int64_t minor, const Patience& patience) {
  const std::string& name = settings.model;
  // A path is the server's own; so is what it does not list.
  if (minor < MODELS_MINOR || name.find_first_of("/\\") != std::string::npos) return "";
  Answer answer = server.ask("models", Json::object(), {}, patience);
  if (!answer) return answer.trouble == Trouble::Error ? "" : answer.words;  // the job itself is answered as well
  const std::vector<Json>& models = answer.message.body["models"].items();
  auto found = std::find_if(models.begin(), models.end(), [&](const Json& each) { return each["name"].as_text() == name; });
  if (found == models.end()) {
    if (answer.message.body["has_more"].as_bool()) return "";
    return "The server has no model '" + start_of(name, 60) + "'. Name one of these in Model: " + names_of(models) + ".";
  }
  const Json& model = *found;
  if (!model["problem"].is_null())
    return "The server cannot use the model " + name + ": " + start_of(model["problem"].as_text(), 200) +
           ". Name one of these in Model: " + names_of(models) + ".";
  if (model["presets"].items().empty() || has_text(model["presets"], settings.preset)) return "";
  std::string presets;
  for (const Json& each : model["presets"].items()) presets += (presets.empty() ? "" : ", ") + each.as_text();
  return "The model " + name + " has no preset " + settings.preset + ". Choose one of these in Preset: " + presets + ".";
}

}  // namespace svfr
