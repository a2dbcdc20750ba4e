#include "firmware/service/pair/places.h"

#include <gmock/gmock.h>

#include "firmware/service/pair/pair_view.h"
#include "tests/support/results.h"
#include "tests/support/temp_folder.h"

namespace twinseal::service {
namespace {

using test::Succeeds;
using ::testing::ElementsAre;

v1::Place PlaceAt(const std::string& peer, const std::string& api) {
  v1::Place place;
  place.set_name("a");
  place.set_peer(peer);
  place.set_api(api);
  return place;
}

TEST(PlacesTest, AreFoundByName) {
  v1::PairConfig config;
  config.add_places()->set_name("a");
  config.add_places()->set_name("agent");
  EXPECT_EQ(FindPlace(config, "a"), &config.places(0));
  EXPECT_EQ(FindPlace(config, "agent"), &config.places(1));
  EXPECT_EQ(FindPlace(config, "b"), nullptr);
  EXPECT_EQ(FindPlace(config, ""), nullptr);
}

TEST(PlacesTest, AreCertifiedForTheirHostsAndLoopback) {
  EXPECT_THAT(AddressesOf(PlaceAt("192.0.2.1:2380", "https://a.example:8443")),
              ElementsAre("127.0.0.1", "localhost", "192.0.2.1", "a.example"));
  EXPECT_THAT(AddressesOf(PlaceAt("[2001:db8::1]:2380", "https://[2001:db8::1]:8443")),
              ElementsAre("127.0.0.1", "localhost", "2001:db8::1"));
  EXPECT_THAT(AddressesOf(PlaceAt("127.0.0.1:2380", "")), ElementsAre("127.0.0.1", "localhost"));
}

TEST(PlacesTest, AnAppliancesOwnIsAsItIsConfigured) {
  Options options;
  options.site = "a";
  options.peer_address = "192.0.2.1:2380";
  options.api_address = "https://a.example:8443";
  EXPECT_EQ(PlaceOf(options).SerializeAsString(),
            PlaceAt("192.0.2.1:2380", "https://a.example:8443").SerializeAsString());
}

TEST(PairViewTest, NamesPhasesAndStandings) {
  EXPECT_EQ(PhaseName(v1::PairState::ALONE), "alone");
  EXPECT_EQ(PhaseName(v1::PairState::PAIRED), "paired");
  EXPECT_EQ(StandingName(v1::SiteStanding::ACTIVE), "active");
  EXPECT_EQ(StandingName(v1::SiteStanding::MAINTENANCE), "maintenance");
}

TEST(PairViewTest, AnApplianceThatIsAloneSaysSo) {
  const test::TempFolder folder;
  const std::unique_ptr<PairFile> file = *PairFile::Open(folder.path());
  PairView view("a", *file, std::nullopt, [] { return std::string(); });
  v1::GetPairResponse alone;
  alone.set_site("a");
  alone.set_phase("alone");
  EXPECT_EQ(view.Describe().DebugString(), alone.DebugString());
}

TEST(PairViewTest, ThePairsRecordIsShownOnceItIsInForce) {
  const test::TempFolder folder;
  const std::unique_ptr<PairFile> file = *PairFile::Open(folder.path());
  PairView view("a", *file, std::nullopt, [] { return std::string("the ledger is being moved"); });
  ASSERT_THAT(file->Change([](v1::PairState& state) {
    state.set_site("a");
    state.set_phase(v1::PairState::RELEASED);
    state.mutable_config()->set_domain_id("d");
  }),
              Succeeds());
  EXPECT_FALSE(view.Describe().has_config());
  EXPECT_EQ(view.Describe().phase(), "released");
  ASSERT_THAT(file->Change([](v1::PairState& state) { state.set_phase(v1::PairState::MOVING); }),
              Succeeds());
  EXPECT_EQ(view.Describe().phase(), "moving");
  EXPECT_EQ(view.Describe().config().domain_id(), "d");
  EXPECT_EQ(view.Describe().detail(), "the ledger is being moved");
}

}  // namespace
}  // namespace twinseal::service
