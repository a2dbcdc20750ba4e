// The connection that commands use, before it is one.
#include "agent/cli/remote.h"

#include "tests/unit/agent/cli/cli_fixture.h"

namespace twinseal::cli {
namespace {

using ::testing::HasSubstr;

class RemoteTest : public CliTest {};

TEST_F(RemoteTest, AFileThatIsMissingIsNamedWithItsVariable) {
  Config config;
  config.endpoints = {"https://a.example:9443"};
  config.ca = Path("ca.pem");
  config.certificate = Path("operator.pem");
  config.key = Path("operator.key");
  const std::string missing = " cannot be read: No such file or directory; ";
  EXPECT_EQ(ConnectRemote(config).error().message(), config.ca + missing + "TWINSEAL_CA names it");
  File("ca.pem", "x");
  EXPECT_EQ(ConnectRemote(config).error().message(),
            config.certificate + missing + "TWINSEAL_CERTIFICATE names it");
  File("operator.pem", "x");
  EXPECT_EQ(ConnectRemote(config).error().message(),
            config.key + missing + "TWINSEAL_KEY names it");
}

TEST_F(RemoteTest, AKeyThatIsNoneIsRefusedAndNotRepeated) {
  Config config;
  config.endpoints = {"https://a.example:9443"};
  config.ca = File("ca.pem", "not a certificate");
  config.certificate = File("operator.pem", "not a certificate");
  config.key = File("operator.key", "some secret text");
  const auto remote = ConnectRemote(config);
  ASSERT_FALSE(remote.ok());
  EXPECT_EQ(remote.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(remote.error().message(), ::testing::Not(HasSubstr("some secret")));
}

}  // namespace
}  // namespace twinseal::cli
