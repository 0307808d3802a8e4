// Clips, images and parameters of the test host.
#include <cstdarg>
#include <cstring>
#include <fstream>

#include "host_model.hpp"

namespace testhost {

Param* Effect::find(const std::string& name) const {
  for (const auto& param : params)
    if (param->name == name) return param.get();
  return nullptr;
}

namespace {

Effect* effect_of(OfxImageEffectHandle h) { return reinterpret_cast<Effect*>(h); }
Clip* clip_of(OfxImageClipHandle h) { return reinterpret_cast<Clip*>(h); }
Param* param_of(OfxParamHandle h) { return reinterpret_cast<Param*>(h); }

int bytes_of(const std::string& depth) { return depth == ofx::BYTE ? 1 : depth == ofx::FLOAT ? 4 : 2; }
int components_of(const std::string& name) { return name == ofx::RGBA ? 4 : name == ofx::RGB ? 3 : 1; }
std::string text_or(const Json& value, const char* otherwise) { return value.is_text() ? value.as_text() : otherwise; }

OfxStatus get_property_set(OfxImageEffectHandle h, OfxPropertySetHandle* out) {
  *out = effect_of(h)->properties.handle();
  return ofx::OK;
}
OfxStatus get_param_set(OfxImageEffectHandle h, OfxParamSetHandle* out) {
  *out = reinterpret_cast<OfxParamSetHandle>(h);
  return ofx::OK;
}
OfxStatus clip_define(OfxImageEffectHandle h, const char* name, OfxPropertySetHandle* out) {
  if (action != ofx::DESCRIBE_IN_CONTEXT) state.complain("a clip defined outside DescribeInContext");
  auto clip = std::make_unique<Clip>();
  clip->name = name;
  clip->effect = effect_of(h);
  *out = clip->properties.handle();
  effect_of(h)->clips[name] = std::move(clip);
  return ofx::OK;
}
OfxStatus clip_get_handle(OfxImageEffectHandle h, const char* name, OfxImageClipHandle* out, OfxPropertySetHandle* properties) {
  auto found = effect_of(h)->clips.find(name);
  if (found == effect_of(h)->clips.end()) return ofx::BAD_HANDLE;
  *out = reinterpret_cast<OfxImageClipHandle>(found->second.get());
  if (properties) *properties = found->second->properties.handle();
  return ofx::OK;
}
OfxStatus clip_get_property_set(OfxImageClipHandle h, OfxPropertySetHandle* out) {
  *out = clip_of(h)->properties.handle();
  return ofx::OK;
}

// Lays the picture out in memory as this host does: padded rows, from the bottom up or from the top down.
void lay_out(Image& image, const Json& form, const std::vector<char>& packed) {
  int width = int(form["width"].as_integer()), height = int(form["height"].as_integer());
  std::string depth = text_or(form["depth"], ofx::FLOAT), components = text_or(form["components"], ofx::RGBA);
  size_t row = size_t(width) * size_t(bytes_of(depth) * components_of(components)), padded = (row + 15) / 16 * 16 + 16;
  bool is_top_down = state.profile["negative_rows"].as_bool();
  image.memory.assign(padded * size_t(height), char(0x5a));
  for (int y = 0; y < height && row > 0 && packed.size() == row * size_t(height); ++y) {
    size_t line = size_t(is_top_down ? y : height - 1 - y);
    std::memcpy(image.memory.data() + line * padded, packed.data() + size_t(y) * row, row);
  }
  PropertySet& p = image.properties;
  int x1 = int(form["x"].as_integer()), y1 = int(form["y"].as_integer());
  const int bounds[] = {x1, y1, x1 + width, y1 + height};
  for (int i = 0; i < 4; ++i) p.integer(ofx::IMAGE_BOUNDS, bounds[i], i), p.integer("OfxImagePropRegionOfDefinition", bounds[i], i);
  p.pointer(ofx::IMAGE_DATA, image.memory.data() + (is_top_down && height > 0 ? padded * size_t(height - 1) : 0));
  p.integer(ofx::IMAGE_ROW_BYTES, is_top_down ? -int(padded) : int(padded));
  p.text(ofx::PIXEL_DEPTH, depth);
  p.text(ofx::COMPONENTS, components);
  p.text(ofx::PREMULTIPLICATION, text_or(form["premultiplication"], "OfxImageAlphaUnPremultiplied"));
  p.text("OfxImagePropField", text_or(form["field"], ofx::FIELD_NONE));
  p.number("OfxImagePropPixelAspectRatio", form["aspect"].as_number(1.0));
}

std::vector<char> picture_at(const Json& source, double time) {
  char path[2048];
  if (state.profile["gives_current_frame_only"].as_bool()) time = source["now"].as_number();
  std::snprintf(path, sizeof path, source["files"].as_text().c_str(), int(time));
  std::ifstream file(path, std::ios::binary);
  return std::vector<char>(std::istreambuf_iterator<char>(file), {});
}

OfxStatus clip_get_image(OfxImageClipHandle h, OfxTime time, const OfxRectD*, OfxPropertySetHandle* out) {
  Clip* clip = clip_of(h);
  if (action != ofx::RENDER && action != ofx::INSTANCE_CHANGED) state.complain("an image fetched in " + action);
  auto image = std::make_unique<Image>();
  image->clip = clip;
  if (clip->name == "Output") {
    Json form = clip->effect->clips["Source"]->source;
    if (clip->source.is_object()) form = clip->source;
    lay_out(*image, form, {});
  } else {
    std::vector<char> packed = picture_at(clip->source, time);
    if (packed.empty()) return ofx::FAILED;
    lay_out(*image, clip->source, packed);
  }
  image->properties.image = image.get();
  ++state.images_out;
  *out = image.release()->properties.handle();
  return ofx::OK;
}

OfxStatus clip_release_image(OfxPropertySetHandle h) {
  Image* image = reinterpret_cast<PropertySet*>(h)->image;
  if (image->clip->name == "Output") save_picture(*image, image->clip->effect->output_path);
  delete image;
  --state.images_out;
  return ofx::OK;
}

OfxStatus clip_rod(OfxImageClipHandle h, OfxTime, OfxRectD* out) {
  const Json& form = clip_of(h)->source;
  double x = form["x"].as_number(), y = form["y"].as_number();
  *out = OfxRectD{x, y, x + form["width"].as_number(), y + form["height"].as_number()};
  return ofx::OK;
}

int abort_asked(OfxImageEffectHandle h) {
  int64_t at = effect_of(h)->abort_at_ms;
  return at >= 0 && now_ms() >= at;
}

OfxStatus param_define(OfxParamSetHandle h, const char* type, const char* name, OfxPropertySetHandle* out) {
  if (is_listed("refuses_params", name)) return ofx::FAILED;
  Effect* effect = reinterpret_cast<Effect*>(h);
  if (action != ofx::DESCRIBE_IN_CONTEXT) state.complain("a parameter defined outside DescribeInContext");
  if (effect->find(name)) return ofx::EXISTS;
  auto param = std::make_unique<Param>();
  param->type = type;
  param->name = name;
  *out = param->properties.handle();
  effect->params.push_back(std::move(param));
  return ofx::OK;
}
OfxStatus param_get_handle(OfxParamSetHandle h, const char* name, OfxParamHandle* out, OfxPropertySetHandle* properties) {
  Param* param = reinterpret_cast<Effect*>(h)->find(name);
  if (!param) return ofx::UNKNOWN;
  *out = reinterpret_cast<OfxParamHandle>(param);
  if (properties) *properties = param->properties.handle();
  return ofx::OK;
}
OfxStatus param_get_property_set(OfxParamHandle h, OfxPropertySetHandle* out) {
  *out = param_of(h)->properties.handle();
  return ofx::OK;
}
OfxStatus give_value(Param* param, va_list out) {
  if (param->type == ofx::PARAM_STRING) *va_arg(out, char**) = const_cast<char*>(param->text.c_str());
  else if (param->type == ofx::PARAM_DOUBLE) *va_arg(out, double*) = param->number;
  else *va_arg(out, int*) = param->integer;
  return ofx::OK;
}
OfxStatus param_get_value(OfxParamHandle h, ...) {
  va_list out;
  va_start(out, h);
  OfxStatus status = give_value(param_of(h), out);
  va_end(out);
  return status;
}
OfxStatus param_get_value_at(OfxParamHandle h, OfxTime time, ...) {
  va_list out;
  va_start(out, time);
  OfxStatus status = give_value(param_of(h), out);
  va_end(out);
  return status;
}
OfxStatus param_set_value(OfxParamHandle h, ...) {
  if (action != ofx::INSTANCE_CHANGED) state.complain("the parameter " + param_of(h)->name + " set in " + action);
  va_list in;
  va_start(in, h);
  Param* param = param_of(h);
  if (param->type == ofx::PARAM_STRING) param->text = va_arg(in, const char*);
  else if (param->type == ofx::PARAM_DOUBLE) param->number = va_arg(in, double);
  else param->integer = va_arg(in, int);
  va_end(in);
  return ofx::OK;
}

}  // namespace

void save_picture(const Image& image, const std::string& path) {
  if (path.empty()) return;
  const Property& bounds = image.properties.all.at(ofx::IMAGE_BOUNDS);
  int width = bounds.integers[2] - bounds.integers[0], height = bounds.integers[3] - bounds.integers[1];
  size_t row = size_t(width) * size_t(bytes_of(image.properties.text_of(ofx::PIXEL_DEPTH)) *
                                      components_of(image.properties.text_of(ofx::COMPONENTS)));
  std::ptrdiff_t step = image.properties.all.at(ofx::IMAGE_ROW_BYTES).integers[0];
  const char* bottom = static_cast<const char*>(image.properties.all.at(ofx::IMAGE_DATA).pointers[0]);
  std::ofstream file(path, std::ios::binary);
  for (int y = height - 1; y >= 0; --y) file.write(bottom + y * step, std::streamsize(row));
}

const OfxParameterSuite parameter_suite = {param_define, param_get_handle, nullptr, param_get_property_set, param_get_value,
                                           param_get_value_at, nullptr, nullptr, param_set_value, nullptr, nullptr, nullptr,
                                           nullptr, nullptr, nullptr, nullptr, nullptr, nullptr};
const OfxImageEffectSuite effect_suite = {get_property_set, get_param_set, clip_define, clip_get_handle,
                                          clip_get_property_set, clip_get_image, clip_release_image, clip_rod,
                                          abort_asked, nullptr, nullptr, nullptr, nullptr};

}  // namespace testhost
