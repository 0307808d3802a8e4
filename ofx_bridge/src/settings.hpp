// The effect's parameters: their names, and their values as one struct.
#pragma once
#include <string>

#include "host.hpp"

namespace svfr {

namespace param {
constexpr const char* BFR = "bfr";
constexpr const char* COLORIZE = "colorize";
constexpr const char* INPAINT = "inpaint";
constexpr const char* FACES = "faces";
constexpr const char* REFERENCE = "reference";
constexpr const char* REFERENCE_FRAME = "referenceFrame";
constexpr const char* REFERENCE_PHOTO = "referencePhoto";
constexpr const char* PRESET = "preset";
constexpr const char* MODEL = "model";
constexpr const char* SEED = "seed";
constexpr const char* RANGE = "range";
constexpr const char* FIRST = "firstFrame";
constexpr const char* LAST = "lastFrame";
constexpr const char* ROTO = "roto";
constexpr const char* MIX = "mix";
constexpr const char* NOT_READY = "whenNotReady";
constexpr const char* COLOURSPACE = "colourspace";
constexpr const char* CONFIG = "ocioConfig";
constexpr const char* SERVER = "server";
constexpr const char* RESTORE = "restoreRange";
constexpr const char* REFRESH = "refresh";
constexpr const char* CANCEL = "cancel";
constexpr const char* STATUS = "status";
constexpr const char* JOB = "job";
constexpr const char* REFUSAL = "refusal";
constexpr const char* REVISION = "revision";
}  // namespace param

enum class Reference { Automatic, Frame, Photo };
enum class Roto { None, MaskClip, SourceAlpha };
enum class NotReady { Source, Wait, Fail };

constexpr int MAX_FRAME = 9999999;  // and as many below 0

// What the hidden parameter `job` holds: the job on the server and the source frames it restores.
struct JobRecord {
  std::string id;
  int first = 0, last = -1;
  bool is_there() const { return !id.empty(); }
  bool holds(int frame) const { return is_there() && frame >= first && frame <= last; }
  std::string write() const;
  // Returns no job for a text that is none.
  static JobRecord read(const std::string& text);
};

struct Settings {
  bool bfr = true, colorize = false, inpaint = false;
  std::string faces;  // the protocol's word
  Reference reference = Reference::Automatic;
  int reference_frame = 0;
  std::string reference_photo;
  std::string preset, model;
  int seed = 77;
  bool has_own_range = false;
  int first = 1, last = 1;
  Roto roto = Roto::None;
  double mix = 1;
  NotReady not_ready = NotReady::Source;
  std::string colourspace, config, server;
  JobRecord job;
  std::string refusal;  // why Restore range handed nothing in, when it was last pressed; empty if it did
};

// Defines all parameters on a descriptor.
void define_parameters(OfxImageEffectHandle descriptor);
// Returns the values at a time.
Settings read_settings(OfxImageEffectHandle effect, double time);
// Sets a parameter unless it has this value. Only in actions that the user caused.
void set_text(OfxImageEffectHandle effect, const char* name, const std::string& value);
// Adds one to the revision, which makes the host forget what it has rendered.
void bump_revision(OfxImageEffectHandle effect);

}  // namespace svfr
