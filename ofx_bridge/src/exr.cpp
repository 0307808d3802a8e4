#include "exr.hpp"

#include <algorithm>
#include <cstring>

namespace svfr {

namespace {

constexpr int MAX_SIDE = 32768;
constexpr int FLOAT_CHANNEL = 2;
const char SOURCE[] = "svfrSource", MEANS[] = "svfrSourceMeans";

void put32(std::string& out, uint32_t value) {
  for (int i = 0; i < 4; ++i) out += char(value >> (8 * i));
}
void put_float(std::string& out, float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  put32(out, bits);
}
void attribute(std::string& out, const char* name, const char* type, const std::string& value) {
  out.append(name).push_back('\0');
  out.append(type).push_back('\0');
  put32(out, uint32_t(value.size()));
  out += value;
}

struct Channel { const char* name; int component; };

std::string window_of(const Pixels& pixels) {
  std::string box;
  for (int value : {0, 0, pixels.width - 1, pixels.height - 1}) put32(box, uint32_t(value));
  return box;
}

std::string header(const Pixels& pixels, const std::vector<Channel>& channels, double aspect,
                   const SourceWords& source) {
  std::string list, one, ratio, centre;
  for (const Channel& channel : channels) {
    list.append(channel.name).push_back('\0');
    put32(list, FLOAT_CHANNEL);
    put32(list, 0);
    put32(list, 1);
    put32(list, 1);
  }
  list += '\0';
  put_float(one, 1.0f);
  put_float(ratio, float(aspect));
  put_float(centre, 0.0f);
  put_float(centre, 0.0f);
  std::string out("\x76\x2f\x31\x01\x02\0\0\0", 8);
  attribute(out, "channels", "chlist", list);
  attribute(out, "compression", "compression", std::string(1, '\0'));
  attribute(out, "dataWindow", "box2i", window_of(pixels));
  attribute(out, "displayWindow", "box2i", window_of(pixels));
  attribute(out, "lineOrder", "lineOrder", std::string(1, '\0'));
  attribute(out, "pixelAspectRatio", "float", ratio);
  attribute(out, "screenWindowCenter", "v2f", centre);
  attribute(out, "screenWindowWidth", "float", one);
  if (!source.fingerprint.empty()) attribute(out, SOURCE, "string", source.fingerprint);
  if (!source.means.empty()) attribute(out, MEANS, "string", source.means);
  out += '\0';
  return out;
}

std::string write(const Pixels& pixels, const std::vector<Channel>& channels, double aspect,
                  const SourceWords& source) {
  std::string out = header(pixels, channels, aspect, source);
  size_t line = channels.size() * size_t(pixels.width) * 4;
  uint64_t at = out.size() + size_t(pixels.height) * 8;
  out.reserve(size_t(at) + size_t(pixels.height) * (line + 8));
  for (int y = 0; y < pixels.height; ++y, at += line + 8)
    for (int i = 0; i < 8; ++i) out += char(at >> (8 * i));
  std::vector<float> plane(size_t(pixels.width));
  for (int y = 0; y < pixels.height; ++y) {
    put32(out, uint32_t(y));
    put32(out, uint32_t(line));
    for (const Channel& channel : channels) {
      const float* row = pixels.row(y) + channel.component;
      for (int x = 0; x < pixels.width; ++x) std::memcpy(&plane[size_t(x)], row + 4 * x, 4);
      out.append(reinterpret_cast<const char*>(plane.data()), plane.size() * 4);
    }
  }
  return out;
}

// Reads with bounds: after anything that is not there, `is_good` stays false and everything reads as zero.
struct Cursor {
  const std::string& data;
  size_t at;
  bool is_good = true;

  bool has(size_t bytes) {
    is_good = is_good && bytes <= data.size() && at <= data.size() - bytes;
    return is_good;
  }
  uint64_t number(int bytes) {
    uint64_t value = 0;
    if (!has(size_t(bytes))) return 0;
    for (int i = 0; i < bytes; ++i) value |= uint64_t(uint8_t(data[at + size_t(i)])) << (8 * i);
    at += size_t(bytes);
    return value;
  }
  std::string name() {
    size_t end = data.find('\0', std::min(at, data.size()));
    if (!is_good || end == std::string::npos || end - at > 255) { is_good = false; return ""; }
    std::string text = data.substr(at, end - at);
    at = end + 1;
    return text;
  }
};

struct Header {
  std::vector<int> components;  // of each channel in the file's order: 0 to 3, or -1 for one that is not ours
  int width = 0, height = 0, top = 0;
  SourceWords source;
};

std::vector<int> channels_of(const std::string& list, bool& is_good) {
  std::vector<int> components;
  Cursor cursor{list, 0};
  for (std::string name = cursor.name(); cursor.is_good && !name.empty(); name = cursor.name()) {
    bool is_float = cursor.number(4) == FLOAT_CHANNEL;
    cursor.number(4);
    bool is_full = cursor.number(4) == 1;
    is_full = cursor.number(4) == 1 && is_full;
    is_good = is_good && is_float && is_full && components.size() < 16;
    size_t found = std::string("RGBA").find(name);
    components.push_back(name.size() == 1 && found != std::string::npos ? int(found) : -1);
  }
  is_good = is_good && cursor.is_good;
  return components;
}

std::string read_header(Cursor& cursor, Header& header) {
  if (cursor.number(4) != 0x01312f76 || cursor.number(4) != 2) return "the file is no plain EXR";
  bool is_good = true, is_plain = false, has_window = false;
  for (int count = 0; count < 512; ++count) {
    std::string name = cursor.name();
    if (name.empty()) break;
    std::string type = cursor.name();
    size_t size = size_t(cursor.number(4));
    if (!cursor.has(size)) break;
    std::string value = cursor.data.substr(cursor.at, size);
    cursor.at += size;
    if (name == "channels") header.components = channels_of(value, is_good);
    if (name == "compression") is_plain = value == std::string(1, '\0');
    if (name == SOURCE && type == "string") header.source.fingerprint = value;
    if (name == MEANS && type == "string") header.source.means = value;
    if (name == "dataWindow" && size == 16) {
      Cursor box{value, 0};
      int64_t side[4];
      for (int64_t& each : side) each = int32_t(uint32_t(box.number(4)));
      int64_t width = side[2] - side[0] + 1, height = side[3] - side[1] + 1;
      has_window = width > 0 && height > 0 && width <= MAX_SIDE && height <= MAX_SIDE;
      if (has_window) { header.width = int(width); header.height = int(height); header.top = int(side[1]); }
    }
  }
  int found = 0;
  for (int component : header.components) if (component >= 0) found |= 1 << component;
  if (!cursor.is_good || !has_window || !is_good || (found & 7) != 7) return "the EXR's header is not as expected";
  return is_plain ? "" : "the EXR is compressed";
}

}  // namespace

std::string fingerprint(const Pixels& pixels) {
  uint64_t a = 0x9e3779b97f4a7c15ull ^ uint64_t(pixels.width), b = 0xc2b2ae3d27d4eb4full ^ uint64_t(pixels.height);
  const unsigned char* p = reinterpret_cast<const unsigned char*>(pixels.rgba.data());
  for (size_t n = pixels.rgba.size() / 4; n > 0; --n, p += 16) {
    uint64_t word[2];
    std::memcpy(word, p, 16);
    a = (a ^ word[0]) * 0xff51afd7ed558ccdull;
    b = (b ^ word[1]) * 0xc4ceb9fe1a85ec53ull;
    a = (a << 29 | a >> 35) + b;
    b = (b << 31 | b >> 33) ^ a;
  }
  a += pixels.has_alpha;
  static const char digits[] = "0123456789abcdef";
  std::string hex;
  for (uint64_t word : {a, b})
    for (int shift = 60; shift >= 0; shift -= 4) hex += digits[(word >> shift) & 15];
  return hex;
}

std::string write_exr(const Pixels& pixels, double pixel_aspect, const SourceWords& source) {
  std::vector<Channel> channels = {{"B", 2}, {"G", 1}, {"R", 0}};
  if (pixels.has_alpha) channels.insert(channels.begin(), Channel{"A", 3});
  return write(pixels, channels, pixel_aspect, source);
}

std::string write_matte(const Pixels& pixels) { return write(pixels, {{"Y", 3}}, 1.0, {}); }

ReadExr read_exr(const std::string& file) {
  ReadExr result;
  Header header;
  Cursor cursor{file, 0};
  result.problem = read_header(cursor, header);
  if (!result.problem.empty()) return result;
  size_t plane = size_t(header.width) * 4, line = plane * header.components.size();
  // Before anything of this size is made, the file must be long enough to fill it.
  if (!cursor.has(size_t(header.height) * (line + 16))) {
    result.problem = "the EXR is not complete";
    return result;
  }
  Pixels& pixels = result.pixels;
  pixels.width = header.width;
  pixels.height = header.height;
  pixels.has_alpha = std::count(header.components.begin(), header.components.end(), 3) > 0;
  pixels.rgba.assign(size_t(header.width) * size_t(header.height) * 4, 1.0f);
  for (int i = 0; i < header.height; ++i) {
    Cursor block{file, size_t(cursor.number(8))};
    int64_t y = int32_t(uint32_t(block.number(4))) - int64_t(header.top);
    bool is_whole = block.number(4) == line && block.has(line) && y >= 0 && y < header.height;
    if (!is_whole) {
      result.problem = "the EXR is damaged";
      return result;
    }
    for (size_t c = 0; c < header.components.size(); ++c) {
      if (header.components[c] < 0) continue;
      float* row = pixels.row(int(y)) + header.components[c];
      const char* from = file.data() + block.at + c * plane;
      for (int x = 0; x < header.width; ++x) std::memcpy(row + 4 * x, from + 4 * x, 4);
    }
  }
  result.source = header.source;
  return result;
}

}  // namespace svfr
