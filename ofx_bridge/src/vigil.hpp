// Says that the server does not answer, while it is waited for.
#pragma once
#include <functional>
#include <string>

#include "conversation.hpp"

namespace svfr {

// `say` hears what to show once nothing has been answered for some seconds, and an empty text once that is over.
class Vigil {
 public:
  Vigil(const Conversation& server, std::function<void(const std::string&)> say) : server_(server), say_(std::move(say)) {}
  // To be called again and again while an answer is waited for, at the latest until then.
  void waits(Clock::time_point until);

 private:
  const Conversation& server_;
  const std::function<void(const std::string&)> say_;
  Clock::time_point began_{}, called_at_{}, until_{};
  bool is_said_ = false;
};

}  // namespace svfr
