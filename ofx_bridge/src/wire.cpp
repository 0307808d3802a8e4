#include "wire.hpp"

#include <algorithm>
#include <random>
#include <set>

namespace svfr {

namespace {

const char MAGIC[] = "SVFR/1";

bool is_word(const std::string& text, size_t most, const char* more) {
  if (text.empty() || text.size() > most || text[0] < 'a' || text[0] > 'z') return false;
  return std::all_of(text.begin(), text.end(), [more](char c) {
    return (c >= 'a' && c <= 'z') || (c && std::string(more).find(c) != std::string::npos);
  });
}

int64_t item_bytes(const std::string& dtype) {
  if (dtype == "|u1") return 1;
  if (dtype == "<u2" || dtype == "<f2") return 2;
  return dtype == "<i4" || dtype == "<f4" ? 4 : 0;
}

size_t frame_count(size_t bytes) { return std::max<size_t>(1, (bytes + MAX_FRAME_BYTES - 1) / MAX_FRAME_BYTES); }

Json described(const Buffer& buffer) {
  Json json = Json::object({{"name", buffer.name},
                            {"kind", buffer.dtype.empty() ? "json" : "raw"},
                            {"bytes", int64_t(buffer.data.size())}});
  if (buffer.dtype.empty()) return json;
  Json shape = Json::array();
  for (int64_t size : buffer.shape) shape.add(size);
  json.set("dtype", buffer.dtype);
  json.set("shape", shape);
  json.set("space", buffer.space.empty() ? Json() : Json(buffer.space));
  return json;
}

void check_raw(const Json& entry, int64_t bytes, Buffer& buffer) {
  const Json& shape = entry["shape"];
  buffer.dtype = entry["dtype"].as_text();
  buffer.space = entry["space"].as_text();
  int64_t product = item_bytes(buffer.dtype);
  if (entry.members().size() != 6 || !product || !shape.is_array() || shape.items().size() > 4 ||
      !(entry["space"].is_null() || entry["space"].is_text()))
    throw BadMessage("a raw buffer has a wrong dtype, shape or space");
  for (const Json& size : shape.items()) {
    int64_t n = size.as_integer();
    if (n <= 0 || n > int64_t(MAX_MESSAGE_BYTES) || product > int64_t(MAX_MESSAGE_BYTES))
      throw BadMessage("a raw buffer has a wrong shape");
    product *= n;
    buffer.shape.push_back(n);
  }
  if (product != bytes) throw BadMessage("a raw buffer's shape does not fit its length");
}

Buffer take_buffer(const Json& entry, const std::vector<std::string>& frames, size_t& next) {
  Buffer buffer;
  buffer.name = entry["name"].as_text();
  const std::string& kind = entry["kind"].as_text();
  int64_t bytes = entry["bytes"].as_integer(-1);
  if (!is_word(buffer.name, 64, "0123456789_.")) throw BadMessage("a buffer has a wrong name");
  if (bytes < 0 || bytes > int64_t(MAX_MESSAGE_BYTES)) throw BadMessage("a buffer has a wrong length");
  if (kind == "raw") check_raw(entry, bytes, buffer);
  else if (kind != "json" || entry.members().size() != 3) throw BadMessage("a buffer is neither json nor raw");
  size_t left = size_t(bytes);
  for (size_t i = frame_count(left); i > 0; --i, ++next) {
    size_t wanted = std::min(left, MAX_FRAME_BYTES);
    if (next >= frames.size() || frames[next].size() != wanted)
      throw BadMessage("a buffer is not as long as its description");
    buffer.data += frames[next];
    left -= wanted;
  }
  return buffer;
}

void check_header(const Json& header) {
  static const char* const keys[] = {"v", "id", "re", "op", "body", "bufs"};
  if (!header.is_object() || header.members().size() != 6) throw BadMessage("the header has wrong keys");
  for (const char* key : keys)
    if (std::none_of(header.members().begin(), header.members().end(),
                     [key](const Json::Member& m) { return m.first == key; }))
      throw BadMessage("the header has wrong keys");
  const std::vector<Json>& version = header["v"].items();
  if (version.size() != 2 || version[0].as_integer() != 1 || version[1].as_integer(-1) < 0)
    throw BadMessage("the message is of another version");
  if (!is_id(header["id"].as_text())) throw BadMessage("the id is wrong");
  if (!header["re"].is_null() && !is_id(header["re"].as_text())) throw BadMessage("re is wrong");
  if (!is_word(header["op"].as_text(), 32, "_")) throw BadMessage("op is wrong");
  if (!header["body"].is_object() || !header["bufs"].is_array()) throw BadMessage("body or bufs is wrong");
  if (header["bufs"].items().size() > MAX_BUFFERS) throw BadMessage("there are too many buffers");
}

}  // namespace

const Buffer* Message::buffer(const std::string& name) const {
  for (const Buffer& each : buffers)
    if (each.name == name) return &each;
  return nullptr;
}

std::string new_id() {
  static thread_local std::random_device device;
  static const char digits[] = "0123456789abcdef";
  std::string id;
  for (int i = 0; i < 4; ++i) {
    uint32_t word = device();
    for (int k = 0; k < 8; ++k, word >>= 4) id += digits[word & 15];
  }
  return id;
}

bool is_id(const std::string& text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::vector<std::string> pack(const Message& message) {
  std::vector<Buffer> buffers = message.buffers;
  Json body = message.body;
  std::string written = body.write();
  if (written.size() > LONG_BODY_BYTES) {
    body = Json::object();
    buffers.insert(buffers.begin(), Buffer{"body", written, "", {}, ""});
  }
  Json bufs = Json::array();
  size_t total = 0;
  for (const Buffer& buffer : buffers) {
    bufs.add(described(buffer));
    total += buffer.data.size();
  }
  Json header = Json::object({{"v", Json::array({Json(1), Json(message.minor)})},
                              {"id", message.id},
                              {"re", message.re.empty() ? Json() : Json(message.re)},
                              {"op", message.op},
                              {"body", body},
                              {"bufs", bufs}});
  std::vector<std::string> frames = {MAGIC, header.write()};
  if (frames[1].size() > MAX_HEADER_BYTES || buffers.size() > MAX_BUFFERS || total > MAX_MESSAGE_BYTES)
    throw BadMessage("the message is over a limit of the protocol");
  for (const Buffer& buffer : buffers)
    for (size_t i = 0; i < frame_count(buffer.data.size()); ++i)
      frames.push_back(buffer.data.substr(i * MAX_FRAME_BYTES, MAX_FRAME_BYTES));
  return frames;
}

Message unpack(const std::vector<std::string>& frames) {
  if (frames.size() < 2 || frames[0] != MAGIC) throw BadMessage("this is not an SVFR/1 message");
  if (frames.size() > 2 + MAX_BUFFERS + MAX_MESSAGE_BYTES / MAX_FRAME_BYTES) throw BadMessage("too many frames");
  size_t total = 0;
  for (size_t i = 2; i < frames.size(); ++i) total += frames[i].size();
  if (total > MAX_MESSAGE_BYTES) throw BadMessage("the message is too long");
  Json header = Json::read(frames[1], MAX_HEADER_BYTES);
  check_header(header);
  Message message;
  message.op = header["op"].as_text();
  message.body = header["body"];
  message.id = header["id"].as_text();
  message.re = header["re"].as_text();
  message.minor = header["v"].items()[1].as_integer();
  size_t next = 2;
  std::set<std::string> names;
  for (const Json& entry : header["bufs"].items()) {
    message.buffers.push_back(take_buffer(entry, frames, next));
    if (!names.insert(message.buffers.back().name).second) throw BadMessage("a buffer comes twice");
  }
  if (next != frames.size()) throw BadMessage("there are frames that no buffer describes");
  for (size_t i = 0; i < message.buffers.size(); ++i) {
    if (message.buffers[i].name != "body") continue;
    Json body = Json::read(message.buffers[i].data, MAX_MESSAGE_BYTES);
    if (!message.body.members().empty() || !body.is_object()) throw BadMessage("the body comes twice");
    message.body = body;
    message.buffers.erase(message.buffers.begin() + std::ptrdiff_t(i));
    break;
  }
  return message;
}

}  // namespace svfr
