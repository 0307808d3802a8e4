#include "upload.hpp"

#include <algorithm>
#include <set>

#include "sha256.hpp"

namespace svfr {

namespace {

// As in svfr_client/transfer: on a slow line a piece must pass within the 6 s that the heartbeat allows.
constexpr size_t PIECE_BYTES = 256 * 1024;
constexpr size_t ASKED_AT_ONCE = 8192;
constexpr int MOST_BREAKS = 5;
constexpr Millis REPLY(30000), ASSEMBLE(120000);
// Two slots: the server reads one while the other is filled. Written again and again, they stay in memory.
constexpr size_t SLOT_BYTES = 8 * 1024 * 1024;
constexpr size_t SLOTS = 2;
constexpr size_t SLOT_PIECES = SLOT_BYTES / PIECE_BYTES;

Patience with_silence(Patience patience, Millis silence) {
  patience.silence = silence;
  patience.again = 1;
  return patience;
}

size_t length_of(const std::string& content, size_t begins) { return std::min(PIECE_BYTES, content.size() - begins); }

}  // namespace

Upload::Upload(Conversation& server, const Patience& patience, std::string local_folder,
               std::function<void(double)> tell)
    : server_(server), asking_(with_silence(patience, REPLY)), making_(with_silence(patience, ASSEMBLE)),
      local_folder_(std::move(local_folder)), tell_(std::move(tell)) {
  local_.open(local_folder_);
}

Upload::File Upload::file_of(const std::string& name, const std::string& content) {
  File file{name, {}};
  for (size_t at = 0; at < content.size(); at += PIECE_BYTES)
    file.pieces.push_back(sha256_hex(content.data() + at, length_of(content, at)));
  return file;
}

Answer Upload::count(const std::string& name, const std::string& content) {
  File file = file_of(name, content);
  Pieces missing;
  Answer answer = ask_missing(file, missing);
  if (!answer) return answer;
  for (const Piece& piece : missing) lacking_[piece.second] = int64_t(length_of(content, piece.first));
  files_bytes_ += int64_t(content.size());
  files_.push_back(std::move(file));
  return answer;
}

Answer Upload::ask_room() {
  int64_t pieces_bytes = 0;
  for (const auto& [piece, bytes] : lacking_) pieces_bytes += bytes;
  return room_for(set_name(), pieces_bytes, files_bytes_);
}

Answer Upload::room_for(const std::string& set, int64_t pieces_bytes, int64_t files_bytes) {
  return server_.ask("room", Json::object({{"set", set}, {"pieces_bytes", pieces_bytes}, {"files_bytes", files_bytes}}), {}, asking_);
}

Answer Upload::add(const std::string& name, const std::string& content) {
  File file = file_of(name, content);
  for (int breaks = 0;;) {
    Pieces missing;
    Answer answer = ask_missing(file, missing);
    if (!answer) return answer;
    size_t before = missing.size();
    answer = send(content, missing);
    if (answer) files_.push_back(std::move(file));
    // A server that was stopped in an orderly way takes its connection file along; a killed one only falls silent.
    if (answer.trouble != Trouble::Silent && answer.trouble != Trouble::NoServer) return answer;
    breaks = missing.size() < before ? 1 : breaks + 1;
    if (breaks >= MOST_BREAKS) return trouble(Trouble::Silent, "The connection breaks before a piece of the frames has passed.");
    window_.broke();
  }
}

Answer Upload::ask_missing(const File& file, Pieces& missing) {
  std::set<std::string> found;
  for (size_t from = 0; from < file.pieces.size(); from += ASKED_AT_ONCE) {
    Json asked = Json::array();
    for (size_t i = from; i < std::min(from + ASKED_AT_ONCE, file.pieces.size()); ++i) asked.add(file.pieces[i]);
    Answer answer = server_.ask("missing", Json::object({{"pieces", asked}}), {}, asking_);
    if (!answer) return answer;
    for (const Json& piece : answer.message.body["missing"].items()) found.insert(piece.as_text());
  }
  for (size_t i = 0; i < file.pieces.size(); ++i)
    if (found.erase(file.pieces[i])) missing.emplace_back(i * PIECE_BYTES, file.pieces[i]);
  return Answer{};
}

Answer Upload::send(const std::string& content, Pieces& missing) {
  Answer answer = send_by_file(content, missing);
  if (answer) answer = send_by_messages(content, missing);
  return answer;
}

void Upload::arrived(const std::string& content, const Pieces& missing) {
  size_t left = 0;
  for (const Piece& piece : missing) left += length_of(content, piece.first);
  tell_(1 - double(left) / double(content.size()));
}

Answer Upload::send_by_file(const std::string& content, Pieces& missing) {
  if (!local_.is_open() || missing.empty()) return Answer{};
  const Pieces wanted = missing;
  std::vector<size_t> free = {0, 1}, slots;  // the slot of each request
  static_assert(SLOTS == 2, "as many are free");
  size_t next = 0;
  Requests requests;
  requests.next = [&](Message& message) {
    if (next >= wanted.size() || !local_.is_open()) return false;
    size_t slot = free.back(), offset = slot * SLOT_BYTES;
    Json pieces = Json::array();
    for (size_t end = std::min(next + SLOT_PIECES, wanted.size()); next < end; ++next) {
      size_t size = length_of(content, wanted[next].first);
      if (!local_.write(content.data() + wanted[next].first, size, int64_t(offset))) {
        local_.close();  // the disk has no room for it: in messages, then
        return false;
      }
      pieces.add(Json::object({{"piece", wanted[next].second}, {"offset", int64_t(offset)}, {"bytes", int64_t(size)}}));
      offset += size;
    }
    free.pop_back();
    slots.push_back(slot);
    message.op = "put_local";
    message.body = Json::object({{"file", local_.name()}, {"pieces", pieces}});
    return true;
  };
  requests.answered = [&](size_t index, const Message&) {
    free.push_back(slots[index]);
    auto begin = wanted.begin() + std::ptrdiff_t(index * SLOT_PIECES);
    auto end = wanted.begin() + std::ptrdiff_t(std::min((index + 1) * SLOT_PIECES, wanted.size()));
    missing.erase(std::remove_if(missing.begin(), missing.end(),
                                 [&](const Piece& piece) { return std::find(begin, end, piece) != end; }),
                  missing.end());
    arrived(content, missing);
  };
  SendWindow window(SLOTS);
  Answer answer = server_.ask_ahead(requests, window, asking_);
  // A slot whose answer did not come must stay as it is, so a new file takes its place.
  if (answer.trouble == Trouble::Silent || answer.trouble == Trouble::NoServer) local_.open(local_folder_);
  bool is_elsewhere = answer.code == "FORBIDDEN_PATH" || answer.code == "BAD_REQUEST";
  if (!is_elsewhere) return answer;
  local_.close();  // the server does not see this file: in messages, then
  return Answer{};
}

Answer Upload::send_by_messages(const std::string& content, Pieces& missing) {
  const Pieces wanted = missing;
  size_t next = 0;
  Requests requests;
  requests.next = [&](Message& message) {
    if (next >= wanted.size()) return false;
    const Piece& piece = wanted[next++];
    Buffer data{"data", content.substr(piece.first, PIECE_BYTES), "|u1", {}, ""};
    data.shape.push_back(int64_t(data.data.size()));
    message.op = "put";
    message.body = Json::object({{"piece", piece.second}});
    message.buffers.push_back(std::move(data));
    return true;
  };
  requests.answered = [&](size_t index, const Message&) {
    missing.erase(std::find(missing.begin(), missing.end(), wanted[index]));
    arrived(content, missing);
  };
  return server_.ask_ahead(requests, window_, asking_);
}

std::string Upload::set_name() const {
  std::string all;
  for (const File& file : files_) {
    all += file.name + "\n";
    for (const std::string& piece : file.pieces) all += piece;
  }
  return sha256_hex(all.data(), all.size()).substr(0, 32);
}

Answer Upload::finish(std::string& folder, std::string& results) {
  const std::string set = set_name();
  std::vector<const File*> left;
  for (const File& file : files_) left.push_back(&file);
  SendWindow window;
  Answer lacking;
  auto body_of = [&](const File& file) {
    Json pieces = Json::array();
    for (const std::string& piece : file.pieces) pieces.add(piece);
    return Json::object({{"set", set}, {"name", file.name}, {"pieces", pieces}});
  };
  auto made = [&](const File* file, const Message& reply) {
    left.erase(std::find(left.begin(), left.end(), file));
    folder = reply.body["folder"].as_text();
    results = reply.body["results"].as_text();
  };
  // All are tried, so that everything is known that must be sent again.
  auto is_lacking = [&](const File* file, const Answer& answer) {
    if (answer.code != "PIECES_MISSING") return false;
    left.erase(std::find(left.begin(), left.end(), file));
    lacking = answer;
    return true;
  };
  while (!left.empty()) {
    const std::vector<const File*> wanted = left;
    size_t next = 0;
    Requests requests;
    requests.next = [&](Message& message) {
      if (next >= wanted.size()) return false;
      message.op = "assemble";
      message.body = body_of(*wanted[next++]);
      return true;
    };
    requests.answered = [&](size_t index, const Message& reply) { made(wanted[index], reply); };
    requests.is_forgiven = [&](size_t index, const Answer& answer) { return is_lacking(wanted[index], answer); };
    Answer answer = server_.ask_ahead(requests, window, making_);
    if (answer || left.empty()) continue;
    if (answer.trouble != Trouble::Silent && answer.trouble != Trouble::NoServer) return answer;
    window.broke();  // a single request waits until the line is there again
    const File* first = left.front();
    answer = server_.ask("assemble", body_of(*first), {}, making_);
    if (answer) made(first, answer.message);
    else if (!is_lacking(first, answer)) return answer;
  }
  return lacking;
}

}  // namespace svfr
