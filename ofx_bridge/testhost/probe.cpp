// svfr_probe WHAT: lets the tests look into the plugin's parts. Reads standard input, writes standard output.
//   messages  one JSON array of hexadecimal frames a line; answers the message in JSON, or why it is refused
//   repack    the same, but packs what was read again and answers the frames
//   json      one text a line; answers it written again, or "refused"
//   sha256    all bytes; answers their digest
//   exr       a file; answers its fingerprint, or why it is refused
//   abi       answers the sizes and offsets of the interface
#include <iostream>
#include <iterator>

#include "../src/exr.hpp"
#include "../src/ofx_abi.h"
#include "../src/sha256.hpp"
#include "../src/wire.hpp"

namespace {

using svfr::Json;

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) bytes += char(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

std::string to_hex(const std::string& bytes) {
  static const char digits[] = "0123456789abcdef";
  std::string hex;
  for (unsigned char byte : bytes) {
    hex += digits[byte >> 4];
    hex += digits[byte & 15];
  }
  return hex;
}

Json message_of(const svfr::Message& m) {
  Json buffers = Json::object();
  for (const svfr::Buffer& b : m.buffers) buffers.set(b.name, svfr::sha256_hex(b.data.data(), b.data.size()));
  return Json::object({{"op", m.op}, {"id", m.id}, {"re", m.re.empty() ? Json() : Json(m.re)}, {"body", m.body}, {"buffers", buffers}});
}

Json answer_message(const std::string& line, bool packs) {
  std::vector<std::string> frames;
  const Json hex_frames = Json::read(line, 512 << 20);
  for (const Json& frame : hex_frames.items()) frames.push_back(from_hex(frame.as_text()));
  svfr::Message message = svfr::unpack(frames);
  if (!packs) return message_of(message);
  Json packed = Json::array();
  for (const std::string& frame : svfr::pack(message)) packed.add(to_hex(frame));
  return packed;
}

void each_line(const std::string& what) {
  for (std::string line; std::getline(std::cin, line);) {
    try {
      if (what == "json") std::cout << Json::read(line, 1 << 24).write() << std::endl;
      else std::cout << answer_message(line, what == "repack").write() << std::endl;
    } catch (const std::runtime_error& problem) {
      if (what == "json") std::cout << "refused" << std::endl;
      else std::cout << Json::object({{"refused", problem.what()}}).write() << std::endl;
    }
  }
}

Json abi() {
  return Json::object({{"OfxHost", int(sizeof(OfxHost))}, {"OfxPlugin", int(sizeof(OfxPlugin))},
                       {"OfxPlugin.setHost", int(offsetof(OfxPlugin, setHost))},
                       {"OfxPlugin.mainEntry", int(offsetof(OfxPlugin, mainEntry))},
                       {"OfxPropertySuite", int(sizeof(OfxPropertySuite))},
                       {"OfxPropertySuite.getInt", int(offsetof(OfxPropertySuite, getInt))},
                       {"OfxPropertySuite.getDimension", int(offsetof(OfxPropertySuite, getDimension))},
                       {"OfxImageEffectSuite", int(sizeof(OfxImageEffectSuite))},
                       {"OfxImageEffectSuite.clipGetImage", int(offsetof(OfxImageEffectSuite, clipGetImage))},
                       {"OfxImageEffectSuite.abort", int(offsetof(OfxImageEffectSuite, abort))},
                       {"OfxParameterSuite", int(sizeof(OfxParameterSuite))},
                       {"OfxParameterSuite.getValueAtTime", int(offsetof(OfxParameterSuite, getValueAtTime))},
                       {"OfxParameterSuite.setValue", int(offsetof(OfxParameterSuite, setValue))},
                       {"OfxProgressSuite", int(sizeof(OfxProgressSuite))},
                       {"OfxMessageSuite", int(sizeof(OfxMessageSuite))}});
}

}  // namespace

int main(int count, char** arguments) {
  std::string what = count == 2 ? arguments[1] : "";
  if (what == "abi") {
    std::cout << abi().write() << std::endl;
  } else if (what == "messages" || what == "repack" || what == "json") {
    each_line(what);
  } else {
    std::string all(std::istreambuf_iterator<char>(std::cin), {});
    if (what == "sha256") std::cout << svfr::sha256_hex(all.data(), all.size()) << std::endl;
    if (what == "exr") {
      svfr::ReadExr read = svfr::read_exr(all);
      std::cout << (read.problem.empty() ? svfr::fingerprint(read.pixels) : "refused: " + read.problem) << std::endl;
    }
  }
  return 0;
}
