// Runs whole commands in the test's process, against appliances that the test plays.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/cli/program.h"
#include "common/base/bytes.h"
#include "common/base/types.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::cli {

// What an appliance was asked, in the order of the calls.
struct RecordedCall {
  std::size_t endpoint;
  std::string procedure;
  std::shared_ptr<google::protobuf::Message> request;
};

// Appliances in the test's process. Every request and answer goes through its wire form once, so
// that what is not in the contract does not get through.
class FakeAppliances {
 public:
  template <typename Request, typename Response>
  void On(const std::string& procedure, std::function<Result<Response>(const Request&)> handler) {
    handlers_[procedure] = [handler](const std::string& request, std::string& response) -> Status {
      Request parsed;
      if (!parsed.ParseFromString(request))
        return Error(Code::kInternal, "the fake cannot read the request");
      TWINSEAL_ASSIGN_OR_RETURN(const Response answer, handler(parsed));
      response = answer.SerializeAsString();
      return Ok();
    };
  }

  // Every call at that endpoint fails so.
  void Break(std::size_t endpoint, const Error& error) {
    broken_.insert_or_assign(endpoint, error);
  }

  void Mend(std::size_t endpoint) { broken_.erase(endpoint); }

  // The last request to that procedure; fails the test when there was none.
  template <typename Request>
  Request Last(const std::string& procedure) const {
    for (auto call = calls_.rbegin(); call != calls_.rend(); ++call) {
      if (call->procedure == procedure) return dynamic_cast<const Request&>(*call->request);
    }
    ADD_FAILURE() << "nobody called " << procedure;
    return {};
  }

  const std::vector<RecordedCall>& calls() const { return calls_; }
  // Called around each call: before it is served and, with `served`, before it is answered. What it
  // throws ends the command there.
  std::function<void(const std::string& procedure, bool served)> on_call;
  std::vector<std::string>& endpoints() { return endpoints_; }
  Status Serve(std::size_t endpoint, std::string_view procedure,
               const google::protobuf::Message& request, google::protobuf::Message& response);

 private:
  using Handler = std::function<Status(const std::string&, std::string&)>;
  std::vector<std::string> endpoints_ = {"https://a.example:9443"};
  std::map<std::string, Handler> handlers_;
  std::map<std::size_t, Error> broken_;
  std::vector<RecordedCall> calls_;
};

struct Outcome {
  ExitStatus status;
  std::string out;
  std::string err;
};

class CliTest : public ::testing::Test {
 protected:
  CliTest();
  ~CliTest() override;

  // "twinseal" and these arguments.
  Outcome Twinseal(const std::vector<std::string>& arguments);

  // A file in the test's own folder; its path.
  std::string File(const std::string& name, const std::string& content);
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  std::string Content(const std::string& name) const;
  std::vector<std::string> FilesInFolder() const;

  // An enabled ec-p256 key called "release", version 1, with a policy of its own.
  static v1::Key ReleaseKey();

  FakeAppliances appliances;  // Those of the configuration.
  // Others, by their endpoint: as the caller of the configuration reaches them, and as nobody does.
  std::map<std::string, FakeAppliances> elsewhere;
  std::map<std::string, FakeAppliances> strangers;
  // Time passes when a command waits, and not otherwise. `on_pause` is what happens meanwhile.
  std::chrono::steady_clock::time_point now;
  std::function<void()> on_pause;
  std::map<std::string, std::string> environment = {
      {"TWINSEAL_ENDPOINTS", "https://a.example:9443"},
      {"TWINSEAL_CERTIFICATE", "operator.pem"},
      {"TWINSEAL_KEY", "operator.key"},
      {"TWINSEAL_CA", "ca.pem"}};
  int in = -1;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  std::string terminal = "/dev/null/no-terminal";
  Config last_config;  // What the last command connected with.

 private:
  std::string folder_;
};

}  // namespace twinseal::cli
