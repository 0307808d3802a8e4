// libzmq, opened on first use from the bundle's own folder. Nothing is linked: the host may have a libzmq of
// another version in the same process, so ours is loaded by absolute path with local symbols.
#pragma once
#include <cstddef>
#include <string>

namespace svfr {

// Options and events of libzmq 4.x (zmq.h), as far as they are used.
namespace zmq {
constexpr int PAIR = 0, DEALER = 5;
constexpr int LINGER = 17, RECONNECT_IVL = 18, RECONNECT_IVL_MAX = 21, MAXMSGSIZE = 22, SNDHWM = 23, RCVHWM = 24;
constexpr int IMMEDIATE = 39, CURVE_PUBLICKEY = 48, CURVE_SECRETKEY = 49, CURVE_SERVERKEY = 50;
constexpr int HEARTBEAT_IVL = 75, HEARTBEAT_TIMEOUT = 77;
constexpr int DONTWAIT = 1, SNDMORE = 2;
constexpr short POLLIN = 1, POLLOUT = 2;
constexpr int EVENT_CLOSED = 0x80, EVENT_DISCONNECTED = 0x200;
constexpr int EVENT_HANDSHAKE_FAILED_NO_DETAIL = 0x800, EVENT_HANDSHAKE_SUCCEEDED = 0x1000;
constexpr int EVENT_HANDSHAKE_FAILED_PROTOCOL = 0x2000, EVENT_HANDSHAKE_FAILED_AUTH = 0x4000;
struct Frame { alignas(8) unsigned char opaque[64]; };
struct PollItem {
  void* socket;
#ifdef _WIN32
  unsigned long long fd;
#else
  int fd;
#endif
  short events, revents;
};
static_assert(sizeof(Frame) == 64, "zmq_msg_t");
}  // namespace zmq

struct ZmqLibrary {
  void* (*ctx_new)();
  int (*ctx_term)(void*);
  void* (*socket)(void* context, int type);
  int (*close)(void* socket);
  int (*setsockopt)(void* socket, int option, const void* value, size_t size);
  int (*connect)(void* socket, const char* endpoint);
  int (*socket_monitor)(void* socket, const char* endpoint, int events);
  int (*send)(void* socket, const void* data, size_t size, int flags);
  int (*poll)(zmq::PollItem* items, int count, long timeout_ms);
  int (*msg_init)(zmq::Frame*);
  int (*msg_recv)(zmq::Frame*, void* socket, int flags);
  int (*msg_more)(const zmq::Frame*);
  size_t (*msg_size)(const zmq::Frame*);
  void* (*msg_data)(zmq::Frame*);
  int (*msg_close)(zmq::Frame*);
  int (*has)(const char* capability);

  // Returns the library; null if it cannot be opened, and then why() says so. Thread-safe; never unloads it.
  static const ZmqLibrary* get();
  static std::string why();
};

// Returns the folder this plugin's own library lies in, with a separator at the end.
std::string plugin_folder();

}  // namespace svfr
