#include "tests/unit/agent/cli/cli_fixture.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <google/protobuf/message.h>

namespace twinseal::cli {
namespace {

class FakeRemote : public Remote {
 public:
  explicit FakeRemote(FakeAppliances& appliances) : appliances_(appliances) {}

  const std::vector<std::string>& endpoints() const override { return appliances_.endpoints(); }

  Status CallAny(std::string_view procedure, const google::protobuf::Message& request,
                 google::protobuf::Message& response) override {
    Status last;
    for (std::size_t i = 0; i < endpoints().size(); ++i) {
      last = appliances_.Serve(i, procedure, request, response);
      if (last.ok() || last.error().code() != Code::kUnavailable) break;
    }
    return last.ok() ? Ok() : Status(WithAdvice(last.error()));
  }

  Status CallAt(std::size_t endpoint, std::string_view procedure,
                const google::protobuf::Message& request,
                google::protobuf::Message& response) override {
    const Status status = appliances_.Serve(endpoint, procedure, request, response);
    return status.ok() ? Ok() : Status(WithAdvice(status.error()));
  }

 private:
  FakeAppliances& appliances_;
};

}  // namespace

Status FakeAppliances::Serve(std::size_t endpoint, std::string_view procedure,
                             const google::protobuf::Message& request,
                             google::protobuf::Message& response) {
  std::shared_ptr<google::protobuf::Message> copy(request.New());
  copy->CopyFrom(request);
  calls_.push_back({endpoint, std::string(procedure), copy});
  if (on_call) on_call(std::string(procedure), false);
  if (const auto broken = broken_.find(endpoint); broken != broken_.end()) return broken->second;
  const auto handler = handlers_.find(std::string(procedure));
  if (handler == handlers_.end())
    return Error(Code::kUnimplemented, "the fake has no " + std::string(procedure));
  std::string answer;
  TWINSEAL_RETURN_IF_ERROR(handler->second(request.SerializeAsString(), answer));
  if (on_call) on_call(std::string(procedure), true);
  if (!response.ParseFromString(answer))
    return Error(Code::kInternal, "the fake's answer is of another type");
  return Ok();
}

CliTest::CliTest() {
  std::string name = (std::filesystem::temp_directory_path() / "twinseal-cli-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) std::abort();
  folder_ = name;
}

CliTest::~CliTest() { std::filesystem::remove_all(folder_); }

Outcome CliTest::Twinseal(const std::vector<std::string>& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  const Surroundings surroundings{
      .out = out,
      .err = err,
      .in = in,
      .out_is_terminal = out_is_terminal,
      .err_is_terminal = err_is_terminal,
      .terminal = terminal,
      .environment = [this](const std::string& name) -> std::optional<std::string> {
        const auto found = environment.find(name);
        if (found == environment.end()) return std::nullopt;
        return found->second;
      },
      .now = [this] { return now; },
      .pause =
          [this](std::chrono::milliseconds time) {
            now += time;
            if (on_pause) on_pause();
          }};
  const ExitStatus status = cli::Run(
      arguments, surroundings, [this](const Config& config) -> Result<std::unique_ptr<Remote>> {
        last_config = config;
        auto& others = config.any_server ? strangers : elsewhere;
        const auto other = others.find(config.endpoints.front());
        return std::unique_ptr<Remote>(
            std::make_unique<FakeRemote>(other == others.end() ? appliances : other->second));
      });
  return {status, out.str(), err.str()};
}

std::string CliTest::File(const std::string& name, const std::string& content) {
  std::ofstream(Path(name), std::ios::binary) << content;
  return Path(name);
}

std::string CliTest::Content(const std::string& name) const {
  std::ifstream stream(Path(name), std::ios::binary);
  EXPECT_TRUE(stream) << name << " is not there";
  std::ostringstream content;
  content << stream.rdbuf();
  return content.str();
}

std::vector<std::string> CliTest::FilesInFolder() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder_))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

v1::Key CliTest::ReleaseKey() {
  v1::Key key;
  key.set_key_id("00112233445566778899aabbccddeeff");
  key.set_name("release");
  key.set_algorithm(v1::EC_P256);
  key.set_storage(v1::VAULT);
  key.set_state(v1::ENABLED);
  key.set_current_version(1);
  key.set_revision(1);
  key.set_created_unix_ms(1'795'233'906'789);
  v1::KeyVersionInfo& version = *key.add_versions();
  version.set_version(1);
  version.set_public_key_der("not a key");
  version.set_created_unix_ms(1'795'233'906'789);
  return key;
}

}  // namespace twinseal::cli
