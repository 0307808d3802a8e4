#include "host.hpp"

namespace svfr {

Host host;

namespace {

template <class Suite>
const Suite* fetch_suite(const char* name, int version) {
  if (!host.ofx || !host.ofx->fetchSuite) return nullptr;
  return static_cast<const Suite*>(host.ofx->fetchSuite(host.ofx->host, name, version));
}

bool is_complete(const OfxPropertySuite& s) {
  return s.setString && s.setDouble && s.setInt && s.setPointer && s.getString && s.getDouble && s.getInt &&
         s.getPointer && s.getDimension;
}
bool is_complete(const OfxImageEffectSuite& s) {
  return s.getPropertySet && s.getParamSet && s.clipDefine && s.clipGetHandle && s.clipGetPropertySet &&
         s.clipGetImage && s.clipReleaseImage && s.abort;
}
bool is_complete(const OfxParameterSuite& s) {
  return s.define && s.getHandle && s.getPropertySet && s.getValue && s.getValueAtTime && s.setValue;
}

}  // namespace

bool Host::fetch() {
  properties = fetch_suite<OfxPropertySuite>("OfxPropertySuite", 1);
  effects = fetch_suite<OfxImageEffectSuite>("OfxImageEffectSuite", 1);
  parameters = fetch_suite<OfxParameterSuite>("OfxParameterSuite", 1);
  progress = fetch_suite<OfxProgressSuite>("OfxProgressSuite", 1);
  if (progress && !(progress->start && progress->update && progress->end)) progress = nullptr;
  message_version = 2;
  messages = fetch_suite<OfxMessageSuite>("OfxMessageSuite", 2);
  if (!messages) {
    message_version = 1;
    messages = fetch_suite<OfxMessageSuite>("OfxMessageSuite", 1);
  }
  return properties && effects && parameters && is_complete(*properties) && is_complete(*effects) &&
         is_complete(*parameters);
}

std::string Properties::text(const char* name, const std::string& otherwise, int index) const {
  char* value = nullptr;
  if (!handle_ || host.properties->getString(handle_, name, index, &value) != ofx::OK || !value) return otherwise;
  return value;
}

int Properties::integer(const char* name, int otherwise, int index) const {
  int value = otherwise;
  return handle_ && host.properties->getInt(handle_, name, index, &value) == ofx::OK ? value : otherwise;
}

double Properties::number(const char* name, double otherwise, int index) const {
  double value = otherwise;
  return handle_ && host.properties->getDouble(handle_, name, index, &value) == ofx::OK ? value : otherwise;
}

void* Properties::pointer(const char* name) const {
  void* value = nullptr;
  return handle_ && host.properties->getPointer(handle_, name, 0, &value) == ofx::OK ? value : nullptr;
}

std::vector<std::string> Properties::texts(const char* name) const {
  int count = 0;
  std::vector<std::string> found;
  if (!handle_ || host.properties->getDimension(handle_, name, &count) != ofx::OK) return found;
  for (int i = 0; i < count && i < 64; ++i) found.push_back(text(name, "", i));
  return found;
}

const Properties& Properties::set(const char* name, const char* value, int index) const {
  if (handle_) host.properties->setString(handle_, name, index, value);
  return *this;
}
const Properties& Properties::set(const char* name, int value, int index) const {
  if (handle_) host.properties->setInt(handle_, name, index, value);
  return *this;
}
const Properties& Properties::set(const char* name, double value, int index) const {
  if (handle_) host.properties->setDouble(handle_, name, index, value);
  return *this;
}
const Properties& Properties::set(const char* name, void* value) const {
  if (handle_) host.properties->setPointer(handle_, name, 0, value);
  return *this;
}

void show_persistent(OfxImageEffectHandle effect, const char* type, const std::string& text) {
  if (!host.messages || host.message_version < 2) return;
  if (text.empty()) {
    if (host.messages->clearPersistent) host.messages->clearPersistent(effect);
  } else if (host.messages->setPersistent) {
    host.messages->setPersistent(effect, type, "svfr", "%s", text.c_str());
  }
}

void show_message(OfxImageEffectHandle effect, const char* type, const std::string& text) {
  if (host.messages && host.messages->message) host.messages->message(effect, type, "svfr", "%s", text.c_str());
}

}  // namespace svfr
