// A scriptable OpenFX host: what a real one keeps, and how unlike real ones are, as data (profiles/*.json).
#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "../src/json.hpp"
#include "../src/ofx_abi.h"

namespace testhost {

using svfr::Json;

struct Property {
  std::vector<std::string> texts;
  std::vector<double> numbers;
  std::vector<int> integers;
  std::vector<void*> pointers;
};

struct Image;

struct PropertySet {
  std::map<std::string, Property> all;
  Image* image = nullptr;  // the image whose properties these are
  void text(const std::string& name, const std::string& value, int index = 0);
  void number(const std::string& name, double value, int index = 0);
  void integer(const std::string& name, int value, int index = 0);
  void pointer(const std::string& name, void* value);
  std::string text_of(const std::string& name) const;
  OfxPropertySetHandle handle() { return reinterpret_cast<OfxPropertySetHandle>(this); }
};

struct Param {
  std::string type, name, text;
  double number = 0;
  int integer = 0;
  PropertySet properties;
};

struct Clip;
struct Image {
  PropertySet properties;
  std::vector<char> memory;
  Clip* clip = nullptr;
};

struct Effect;
struct Clip {
  std::string name;
  Effect* effect = nullptr;
  PropertySet properties;
  Json source;  // where its pictures are, and their form
};

struct Effect {
  bool is_descriptor = false;
  PropertySet properties;
  std::vector<std::unique_ptr<Param>> params;
  std::map<std::string, std::unique_ptr<Clip>> clips;
  std::string persistent;  // the persistent message shown now
  std::mutex lock;         // the plugin is instance safe: one action at a time
  std::string output_path;
  double render_scale = 1;
  int64_t abort_at_ms = -1;
  Param* find(const std::string& name) const;
  OfxImageEffectHandle handle() { return reinterpret_cast<OfxImageEffectHandle>(this); }
};

struct HostState {
  Json profile;
  PropertySet properties;
  std::mutex guard;
  std::vector<std::string> violations, messages, labels;
  std::atomic<bool> is_progress_open{false};
  std::vector<double> progress;
  double cancel_at = 2;  // progress at which the artist presses Cancel
  std::atomic<int> images_out{0};
  void complain(const std::string& what);
};
extern HostState state;
extern thread_local std::string action;  // the action being carried out on this thread

int64_t now_ms();
bool is_listed(const char* list, const std::string& name);  // whether a name begins with one in the profile's list
OfxHost* make_host();
// Writes the picture of an output image, rows from the top and tightly packed.
void save_picture(const Image& image, const std::string& path);
const void* fetch_suite(OfxPropertySetHandle, const char* name, int version);
extern const OfxParameterSuite parameter_suite;
extern const OfxImageEffectSuite effect_suite;

}  // namespace testhost
