// The host's suites behind calls that tolerate what is missing: a suite, a member of one, a property.
#pragma once
#include <string>
#include <vector>

#include "ofx_abi.h"

namespace svfr {

// Thrown to end an action with a status; the exception wall in entry.cpp returns it.
struct ActionFailed {
  int status;
};

struct Host {
  OfxHost* ofx = nullptr;
  const OfxPropertySuite* properties = nullptr;
  const OfxImageEffectSuite* effects = nullptr;
  const OfxParameterSuite* parameters = nullptr;
  const OfxProgressSuite* progress = nullptr;
  const OfxMessageSuite* messages = nullptr;
  int message_version = 0;

  // Fetches the suites; false if one is missing without which nothing works.
  bool fetch();
};
extern Host host;

// One property set of the host. Getters return the given value for a property that is not there.
class Properties {
 public:
  Properties() = default;
  explicit Properties(OfxPropertySetHandle handle) : handle_(handle) {}
  OfxPropertySetHandle handle() const { return handle_; }
  std::string text(const char* name, const std::string& otherwise = "", int index = 0) const;
  int integer(const char* name, int otherwise = 0, int index = 0) const;
  double number(const char* name, double otherwise = 0, int index = 0) const;
  void* pointer(const char* name) const;
  std::vector<std::string> texts(const char* name) const;
  // Setters ignore a host that does not know the property: hosts of OFX 1.4 and older do not know all.
  const Properties& set(const char* name, const char* value, int index = 0) const;
  const Properties& set(const char* name, int value, int index = 0) const;
  const Properties& set(const char* name, double value, int index = 0) const;
  const Properties& set(const char* name, void* value) const;

 private:
  OfxPropertySetHandle handle_ = nullptr;
};

// Shows a text on the effect for as long as it holds; an empty one takes it away.
void show_persistent(OfxImageEffectHandle effect, const char* type, const std::string& text);
// Shows a text once. Only in actions the user caused.
void show_message(OfxImageEffectHandle effect, const char* type, const std::string& text);

}  // namespace svfr
