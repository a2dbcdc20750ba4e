// Site a's key store on a memory ledger and a fake core.
#pragma once

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "firmware/service/keys/key_feed.h"
#include "firmware/service/keys/key_store.h"
#include "firmware/service/keys/transitions.h"
#include "tests/unit/firmware/service/fake_core.h"
#include "tests/unit/firmware/service/memory_ledger.h"

namespace twinseal::service {

class KeyStoreFixture : public ::testing::Test {
 protected:
  // By default as an appliance that is alone has it.
  explicit KeyStoreFixture(std::unique_ptr<Barrier> barrier = std::make_unique<Barrier>())
      : barrier_(std::move(barrier)) {
    Restart();
  }

  // As after the end of twinseald: ledger and vault are as they were, the rest begins anew.
  void Restart() {
    feed_.reset();
    store_.reset();
    directory_ = std::make_unique<KeyDirectory>();
    store_ = std::make_unique<KeyStore>(ledger_, core_, *directory_, *barrier_,
                                        *SiteName::Parse("a"), [this] { return now_; });
    feed_ = std::make_unique<KeyFeed>(ledger_, *directory_);
    EXPECT_TRUE(feed_->Start().ok());
  }

  static Deadline Soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(30); }

  Mutation Asked(std::string operation, const google::protobuf::Message& request,
                 std::string_view id) {
    Bytes hash = HashRequest(operation, request);
    return {std::move(operation), *RequestId::Parse(id), std::move(hash), "operator/alice", Soon()};
  }

  static v1::CreateKeyRequest CreateRequest(const std::string& name, const std::string& request_id,
                                            v1::Storage storage = v1::STORAGE_UNSPECIFIED) {
    v1::CreateKeyRequest request;
    request.set_request_id(request_id);
    request.set_name(name);
    request.set_algorithm(v1::EC_P256);
    request.set_storage(storage);
    request.mutable_policy()->add_applications("builder");
    request.mutable_policy()->set_min_destruction_wait_seconds(60);
    return request;
  }
  Result<v1::Key> Create(const std::string& name, const std::string& request_id,
                         v1::Storage storage = v1::STORAGE_UNSPECIFIED) {
    const v1::CreateKeyRequest request = CreateRequest(name, request_id, storage);
    return store_->Create(Asked("KeyService/CreateKey", request, request_id), request);
  }

  KeyStore::MayChange Allowed(const std::string& key) {
    static const policy::Principal kAlice = *policy::Principal::Make(v1::OPERATOR, "alice");
    return *policy::MakeAuthorizedKey<policy::KeyAction::kChange>(
        kAlice, directory_->Find(key)->key, *SiteName::Parse("a"));
  }

  Result<v1::Key> Change(const std::string& key, const std::string& request_id,
                         const std::string& operation, const KeyStore::Transition& transition) {
    v1::ChangeKeyRequest request;
    request.set_request_id(request_id);
    request.set_key(key);
    return store_->Change(Asked("KeyService/" + operation, request, request_id), Allowed(key),
                          transition);
  }
  Result<v1::Key> DisableKey(const std::string& key, const std::string& request_id) {
    return Change(key, request_id, "DisableKey", Disable);
  }
  Result<v1::Key> Schedule(const std::string& key, const std::string& request_id,
                           std::uint32_t seconds) {
    v1::ScheduleKeyDestructionRequest request;
    request.set_wait_seconds(seconds);
    return Change(key, request_id, "ScheduleKeyDestruction", [request, this](v1::Key before) {
      return ScheduleDestruction(std::move(before), request, now_);
    });
  }
  Result<v1::Key> DestroyKey(const std::string& key, const std::string& request_id) {
    return Change(key, request_id, "DestroyKey",
                  [this](v1::Key before) { return Destroy(std::move(before), now_); });
  }
  Result<v1::Key> Rotate(const std::string& key, const std::string& request_id) {
    v1::ChangeKeyRequest request;
    request.set_request_id(request_id);
    request.set_key(key);
    return store_->Rotate(Asked("KeyService/RotateKey", request, request_id), Allowed(key));
  }

  bool InLedger(const std::string& path) { return ledger_.Get(path)->has_value(); }
  bool NothingPending() {
    return ledger_.List(ledger::Range::Prefix("/pending/"))->entries.empty();
  }

  std::shared_ptr<FakeVault> vault_ = std::make_shared<FakeVault>();
  DirectCore core_{vault_};
  MemoryLedger ledger_;
  std::int64_t now_ = 1'800'000'000'000;
  std::unique_ptr<Barrier> barrier_;
  std::unique_ptr<KeyDirectory> directory_;
  std::unique_ptr<KeyStore> store_;
  std::unique_ptr<KeyFeed> feed_;
};

}  // namespace twinseal::service
