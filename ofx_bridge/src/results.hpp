// Frames of a job back from the server (plugin/PROTOCOL.md section 8), and those that were fetched, in memory.
#pragma once
#include <memory>
#include <string>

#include "conversation.hpp"
#include "exr.hpp"

namespace svfr {

// How a frame of a job stands.
struct Result {
  enum class State { Ready, NotReady, Failed, Unreachable } state = State::Unreachable;
  std::string words;
  std::shared_ptr<const ReadExr> frame;
};

// Returns a frame from the cache in memory, or from the server: `first` limits the wait for the first sign,
// `more` that for each further piece. What came of a frame before the server fell silent is kept for the next call.
Result fetch_result(Conversation& server, const std::string& job, int frame, const Patience& first,
                    const Patience& more);
// Empties the cache in memory.
void forget_results();

}  // namespace svfr
