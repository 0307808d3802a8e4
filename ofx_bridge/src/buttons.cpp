// Restore range, Refresh and Cancel: the only places where images of other frames are read, jobs are handed in
// and parameters are set.
#include <algorithm>

#include "checks.hpp"
#include "conversation.hpp"
#include "sending.hpp"
#include "vigil.hpp"
#include "wording.hpp"

namespace svfr {

namespace {

constexpr Millis SUBMIT(60000);  // masks and a busy machine: the server checks a job for as long as two minutes
constexpr std::chrono::seconds AWAY(60);  // a server that is started again is back by then
constexpr int ROOM_MINOR = 5;  // the first minor version in which a server is asked for room
constexpr int ROUNDS = 3;  // of sending, while the server clears what has come

// The host's progress window, if it has one; closes when it goes out of scope.
class Progress {
 public:
  Progress(OfxImageEffectHandle effect, const std::string& label) : effect_(effect) { open(label); }
  ~Progress() { close(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  // Returns whether the artist wants to stop.
  bool is_stopped(double share) {
    is_stopped_ = is_stopped_ || (is_open_ && host.progress->update(effect_, share) == ofx::REPLY_NO);
    return is_stopped_;
  }
  // Shows another text: hosts take one only when the window opens.
  void relabel(const std::string& label) {
    close();
    open(label);
  }

 private:
  void open(const std::string& label) { is_open_ = host.progress && host.progress->start(effect_, label.c_str()) == ofx::OK; }
  void close() {
    if (is_open_) host.progress->end(effect_);
    is_open_ = false;
  }
  OfxImageEffectHandle effect_;
  bool is_open_ = false, is_stopped_ = false;
};

Json spec_of(const Handing& h, const std::string& folder, const std::string& results, const std::string& job) {
  const Settings& s = h.settings;
  Json tasks = Json::array(), references = Json::array(), layers = Json::array();
  if (s.bfr) tasks.add("bfr");
  if (s.colorize) tasks.add("colorize");
  if (s.inpaint) tasks.add("inpaint");
  Json reference = Json::object({{"track", Json()}, {"frame", Json()}, {"photo", Json()}});
  if (s.reference == Reference::Frame) reference.set("frame", s.reference_frame);
  if (s.reference == Reference::Photo) reference.set("photo", folder + photo_name(s.reference_photo));
  if (s.reference != Reference::Automatic) references.add(reference);
  std::string config = config_there(h, folder);
  Json colour = Json::object({{"space", h.colour.space}, {"config", config.empty() ? Json() : Json(config)}});
  Json spec = Json::object({{"plate", folder + "plate.%04d.exr"},
                            {"frames", std::to_string(h.range.first) + "-" + std::to_string(h.range.last)},
                            {"tasks", tasks},
                            {"output", results + job + "/frame.%04d.exr"},
                            {"faces", Json::object({{"mode", s.faces}})},
                            {"references", references},
                            {"colour", colour},
                            {"model", s.model},
                            {"preset", s.preset},
                            {"seed", s.seed},
                            {"layers", layers}});
  if (s.roto != Roto::None) spec.set("mask_path", folder + "matte.%04d.exr");
  return spec;
}

// Uploads the range and hands in the job; returns what to show, and sets `record` when it was accepted.
std::string hand_in(Handing& h, JobRecord& record) {
  std::shared_ptr<Conversation> server = Conversation::with(h.settings.server);
  const std::string sending = "Sending frames to the server.";
  Progress progress(h.effect, "SVFR: " + sending);
  int count = h.range.count(), index = 0;
  double share = 0;
  Patience patience;
  patience.aborted = [&] { return progress.is_stopped(share); };
  Vigil vigil(*server, [&](const std::string& words) {
    progress.relabel("SVFR: " + (words.empty() ? sending : words));
    set_text(h.effect, param::STATUS, words.empty() ? sending : words);
  });
  patience.waiting = [&](Clock::time_point until) { vigil.waits(until); };
  auto begin_frame = [&](int frame) {
    index = frame - h.range.first;
    share = double(index) / count;
    return !progress.is_stopped(share);
  };
  auto tell = [&](double part) { share = std::max(share, (index + part) / count); };
  Answer answer = server->ask("hello", Json::object({{"min_minor", 1}, {"max_minor", MINOR}, {"client", "openfx"}}), {}, patience);
  if (!answer) return answer.words;
  int64_t minor = answer.message.body["minor"].as_integer();
  std::string local_folder = answer.message.body["local_folder"].as_text(), folder, results;
  patience.away = AWAY;  // from here on it is known to have been there
  std::string problem = model_problem(*server, h.settings, minor, patience);
  if (problem.empty()) problem = find_config(*server, h, patience);
  if (problem.empty()) problem = ends_problem(h);
  if (!problem.empty()) return problem;
  for (int round = 0; round < ROUNDS && (round == 0 || answer.code == "PIECES_MISSING"); ++round) {
    Upload upload(*server, patience, local_folder, tell);
    if (minor >= ROOM_MINOR) {
      Upload counted(*server, patience, "", [](double) {});
      problem = check_room(h, counted, [&](int) { return !progress.is_stopped(0); });
      if (!problem.empty()) return problem;
    }
    Take send = [&](const std::string& name, const std::string& content) { return upload.add(name, content); };
    problem = take_all(h, send, begin_frame);
    if (!problem.empty()) return problem;
    answer = upload.finish(folder, results);
  }
  if (!answer) return answer.words;
  std::string job = new_id();
  Json body = Json::object({{"job", job}, {"spec", spec_of(h, folder, results, job)}});
  patience.silence = SUBMIT;
  answer = server->ask("submit", body, {}, patience);
  // The server may have it all the same; nobody would know of it.
  if (answer.trouble == Trouble::Aborted || answer.trouble == Trouble::Silent)
    server->ask("cancel", Json::object({{"job", job}}), {}, Patience{Millis(1000), 0});
  if (!answer) return answer.words;
  record.id = job;
  record.first = h.range.first;
  record.last = h.range.last;
  return "Frames " + std::to_string(record.first) + " to " + std::to_string(record.last) + " are with the server. Press Refresh.";
}

void restore_range(OfxImageEffectHandle effect, double time) {
  Handing h{effect, read_settings(effect, time), find_clip(effect, SOURCE_CLIP), find_clip(effect, MASK_CLIP), {}, {}, {}};
  h.range = range_of(h.settings, h.source);
  h.colour = colour_of(effect, h.source, h.settings);
  JobRecord record;
  std::string words = problem_of(h);
  if (words.empty()) words = hand_in(h, record);
  if (record.is_there()) set_text(effect, param::JOB, record.write());
  else show_message(effect, ofx::MESSAGE_ERROR, words);
  set_text(effect, param::STATUS, words);
  set_text(effect, param::REFUSAL, record.is_there() ? "" : words);
  if (!record.is_there()) return;
  show_persistent(effect, ofx::MESSAGE_WARNING, "");
  bump_revision(effect);
}

std::string words_of(const Json& status) {
  const std::string& state = status["state"].as_text();
  const Json& progress = status["progress"];
  if (state == "done") return "Done.";
  if (state == "queued") return "Waiting for its turn.";
  if (state == "cancelled") return "Cancelled.";
  if (state == "failed") return "Failed: " + error_words(status["error"]);
  if (!progress.is_object()) return "Running.";
  return "Running: " + stage_words(progress["stage"].as_text()) + ", " + std::to_string(progress["done"].as_integer()) + " of " +
         std::to_string(progress["total"].as_integer()) + ".";
}

void ask_about_job(OfxImageEffectHandle effect, double time, const char* op) {
  Settings settings = read_settings(effect, time);
  if (!settings.job.is_there()) {
    set_text(effect, param::STATUS, settings.refusal.empty() ? "Nothing restored yet. Press Restore range." : settings.refusal);
    return;
  }
  Answer answer = Conversation::with(settings.server)->ask(op, Json::object({{"job", settings.job.id}}), {}, Patience{Millis(2000), 1});
  std::string words = answer ? words_of(answer.message.body) : answer.words;
  const std::string& state = answer.message.body["state"].as_text();
  if (answer && std::string(op) == "cancel" && (state == "running" || state == "queued"))
    words = "Cancelling: the job ends within a step or so. Press Refresh.";
  if (answer.code == "NOT_FOUND") words = "The server has forgotten this job. Press Restore range.";
  // What was refused since is not what the job of before is; without both, its "Done." would hide the reason.
  if (!settings.refusal.empty())
    words = settings.refusal + "\nFrames " + std::to_string(settings.job.first) + " to " + std::to_string(settings.job.last) +
            ", sent before: " + words;
  set_text(effect, param::STATUS, words);
  if (answer) show_persistent(effect, ofx::MESSAGE_WARNING, "");
  bump_revision(effect);
}

}  // namespace

int instance_changed(OfxImageEffectHandle effect, Properties in) {
  if (in.text(ofx::PROP_CHANGE_REASON) != ofx::USER_EDITED) return ofx::REPLY_DEFAULT;
  std::string name = in.text(ofx::PROP_NAME);
  double time = in.number(ofx::PROP_TIME);
  bool is_button = name == param::RESTORE || name == param::REFRESH || name == param::CANCEL;
  if (!is_button) return ofx::REPLY_DEFAULT;
  if (is_pass_through()) set_text(effect, param::STATUS, "SVFR_OFX_PASS_THROUGH is set: the effect does nothing.");
  else if (name == param::RESTORE) restore_range(effect, time);
  else ask_about_job(effect, time, name == param::REFRESH ? "status" : "cancel");
  return ofx::OK;
}

}  // namespace svfr
