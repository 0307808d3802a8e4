#include "conversation.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <thread>

namespace svfr {

namespace {

constexpr size_t CREDIT_EVERY_BYTES = 256 * 1024;
constexpr Millis SLICE(10);       // how often abort() is asked while waiting
constexpr int MOST_STUMBLES = 6;  // handshakes that may fail in a row with a server that was there: about 3 s
constexpr Millis ALIVE(250);      // a service heard so recently keeps those waiting that stand in line

std::mutex all_guard;
std::map<std::string, std::shared_ptr<Conversation>>& all() {
  // Never destroyed: at the end of the process libzmq may be gone before this library is.
  static auto* conversations = new std::map<std::string, std::shared_ptr<Conversation>>();
  return *conversations;
}
void* context = nullptr;  // one per process, under all_guard

int64_t now_ms() { return std::chrono::duration_cast<Millis>(Clock::now().time_since_epoch()).count(); }

// Returns the time left as whole milliseconds, at least 1 while any is left, at most a slice.
long slice_until(Clock::time_point end) {
  auto left = std::chrono::duration_cast<std::chrono::microseconds>(end - Clock::now()).count();
  return left <= 0 ? 0 : long(std::min<int64_t>((left + 999) / 1000, SLICE.count()));
}

Answer trouble(Trouble kind, std::string words) {
  Answer answer;
  answer.trouble = kind;
  answer.words = std::move(words);
  return answer;
}

}  // namespace

struct Conversation::Waiting {
  Clock::time_point until;
  const std::function<bool()>& aborted;
  bool is_aborted() const { return aborted && aborted(); }
  bool is_over() const { return Clock::now() >= until; }
};

Conversation::~Conversation() { close(); }

std::shared_ptr<Conversation> Conversation::with(const std::string& connection_file) {
  std::string path = connection_path(connection_file);
  std::lock_guard<std::mutex> hold(all_guard);
  std::shared_ptr<Conversation>& found = all()[path];
  if (!found) found = std::make_shared<Conversation>(path);
  return found;
}

void Conversation::end_all() {
  std::lock_guard<std::mutex> hold(all_guard);
  all().clear();
  const ZmqLibrary* zmq = context ? ZmqLibrary::get() : nullptr;
  if (zmq) zmq->ctx_term(context);
  context = nullptr;
}

void Conversation::prepare() {
  std::unique_lock<std::timed_mutex> hold(lock_, std::try_to_lock);
  if (hold.owns_lock()) open();
}

Answer Conversation::ask(const std::string& op, Json body, std::vector<Buffer> buffers, const Patience& patience) {
  Message message;
  message.op = op;
  message.body = std::move(body);
  message.id = new_id();
  message.buffers = std::move(buffers);
  std::vector<std::string> frames;
  try {
    frames = pack(message);
  } catch (const std::runtime_error& problem) {
    return trouble(Trouble::Error, std::string("The request cannot be sent: ") + problem.what() + ".");
  }
  message.buffers.clear();
  Clock::time_point until = Clock::now() + patience.silence;
  std::unique_lock<std::timed_mutex> hold(lock_, std::defer_lock);
  while (!hold.try_lock_for(std::chrono::milliseconds(slice_until(until)))) {
    if (patience.aborted && patience.aborted()) return trouble(Trouble::Aborted, "Cancelled.");
    bool is_served = now_ms() - heard_.load() < ALIVE.count();
    if (is_served) until = Clock::now() + patience.silence;
    else if (Clock::now() >= until) return trouble(Trouble::Silent, "The SVFR server does not answer.");
  }
  for (int attempt = 0;; ++attempt) {
    Waiting waiting{attempt == 0 ? until : Clock::now() + patience.silence, patience.aborted};
    Answer answer = open();
    if (answer) answer = try_once(message, frames, waiting);
    if (answer.trouble == Trouble::Refused) close();  // the next request begins anew: keys may be authorised
    if (answer.trouble != Trouble::Silent || attempt >= patience.again) return answer;
  }
}

Answer Conversation::open() {
  if (socket_ && connection_stamp(path_) == connection_.stamp) return Answer{};
  close();
  std::string problem = read_connection(path_, connection_);
  if (!problem.empty()) return trouble(Trouble::NoServer, problem);
  zmq_ = ZmqLibrary::get();
  if (!zmq_) return trouble(Trouble::NoLibrary, "The plugin's bundle is damaged: " + ZmqLibrary::why() + ".");
  std::lock_guard<std::mutex> hold(all_guard);
  if (!context) context = zmq_->ctx_new();
  socket_ = context ? zmq_->socket(context, zmq::DEALER) : nullptr;
  if (!socket_) return trouble(Trouble::NoLibrary, "No socket can be made.");
  const std::pair<int, int> options[] = {
      {zmq::LINGER, 0}, {zmq::IMMEDIATE, 1}, {zmq::RECONNECT_IVL, 50}, {zmq::RECONNECT_IVL_MAX, 2000},
      {zmq::SNDHWM, 256}, {zmq::RCVHWM, 0}, {zmq::HEARTBEAT_IVL, 2000}, {zmq::HEARTBEAT_TIMEOUT, 6000}};
  for (const auto& option : options) zmq_->setsockopt(socket_, option.first, &option.second, sizeof(int));
  int64_t most = int64_t(MAX_FRAME_BYTES);
  zmq_->setsockopt(socket_, zmq::MAXMSGSIZE, &most, sizeof most);
  bool is_good = zmq_->setsockopt(socket_, zmq::CURVE_SERVERKEY, connection_.server_key.c_str(), 41) == 0 &&
                 zmq_->setsockopt(socket_, zmq::CURVE_PUBLICKEY, connection_.public_key.c_str(), 41) == 0 &&
                 zmq_->setsockopt(socket_, zmq::CURVE_SECRETKEY, connection_.secret_key.c_str(), 41) == 0;
  std::string name = "inproc://svfr." + new_id();
  int events = zmq::EVENT_CLOSED | zmq::EVENT_DISCONNECTED | zmq::EVENT_HANDSHAKE_FAILED_NO_DETAIL |
               zmq::EVENT_HANDSHAKE_SUCCEEDED | zmq::EVENT_HANDSHAKE_FAILED_PROTOCOL |
               zmq::EVENT_HANDSHAKE_FAILED_AUTH;
  is_good = is_good && zmq_->socket_monitor(socket_, name.c_str(), events) == 0;
  monitor_ = is_good ? zmq_->socket(context, zmq::PAIR) : nullptr;
  int none = 0;
  is_good = monitor_ && zmq_->setsockopt(monitor_, zmq::LINGER, &none, sizeof none) == 0 &&
            zmq_->connect(monitor_, name.c_str()) == 0 &&
            zmq_->connect(socket_, connection_.endpoint.c_str()) == 0;
  if (is_good) return Answer{};
  close();
  return trouble(Trouble::NoServer, "The server's connection file " + path_ + " is damaged. Restart the server.");
}

void Conversation::close() {
  if (socket_) zmq_->socket_monitor(socket_, nullptr, 0);
  if (monitor_) zmq_->close(monitor_);
  if (socket_) zmq_->close(socket_);
  socket_ = monitor_ = nullptr;
  was_up_ = is_down_ = false;
  refusals_ = failed_handshakes_ = 0;
  refused_.clear();
  read_bytes_ = 0;
}

Answer Conversation::try_once(const Message& message, const std::vector<std::string>& frames,
                              const Waiting& waiting) {
  for (;;) {
    zmq::PollItem items[] = {{socket_, 0, zmq::POLLOUT, 0}, {monitor_, 0, zmq::POLLIN, 0}};
    zmq_->poll(items, 2, slice_until(waiting.until));
    if (items[1].revents) watch();
    if (!refused_.empty()) return refusal();
    if (items[0].revents & zmq::POLLOUT) break;
    if (refusals_ >= 2) return nobody();
    if (waiting.is_aborted()) return trouble(Trouble::Aborted, "Cancelled.");
    if (waiting.is_over()) return trouble(Trouble::Silent, "The SVFR server cannot be reached.");
  }
  if (!send(frames)) return trouble(Trouble::Silent, "The SVFR server cannot be reached.");
  return wait_for(message, waiting);
}

Answer Conversation::wait_for(const Message& message, const Waiting& waiting) {
  int breaks = breaks_;
  for (;;) {
    zmq::PollItem items[] = {{socket_, 0, zmq::POLLIN, 0}, {monitor_, 0, zmq::POLLIN, 0}};
    zmq_->poll(items, 2, slice_until(waiting.until));
    if (items[1].revents) watch();
    if (!refused_.empty()) return refusal();
    std::vector<std::string> frames;
    if (items[0].revents & zmq::POLLIN && receive(frames)) {
      heard_ = now_ms();
      try {
        Message reply = unpack(frames);
        if (reply.re != message.id) continue;  // the late answer to somebody who has stopped waiting
        Answer answer;
        if (reply.op == "error") {
          answer = trouble(Trouble::Error, reply.body["message"].as_text());
          answer.code = reply.body["code"].as_text();
          const std::string& remedy = reply.body["remedy"].as_text();
          if (!remedy.empty()) answer.words += " " + remedy;
        } else if (reply.op != "ok") {
          continue;
        }
        answer.message = std::move(reply);
        return answer;
      } catch (const std::runtime_error& problem) {
        return trouble(Trouble::Garbled, std::string("The server's answer cannot be read: ") + problem.what() + ".");
      }
    }
    if (is_down_ && refusals_ >= 2) return nobody();
    if (waiting.is_aborted()) return trouble(Trouble::Aborted, "Cancelled.");
    // After a break the request may be lost: it is sent again with the same id, which costs nothing.
    if (breaks_ != breaks) return trouble(Trouble::Silent, "The connection to the SVFR server broke.");
    if (waiting.is_over()) return trouble(Trouble::Silent, "The SVFR server does not answer.");
  }
}

bool Conversation::send(const std::vector<std::string>& frames) {
  for (size_t i = 0; i < frames.size(); ++i) {
    int flags = zmq::DONTWAIT | (i + 1 < frames.size() ? zmq::SNDMORE : 0);
    if (zmq_->send(socket_, frames[i].data(), frames[i].size(), flags) < 0) return false;
  }
  return true;
}

bool Conversation::receive(std::vector<std::string>& frames) {
  size_t total = 0;
  for (bool has_more = true; has_more;) {
    zmq::Frame frame;
    zmq_->msg_init(&frame);
    if (zmq_->msg_recv(&frame, socket_, zmq::DONTWAIT) < 0) {
      zmq_->msg_close(&frame);
      return false;
    }
    size_t size = zmq_->msg_size(&frame);
    total += size;
    if (total <= MAX_MESSAGE_BYTES + MAX_HEADER_BYTES + 64)
      frames.emplace_back(static_cast<const char*>(zmq_->msg_data(&frame)), size);
    has_more = zmq_->msg_more(&frame) != 0;
    zmq_->msg_close(&frame);
  }
  give_credit(total);
  return true;
}

// Tells the service what was read, as it sends nothing beyond its window otherwise.
void Conversation::give_credit(size_t bytes) {
  read_bytes_ += bytes;
  if (read_bytes_ < CREDIT_EVERY_BYTES) return;
  Message credit;
  credit.op = "credit";
  credit.id = new_id();
  credit.body = Json::object({{"bytes", int64_t(read_bytes_)}});
  if (send(pack(credit))) read_bytes_ = 0;
}

void Conversation::watch() {
  std::vector<std::string> parts;
  for (;;) {
    zmq::Frame frame;
    zmq_->msg_init(&frame);
    bool is_there = zmq_->msg_recv(&frame, monitor_, zmq::DONTWAIT) >= 0;
    if (is_there) parts.emplace_back(static_cast<const char*>(zmq_->msg_data(&frame)), zmq_->msg_size(&frame));
    bool has_more = is_there && zmq_->msg_more(&frame);
    zmq_->msg_close(&frame);
    if (!is_there) return;
    if (has_more) continue;
    uint16_t event = 0;
    if (parts[0].size() >= 2) std::memcpy(&event, parts[0].data(), 2);
    parts.clear();
    if (event == zmq::EVENT_HANDSHAKE_SUCCEEDED) {
      was_up_ = true;
      is_down_ = false;
      refusals_ = failed_handshakes_ = 0;
    } else if (event == zmq::EVENT_DISCONNECTED) {
      is_down_ = was_up_;
      ++breaks_;
      read_bytes_ = 0;
    } else if (event == zmq::EVENT_CLOSED) {
      ++refusals_;
    } else if (event == zmq::EVENT_HANDSHAKE_FAILED_AUTH) {
      refused_ = "The SVFR server does not know this client's key. Authorise it with: svfr key authorize";
    } else if (event == zmq::EVENT_HANDSHAKE_FAILED_NO_DETAIL && was_up_ && ++failed_handshakes_ < MOST_STUMBLES) {
      continue;  // this peer has shown the right key: it is only too busy, or being started
    } else if (event == zmq::EVENT_HANDSHAKE_FAILED_NO_DETAIL && was_up_) {
      refused_ = "What listens at " + connection_.endpoint + " has another key than before. Fetch its connection file again.";
    } else if (event == zmq::EVENT_HANDSHAKE_FAILED_PROTOCOL || ++failed_handshakes_ >= 2) {
      refused_ = "What listens at " + connection_.endpoint + " is not the SVFR server. Restart the server.";
    }
  }
}

Answer Conversation::refusal() const { return trouble(Trouble::Refused, refused_); }

Answer Conversation::nobody() const {
  return trouble(Trouble::NoServer, "Nothing listens at " + connection_.endpoint + ". Start a server with: svfr serve");
}

}  // namespace svfr
