// Properties, messages, progress: the suites that every host has, with the gaps of the profile.
#include <chrono>
#include <cstdarg>
#include <cstring>

#include "host_model.hpp"

namespace testhost {

HostState state;
thread_local std::string action;

int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool is_listed(const char* list, const std::string& name) {
  for (const Json& prefix : state.profile[list].items())
    if (name.rfind(prefix.as_text(), 0) == 0) return true;
  return false;
}

void HostState::complain(const std::string& what) {
  std::lock_guard<std::mutex> hold(guard);
  violations.push_back(action + ": " + what);
}

namespace {

template <class Item>
void put(std::vector<Item>& items, const Item& value, int index) {
  if (items.size() <= size_t(index)) items.resize(size_t(index) + 1);
  items[size_t(index)] = value;
}

}  // namespace

void PropertySet::text(const std::string& name, const std::string& value, int i) { put(all[name].texts, value, i); }
void PropertySet::number(const std::string& name, double value, int i) { put(all[name].numbers, value, i); }
void PropertySet::integer(const std::string& name, int value, int i) { put(all[name].integers, value, i); }
void PropertySet::pointer(const std::string& name, void* value) { put(all[name].pointers, value, 0); }
std::string PropertySet::text_of(const std::string& name) const {
  auto found = all.find(name);
  return found == all.end() || found->second.texts.empty() ? "" : found->second.texts[0];
}

namespace {

PropertySet* set_of(OfxPropertySetHandle handle) { return reinterpret_cast<PropertySet*>(handle); }

bool is_refused(OfxPropertySetHandle handle, const char* name, int index) {
  if (!handle || !name || index < 0 || index > 1000) {
    state.complain("a bad property handle, name or index");
    return true;
  }
  return is_listed("refuses", name);
}

OfxStatus set_pointer(OfxPropertySetHandle h, const char* n, int i, void* v) {
  if (is_refused(h, n, i)) return ofx::UNKNOWN;
  set_of(h)->pointer(n, v);
  return ofx::OK;
}
OfxStatus set_string(OfxPropertySetHandle h, const char* n, int i, const char* v) {
  if (is_refused(h, n, i)) return ofx::UNKNOWN;
  if (!v) { state.complain("a null string"); return ofx::BAD_VALUE; }
  set_of(h)->text(n, v, i);
  return ofx::OK;
}
OfxStatus set_double(OfxPropertySetHandle h, const char* n, int i, double v) {
  if (is_refused(h, n, i)) return ofx::UNKNOWN;
  set_of(h)->number(n, v, i);
  return ofx::OK;
}
OfxStatus set_int(OfxPropertySetHandle h, const char* n, int i, int v) {
  if (is_refused(h, n, i)) return ofx::UNKNOWN;
  set_of(h)->integer(n, v, i);
  return ofx::OK;
}

// Returns the property, or null where this host does not have it.
const Property* look(OfxPropertySetHandle h, const char* n, int i) {
  if (!h || !n || i < 0) { state.complain("a bad property handle, name or index"); return nullptr; }
  if (is_listed("unset", n)) return nullptr;
  auto found = set_of(h)->all.find(n);
  return found == set_of(h)->all.end() ? nullptr : &found->second;
}

template <class Item, class Out>
OfxStatus give(const std::vector<Item>* items, int i, Out* out) {
  if (!items || size_t(i) >= items->size()) return ofx::UNKNOWN;
  *out = (*items)[size_t(i)];
  return ofx::OK;
}

OfxStatus get_pointer(OfxPropertySetHandle h, const char* n, int i, void** v) {
  const Property* p = look(h, n, i);
  return give(p ? &p->pointers : nullptr, i, v);
}
OfxStatus get_string(OfxPropertySetHandle h, const char* n, int i, char** v) {
  const Property* p = look(h, n, i);
  if (!p || size_t(i) >= p->texts.size()) return ofx::UNKNOWN;
  *v = const_cast<char*>(p->texts[size_t(i)].c_str());
  return ofx::OK;
}
OfxStatus get_double(OfxPropertySetHandle h, const char* n, int i, double* v) {
  const Property* p = look(h, n, i);
  return give(p ? &p->numbers : nullptr, i, v);
}
OfxStatus get_int(OfxPropertySetHandle h, const char* n, int i, int* v) {
  const Property* p = look(h, n, i);
  return give(p ? &p->integers : nullptr, i, v);
}
OfxStatus get_dimension(OfxPropertySetHandle h, const char* n, int* v) {
  const Property* p = look(h, n, 0);
  if (!p) return ofx::UNKNOWN;
  *v = int(std::max(std::max(p->texts.size(), p->numbers.size()), std::max(p->integers.size(), p->pointers.size())));
  return ofx::OK;
}
OfxStatus reset_property(OfxPropertySetHandle, const char*) { return ofx::OK; }

const OfxPropertySuite property_suite = {set_pointer, set_string, set_double, set_int, nullptr, nullptr, nullptr,
                                         nullptr, get_pointer, get_string, get_double, get_int, nullptr, nullptr,
                                         nullptr, nullptr, reset_property, get_dimension};

std::string formatted(const char* format, va_list more) {
  char text[4096];
  std::vsnprintf(text, sizeof text, format, more);
  return text;
}

OfxStatus message(void*, const char* type, const char*, const char* format, ...) {
  va_list more;
  va_start(more, format);
  std::string text = formatted(format, more);
  va_end(more);
  if (action != ofx::INSTANCE_CHANGED) state.complain("a message window outside an action of the user");
  std::lock_guard<std::mutex> hold(state.guard);
  state.messages.push_back(std::string(type) + ": " + text);
  return ofx::OK;
}
OfxStatus set_persistent(void* effect, const char*, const char*, const char* format, ...) {
  va_list more;
  va_start(more, format);
  std::string text = formatted(format, more);
  va_end(more);
  static_cast<Effect*>(effect)->persistent = text;
  return ofx::OK;
}
OfxStatus clear_persistent(void* effect) {
  static_cast<Effect*>(effect)->persistent.clear();
  return ofx::OK;
}
OfxMessageSuite message_suite = {message, set_persistent, clear_persistent};

OfxStatus progress_start(void*, const char* label) {
  if (state.is_progress_open.exchange(true)) state.complain("a second progress window");
  std::lock_guard<std::mutex> hold(state.guard);
  state.labels.push_back(label);
  return ofx::OK;
}
OfxStatus progress_update(void*, double share) {
  std::lock_guard<std::mutex> hold(state.guard);
  state.progress.push_back(share);
  return share >= state.cancel_at ? ofx::REPLY_NO : ofx::REPLY_YES;
}
OfxStatus progress_end(void*) {
  if (!state.is_progress_open.exchange(false)) state.complain("an end of a progress window that is not open");
  return ofx::OK;
}
const OfxProgressSuite progress_suite = {progress_start, progress_update, progress_end};

}  // namespace

const void* fetch_suite(OfxPropertySetHandle, const char* name, int version) {
  std::string asked = name;
  if (asked == "OfxPropertySuite" && version == 1) return &property_suite;
  if (asked == "OfxParameterSuite" && version == 1) return &parameter_suite;
  if (asked == "OfxImageEffectSuite" && version == 1) return &effect_suite;
  if (asked == "OfxProgressSuite" && version == 1 && state.profile["progress"].as_bool(true)) return &progress_suite;
  if (asked != "OfxMessageSuite" || version > state.profile["message_version"].as_integer(2)) return nullptr;
  if (state.profile["message_nulls"].as_bool()) message_suite.setPersistent = nullptr, message_suite.clearPersistent = nullptr;
  return &message_suite;
}

OfxHost* make_host() {
  static OfxHost host = {state.properties.handle(), fetch_suite};
  PropertySet& p = state.properties;
  const Json& profile = state.profile;
  p.text(ofx::PROP_NAME, profile["host"].as_text());
  int index = 0;
  for (const Json& depth : profile["depths"].items()) p.text(ofx::PIXEL_DEPTHS, depth.as_text(), index++);
  index = 0;
  for (const Json& number : profile["api"].items()) p.integer("OfxPropAPIVersion", int(number.as_integer()), index++);
  p.integer(ofx::TEMPORAL_ACCESS, int(profile["temporal"].as_integer(1)));
  p.integer(ofx::HOST_IS_BACKGROUND, int(profile["background"].as_integer(0)));
  return &host;
}

}  // namespace testhost
