#include "settings.hpp"

#include <algorithm>

#include "json.hpp"
#include "wire.hpp"

namespace svfr {

namespace {

const char* const BLANKS = " \t\r\n";
const char* const FACE_MODES[] = {"largest", "all", "mask", "frame"};
const char* const PRESETS[] = {"draft", "standard", "final"};

struct Definer {
  OfxParamSetHandle set;

  Properties operator()(const char* type, const char* name, const char* label, const char* hint) const {
    OfxPropertySetHandle handle = nullptr;
    if (host.parameters->define(set, type, name, &handle) != ofx::OK) throw ActionFailed{ofx::FAILED};
    return Properties(handle).set(ofx::PROP_LABEL, label).set(ofx::HINT, hint).set(ofx::ANIMATES, 0);
  }
  void boolean(const char* name, const char* label, const char* hint, int value) const {
    (*this)(ofx::PARAM_BOOLEAN, name, label, hint).set(ofx::DEFAULT, value).set(ofx::EVALUATE_ON_CHANGE, 0);
  }
  // Some hosts take the display range for the range, others the opposite: both are always given.
  Properties integer(const char* name, const char* label, const char* hint, int value, int low, int high) const {
    return (*this)(ofx::PARAM_INTEGER, name, label, hint)
        .set(ofx::DEFAULT, value).set(ofx::MIN, low).set(ofx::MAX, high)
        .set(ofx::DISPLAY_MIN, low).set(ofx::DISPLAY_MAX, high).set(ofx::EVALUATE_ON_CHANGE, 0);
  }
  template <size_t N>
  Properties choice(const char* name, const char* label, const char* hint, const char* const (&options)[N],
                    int value) const {
    Properties made = (*this)(ofx::PARAM_CHOICE, name, label, hint);
    for (size_t i = 0; i < N; ++i) made.set(ofx::CHOICE_OPTION, options[i], int(i));
    return made.set(ofx::DEFAULT, value);
  }
  Properties text(const char* name, const char* label, const char* hint, const char* value) const {
    return (*this)(ofx::PARAM_STRING, name, label, hint).set(ofx::DEFAULT, value).set(ofx::EVALUATE_ON_CHANGE, 0);
  }
  void path(const char* name, const char* label, const char* hint) const {
    text(name, label, hint, "").set(ofx::STRING_MODE, ofx::STRING_FILE_PATH);
  }
};

OfxParamHandle find(OfxImageEffectHandle effect, const char* name) {
  OfxParamSetHandle set = nullptr;
  OfxParamHandle found = nullptr;
  if (host.effects->getParamSet(effect, &set) != ofx::OK) return nullptr;
  return host.parameters->getHandle(set, name, &found, nullptr) == ofx::OK ? found : nullptr;
}

int get_int(OfxImageEffectHandle effect, const char* name, int otherwise) {
  int value = otherwise;
  OfxParamHandle handle = find(effect, name);
  return handle && host.parameters->getValue(handle, &value) == ofx::OK ? value : otherwise;
}

std::string get_text(OfxImageEffectHandle effect, const char* name) {
  char* value = nullptr;
  OfxParamHandle handle = find(effect, name);
  return handle && host.parameters->getValue(handle, &value) == ofx::OK && value ? value : "";
}

// A name without the blanks around it, which come with what is pasted.
std::string get_name(OfxImageEffectHandle effect, const char* name) {
  std::string text = get_text(effect, name);
  size_t begin = text.find_first_not_of(BLANKS);
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(BLANKS) + 1 - begin);
}

// A path, which may begin or end with blanks; one of nothing else is none.
std::string get_path(OfxImageEffectHandle effect, const char* name) {
  std::string text = get_text(effect, name);
  return text.find_first_not_of(BLANKS) == std::string::npos ? "" : text;
}

double get_number(OfxImageEffectHandle effect, const char* name, double time, double otherwise) {
  double value = otherwise;
  OfxParamHandle handle = find(effect, name);
  return handle && host.parameters->getValueAtTime(handle, time, &value) == ofx::OK ? value : otherwise;
}

template <size_t N>
const char* word(const char* const (&words)[N], int index, int otherwise) {
  return words[index >= 0 && index < int(N) ? index : otherwise];
}

void define_job(const Definer& define) {
  const char* const whole[] = {"The whole clip", "The frames below"};
  define.choice(param::RANGE, "Range", "Which frames are restored together.", whole, 0).set(ofx::EVALUATE_ON_CHANGE, 0);
  define.integer(param::FIRST, "First frame", "In source frames.", 1, -MAX_FRAME, MAX_FRAME);
  define.integer(param::LAST, "Last frame", "In source frames, itself included.", 1, -MAX_FRAME, MAX_FRAME);
  define(ofx::PARAM_BUTTON, param::RESTORE, "Restore range", "Send the range to the server as a job.");
  define(ofx::PARAM_BUTTON, param::REFRESH, "Refresh", "Ask how far the job is, and show what is done.");
  define(ofx::PARAM_BUTTON, param::CANCEL, "Cancel", "Stop the job on the server.");
  define.text(param::STATUS, "Status", "What the server last said.", "Nothing restored yet.").set(ofx::ENABLED, 0);
  const char* const policies[] = {"Show the source", "Wait", "Fail"};
  define.choice(param::NOT_READY, "When not ready",
                "What a render does with a frame that the server has not finished. A background render waits.",
                policies, 0);
  OfxPropertySetHandle mix = nullptr;
  if (host.parameters->define(define.set, ofx::PARAM_DOUBLE, param::MIX, &mix) != ofx::OK) throw ActionFailed{ofx::FAILED};
  Properties(mix).set(ofx::PROP_LABEL, "Mix").set(ofx::HINT, "0 is the source, 1 the restored frame.")
      .set(ofx::DEFAULT, 1.0).set(ofx::MIN, 0.0).set(ofx::MAX, 1.0)
      .set(ofx::DISPLAY_MIN, 0.0).set(ofx::DISPLAY_MAX, 1.0);
  define.text(param::JOB, "Job", "", "").set(ofx::SECRET, 1).set(ofx::PERSISTENT, 1);
  define.text(param::REFUSAL, "Refusal", "", "").set(ofx::SECRET, 1).set(ofx::PERSISTENT, 1);
  define.integer(param::REVISION, "Revision", "", 0, 0, 1 << 30)
      .set(ofx::SECRET, 1).set(ofx::EVALUATE_ON_CHANGE, 1).set(ofx::CACHE_INVALIDATION, ofx::INVALIDATE_ALL);
}

}  // namespace

void define_parameters(OfxImageEffectHandle descriptor) {
  Definer define{};
  if (host.effects->getParamSet(descriptor, &define.set) != ofx::OK) throw ActionFailed{ofx::FAILED};
  define.boolean(param::BFR, "Restore faces", "Blind face restoration.", 1);
  define.boolean(param::COLORIZE, "Colorize", "Give a monochrome plate colour.", 0);
  define.boolean(param::INPAINT, "Inpaint", "Fill what the roto covers. Needs a roto.", 0);
  const char* const faces[] = {"Largest", "All", "Those in the roto", "Whole frame"};
  define.choice(param::FACES, "Faces", "Which faces are restored.", faces, 0).set(ofx::EVALUATE_ON_CHANGE, 0);
  const char* const rotos[] = {"None", "Mask clip", "Source alpha"};
  define.choice(param::ROTO, "Roto", "Where the mask comes from.", rotos, 0).set(ofx::EVALUATE_ON_CHANGE, 0);
  const char* const references[] = {"Automatic", "A frame of the clip", "A photo"};
  define.choice(param::REFERENCE, "Reference", "What the person looks like.", references, 0).set(ofx::EVALUATE_ON_CHANGE, 0);
  define.integer(param::REFERENCE_FRAME, "Reference frame", "In source frames.", 1, -MAX_FRAME, MAX_FRAME);
  define.path(param::REFERENCE_PHOTO, "Reference photo", "A picture file; it is sent to the server.");
  const char* const presets[] = {"Draft", "Standard", "Final"};
  define.choice(param::PRESET, "Preset", "Speed against quality.", presets, 1).set(ofx::EVALUATE_ON_CHANGE, 0);
  define.text(param::MODEL, "Model", "A model folder's name on the server.", "mini");
  define.integer(param::SEED, "Seed", "Another number gives other detail.", 77, 0, 0x7fffffff);
  define.text(param::COLOURSPACE, "Colour space",
              "The clip's colour space by name. Empty: what the host says, where it says it.", "");
  define.path(param::CONFIG, "OCIO config", "Path or ocio:// address. Empty: the host's, else the built-in studio config.");
  define.path(param::SERVER, "Server", "A connection file, or its folder. Empty: your own server on this machine.");
  define_job(define);
}

Settings read_settings(OfxImageEffectHandle effect, double time) {
  Settings s;
  s.bfr = get_int(effect, param::BFR, 1) != 0;
  s.colorize = get_int(effect, param::COLORIZE, 0) != 0;
  s.inpaint = get_int(effect, param::INPAINT, 0) != 0;
  s.faces = word(FACE_MODES, get_int(effect, param::FACES, 0), 0);
  s.roto = Roto(std::clamp(get_int(effect, param::ROTO, 0), 0, 2));
  s.reference = Reference(std::clamp(get_int(effect, param::REFERENCE, 0), 0, 2));
  s.reference_frame = get_int(effect, param::REFERENCE_FRAME, 1);
  s.reference_photo = get_path(effect, param::REFERENCE_PHOTO);
  s.preset = word(PRESETS, get_int(effect, param::PRESET, 1), 1);
  s.model = get_name(effect, param::MODEL);
  s.seed = std::max(0, get_int(effect, param::SEED, 77));
  s.has_own_range = get_int(effect, param::RANGE, 0) == 1;
  s.first = get_int(effect, param::FIRST, 1);
  s.last = get_int(effect, param::LAST, 1);
  s.mix = std::clamp(get_number(effect, param::MIX, time, 1), 0.0, 1.0);
  s.not_ready = NotReady(std::clamp(get_int(effect, param::NOT_READY, 0), 0, 2));
  s.colourspace = get_name(effect, param::COLOURSPACE);
  s.config = get_path(effect, param::CONFIG);
  s.server = get_path(effect, param::SERVER);
  s.job = JobRecord::read(get_text(effect, param::JOB));
  s.refusal = get_text(effect, param::REFUSAL);
  return s;
}

void set_text(OfxImageEffectHandle effect, const char* name, const std::string& value) {
  // Some hosts render again whenever a parameter is set, even to the value it has.
  if (get_text(effect, name) == value) return;
  if (OfxParamHandle handle = find(effect, name)) host.parameters->setValue(handle, value.c_str());
}

void bump_revision(OfxImageEffectHandle effect) {
  int next = (get_int(effect, param::REVISION, 0) + 1) & ((1 << 30) - 1);
  if (OfxParamHandle handle = find(effect, param::REVISION)) host.parameters->setValue(handle, next);
}

std::string JobRecord::write() const {
  return Json::object({{"id", id}, {"first", first}, {"last", last}}).write();
}

JobRecord JobRecord::read(const std::string& text) {
  JobRecord record;
  try {
    Json json = Json::read(text, 4096);
    int64_t first = json["first"].as_integer(MAX_FRAME + 1), last = json["last"].as_integer(MAX_FRAME + 1);
    if (!is_id(json["id"].as_text()) || first < -MAX_FRAME || last < first || last > MAX_FRAME) return record;
    record.id = json["id"].as_text();
    record.first = int(first);
    record.last = int(last);
  } catch (const BadJson&) {
  }
  return record;
}

}  // namespace svfr
