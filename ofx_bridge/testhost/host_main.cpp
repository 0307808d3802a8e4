// svfr_testhost LIBRARY PROFILE: reads commands, one JSON object a line, and answers each with one line.
#include <dlfcn.h>

#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include "host_model.hpp"

namespace testhost {

namespace {

OfxPlugin* plugin = nullptr;
std::map<std::string, std::unique_ptr<Effect>> instances;
std::unique_ptr<Effect> described;

int act(const char* name, Effect* effect, PropertySet* in = nullptr, PropertySet* out = nullptr) {
  action = name;
  int status = plugin->mainEntry(name, effect, in ? in->handle() : nullptr, out ? out->handle() : nullptr);
  action.clear();
  return status;
}

Json properties_of(const PropertySet& set) {
  Json json = Json::object();
  for (const auto& [name, property] : set.all) {
    Json values = Json::array();
    for (const std::string& text : property.texts) values.add(text);
    for (double number : property.numbers) values.add(number);
    for (int integer : property.integers) values.add(integer);
    json.set(name, values);
  }
  return json;
}

Json params_of(const Effect& effect) {
  Json json = Json::object();
  for (const auto& p : effect.params) {
    if (p->type == ofx::PARAM_STRING) json.set(p->name, p->text);
    else if (p->type == ofx::PARAM_DOUBLE) json.set(p->name, p->number);
    else if (p->type != ofx::PARAM_BUTTON) json.set(p->name, p->integer);
  }
  return json;
}

void set_value(Param& param, const Json& value) {
  param.text = value.as_text();
  param.number = value.as_number();
  param.integer = value.kind() == Json::Kind::Bool ? int(value.as_bool()) : int(value.as_integer());
}

std::unique_ptr<Effect> describe_context(const std::string& context, Json* answer) {
  auto effect = std::make_unique<Effect>();
  effect->is_descriptor = true;
  int first = act(ofx::DESCRIBE, effect.get());
  PropertySet in;
  in.text(ofx::CONTEXT, context);
  int second = act(ofx::DESCRIBE_IN_CONTEXT, effect.get(), &in);
  if (!answer) return effect;
  Json clips = Json::object(), params = Json::object();
  for (const auto& [name, clip] : effect->clips) clips.set(name, properties_of(clip->properties));
  for (const auto& param : effect->params) {
    Json one = properties_of(param->properties);
    one.set("type", param->type);
    params.set(param->name, one);
  }
  *answer = Json::object({{"status", Json::array({Json(first), Json(second)})},
                          {"properties", properties_of(effect->properties)},
                          {"clips", clips},
                          {"params", params}});
  return effect;
}

void set_clip(Clip& clip, const Json& source) {
  clip.source = source;
  PropertySet& p = clip.properties;
  p.integer(ofx::CLIP_CONNECTED, source.is_object());
  if (!source.is_object()) return;
  p.number(ofx::FRAME_RANGE, source["first"].as_number(), 0);
  p.number(ofx::FRAME_RANGE, source["last"].as_number(), 1);
  p.number(ofx::UNMAPPED_FRAME_RATE, source["rate"].as_number(24));
  p.text(ofx::CLIP_FIELD_ORDER, source["field"].is_text() ? source["field"].as_text() : ofx::FIELD_NONE);
  p.text(ofx::PREMULTIPLICATION, source["premultiplication"].as_text());
  if (source["colourspace"].is_text()) p.text(ofx::CLIP_COLOURSPACE, source["colourspace"].as_text());
}

Json create(const Json& command) {
  auto effect = describe_context(command["context"].is_text() ? command["context"].as_text() : ofx::GENERAL, nullptr);
  effect->is_descriptor = false;
  effect->properties.all.clear();  // an instance has what the host says, not what the plugin described
  for (const auto& param : effect->params) {
    const auto& found = param->properties.all.find(ofx::DEFAULT);
    if (found == param->properties.all.end()) continue;
    if (!found->second.texts.empty()) param->text = found->second.texts[0];
    if (!found->second.numbers.empty()) param->number = found->second.numbers[0];
    if (!found->second.integers.empty()) param->integer = found->second.integers[0];
  }
  for (const auto& [name, value] : command["params"].members())
    if (Param* param = effect->find(name)) set_value(*param, value);
  for (const auto& [name, clip] : effect->clips) set_clip(*clip, command["clips"][name]);
  effect->properties.number(ofx::FRAME_RATE, command["rate"].as_number(24));
  for (const auto& [name, value] : command["colour"].members()) effect->properties.text(name, value.as_text());
  int status = act(ofx::CREATE_INSTANCE, effect.get());
  instances[command["id"].as_text()] = std::move(effect);
  return Json::object({{"status", status}});
}

Json render(Effect& effect, const Json& command) {
  std::lock_guard<std::mutex> hold(effect.lock);
  PropertySet in;
  double time = command["time"].as_number(), scale = command["scale"].as_number(1);
  in.number(ofx::PROP_TIME, time);
  in.number(ofx::RENDER_SCALE, scale, 0);
  in.number(ofx::RENDER_SCALE, scale, 1);
  if (command["thumbnail"].as_bool()) in.text(ofx::THUMBNAIL, "true");
  int index = 0;
  for (const Json& side : command["window"].items()) in.integer(ofx::RENDER_WINDOW, int(side.as_integer()), index++);
  Json source = effect.clips["Source"]->source;
  for (const auto& [name, value] : command["source"].members()) source.set(name, value);
  source.set("now", time);
  effect.clips["Source"]->source = source;
  effect.output_path = command["out"].as_text();
  effect.abort_at_ms = command["abort_after_ms"].is_null() ? -1 : now_ms() + command["abort_after_ms"].as_integer();
  auto begin = std::chrono::steady_clock::now();
  int status = act(ofx::RENDER, &effect, &in);
  double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  effect.abort_at_ms = -1;
  return Json::object({{"status", status}, {"ms", ms}, {"persistent", effect.persistent}});
}

// Renders all the given frames on several threads at once; an instance is used by one thread at a time.
Json render_many(const Json& command) {
  const std::vector<Json>& jobs = command["renders"].items();
  std::vector<Json> answers(jobs.size());
  std::atomic<size_t> next{0};
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < command["threads"].as_integer(1); ++i)
    threads.emplace_back([&] {
      for (size_t k = next++; k < jobs.size(); k = next++) answers[k] = render(*instances.at(jobs[k]["id"].as_text()), jobs[k]);
    });
  for (std::thread& thread : threads) thread.join();
  return Json::object({{"answers", Json::array(std::move(answers))}});
}

Json press(Effect& effect, const Json& command) {
  PropertySet in;
  in.text(ofx::PROP_NAME, command["name"].as_text());
  in.text(ofx::PROP_TYPE, "OfxTypeParameter");
  in.text(ofx::PROP_CHANGE_REASON, command["reason"].is_text() ? command["reason"].as_text() : ofx::USER_EDITED);
  in.number(ofx::PROP_TIME, command["time"].as_number());
  state.cancel_at = command["cancel_at"].as_number(2);
  state.messages.clear();
  state.progress.clear();
  state.labels.clear();
  // Renders of other instances go on in another thread, once the button has begun to work.
  Json meanwhile = Json::array();
  std::atomic<bool> is_over{false};
  std::thread renders([&] {
    for (const Json& one : command["meanwhile"].items()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      if (!is_over) meanwhile.add(render(*instances.at(one["id"].as_text()), one));
    }
  });
  int64_t begin = now_ms();
  int status = act(ofx::INSTANCE_CHANGED, &effect, &in);
  is_over = true;
  renders.join();
  Json messages = Json::array(), labels = Json::array();
  for (const std::string& text : state.messages) messages.add(text);
  for (const std::string& text : state.labels) labels.add(text);
  return Json::object({{"status", status}, {"ms", now_ms() - begin}, {"params", params_of(effect)},
                       {"messages", messages}, {"labels", labels}, {"progress", int64_t(state.progress.size())}, {"meanwhile", meanwhile}});
}

Json identity(Effect& effect, const Json& command) {
  PropertySet in, out;
  in.number(ofx::PROP_TIME, command["time"].as_number());
  int status = act(ofx::IS_IDENTITY, &effect, &in, &out);
  return Json::object({{"status", status}, {"out", properties_of(out)}});
}

Json ask(Effect& effect, const Json& command) {
  PropertySet in, out;
  in.number(ofx::PROP_TIME, command["time"].as_number());
  int status = act(command["action"].as_text().c_str(), &effect, &in, &out);
  return Json::object({{"status", status}, {"out", properties_of(out)}});
}

Json statistics() {
  Json violations = Json::array();
  for (const std::string& text : state.violations) violations.add(text);
  std::ifstream file("/proc/self/statm");
  int64_t size = 0, resident = 0;
  file >> size >> resident;
  std::ifstream maps("/proc/self/maps"), tasks("/proc/self/status");
  std::stringstream text, status;
  text << maps.rdbuf();
  status << tasks.rdbuf();
  size_t threads = status.str().find("Threads:");
  return Json::object({{"images_out", state.images_out.load()}, {"violations", violations}, {"resident_bytes", resident * 4096},
                       {"zmq_is_loaded", text.str().find("libzmq") != std::string::npos},
                       {"threads", std::atoi(status.str().c_str() + threads + 8)}});
}

const char* const USAGE =
    "Usage: svfr_testhost LIBRARY PROFILE\n"
    "\n"
    "A host of OpenFX that loads one plugin and does what it is told, one JSON object a line, and answers with one.\n"
    "LIBRARY is SVFR.ofx inside a built bundle, PROFILE the description of a host, as in ofx_bridge/testhost/profiles.\n"
    "\n"
    "  {\"cmd\": \"load\"}, unload, plugin, statistics\n"
    "  {\"cmd\": \"describe\", \"context\": \"OfxImageEffectContextGeneral\"}\n"
    "  {\"cmd\": \"create\", \"id\": \"a\", \"clips\": {\"Source\": {\"files\": \"%d.raw\", \"width\": 64, \"height\": 48,\n"
    "     \"depth\": \"OfxBitDepthFloat\", \"components\": \"OfxImageComponentRGBA\", \"first\": 1, \"last\": 2}}, \"params\": {}}\n"
    "  {\"cmd\": \"press\", \"id\": \"a\", \"name\": \"restoreRange\"}\n"
    "  {\"cmd\": \"set\", \"id\": \"a\", \"name\": \"mix\", \"value\": 0.5}, params, destroy\n"
    "  {\"cmd\": \"render\", \"id\": \"a\", \"time\": 1, \"out\": \"out.raw\"}, render_many, identity, ask\n";

Json carry_out(const Json& command) {
  const std::string& what = command["cmd"].as_text();
  if (what == "load") return Json::object({{"status", act(ofx::LOAD, nullptr)}});
  if (what == "unload") return Json::object({{"status", act(ofx::UNLOAD, nullptr)}});
  if (what == "plugin")
    return Json::object({{"api", plugin->pluginApi}, {"version", plugin->apiVersion}, {"id", plugin->pluginIdentifier}});
  if (what == "describe") {
    Json answer;
    described = describe_context(command["context"].as_text(), &answer);
    return answer;
  }
  if (what == "create") return create(command);
  if (what == "statistics") return statistics();
  if (what == "render_many") return render_many(command);
  auto found = instances.find(command["id"].as_text());
  if (found == instances.end()) return Json::object({{"problem", "there is no such instance"}});
  Effect& effect = *found->second;
  if (what == "press") return press(effect, command);
  if (what == "render") return render(effect, command);
  if (what == "identity") return identity(effect, command);
  if (what == "ask") return ask(effect, command);
  if (what == "params") return params_of(effect);
  if (what == "set") {
    set_value(*effect.find(command["name"].as_text()), command["value"]);
    return Json::object({{"status", 0}});
  }
  if (what == "destroy") {
    int status = act(ofx::DESTROY_INSTANCE, &effect);
    instances.erase(found);
    return Json::object({{"status", status}});
  }
  return Json::object({{"problem", "there is no such command"}});
}

Json read_file(const char* path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return Json::read(text.str(), 1 << 20);
}

bool open_plugin(const char* path) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    std::cerr << dlerror() << "\n";
    return false;
  }
  auto get = reinterpret_cast<OfxPlugin* (*)(int)>(dlsym(library, "OfxGetPlugin"));
  auto count = reinterpret_cast<int (*)()>(dlsym(library, "OfxGetNumberOfPlugins"));
  if (!get || !count || count() != 1) return false;
  plugin = get(0);
  plugin->setHost(make_host());
  return true;
}

}  // namespace

int run(const char* library, const char* profile) {
  state.profile = read_file(profile);
  if (!open_plugin(library)) return 2;
  for (std::string line; std::getline(std::cin, line);) {
    Json answer;
    try {
      answer = carry_out(Json::read(line, 16 << 20));
    } catch (const std::exception& problem) {
      answer = Json::object({{"problem", problem.what()}});
    }
    std::cout << answer.write() << std::endl;
  }
  return 0;
}

}  // namespace testhost

int main(int count, char** arguments) {
  bool is_help = count == 2 && (std::string(arguments[1]) == "--help" || std::string(arguments[1]) == "-h");
  if (count != 3) (is_help ? std::cout : std::cerr) << testhost::USAGE;
  if (count != 3) return is_help ? 0 : 1;
  return testhost::run(arguments[1], arguments[2]);
}
