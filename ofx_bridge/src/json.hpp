// Strict, bounded JSON: what plugin/PROTOCOL.md section 2.1 allows and nothing else.
#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace svfr {

// Raised for text that is not strict JSON; what() says where and why.
struct BadJson : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Json {
 public:
  enum class Kind { Null, Bool, Integer, Number, Text, Array, Object };
  using Member = std::pair<std::string, Json>;

  Json() = default;
  Json(bool value) : kind_(Kind::Bool), integer_(value) {}
  Json(int value) : kind_(Kind::Integer), integer_(value) {}
  Json(int64_t value) : kind_(Kind::Integer), integer_(value) {}
  Json(double value) : kind_(Kind::Number), number_(value) {}
  Json(std::string value) : kind_(Kind::Text), text_(std::move(value)) {}
  Json(const char* value) : kind_(Kind::Text), text_(value) {}
  static Json array(std::vector<Json> items = {});
  static Json object(std::vector<Member> members = {});

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::Null; }
  bool is_text() const { return kind_ == Kind::Text; }
  bool is_object() const { return kind_ == Kind::Object; }
  bool is_array() const { return kind_ == Kind::Array; }
  bool is_integer() const { return kind_ == Kind::Integer; }

  // Each returns the value or, for another kind, the given one.
  bool as_bool(bool otherwise = false) const { return kind_ == Kind::Bool ? integer_ != 0 : otherwise; }
  int64_t as_integer(int64_t otherwise = 0) const { return is_integer() ? integer_ : otherwise; }
  double as_number(double otherwise = 0) const;
  const std::string& as_text() const { return text_; }
  const std::vector<Json>& items() const { return items_; }
  const std::vector<Member>& members() const { return members_; }
  // Returns the member of an object; a null value if there is none.
  const Json& operator[](const std::string& name) const;
  void set(const std::string& name, Json value);
  void add(Json value);

  // Returns the text without spaces, non-ASCII characters escaped. Throws BadJson for text that is not UTF-8.
  std::string write() const;
  // Reads one whole text of at most max_bytes, nested at most 64 levels deep; throws BadJson.
  static Json read(const std::string& text, size_t max_bytes);

 private:
  Kind kind_ = Kind::Null;
  int64_t integer_ = 0;
  double number_ = 0;
  std::string text_;
  std::vector<Json> items_;
  std::vector<Member> members_;
};

// Returns the code points of UTF-8 text; throws BadJson for anything else.
std::vector<uint32_t> code_points(const std::string& text);

}  // namespace svfr
