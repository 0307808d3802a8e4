// What is refused before a frame is sent: each refusal names the control, and what to set it to.
#pragma once
#include <string>

#include "sending.hpp"

namespace svfr {

// Returns why the job cannot be handed in, as far as the host and the controls show it, or nothing.
std::string problem_of(const Handing& h);
// Returns which image is missing at an end of the range, or nothing; the host computes these two frames.
std::string ends_problem(const Handing& h);
// Returns why the server's models cannot do the job, or nothing. `minor`: of the protocol that both speak.
std::string model_problem(Conversation& server, const Settings& settings, int64_t minor, const Patience& patience);

}  // namespace svfr
