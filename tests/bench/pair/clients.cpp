#include "tests/bench/pair/clients.h"

#include <fstream>
#include <iterator>
#include <sstream>

#include "common/base/bytes.h"
#include "common/base/secret.h"
#include "tests/bench/parts/fail.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::bench {
namespace {

std::string ReadPem(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.empty()) Fail("cannot read " + path);
  return text;
}

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

}  // namespace

std::pair<std::string, End> ParseEnd(const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::size_t at = text.find('@');
  if (equals == std::string::npos) Fail("an end is NAME=URL[,URL...][@PROXY], not " + text);
  End end;
  end.endpoints = Split(text.substr(equals + 1, at == std::string::npos ? at : at - equals - 1));
  if (at != std::string::npos) end.proxy = text.substr(at + 1);
  return {text.substr(0, equals), std::move(end)};
}

std::string ProcedurePath(const std::string& procedure) { return "/twinseal.v1." + procedure; }

std::unique_ptr<client::Caller> Clients::Connect(const End& end) const {
  connect::ClientOptions options;
  options.endpoints = end.endpoints;
  options.proxy = end.proxy;
  options.ca_pem = ReadPem(identity_.ca);
  options.certificate_pem = ReadPem(identity_.certificate);
  options.key_pem = Secret(AsBytes(ReadPem(identity_.key)));
  Result<std::unique_ptr<client::Caller>> made = client::Caller::Create(std::move(options));
  if (!made.ok()) Fail(made.error().Describe());
  v1::ListKeysRequest request;
  request.set_page_size(1);
  v1::ListKeysResponse response;
  const Status called = (*made)->Call(ProcedurePath("KeyService/ListKeys"), request, response);
  if (!called.ok()) Fail(called.error().Describe());
  return std::move(made).value();
}

std::vector<client::Caller*> Clients::Take(const std::string& purpose, const std::string& ends,
                                           std::size_t count) {
  const std::vector<std::string> names = Split(ends);
  std::vector<client::Caller*> taken;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& name = names[i % names.size()];
    const auto end = ends_.find(name);
    if (end == ends_.end()) Fail("there is no end '" + name + "'");
    std::vector<std::unique_ptr<client::Caller>>& there = made_[purpose + " " + name];
    const std::size_t index = i / names.size();
    if (index == there.size()) there.push_back(Connect(end->second));
    taken.push_back(there[index].get());
  }
  return taken;
}

}  // namespace twinseal::bench
