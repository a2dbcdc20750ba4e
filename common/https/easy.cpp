#include "common/https/easy.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

// Not <netinet/tcp.h>: the two do not go together, and round_trip.cpp needs this one.
#include <linux/tcp.h>

#include "common/https/pool.h"

namespace twinseal::https {
namespace {

// Often enough that no firewall forgets an idle connection.
constexpr long kKeepAliveSeconds = 20;
// What was sent and is not acknowledged by the other host's kernel for this long has gone into a
// hole: a firewall that forgot the connection, a link that is cut. Without it, Linux goes on for
// 15 minutes. Long enough for three retransmissions across 80 ms.
constexpr unsigned kUnacknowledgedMilliseconds = 2'000;
constexpr long kProbeAgainSeconds = 2;
// Connections are made anew now and then, so that renewed certificates and shorter ways show.
constexpr long kMaxLifetimeSeconds = 600;
// A proxy leads to other hosts; this one is nearer than the proxy.
constexpr const char* kNeverProxied = "127.0.0.1,::1,localhost";

int PrepareSocket(void* /*unused*/, curl_socket_t socket, curlsocktype /*purpose*/) {
  // Programs that this one starts have no use for its connections.
  static_cast<void>(fcntl(socket, F_SETFD, FD_CLOEXEC));
  // What has no such limit is slower to notice, but works.
  static_cast<void>(setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledgedMilliseconds,
                               sizeof(kUnacknowledgedMilliseconds)));
  return CURL_SOCKOPT_OK;
}

std::size_t AddField(char* line, std::size_t size, std::size_t count, void* fields) {
  static_cast<Fields*>(fields)->Add({line, size * count});
  return size * count;
}

}  // namespace

HeaderList MakeHeaders(const std::vector<std::string>& headers) {
  HeaderList list;
  for (const std::string& header : headers) {
    curl_slist* const longer = curl_slist_append(list.get(), header.c_str());
    if (longer == nullptr) return nullptr;
    static_cast<void>(list.release());
    list.reset(longer);
  }
  return list;
}

EasyPtr MakeEasy(const Identity& identity, char* words) {
  EasyPtr easy(curl_easy_init());
  if (easy == nullptr) return nullptr;
  bool good = true;
  const auto set = [&](CURLoption option, auto value) {
    good = good && curl_easy_setopt(easy.get(), option, value) == CURLE_OK;
  };
  const auto blob = [](BytesView bytes) {
    return curl_blob{const_cast<std::uint8_t*>(bytes.data()), bytes.size(), CURL_BLOB_NOCOPY};
  };
  const curl_blob ca = blob(AsBytes(identity.ca_pem));
  const curl_blob certificate = blob(AsBytes(identity.certificate_pem));
  const curl_blob key = blob(identity.key_pem.Reveal(SecretAccess()));
  set(CURLOPT_ERRORBUFFER, words);
  set(CURLOPT_PROTOCOLS_STR, "https");
  // An empty one means none, whatever the environment says.
  set(CURLOPT_PROXY, identity.proxy.c_str());
  set(CURLOPT_NOPROXY, kNeverProxied);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_3));
  set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
  if (identity.any_server) {
    set(CURLOPT_SSL_VERIFYPEER, 0L);
    set(CURLOPT_SSL_VERIFYHOST, 0L);
  } else {
    set(CURLOPT_CAINFO_BLOB, &ca);
  }
  if (!identity.certificate_pem.empty()) {
    set(CURLOPT_SSLCERTTYPE, "PEM");
    set(CURLOPT_SSLCERT_BLOB, &certificate);
    set(CURLOPT_SSLKEYTYPE, "PEM");
    set(CURLOPT_SSLKEY_BLOB, &key);
  }
  set(CURLOPT_TCP_NODELAY, 1L);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_TCP_KEEPIDLE, kKeepAliveSeconds);
  set(CURLOPT_TCP_KEEPINTVL, kProbeAgainSeconds);
  set(CURLOPT_SOCKOPTFUNCTION, &PrepareSocket);
  set(CURLOPT_MAXAGE_CONN, static_cast<long>(kMaxIdle.count()));
  set(CURLOPT_MAXLIFETIME_CONN, kMaxLifetimeSeconds);
  if (!good) easy.reset();
  if (easy != nullptr) SetHttp2(easy.get(), nullptr);
  return easy;
}

void SetHttp2(CURL* easy, Fields* fields) {
  curl_easy_setopt(
      easy, CURLOPT_HTTP_VERSION,
      static_cast<long>(fields != nullptr ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
  // With data and no function libcurl would take the fields for a part of the body.
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, fields != nullptr ? &AddField : nullptr);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, fields);
}

void SetBody(CURL* easy, const std::string& body) {
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
}

Failure FailureOf(CURL* easy, CURLcode code, const char* words, bool proxied) {
  Failure failure{static_cast<int>(code), 0, 0, false, words};
  if (failure.words.empty()) failure.words = curl_easy_strerror(code);
  if (easy == nullptr) return failure;
  curl_off_t handshake = 0;
  long requested = 0;
  long connections = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &failure.system_error);
  curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &failure.verify_result);
  curl_easy_getinfo(easy, CURLINFO_APPCONNECT_TIME_T, &handshake);
  curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &requested);
  curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connections);
  // A connection that was open already has no handshake time, but the request's size. So has a
  // proxy that was asked for a new one.
  failure.connected = handshake > 0 || (requested > 0 && (connections == 0 || !proxied));
  return failure;
}

}  // namespace twinseal::https
