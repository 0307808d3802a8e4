// The host's images: byte to float, RGB, RGBA or alpha, rows of either direction, bounds anywhere.
#pragma once
#include "exr.hpp"
#include "host.hpp"

namespace svfr {

enum class Depth { Byte, Short, Half, Float };

// A host's image in place. `data` is the pixel (bounds.x1, bounds.y1), the bottom left one; y grows upwards.
struct View {
  char* data = nullptr;
  std::ptrdiff_t row_bytes = 0;
  OfxRectI bounds{0, 0, 0, 0};
  int components = 4;
  Depth depth = Depth::Float;
  bool is_premultiplied = false;
  double pixel_aspect = 1;

  int width() const { return bounds.x2 - bounds.x1; }
  int height() const { return bounds.y2 - bounds.y1; }
  int pixel_bytes() const;
  bool holds(int x, int y) const { return x >= bounds.x1 && x < bounds.x2 && y >= bounds.y1 && y < bounds.y2; }
  char* at(int x, int y) const;
  // Reads and writes one pixel as red, green, blue, alpha; of an alpha image all four are the alpha.
  void read(int x, int y, float rgba[4]) const;
  void write(int x, int y, const float rgba[4]) const;
};

// An image borrowed from a clip; given back when it goes out of scope.
class ClipImage {
 public:
  ClipImage(OfxImageClipHandle clip, double time);
  ~ClipImage();
  ClipImage(const ClipImage&) = delete;
  ClipImage& operator=(const ClipImage&) = delete;
  // Whether the host gave an image with pixels in a form this plugin knows.
  bool is_there() const { return is_there_; }
  const View& view() const { return view_; }
  std::string field() const { return field_; }

 private:
  OfxPropertySetHandle handle_ = nullptr;
  View view_;
  std::string field_;
  bool is_there_ = false;
};

// Returns the image as it is sent: rows from the top, alpha divided out of a premultiplied one.
Pixels to_pixels(const View& view);
// Returns the matte of a Mask clip, or of the alpha of any other image, in the alpha channel.
Pixels to_matte(const View& view);

float half_to_float(uint16_t half);
uint16_t float_to_half(float value);

}  // namespace svfr
