#include "firmware/service/handlers/certificate_handlers.h"

#include <gmock/gmock.h>

#include "firmware/journal/copier.h"
#include "firmware/service/inventory/key_certificate.h"
#include "firmware/service/keys/transitions.h"
#include "tests/support/certificates.h"
#include "tests/support/results.h"
#include "tests/unit/firmware/service/service_fixture.h"

namespace twinseal::service {
namespace {

using test::FailsWith;
using test::Succeeds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// As of a site that is isolated, when it is told so.
class GatedBarrier final : public Barrier {
 public:
  Status MayChange() const override { return may_change; }
  Status may_change;
};

class CertificateHandlersTest : public ServiceFixture {
 protected:
  CertificateHandlersTest() {
    const Result<ledger::Revision> copied = copier.CopyAll();
    EXPECT_TRUE(copied.ok());
    hearing = *ledger.Follow(
        std::string(journal::kPrefix), *copied,
        [this](const ledger::Change& change) { copier.Hear(change); }, [](const Error&) {});
  }

  // From the ledger into the archive.
  void Copy() {
    ASSERT_THAT(copier.CopyAll(), Succeeds());
    ASSERT_THAT(copier.Acknowledge(), Succeeds());
    ASSERT_THAT(copier.Drop(), Succeeds());
    ASSERT_THAT(ledger.List(ledger::Range::Prefix(journal::kEntryPrefix)).value().entries,
                IsEmpty());
  }

  template <typename Answer, typename Message>
  Result<Answer> Do(void (CertificateHandlers::*method)(Call<Message>, Respond<Answer>),
                    Message message, const policy::Principal& who) {
    return Ask<Answer>(
        [&](auto respond) { (handlers.*method)(Calling(who, std::move(message)), respond); });
  }

  Result<v1::Certificate> Import(const std::string& key, const std::string& request_id,
                                 const std::vector<crypto::Certificate>& certificates) {
    v1::ImportCertificateRequest request;
    request.set_request_id(request_id);
    request.set_key(key);
    for (const crypto::Certificate& one : certificates) {
      request.add_certificates_der(ToString(one.der()));
    }
    return Do(&CertificateHandlers::ImportCertificate, request, alice);
  }

  Result<v1::Certificate> Remove(const std::string& key, const std::string& request_id,
                                 const std::string& certificate_id) {
    v1::RemoveCertificateRequest request;
    request.set_request_id(request_id);
    request.set_key(key);
    request.set_certificate_id(certificate_id);
    return Do(&CertificateHandlers::RemoveCertificate, request, alice);
  }

  Result<v1::ListCertificatesResponse> List(const std::string& key, const policy::Principal& who) {
    v1::ListCertificatesRequest request;
    request.set_key(key);
    return Do(&CertificateHandlers::ListCertificates, request, who);
  }

  std::vector<std::string> IdsOf(const std::string& key) {
    std::vector<std::string> ids;
    const Result<v1::ListCertificatesResponse> listed = List(key, alice);
    EXPECT_THAT(listed, Succeeds());
    for (const v1::Certificate& one : listed->certificates()) ids.push_back(one.certificate_id());
    return ids;
  }

  static crypto::PublicKey PublicOf(const v1::Key& key) {
    return *crypto::PublicKey::FromDer(AsBytes(key.versions().rbegin()->public_key_der()));
  }

  const policy::Principal alice = Who(v1::OPERATOR, "alice");
  const policy::Principal eve = Who(v1::AUDITOR, "eve");
  const policy::Principal builder = Who(v1::APPLICATION, "builder");
  std::unique_ptr<journal::Archive> archive = *journal::Archive::Open(folder.path() / "archive.db");
  journal::Backlog backlog{"a", journal::CapFor(std::uint64_t{8} << 30U),
                           [] { return std::vector<std::string>{"a"}; }};
  journal::Copier copier{
      ledger, *archive, backlog, {"a", [] { return journal::OtherArchives(); }, {}}};
  journal::Journal journal{ledger, *archive, backlog};
  GatedBarrier gated;
  Inventory inventory{ledger, journal, gated, store, [this] { return now; }};
  CertificateHandlers handlers{gate, directory, store, inventory};
  std::unique_ptr<ledger::Feed> hearing;

  const test::TestCa root{"Root"};
  const test::TestCa sub{root, "Issuing"};
  const v1::Key release = MakeKey("release");
  const crypto::Certificate leaf = sub.Certify(PublicOf(release), "release.example");
};

TEST_F(CertificateHandlersTest, ImportsListsAndRemoves) {
  const Result<v1::Certificate> made =
      Import("release", "request-1", {root.certificate(), leaf, sub.certificate(), leaf});
  ASSERT_THAT(made, Succeeds());
  EXPECT_EQ(made->certificate_id(), leaf.Fingerprint());
  EXPECT_EQ(made->key_id(), release.key_id());
  EXPECT_EQ(made->key_name(), "release");
  EXPECT_EQ(made->key_version(), 1U);
  EXPECT_EQ(made->imported_unix_ms(), now);
  EXPECT_EQ(made->certificate_der(), AsText(leaf.der()));
  EXPECT_THAT(made->issuers_der(),
              ElementsAre(AsText(sub.certificate().der()), AsText(root.certificate().der())));

  for (const std::string& name : {std::string("release"), release.key_id(), std::string()}) {
    const Result<v1::ListCertificatesResponse> listed = List(name, alice);
    ASSERT_THAT(listed, Succeeds());
    ASSERT_EQ(listed->certificates_size(), 1) << name;
    EXPECT_EQ(listed->certificates(0).SerializeAsString(), made->SerializeAsString());
  }
  Copy();
  EXPECT_THAT(IdsOf("release"), ElementsAre(leaf.Fingerprint()));

  const Result<v1::Certificate> removed = Remove("release", "request-2", leaf.Fingerprint());
  ASSERT_THAT(removed, Succeeds());
  EXPECT_EQ(removed->key_name(), "release");
  EXPECT_TRUE(removed->certificate_der().empty());
  EXPECT_THAT(IdsOf("release"), IsEmpty());
  EXPECT_THAT(Remove("release", "request-3", leaf.Fingerprint()),
              FailsWith(Code::kNotFound, "no certificate with this id"));
  Copy();
  EXPECT_THAT(IdsOf("release"), IsEmpty());
  ASSERT_THAT(Import("release", "request-4", {leaf}), Succeeds());
  EXPECT_THAT(IdsOf("release"), ElementsAre(leaf.Fingerprint()));

  const std::vector<v1::AuditRecord> records = Records();
  EXPECT_EQ(records.front().operation(), "CertificateService/ImportCertificate");
  EXPECT_EQ(records.front().key_name(), "release");
  EXPECT_EQ(records.front().key_version(), 1U);
  EXPECT_EQ(records.front().request_id(), "request-1");
  EXPECT_EQ(records.front().detail(), "certificate " + leaf.Fingerprint());
}

TEST_F(CertificateHandlersTest, TheNewestComesFirstAndTheSameTakesItsOwnPlace) {
  const crypto::Certificate renewed = sub.Certify(PublicOf(release), "renewed");
  ASSERT_THAT(Import("release", "request-1", {leaf}), Succeeds());
  ASSERT_THAT(Import("release", "request-2", {renewed}), Succeeds());
  EXPECT_THAT(IdsOf("release"), ElementsAre(renewed.Fingerprint(), leaf.Fingerprint()));
  Copy();
  ASSERT_THAT(Import("release", "request-3", {leaf, sub.certificate()}), Succeeds());
  EXPECT_THAT(IdsOf("release"), ElementsAre(leaf.Fingerprint(), renewed.Fingerprint()));
  EXPECT_EQ(List("release", alice)->certificates(0).issuers_der_size(), 1);
  // Its issuers stay unless others come along.
  EXPECT_EQ(Import("release", "request-4", {leaf})->issuers_der_size(), 1);
  EXPECT_EQ(Import("release", "request-5", {leaf, sub.certificate(), root.certificate()})
                ->issuers_der_size(),
            2);
}

TEST_F(CertificateHandlersTest, KnowsTheVersionThatACertificateIsFor) {
  const Mutation rotation = {"test", RequestId::Random(), {}, "test", Soon()};
  const auto caller = *policy::Authorize<policy::Procedure::kRotateKey>(alice);
  const Result<v1::Key> rotated =
      store.Rotate(rotation, *policy::AuthorizeKey(caller, release, store.site()));
  ASSERT_THAT(rotated, Succeeds());
  const crypto::Certificate second = sub.Certify(PublicOf(*rotated), "second");
  EXPECT_EQ(Import("release", "request-1", {second})->key_version(), 2U);
  EXPECT_EQ(Import("release", "request-2", {leaf})->key_version(), 1U);
  EXPECT_THAT(Import("release", "request-3", {leaf, second}),
              FailsWith(Code::kInvalidArgument, "several are for the key 'release'"));
}

TEST_F(CertificateHandlersTest, GivesTheSameAnswerToTheSameRequest) {
  const Result<v1::Certificate> first = Import("release", "request-1", {leaf});
  ASSERT_THAT(first, Succeeds());
  now += 1000;
  for (const bool copied : {false, true}) {
    if (copied) Copy();
    const Result<v1::Certificate> again = Import("release", "request-1", {leaf});
    ASSERT_THAT(again, Succeeds());
    EXPECT_EQ(again->SerializeAsString(), first->SerializeAsString());
  }
  EXPECT_THAT(Import("release", "request-1", {leaf, sub.certificate()}),
              FailsWith(Code::kAlreadyExists, "used for another request"));
  ASSERT_THAT(Remove("release", "request-2", leaf.Fingerprint()), Succeeds());
  const Result<v1::Certificate> removed = Remove("release", "request-2", leaf.Fingerprint());
  ASSERT_THAT(removed, Succeeds());
  EXPECT_EQ(removed->certificate_id(), leaf.Fingerprint());
  EXPECT_THAT(IdsOf("release"), IsEmpty());
}

// The ledger's answer is lost just after the commit; another's commit is in between, too.
TEST_F(CertificateHandlersTest, HappensOnceWhenTheLedgersAnswerIsLost) {
  int asked = 0;
  ledger.fault = [&](const ledger::Transaction&) -> std::optional<MemoryLedger::Fault> {
    if (++asked > 1) return std::nullopt;
    return MemoryLedger::Fault{Error(Code::kUnavailable, "lost"), true};
  };
  const Result<v1::Certificate> made = Import("release", "request-1", {leaf});
  ledger.fault = nullptr;
  ASSERT_THAT(made, Succeeds());
  EXPECT_EQ(made->certificate_id(), leaf.Fingerprint());
  EXPECT_EQ(backlog.Figures().entries, 1U);
}

// Which this site's feed tells of later.
TEST_F(CertificateHandlersTest, RemovesWhatWasImportedAtAnotherSiteAMomentAgo) {
  hearing.reset();
  v1::InventoryEntry entry;
  entry.mutable_imported()->set_certificate_id(leaf.Fingerprint());
  ledger::Transaction transaction;
  ASSERT_THAT(journal.Append(transaction, "inventory/" + release.key_id() + "/of-another-site",
                             AsBytes(entry.SerializeAsString())),
              Succeeds());
  ASSERT_THAT(ledger.Commit(transaction), Succeeds());
  EXPECT_THAT(IdsOf("release"), IsEmpty());
  EXPECT_THAT(Remove("release", "request-1", leaf.Fingerprint()), Succeeds());
}

// A request that is hedged is at work at two sites: the other one is through between this one's
// look for the answer and its look at what there is. It is copied by then, or not.
TEST_F(CertificateHandlersTest, IsNotRefusedForItsOwnWork) {
  for (const bool copied : {false, true}) {
    const std::string id = copied ? "2" : "1";
    const auto meanwhile = [&](const std::string& request_id, const auto& other) {
      ledger.after_get = [this, request_id, other, copied](std::string_view key) {
        if (key != "/request/" + request_id) return;
        const auto once = other;
        ledger.after_get = nullptr;
        once();
        if (copied) Copy();
      };
    };
    meanwhile("request-i" + id,
              [this, id] { EXPECT_THAT(Import("release", "request-i" + id, {leaf}), Succeeds()); });
    EXPECT_THAT(Import("release", "request-i" + id, {leaf}), Succeeds());
    EXPECT_THAT(IdsOf("release"), ElementsAre(leaf.Fingerprint()));
    meanwhile("request-r" + id, [this, id] {
      EXPECT_THAT(Remove("release", "request-r" + id, leaf.Fingerprint()), Succeeds());
    });
    const Result<v1::Certificate> removed = Remove("release", "request-r" + id, leaf.Fingerprint());
    ASSERT_THAT(removed, Succeeds());
    EXPECT_EQ(removed->certificate_id(), leaf.Fingerprint());
    EXPECT_THAT(IdsOf("release"), IsEmpty());
  }
}

TEST_F(CertificateHandlersTest, TakesNothingThatIsNotTheKeysCertificate) {
  const test::TestCa other("Root");
  const v1::Key foreign = MakeKey("foreign");
  const crypto::Certificate foreigns = sub.Certify(PublicOf(foreign), "foreign");
  EXPECT_THAT(Import("release", "request-1", {}),
              FailsWith(Code::kInvalidArgument, "certificates_der: there is no certificate"));
  EXPECT_THAT(Import("release", "request-1", {foreigns}),
              FailsWith(Code::kInvalidArgument, "none is for the key 'release'"));
  EXPECT_THAT(Import("release", "request-1", {sub.certificate()}),
              FailsWith(Code::kInvalidArgument, "none is for the key 'release'"));
  // A root of the same name, which has not signed it.
  EXPECT_THAT(Import("release", "request-1", {leaf, sub.certificate(), other.certificate()}),
              FailsWith(Code::kInvalidArgument, "CN=Root is not the issuer of that of CN=Issuing"));
  EXPECT_THAT(Import("release", "request-1", {leaf, root.certificate()}),
              FailsWith(Code::kInvalidArgument, "CN=Root is not the issuer"));
  // One that is no CA may not issue, though it did.
  const test::TestCa::Unentitled unentitled = sub.CertifyUnentitled(PublicOf(release), "leaf");
  EXPECT_THAT(Import("release", "request-1", {unentitled.certificate, unentitled.issuer}),
              FailsWith(Code::kInvalidArgument, "not the issuer"));
  EXPECT_THAT(Import("release", "request-1", std::vector(kMaxCertificates + 1, leaf)),
              FailsWith(Code::kInvalidArgument, "10 certificates are the most, not 11"));
  v1::ImportCertificateRequest request;
  request.set_request_id("request-1");
  request.set_key("release");
  request.add_certificates_der("not a certificate");
  EXPECT_THAT(Do(&CertificateHandlers::ImportCertificate, request, alice),
              FailsWith(Code::kInvalidArgument, "certificates_der"));
  request.set_certificates_der(0, std::string(kMaxCertificatesBytes + 1, 'x'));
  EXPECT_THAT(Do(&CertificateHandlers::ImportCertificate, request, alice),
              FailsWith(Code::kInvalidArgument, "more than 60 KiB"));
  request.set_certificates_der(0, ToString(leaf.der()));
  request.set_key("absent");
  EXPECT_THAT(Do(&CertificateHandlers::ImportCertificate, request, alice),
              FailsWith(Code::kNotFound, "no key 'absent'"));
  request.set_key("release");
  request.clear_request_id();
  EXPECT_THAT(Do(&CertificateHandlers::ImportCertificate, request, alice),
              FailsWith(Code::kInvalidArgument, "request_id"));
  EXPECT_THAT(Remove("release", "request-1", "abc"),
              FailsWith(Code::kInvalidArgument, "certificate_id"));
  v1::ListCertificatesRequest list;
  list.set_page_token("../x");
  EXPECT_THAT(Do(&CertificateHandlers::ListCertificates, list, alice),
              FailsWith(Code::kInvalidArgument, "page_token"));
  EXPECT_THAT(IdsOf(""), IsEmpty());
  EXPECT_EQ(backlog.Figures().entries, 0U);
}

TEST_F(CertificateHandlersTest, AnApplicationSeesThoseOfItsKeysAndChangesNone) {
  v1::KeyPolicy policy;
  policy.add_applications("builder");
  const v1::Key its = MakeKey("its", v1::EC_P256, policy);
  const crypto::Certificate certificate = sub.Certify(PublicOf(its), "its");
  ASSERT_THAT(Import("its", "request-1", {certificate}), Succeeds());
  ASSERT_THAT(Import("release", "request-2", {leaf}), Succeeds());
  ASSERT_THAT(List("", builder), Succeeds());
  ASSERT_EQ(List("", builder)->certificates_size(), 1);
  EXPECT_EQ(List("", builder)->certificates(0).key_name(), "its");
  EXPECT_EQ(List("its", builder)->certificates_size(), 1);
  EXPECT_THAT(List("release", builder), FailsWith(Code::kPermissionDenied, ""));
  EXPECT_EQ(List("", eve)->certificates_size(), 2);
  v1::ImportCertificateRequest request;
  request.set_request_id("request-3");
  request.set_key("its");
  request.add_certificates_der(ToString(certificate.der()));
  for (const policy::Principal& who : {builder, eve}) {
    EXPECT_THAT(Do(&CertificateHandlers::ImportCertificate, request, who),
                FailsWith(Code::kPermissionDenied, "CertificateService/ImportCertificate"));
  }
  MakeKey("twinseal.operator-ca");
  request.set_key("twinseal.operator-ca");
  EXPECT_THAT(Do(&CertificateHandlers::ImportCertificate, request, alice),
              FailsWith(Code::kPermissionDenied, ""));
}

// Certificates of the largest size fill a page after a few keys; each key comes once.
TEST_F(CertificateHandlersTest, ListsInPages) {
  std::vector<std::string> expected;
  for (int i = 0; i < 12; ++i) {
    const std::string name = "key-" + std::to_string(100 + i);
    const v1::Key one = MakeKey(name);
    v1::InventoryEntry entry;
    entry.mutable_imported()->set_certificate_id(name);
    entry.mutable_imported()->set_certificate_der(std::string(kMaxCertificatesBytes, 'x'));
    const std::string content = entry.SerializeAsString();
    ledger::Transaction transaction;
    ASSERT_THAT(
        journal.Append(transaction, "inventory/" + one.key_id() + "/made", AsBytes(content)),
        Succeeds());
    const Result<ledger::Outcome> outcome = ledger.Commit(transaction);
    journal.AwaitHeard(outcome->revision, Soon());
    expected.push_back(name);
  }
  std::vector<std::string> listed;
  v1::ListCertificatesRequest request;
  int pages = 0;
  do {
    const auto page = Do(&CertificateHandlers::ListCertificates, request, alice);
    ASSERT_THAT(page, Succeeds());
    EXPECT_LT(page->ByteSizeLong(), std::size_t{1024} * 1024);
    for (const v1::Certificate& one : page->certificates()) listed.push_back(one.key_name());
    request.set_page_token(page->next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_THAT(listed, ::testing::UnorderedElementsAreArray(expected));
  EXPECT_EQ(pages, 2);
}

// What a later release writes, or a damaged entry, is one key's trouble.
TEST_F(CertificateHandlersTest, AnUnreadableEntryHidesNoOtherKeys) {
  const v1::Key other = MakeKey("other");
  ledger::Transaction transaction;
  ASSERT_THAT(journal.Append(transaction, "inventory/" + other.key_id() + "/later",
                             AsBytes("of a later release")),
              Succeeds());
  const Result<ledger::Outcome> outcome = ledger.Commit(transaction);
  journal.AwaitHeard(outcome->revision, Soon());
  ASSERT_THAT(Import("release", "request-1", {leaf}), Succeeds());
  EXPECT_THAT(IdsOf(""), ElementsAre(leaf.Fingerprint()));
  EXPECT_THAT(List("other", alice), FailsWith(Code::kDataLoss, "damaged"));
}

TEST_F(CertificateHandlersTest, LongNamesAreCutInMessages) {
  const crypto::SoftwareKey key = *crypto::SoftwareKey::Generate();
  const auto now_seconds =
      std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  const crypto::CertificateBlueprint blueprint = {
      .subject = crypto::DistinguishedName(20, {"OU", std::string(60, 'x')}),
      .subject_key = key.public_key(),
      .issuer = std::nullopt,
      .scheme = v1::ECDSA_SHA256,
      .not_before = now_seconds,
      .not_after = now_seconds + std::chrono::days(1),
      .serial = {},
      .path_length = std::nullopt,
      .usage = {.digital_signature = true},
      .uris = {},
      .dns_names = {},
      .ip_addresses = {}};
  const Result<crypto::Certificate> strange = crypto::IssueCertificate(
      blueprint, [&](v1::Scheme scheme, BytesView digest) { return key.Sign(scheme, digest); });
  ASSERT_THAT(strange, Succeeds());
  const Result<v1::Certificate> refused = Import("release", "request-1", {leaf, *strange});
  ASSERT_FALSE(refused.ok());
  EXPECT_LT(refused.error().message().size(), 500U);
}

TEST_F(CertificateHandlersTest, AKeyHasSoManyAndNoMore) {
  for (std::size_t i = 0; i < kMaxCertificatesOfKey; ++i) {
    ASSERT_THAT(Import("release", "request-" + std::to_string(1000 + i),
                       {sub.Certify(PublicOf(release), "renewed")}),
                Succeeds());
  }
  const std::string last = IdsOf("release").front();
  EXPECT_THAT(Import("release", "request-2", {leaf}),
              FailsWith(Code::kFailedPrecondition, "has 50 certificates"));
  ASSERT_THAT(Remove("release", "request-3", last), Succeeds());
  ASSERT_THAT(Import("release", "request-4", {leaf}), Succeeds());
  // The same once more is not one more.
  ASSERT_THAT(Import("release", "request-5", {leaf, sub.certificate()}), Succeeds());
}

TEST_F(CertificateHandlersTest, AnIsolatedSiteReadsAndDoesNotChange) {
  ASSERT_THAT(Import("release", "request-1", {leaf}), Succeeds());
  gated.may_change = Error(Code::kUnavailable, "go to site b");
  ledger.FreezeNearby();
  EXPECT_THAT(Import("release", "request-2", {leaf}),
              FailsWith(Code::kUnavailable, "go to site b"));
  EXPECT_THAT(Remove("release", "request-3", leaf.Fingerprint()),
              FailsWith(Code::kUnavailable, "go to site b"));
  EXPECT_THAT(IdsOf("release"), ElementsAre(leaf.Fingerprint()));
  EXPECT_THAT(IdsOf(""), ElementsAre(leaf.Fingerprint()));
}

TEST_F(CertificateHandlersTest, ADestroyedKeysCertificatesAreKeptAndNoneComesToThem) {
  v1::KeyPolicy policy;
  policy.set_min_destruction_wait_seconds(0);
  const v1::Key gone = MakeKey("gone", v1::EC_P256, policy);
  const crypto::Certificate certificate = sub.Certify(PublicOf(gone), "gone");
  ASSERT_THAT(Import("gone", "request-1", {certificate}), Succeeds());
  const auto caller = *policy::Authorize<policy::Procedure::kDestroyKey>(alice);
  const auto change = [&](const KeyStore::Transition& transition) {
    const Mutation mutation = {"test", RequestId::Random(), {}, "test", Soon()};
    return store.Change(mutation, *policy::AuthorizeKey(caller, gone, store.site()), transition);
  };
  v1::ScheduleKeyDestructionRequest schedule;
  schedule.set_wait_seconds(0);
  ASSERT_THAT(
      change([&](v1::Key one) { return ScheduleDestruction(std::move(one), schedule, now); }),
      Succeeds());
  ASSERT_THAT(change([&](v1::Key one) { return Destroy(std::move(one), now); }), Succeeds());
  EXPECT_THAT(Import("gone", "request-2", {certificate}),
              FailsWith(Code::kFailedPrecondition, "destroyed"));
  EXPECT_THAT(IdsOf("gone"), ElementsAre(certificate.Fingerprint()));
  EXPECT_THAT(IdsOf(""), IsEmpty());
}

}  // namespace
}  // namespace twinseal::service
