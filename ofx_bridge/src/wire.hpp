// The framing of SVFR/1 (plugin/PROTOCOL.md section 2): messages to frames and back.
#pragma once
#include <string>
#include <vector>

#include "json.hpp"

namespace svfr {

constexpr size_t MAX_HEADER_BYTES = 64 * 1024;
constexpr size_t MAX_FRAME_BYTES = 8 * 1024 * 1024;
constexpr size_t MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
constexpr size_t MAX_BUFFERS = 16;
constexpr size_t LONG_BODY_BYTES = 48 * 1024;
constexpr int64_t MINOR = 5;

// Raised for a message that is not as PROTOCOL.md lays down.
struct BadMessage : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Buffer {
  std::string name;
  std::string data;
  std::string dtype;            // empty: a JSON buffer; else a raw one
  std::vector<int64_t> shape;
  std::string space;            // empty: null
};

struct Message {
  std::string op;
  Json body = Json::object();
  std::string id;
  std::string re;               // empty: null
  std::vector<Buffer> buffers;
  int64_t minor = MINOR;

  const Buffer* buffer(const std::string& name) const;
};

// Returns 32 random hexadecimal digits.
std::string new_id();
bool is_id(const std::string& text);

// Returns the frames; throws BadMessage for one over a limit, BadJson for text that is not UTF-8.
std::vector<std::string> pack(const Message& message);
// Returns the message; throws BadMessage or BadJson.
Message unpack(const std::vector<std::string>& frames);

}  // namespace svfr
