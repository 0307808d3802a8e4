#include "wording.hpp"

#include <algorithm>
#include <cstring>

namespace svfr {

namespace {

constexpr size_t LONGEST_CODE = 40;
constexpr size_t LONGEST_REMEDY = 200;  // a longer one is a list, which no line of a panel holds

// The same words as in svfr_client/vocabulary.py.
const char* const STAGES[][2] = {
    {"survey", "Looking at the plate"}, {"crop", "Making crops"},  {"encode", "Encoding"},
    {"reference", "Pass 1: reference"}, {"denoise", "Pass 2: restoring"}, {"decode", "Decoding"},
    {"write", "Writing frames"},
};

// What to do here, where the server's advice is an option of the command line or a list.
const char* const REMEDIES[][2] = {
    {"NO_FACE", "Show where it is with a Roto (Faces: Those in the roto), choose Faces: Whole frame, or check the Colour space."},
    {"MASK_EMPTY", "Check the roto's frames, and that its alpha marks something."},
    {"UNKNOWN_COLOUR_SPACE", "Name one of the config's spaces in Colour space, for instance ACEScg."},
};

// The controls that fields of a job come from.
const char* const CONTROLS[][2] = {
    {"colour.config", "OCIO config"},
    {"colour.space", "Colour space"},
    {"references[0].frame", "Reference frame"},
    {"references[0].photo", "Reference photo"},
};

bool is_slash(char c) { return c == '/' || c == '\\'; }

// Returns how many characters from `at` are hexadecimal digits and a slash behind them, or 0.
size_t hex_folder(const std::string& text, size_t at, size_t digits) {
  if (at + digits >= text.size() || !is_slash(text[at + digits])) return 0;
  bool is_hex = text.find_first_not_of("0123456789abcdef", at) == at + digits;
  return is_hex ? digits + 1 : 0;
}

// Returns where the absolute path begins that has a slash at `at`; a folder's name may hold spaces.
size_t begin_of_path(const std::string& text, size_t at) {
  for (size_t i = at + 1; i-- > 0;) {
    if (!is_slash(text[i])) continue;
    if (i >= 2 && text[i - 1] == ':') return i - 2;
    if (i == 0 || std::strchr(" \n\"'(", text[i - 1])) return i;
  }
  return at;
}

std::string part_of(const std::string& name) {
  size_t dot = name.find('.');
  std::string stem = name.substr(0, dot), number;
  if (dot != std::string::npos) number = name.substr(dot + 1, name.find('.', dot + 1) - dot - 1);
  std::string part = stem == "plate" ? "the clip" : stem == "matte" ? "the roto" : stem == "photo" ? "the reference photo"
                     : stem == "config" ? "the OCIO config" : name;
  bool is_frame = (stem == "plate" || stem == "matte") && !number.empty() && number.size() <= 9 &&
                  number.find_first_not_of("0123456789") == std::string::npos;
  return is_frame ? part + " at frame " + std::to_string(std::stol(number)) : part;
}

std::string remedy_of(const std::string& code, const std::string& remedy) {
  if (remedy.size() <= LONGEST_REMEDY && remedy.find("--") == std::string::npos) return remedy;
  for (const auto& known : REMEDIES)
    if (code == known[0]) return known[1];
  return "";
}

std::string with_controls(std::string text) {
  for (const auto& known : CONTROLS)
    for (size_t at = text.find(known[0]); at != std::string::npos; at = text.find(known[0], at))
      text.replace(at, std::strlen(known[0]), known[1]);
  return text;
}

// Returns a code as `svfr explain` takes it, behind what it is the code of.
std::string in_brackets(const std::string& code) {
  bool is_code = !code.empty() && code.size() <= LONGEST_CODE &&
                 code.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == std::string::npos;
  return is_code ? " [" + code + "]" : "";
}

std::string one_problem(const Json& error) {
  std::string words = with_controls(own_words(error["message"].as_text())), path = error["path"].as_text(), own = own_words(path);
  // Where its own frame stands in the words already, or the server's own file is meant, there is nothing to add.
  if (own != path && words.find(own) == std::string::npos) words += " (" + own + ")";
  const std::string& code = error["code"].as_text();
  std::string remedy = with_controls(own_words(remedy_of(code, error["remedy"].as_text())));
  return (remedy.empty() ? words : words + " " + remedy) + in_brackets(code);
}

}  // namespace

std::string error_words(const Json& error) {
  const std::vector<Json>& problems = error["problems"].items();
  if (problems.empty()) return one_problem(error);
  std::string words;
  for (const Json& problem : problems) words += (words.empty() ? "" : "\n") + one_problem(problem);
  return words;
}

std::string own_words(std::string text) {
  static const std::string SETS = "transfers";
  for (size_t at = text.find(SETS); at != std::string::npos; at = text.find(SETS, at + 1)) {
    size_t next = at + SETS.size();
    if (at == 0 || !is_slash(text[at - 1]) || text.compare(next + 1, 4, "sets") != 0 || next + 5 >= text.size()) continue;
    size_t client = hex_folder(text, next + 6, 16);
    size_t set = client ? hex_folder(text, next + 6 + client, 32) : 0;
    if (!set) continue;
    size_t name = next + 6 + client + set, end = std::min(text.find_first_of(" \n\"',;()", name), text.size());
    while (end > name && text[end - 1] == '.') --end;  // a sentence's
    size_t begin = begin_of_path(text, at - 1);
    std::string part = end > name ? part_of(text.substr(name, end - name)) : "what was sent";
    text.replace(begin, end - begin, part);
    at = begin;
  }
  return text;
}

std::string start_of(const std::string& text, size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (text[most] & 0xC0) == 0x80) --most;
  return text.substr(0, most) + "...";
}

std::string stage_words(const std::string& stage) {
  for (const auto& known : STAGES)
    if (stage == known[0]) return known[1];
  return stage;
}

}  // namespace svfr
