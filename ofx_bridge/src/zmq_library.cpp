#include "zmq_library.hpp"

#include <mutex>

#ifdef _WIN32
#include <windows.h>
#else
#include <dirent.h>
#include <dlfcn.h>
#endif

namespace svfr {

namespace {

std::mutex guard;
ZmqLibrary table;
bool is_loaded = false;
std::string problem;

#ifdef _WIN32
void* symbol(void* library, const char* name) {
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library), name));
}
void* open_library(const std::string& path) {
  void* library = LoadLibraryExA(path.c_str(), nullptr, LOAD_WITH_ALTERED_SEARCH_PATH);
  if (!library) problem = path + " cannot be loaded: error " + std::to_string(GetLastError());
  return library;
}
std::string find_library(const std::string& folder) {
  WIN32_FIND_DATAA found;
  HANDLE search = FindFirstFileA((folder + "libzmq*.dll").c_str(), &found);
  if (search == INVALID_HANDLE_VALUE) return "";
  FindClose(search);
  return folder + found.cFileName;
}
#else
void* symbol(void* library, const char* name) { return dlsym(library, name); }
// RTLD_LOCAL: the symbols stay ours. libsodium lies beside libzmq, which looks for it in its own folder.
void* open_library(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* why = dlerror();
    problem = why ? why : path + " cannot be loaded";
  }
  return library;
}
std::string find_library(const std::string& folder) {
  DIR* listing = opendir(folder.c_str());
  if (!listing) return "";
  std::string name;
  while (const dirent* entry = readdir(listing)) {
    std::string each = entry->d_name;
    bool is_library = each.find(".so") != std::string::npos || each.find(".dylib") != std::string::npos;
    if (is_library && each.rfind("libzmq", 0) == 0) name = each;
  }
  closedir(listing);
  return name.empty() ? "" : folder + name;
}
#endif

template <class Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(symbol(library, name));
  if (!function) problem = std::string("libzmq has no ") + name;
  return function != nullptr;
}

bool find_all(void* l) {
  ZmqLibrary& t = table;
  return find(l, "zmq_ctx_new", t.ctx_new) && find(l, "zmq_ctx_term", t.ctx_term) &&
         find(l, "zmq_socket", t.socket) && find(l, "zmq_close", t.close) &&
         find(l, "zmq_setsockopt", t.setsockopt) && find(l, "zmq_connect", t.connect) &&
         find(l, "zmq_socket_monitor", t.socket_monitor) && find(l, "zmq_send", t.send) &&
         find(l, "zmq_poll", t.poll) && find(l, "zmq_msg_init", t.msg_init) &&
         find(l, "zmq_msg_recv", t.msg_recv) && find(l, "zmq_msg_more", t.msg_more) &&
         find(l, "zmq_msg_size", t.msg_size) && find(l, "zmq_msg_data", t.msg_data) &&
         find(l, "zmq_msg_close", t.msg_close) && find(l, "zmq_has", t.has);
}

bool load() {
  std::string path = find_library(plugin_folder());
  if (path.empty()) {
    problem = "there is no libzmq in " + plugin_folder();
    return false;
  }
  void* library = open_library(path);
  if (!library || !find_all(library)) return false;
  if (!table.has("curve")) {
    problem = path + " has no CURVE encryption";
    return false;
  }
  return true;
}

}  // namespace

const ZmqLibrary* ZmqLibrary::get() {
  std::lock_guard<std::mutex> hold(guard);
  if (!is_loaded) is_loaded = load();
  return is_loaded ? &table : nullptr;
}

std::string ZmqLibrary::why() {
  std::lock_guard<std::mutex> hold(guard);
  return problem;
}

std::string plugin_folder() {
  std::string path;
#ifdef _WIN32
  HMODULE self = nullptr;
  char name[32768] = "";
  GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                     reinterpret_cast<const char*>(&plugin_folder), &self);
  GetModuleFileNameA(self, name, sizeof name);
  path = name;
#else
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&plugin_folder), &info) && info.dli_fname) path = info.dli_fname;
#endif
  size_t end = path.find_last_of("/\\");
  return end == std::string::npos ? "./" : path.substr(0, end + 1);
}

}  // namespace svfr
