#include "images.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace svfr {

namespace {

constexpr int MAX_SIDE = 32768;

template <class Number>
Number load(const char* from) {
  Number value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

float load_as_float(const char* from, Depth depth) {
  switch (depth) {
    case Depth::Byte: return float(load<uint8_t>(from)) / 255.0f;
    case Depth::Short: return float(load<uint16_t>(from)) / 65535.0f;
    case Depth::Half: return half_to_float(load<uint16_t>(from));
    case Depth::Float: break;
  }
  return load<float>(from);
}

float whole(float value, float most) { return value > 0 ? std::floor(std::min(value, 1.0f) * most + 0.5f) : 0; }

void store_float(char* to, Depth depth, float value) {
  switch (depth) {
    case Depth::Byte: *to = char(uint8_t(whole(value, 255.0f))); return;
    case Depth::Short: { uint16_t n = uint16_t(whole(value, 65535.0f)); std::memcpy(to, &n, 2); return; }
    case Depth::Half: { uint16_t n = float_to_half(value); std::memcpy(to, &n, 2); return; }
    case Depth::Float: std::memcpy(to, &value, 4); return;
  }
}

int bytes_of(Depth depth) { return depth == Depth::Byte ? 1 : depth == Depth::Float ? 4 : 2; }

bool read_form(const Properties& image, View& view) {
  std::string depth = image.text(ofx::PIXEL_DEPTH), components = image.text(ofx::COMPONENTS);
  if (depth == ofx::BYTE) view.depth = Depth::Byte;
  else if (depth == ofx::SHORT) view.depth = Depth::Short;
  else if (depth == ofx::HALF) view.depth = Depth::Half;
  else if (depth == ofx::FLOAT) view.depth = Depth::Float;
  else return false;
  if (components == ofx::RGBA) view.components = 4;
  else if (components == ofx::RGB) view.components = 3;
  else if (components == ofx::ALPHA) view.components = 1;
  else return false;
  return true;
}

}  // namespace

int View::pixel_bytes() const { return components * bytes_of(depth); }

char* View::at(int x, int y) const {
  return data + std::ptrdiff_t(y - bounds.y1) * row_bytes + std::ptrdiff_t(x - bounds.x1) * pixel_bytes();
}

void View::read(int x, int y, float rgba[4]) const {
  const char* from = at(x, y);
  if (components == 1) {
    rgba[0] = rgba[1] = rgba[2] = rgba[3] = load_as_float(from, depth);
    return;
  }
  rgba[3] = 1.0f;
  for (int c = 0; c < components; ++c) rgba[c] = load_as_float(from + c * bytes_of(depth), depth);
}

void View::write(int x, int y, const float rgba[4]) const {
  char* to = at(x, y);
  for (int c = 0; c < components; ++c) store_float(to + c * bytes_of(depth), depth, rgba[components == 1 ? 3 : c]);
}

ClipImage::ClipImage(OfxImageClipHandle clip, double time) {
  if (!clip || host.effects->clipGetImage(clip, time, nullptr, &handle_) != ofx::OK || !handle_) {
    handle_ = nullptr;
    return;
  }
  Properties image(handle_);
  view_.data = static_cast<char*>(image.pointer(ofx::IMAGE_DATA));
  int* bound[] = {&view_.bounds.x1, &view_.bounds.y1, &view_.bounds.x2, &view_.bounds.y2};
  for (int i = 0; i < 4; ++i) *bound[i] = image.integer(ofx::IMAGE_BOUNDS, 0, i);
  view_.row_bytes = image.integer(ofx::IMAGE_ROW_BYTES);
  // "Premultiplied" is spelled in more than one way by hosts; only the opposite holds the word Un.
  std::string alpha = image.text(ofx::PREMULTIPLICATION);
  view_.is_premultiplied =
      alpha.find("remultiplied") != std::string::npos && alpha.find("UnP") == std::string::npos;
  double aspect = image.number("OfxImagePropPixelAspectRatio", 1);
  view_.pixel_aspect = aspect > 0.01 && aspect < 100 ? aspect : 1;
  field_ = image.text("OfxImagePropField", ofx::FIELD_NONE);
  bool has_form = read_form(image, view_);
  bool has_size = int64_t(view_.bounds.x2) - view_.bounds.x1 > 0 && int64_t(view_.bounds.y2) - view_.bounds.y1 > 0 &&
                  int64_t(view_.bounds.x2) - view_.bounds.x1 <= MAX_SIDE &&
                  int64_t(view_.bounds.y2) - view_.bounds.y1 <= MAX_SIDE;
  is_there_ = has_form && has_size && view_.data &&
              (view_.height() == 1 || std::abs(view_.row_bytes) >= std::ptrdiff_t(view_.width()) * view_.pixel_bytes());
}

ClipImage::~ClipImage() {
  if (handle_) host.effects->clipReleaseImage(handle_);
}

Pixels to_pixels(const View& view) {
  Pixels pixels;
  pixels.width = view.width();
  pixels.height = view.height();
  pixels.has_alpha = view.components == 4;
  pixels.rgba.resize(size_t(pixels.width) * size_t(pixels.height) * 4);
  for (int y = 0; y < pixels.height; ++y) {
    float* to = pixels.row(y);
    for (int x = 0; x < pixels.width; ++x, to += 4) {
      view.read(view.bounds.x1 + x, view.bounds.y2 - 1 - y, to);
      if (!view.is_premultiplied || to[3] == 0 || to[3] == 1) continue;
      for (int c = 0; c < 3; ++c) to[c] /= to[3];
    }
  }
  return pixels;
}

Pixels to_matte(const View& view) {
  View as_it_is = view;
  as_it_is.is_premultiplied = false;
  Pixels pixels = to_pixels(as_it_is);
  if (view.components == 3)  // a mask drawn as a picture: its red
    for (size_t i = 0; i < pixels.rgba.size(); i += 4) pixels.rgba[i + 3] = pixels.rgba[i];
  for (size_t i = 3; i < pixels.rgba.size(); i += 4) {
    float& a = pixels.rgba[i];
    a = a > 0 ? std::min(a, 1.0f) : 0.0f;
  }
  return pixels;
}

float half_to_float(uint16_t half) {
  uint32_t sign = uint32_t(half & 0x8000) << 16, exponent = (half >> 10) & 31, fraction = half & 1023;
  uint32_t bits;
  if (exponent == 31) {
    bits = sign | 0x7f800000 | fraction << 13;
  } else if (exponent) {
    bits = sign | (exponent + 112) << 23 | fraction << 13;
  } else {
    float value = float(fraction) / 16777216.0f;  // 2^-24 each
    return sign ? -value : value;
  }
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

// Rounds to the nearest half, ties to even; what is too large becomes infinite.
uint16_t float_to_half(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  uint16_t sign = uint16_t(bits >> 16 & 0x8000);
  uint32_t size = bits & 0x7fffffff;
  if (size > 0x7f800000) return uint16_t(sign | 0x7c00 | std::max<uint32_t>(1, size >> 13 & 1023));
  if (size >= 0x477ff000) return uint16_t(sign | 0x7c00);
  if (size < 0x38800000) {  // below the smallest normal half
    float scaled;
    std::memcpy(&scaled, &size, 4);
    return uint16_t(sign | uint16_t(std::nearbyint(scaled * 16777216.0f)));
  }
  uint32_t rounded = size - 0x38000000 + 0xfff + (size >> 13 & 1);
  return uint16_t(sign | rounded >> 13);
}

}  // namespace svfr
