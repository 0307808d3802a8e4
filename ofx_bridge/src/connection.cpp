#include "connection.hpp"

#include <sys/stat.h>

#include <cstdlib>

#include "files.hpp"
#include "json.hpp"
#ifdef _WIN32
#include <winsock2.h>
#else
#include <unistd.h>
#endif

namespace svfr {

namespace {

constexpr size_t MAX_FILE_BYTES = 64 * 1024;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string machine_name() {
  char name[256] = "";
#ifdef _WIN32
  WSADATA data;
  WSAStartup(MAKEWORD(2, 2), &data);
#endif
  gethostname(name, sizeof name - 1);
  std::string text = name;
  for (char& c : text) {
    bool is_kept = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
    if (!is_kept) c = '_';
  }
  return text.empty() ? "localhost" : text;
}

std::string service_folder() {
  std::string home = variable("SVFR_HOME");
  if (!home.empty()) return home;
#if defined(_WIN32)
  std::string base = variable("LOCALAPPDATA");
  if (base.empty()) base = variable("USERPROFILE") + "/AppData/Local";
#elif defined(__APPLE__)
  std::string base = variable("HOME") + "/Library/Application Support";
#else
  std::string base = variable("XDG_STATE_HOME");
  if (base.empty()) base = variable("HOME") + "/.local/state";
#endif
  return base + "/svfr/" + machine_name();
}

bool is_file(const std::string& path) {
  struct stat found;
  return stat(path.c_str(), &found) == 0 && (found.st_mode & S_IFMT) == S_IFREG;
}

std::string absent(const std::string& path) {
  if (path == connection_path("")) return "No SVFR server is running here. Start one with: svfr serve";
  const std::string folder = path.substr(0, path.find_last_of("/\\") + 1);
  struct stat found;
  if (stat((folder + ".").c_str(), &found) != 0) return "There is no file " + path + ". Check the path in Server.";
  return "There is no file " + path + ". Check the path in Server, start the server that writes it, or make it with: svfr key join";
}

#ifndef _WIN32
bool is_private(const std::string& path) {
  struct stat found;
  return stat(path.c_str(), &found) == 0 && (found.st_mode & 077) == 0;
}
#endif

std::string key_of(const Json& value) { return value.as_text().size() == 40 ? value.as_text() : ""; }

}  // namespace

std::string connection_path(const std::string& asked) {
  if (asked.empty()) return service_folder() + "/connection.json";
  struct stat found;
  bool is_folder = stat(asked.c_str(), &found) == 0 && (found.st_mode & S_IFMT) == S_IFDIR;
  return is_folder ? asked + (asked.find_last_of("/\\") == asked.size() - 1 ? "" : "/") + "connection.json" : asked;
}

std::string connection_stamp(const std::string& path) {
  struct stat found;
  if (stat(path.c_str(), &found) != 0) return "";
  std::string stamp = std::to_string(found.st_ino) + " " + std::to_string(found.st_size) + " ";
#if defined(__linux__)
  return stamp + std::to_string(found.st_mtim.tv_sec) + "." + std::to_string(found.st_mtim.tv_nsec);
#else
  return stamp + std::to_string(found.st_mtime);
#endif
}

std::string read_connection(const std::string& path, Connection& connection) {
  connection = Connection{};
  connection.stamp = connection_stamp(path);
  if (connection.stamp.empty()) return absent(path);
  if (!is_file(path)) return "The server's connection file " + path + " is no file. Name connection.json or its folder in Server.";
#ifndef _WIN32
  if (!is_private(path) || !is_private(path.substr(0, path.find_last_of('/') + 1) + "."))
    return "Others can read the server's connection file " + path + ". Make it and its folder private.";
#endif
  std::string text;
  read_file(path, MAX_FILE_BYTES - 1, text);  // what cannot be read is no JSON either
  try {
    Json json = Json::read(text, MAX_FILE_BYTES - 1);
    connection.endpoint = json["endpoint"].as_text();
    connection.server_key = key_of(json["server_key"]);
    connection.public_key = key_of(json["keys"]["public"]);
    connection.secret_key = key_of(json["keys"]["secret"]);
    connection.is_elsewhere = json["pid"].as_integer(1) == 0;
    connection.boot = json["boot"].as_text();
    bool is_whole = json["format"].as_integer() == 1 && connection.endpoint.rfind("tcp://", 0) == 0 &&
                    !connection.server_key.empty() && !connection.public_key.empty() &&
                    !connection.secret_key.empty();
    if (is_whole) return "";
  } catch (const BadJson&) {
  }
  return "The server's connection file " + path + " is damaged. Restart the server; one elsewhere is joined again with: svfr key join";
}

}  // namespace svfr
