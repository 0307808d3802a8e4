// Where the service is: connection.json in the service's private folder (plugin/PROTOCOL.md section 1.1).
#pragma once
#include <string>

namespace svfr {

struct Connection {
  std::string endpoint, server_key, public_key, secret_key, boot;
  bool is_elsewhere = false;  // made by svfr key join: the server is another machine's, and another's to start
  std::string stamp;  // changes when the file was written anew
};

// Returns the path of the connection file: the one given, the one in the folder given, or that of this user's own service.
std::string connection_path(const std::string& asked);
// Returns what tells one writing of the file from another; empty if it is not there.
std::string connection_stamp(const std::string& path);
// Reads the file into the connection; returns why it cannot be used, or nothing.
std::string read_connection(const std::string& path, Connection& connection);

}  // namespace svfr
