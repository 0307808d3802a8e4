#include "answer.hpp"

#include "wording.hpp"

namespace svfr {

Answer trouble(Trouble kind, std::string words) {
  Answer answer;
  answer.trouble = kind;
  answer.words = std::move(words);
  return answer;
}

Answer answer_of(Message reply) {
  Answer answer;
  if (reply.op == "error") {
    answer = trouble(Trouble::Error, error_words(reply.body));
    answer.code = reply.body["code"].as_text();
  }
  answer.message = std::move(reply);
  return answer;
}

Answer garbled(const std::runtime_error& problem) {
  return trouble(Trouble::Garbled, std::string("The server's answer cannot be read: ") + problem.what() + ".");
}

}  // namespace svfr
