#include "json.hpp"

#include <cerrno>
#include <clocale>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <locale>
#include <set>
#include <sstream>

namespace svfr {

namespace {

constexpr int MAX_DEPTH = 64;

void append_utf8(std::string& out, uint32_t c) {
  if (c < 0x80) {
    out += char(c);
  } else if (c < 0x800) {
    out += char(0xc0 | (c >> 6));
    out += char(0x80 | (c & 63));
  } else if (c < 0x10000) {
    out += char(0xe0 | (c >> 12));
    out += char(0x80 | ((c >> 6) & 63));
    out += char(0x80 | (c & 63));
  } else {
    out += char(0xf0 | (c >> 18));
    out += char(0x80 | ((c >> 12) & 63));
    out += char(0x80 | ((c >> 6) & 63));
    out += char(0x80 | (c & 63));
  }
}

// Numbers are read and written in the "C" locale whatever the host has set.
double number_of(const std::string& text) {
  std::istringstream stream(text);
  stream.imbue(std::locale::classic());
  double value = 0;
  stream >> value;
  if (stream.fail() && value == 0) return 0;  // smaller than the smallest number
  if (!std::isfinite(value) || std::fabs(value) >= HUGE_VAL || stream.fail())
    throw BadJson("a number is too large");
  return value;
}

class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {}

  Json all() {
    Json value = any(0);
    spaces();
    if (at_ != text_.size()) fail("something follows the value");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw BadJson(why + ", at byte " + std::to_string(at_));
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void spaces() {
    while (at_ < text_.size() && (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r')) ++at_;
  }
  void word(const char* expected) {
    for (; *expected; ++expected, ++at_)
      if (peek() != *expected) fail("an unknown word");
  }

  Json any(int depth) {
    spaces();
    switch (peek()) {
      case '{': return object(depth + 1);
      case '[': return array(depth + 1);
      case '"': return Json(string());
      case 't': word("true"); return Json(true);
      case 'f': word("false"); return Json(false);
      case 'n': word("null"); return Json();
      default: return number();
    }
  }

  Json array(int depth) {
    if (depth > MAX_DEPTH) fail("nested too deep");
    Json result = Json::array();
    ++at_;
    spaces();
    if (peek() == ']') { ++at_; return result; }
    for (;;) {
      result.add(any(depth));
      spaces();
      char next = peek();
      ++at_;
      if (next == ']') return result;
      if (next != ',') fail("an array is not closed");
    }
  }

  Json object(int depth) {
    if (depth > MAX_DEPTH) fail("nested too deep");
    std::vector<Json::Member> members;
    std::set<std::string> names;
    ++at_;
    spaces();
    if (peek() == '}') { ++at_; return Json::object(); }
    for (;;) {
      spaces();
      if (peek() != '"') fail("a name is missing");
      std::string name = string();
      if (!names.insert(name).second) fail("an object has the same key twice");
      spaces();
      if (peek() != ':') fail("a colon is missing");
      ++at_;
      members.emplace_back(std::move(name), any(depth));
      spaces();
      char next = peek();
      ++at_;
      if (next == '}') return Json::object(std::move(members));
      if (next != ',') fail("an object is not closed");
    }
  }

  Json number() {
    size_t begin = at_;
    bool is_whole = true;
    if (peek() == '-') ++at_;
    if (peek() == '0') ++at_;
    else digits();
    if (peek() == '.') { is_whole = false; ++at_; digits(); }
    if (peek() == 'e' || peek() == 'E') {
      is_whole = false;
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      digits();
    }
    std::string text = text_.substr(begin, at_ - begin);
    if (!is_whole) return Json(number_of(text));
    errno = 0;
    long long value = text.size() > 20 ? (errno = ERANGE, 0) : std::strtoll(text.c_str(), nullptr, 10);
    if (errno) fail("an integer does not fit 64 bits");
    return Json(int64_t(value));
  }
  void digits() {
    if (peek() < '0' || peek() > '9') fail("this is no value");
    while (peek() >= '0' && peek() <= '9') ++at_;
  }

  uint32_t hex4() {
    uint32_t value = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      char c = peek();
      if (c >= '0' && c <= '9') value = value * 16 + uint32_t(c - '0');
      else if (c >= 'a' && c <= 'f') value = value * 16 + uint32_t(c - 'a' + 10);
      else if (c >= 'A' && c <= 'F') value = value * 16 + uint32_t(c - 'A' + 10);
      else fail("a bad escape");
    }
    return value;
  }

  std::string string() {
    std::string out;
    for (++at_;;) {
      if (at_ >= text_.size()) fail("a text is not closed");
      unsigned char c = static_cast<unsigned char>(text_[at_++]);
      if (c == '"') return out;
      if (c < 0x20) fail("a control character in a text");
      if (c != '\\') { out += char(c); continue; }
      escape(out);
    }
  }
  void escape(std::string& out) {
    char c = peek();
    ++at_;
    switch (c) {
      case '"': case '\\': case '/': out += c; return;
      case 'b': out += '\b'; return;
      case 'f': out += '\f'; return;
      case 'n': out += '\n'; return;
      case 'r': out += '\r'; return;
      case 't': out += '\t'; return;
      case 'u': break;
      default: fail("a bad escape");
    }
    uint32_t unit = hex4();
    if (unit >= 0xd800 && unit < 0xdc00) {
      if (peek() != '\\' || at_ + 1 >= text_.size() || text_[at_ + 1] != 'u') fail("a lone surrogate");
      at_ += 2;
      uint32_t low = hex4();
      if (low < 0xdc00 || low >= 0xe000) fail("a lone surrogate");
      unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    } else if (unit >= 0xdc00 && unit < 0xe000) {
      fail("a lone surrogate");
    }
    append_utf8(out, unit);
  }

  const std::string& text_;
  size_t at_ = 0;
};

void write_text(std::string& out, const std::string& text) {
  char escaped[16];
  out += '"';
  for (uint32_t c : code_points(text)) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += char(c);
    } else if (c >= 0x20 && c < 0x7f) {
      out += char(c);
    } else if (c < 0x10000) {
      std::snprintf(escaped, sizeof escaped, "\\u%04x", unsigned(c));
      out += escaped;
    } else {
      std::snprintf(escaped, sizeof escaped, "\\u%04x\\u%04x", unsigned(0xd800 + ((c - 0x10000) >> 10)),
                    unsigned(0xdc00 + ((c - 0x10000) & 1023)));
      out += escaped;
    }
  }
  out += '"';
}

void write_value(std::string& out, const Json& value) {
  switch (value.kind()) {
    case Json::Kind::Null: out += "null"; return;
    case Json::Kind::Bool: out += value.as_bool() ? "true" : "false"; return;
    case Json::Kind::Integer: out += std::to_string(value.as_integer()); return;
    case Json::Kind::Number: {
      if (!std::isfinite(value.as_number())) throw BadJson("a number that is not finite");
      std::ostringstream stream;
      stream.imbue(std::locale::classic());
      stream.precision(17);
      stream << value.as_number();
      std::string text = stream.str();
      out += text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
      return;
    }
    case Json::Kind::Text: write_text(out, value.as_text()); return;
    case Json::Kind::Array: {
      const char* between = "[";
      for (const Json& item : value.items()) { out += between; write_value(out, item); between = ","; }
      out += value.items().empty() ? "[]" : "]";
      return;
    }
    case Json::Kind::Object: {
      const char* between = "{";
      for (const Json::Member& member : value.members()) {
        out += between;
        write_text(out, member.first);
        out += ':';
        write_value(out, member.second);
        between = ",";
      }
      out += value.members().empty() ? "{}" : "}";
      return;
    }
  }
}

}  // namespace

std::vector<uint32_t> code_points(const std::string& text) {
  std::vector<uint32_t> points;
  for (size_t i = 0; i < text.size();) {
    unsigned char c = static_cast<unsigned char>(text[i]);
    size_t more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : 9;
    if (more == 9 || i + more >= text.size()) throw BadJson("the text is not UTF-8");
    uint32_t point = more == 0 ? c : c & (0x3fu >> more);
    for (size_t k = 1; k <= more; ++k) {
      unsigned char next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) throw BadJson("the text is not UTF-8");
      point = (point << 6) | (next & 0x3f);
    }
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    if (point < least[more] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
      throw BadJson("the text is not UTF-8");
    points.push_back(point);
    i += more + 1;
  }
  return points;
}

Json Json::array(std::vector<Json> items) {
  Json result;
  result.kind_ = Kind::Array;
  result.items_ = std::move(items);
  return result;
}

Json Json::object(std::vector<Member> members) {
  Json result;
  result.kind_ = Kind::Object;
  result.members_ = std::move(members);
  return result;
}

double Json::as_number(double otherwise) const {
  return kind_ == Kind::Number ? number_ : kind_ == Kind::Integer ? double(integer_) : otherwise;
}

const Json& Json::operator[](const std::string& name) const {
  static const Json nothing;
  for (const Member& member : members_)
    if (member.first == name) return member.second;
  return nothing;
}

void Json::set(const std::string& name, Json value) {
  kind_ = Kind::Object;
  for (Member& member : members_)
    if (member.first == name) { member.second = std::move(value); return; }
  members_.emplace_back(name, std::move(value));
}

void Json::add(Json value) {
  kind_ = Kind::Array;
  items_.push_back(std::move(value));
}

std::string Json::write() const {
  std::string out;
  write_value(out, *this);
  return out;
}

Json Json::read(const std::string& text, size_t max_bytes) {
  if (text.size() > max_bytes) throw BadJson("the text is too long");
  code_points(text);
  return Reader(text).all();
}

}  // namespace svfr
