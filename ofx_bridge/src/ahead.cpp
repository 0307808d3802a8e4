// Several requests under way at once, over the socket that all threads share.
#include <thread>

#include "conversation.hpp"

namespace svfr {

// The requests of one ask_ahead() that are under way.
class Conversation::Ahead {
 public:
  Ahead(Conversation& own, const Requests& requests, SendWindow& window) : own_(own), requests_(requests), window_(window) {}
  ~Ahead() {
    std::lock_guard<std::mutex> hold(own_.ahead_guard_);
    for (const auto& [id, one] : under_way_) own_.ahead_.erase(id);
  }
  Ahead(const Ahead&) = delete;
  Ahead& operator=(const Ahead&) = delete;

  bool is_done() const { return is_all_made_ && frames_.empty() && under_way_.empty(); }
  // Until when an answer is waited for.
  Clock::time_point heard_by(const Patience& patience) const {
    return heard_at_ + (under_way_.empty() ? std::min(patience.reach, patience.silence) : patience.silence);
  }
  // Sends what the window allows, waits a slice for what comes, and notes it; with the socket in hand.
  Answer pass();
  // Tells of everything that was answered; an error is the service's.
  Answer take();

 private:
  struct One { size_t index; Clock::time_point sent_at; };
  bool make();
  bool fill();

  Conversation& own_;
  const Requests& requests_;
  SendWindow& window_;
  std::map<std::string, One> under_way_;
  std::vector<std::string> frames_;  // of the request that is sent next; empty: it is to be made
  std::string id_;
  size_t made_ = 0;
  bool is_all_made_ = false;
  int breaks_ = -1;
  Clock::time_point heard_at_ = Clock::now();
};

// Returns whether there is a request to send, which is made if need be; throws as pack() does.
bool Conversation::Ahead::make() {
  if (!frames_.empty()) return true;
  Message message;
  if (is_all_made_ || !requests_.next(message)) {
    is_all_made_ = true;
    return false;
  }
  message.id = id_ = new_id();
  frames_ = pack(message);
  ++made_;
  return true;
}

// Returns whether everything was sent that the window allows.
bool Conversation::Ahead::fill() {
  while (under_way_.size() < window_.count() && make()) {
    zmq::PollItem item{own_.socket_, 0, zmq::POLLOUT, 0};
    own_.zmq_->poll(&item, 1, 0);
    if (own_.is_down_ || !(item.revents & zmq::POLLOUT)) return false;
    {
      std::lock_guard<std::mutex> hold(own_.ahead_guard_);
      own_.ahead_.emplace(id_, nullptr);
    }
    under_way_.emplace(id_, One{made_ - 1, Clock::now()});
    if (!own_.send(frames_)) return false;
    frames_.clear();
  }
  return true;
}

Answer Conversation::Ahead::pass() {
  const Answer broken = trouble(Trouble::Silent, "The connection to the SVFR server broke.");
  Answer answer = own_.open();
  if (!answer) return answer;
  if (breaks_ < 0) breaks_ = own_.breaks_;
  if (breaks_ != own_.breaks_) return broken;
  try {
    bool is_filled = fill();
    zmq::PollItem items[] = {{own_.socket_, 0, short(zmq::POLLIN | (is_filled ? 0 : zmq::POLLOUT)), 0},
                             {own_.monitor_, 0, zmq::POLLIN, 0}};
    if (!is_done()) own_.zmq_->poll(items, 2, long(SLICE.count()));
    if (items[1].revents) own_.watch();
    if (!own_.refused_.empty()) return own_.refusal();
    Message reply;
    if (items[0].revents & zmq::POLLIN && own_.receive_reply(reply)) own_.hand_over(std::move(reply));
  } catch (const std::runtime_error& problem) {
    return garbled(problem);
  }
  return breaks_ == own_.breaks_ ? Answer{} : broken;
}

Answer Conversation::Ahead::take() {
  for (auto each = under_way_.begin(); each != under_way_.end();) {
    std::unique_ptr<Message> reply;
    {
      std::lock_guard<std::mutex> hold(own_.ahead_guard_);
      auto found = own_.ahead_.find(each->first);
      if (!found->second) { ++each; continue; }
      reply = std::move(found->second);
      own_.ahead_.erase(found);
    }
    One one = each->second;
    each = under_way_.erase(each);
    heard_at_ = Clock::now();
    Answer answer = answer_of(std::move(*reply));
    if (!answer && !(requests_.is_forgiven && requests_.is_forgiven(one.index, answer))) return answer;
    window_.answered(heard_at_ - one.sent_at);
    if (answer) requests_.answered(one.index, answer.message);
  }
  return Answer{};
}

Answer Conversation::ask_ahead(const Requests& requests, SendWindow& window, const Patience& patience) {
  Ahead ahead(*this, requests, window);
  for (bool is_stopped = false;;) {
    std::unique_lock<std::timed_mutex> hold(lock_, std::defer_lock);
    Clock::time_point began;
    Answer answer = take_turn(hold, patience, began);
    if (!answer) return answer;
    Answer passed = ahead.pass();
    answer = ahead.take();  // before trouble, so that nothing that was carried out is sent again
    if (answer) answer = passed;
    if (answer && is_stopped) answer = trouble(Trouble::Aborted, "Cancelled.");
    // What still waits in the socket would hold up the next request of an artist who has stopped this one.
    if (answer.trouble == Trouble::Refused || answer.trouble == Trouble::Aborted) close();
    if (!answer || ahead.is_done()) return answer;
    if (patience.waiting) ask_for_life();
    hold.unlock();
    Clock::time_point until = ahead.heard_by(patience);
    if (Clock::now() >= until) return trouble(Trouble::Silent, "The SVFR server does not answer.");
    // Who sends much asks after a break what has come, which is waited for in its turn.
    is_stopped = patience.is_aborted(until + (patience.again + 1) * patience.silence);
    if (in_line_.load() > 0) std::this_thread::sleep_for(Millis(1));  // who waits would else never get the lock
  }
}

}  // namespace svfr
