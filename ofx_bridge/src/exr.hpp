// The one kind of EXR this plugin needs: single part, scan lines, no compression. The server returns a plate
// frame in the plate's own form, so what was sent like this comes back like this.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace svfr {

// Rows from the top, 4 floats per pixel: red, green, blue, alpha (1 where the image has none).
struct Pixels {
  int width = 0, height = 0;
  bool has_alpha = true;
  std::vector<float> rgba;
  const float* row(int y) const { return rgba.data() + size_t(y) * size_t(width) * 4; }
  float* row(int y) { return rgba.data() + size_t(y) * size_t(width) * 4; }
};

// Returns 32 hexadecimal digits that change when any bit of the pixels does; quick, not cryptographic.
std::string fingerprint(const Pixels& pixels);

// What a plate says of the source that it is of: its fingerprint, and its coarse means (coarse.hpp).
struct SourceWords {
  std::string fingerprint;  // the attribute svfrSource
  std::string means;        // the attribute svfrSourceMeans
};

// Returns the file's bytes; `source` is kept in it. Pixel aspect is width over height.
std::string write_exr(const Pixels& pixels, double pixel_aspect, const SourceWords& source);
// Returns a file with one channel, Y, from the alpha of the pixels.
std::string write_matte(const Pixels& pixels);

struct ReadExr {
  Pixels pixels;
  SourceWords source;
  std::string problem;  // why the file cannot be read; empty when it was
};
// Reads what write_exr wrote, also after the server has replaced pixels and added attributes. Never throws but
// std::bad_alloc; every length and offset in the file is checked.
ReadExr read_exr(const std::string& file);

}  // namespace svfr
