// What a request came to: the service's answer, or why there is none.
#pragma once
#include <stdexcept>
#include <string>

#include "wire.hpp"

namespace svfr {

enum class Trouble { None, NoLibrary, NoServer, Silent, Garbled, Refused, Error, Aborted };

// An answer, or why there is none: `words` for the artist, `code` of an error that the service answered.
struct Answer {
  Trouble trouble = Trouble::None;
  std::string words;
  std::string code;
  Message message;
  explicit operator bool() const { return trouble == Trouble::None; }
};

Answer trouble(Trouble kind, std::string words);
// Returns a reply as the answer that it is: what the service did, or its error.
Answer answer_of(Message reply);
// Returns the trouble with a reply that cannot be read.
Answer garbled(const std::runtime_error& problem);

}  // namespace svfr
