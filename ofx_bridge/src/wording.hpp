// What the server says, in the words of this effect: its controls, its clips, and not the command line's.
#pragma once
#include <string>

#include "json.hpp"

namespace svfr {

// Returns an error of the protocol as one text: every problem, where it is, what to do here, and its code.
std::string error_words(const Json& error);
// Returns the text with what was sent by its part in the job, in the place of the server's private paths.
std::string own_words(std::string text);
// Returns a text that is shortened, between two characters, to so many bytes.
std::string start_of(const std::string& text, size_t most);
// Returns what people read for a stage of a job; one that is unknown stands as it is.
std::string stage_words(const std::string& stage);

}  // namespace svfr
