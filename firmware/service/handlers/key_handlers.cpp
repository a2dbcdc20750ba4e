#include "firmware/service/handlers/key_handlers.h"

#include <utility>

#include <fmt/format.h>

#include "common/crypto/algorithms.h"
#include "common/crypto/public_key.h"
#include "firmware/policy/key_policy.h"
#include "firmware/service/handlers/key_change.h"
#include "firmware/service/health/metrics.h"
#include "firmware/service/keys/access.h"
#include "firmware/service/keys/transitions.h"

namespace twinseal::service {
namespace {

using policy::Procedure;

constexpr std::uint32_t kDefaultPage = 100;
constexpr std::uint32_t kMaxPage = 1000;

// Into the record: which key, and what it is now.
void Note(v1::AuditRecord& record, const Result<v1::Key>& key) {
  if (!key.ok()) return;
  record.set_key_id(key->key_id());
  record.set_key_name(key->name());
  record.set_key_version(key->current_version());
  record.set_detail(fmt::format("{} {}, revision {}", crypto::Name(key->algorithm()),
                                KeyStateName(key->state()), key->revision()));
}

}  // namespace

void KeyHandlers::CreateKey(Call<v1::CreateKeyRequest> call, Respond<v1::Key> respond) {
  gate_.EnterBlocking<Procedure::kCreateKey, v1::CreateKeyRequest, v1::Key>(
      std::move(call), std::move(respond),
      [this](const auto& caller, const v1::CreateKeyRequest& request,
             auto& operation) -> Result<v1::Key> {
        operation.record().set_key_name(request.name().substr(0, KeyName::kMaxSize));
        if (const Result<KeyName> name = policy::NewKeyName(request.name()); !name.ok())
          return name.error();
        TWINSEAL_ASSIGN_OR_RETURN(const Mutation mutation,
                                  MutationOf(caller, request, operation.deadline()));
        Result<v1::Key> key = store_.Create(mutation, request);
        Note(operation.record(), key);
        return key;
      });
}

void KeyHandlers::GetKey(Call<v1::GetKeyRequest> call, Respond<v1::Key> respond) {
  gate_.EnterBlocking<Procedure::kGetKey, v1::GetKeyRequest, v1::Key>(
      std::move(call), std::move(respond),
      [this](const auto& caller, const v1::GetKeyRequest& request,
             auto& operation) -> Result<v1::Key> {
        TWINSEAL_ASSIGN_OR_RETURN(
            const KeyDirectory::View view,
            FindKeyInReach(directory_, store_, caller, request.key(), operation.record()));
        return store_.Read(view->id);
      });
}

void KeyHandlers::ListKeys(Call<v1::ListKeysRequest> call, Respond<v1::ListKeysResponse> respond) {
  gate_.EnterBlocking<Procedure::kListKeys, v1::ListKeysRequest, v1::ListKeysResponse>(
      std::move(call), std::move(respond),
      [this](const auto& caller, const v1::ListKeysRequest& request,
             auto&) -> Result<v1::ListKeysResponse> {
        if (request.page_size() > kMaxPage) {
          return Error(Code::kInvalidArgument, fmt::format("page_size is at most {}, not {}",
                                                           kMaxPage, request.page_size()));
        }
        if (!request.page_token().empty() && !KeyName::Parse(request.page_token()).ok()) {
          return Error(Code::kInvalidArgument,
                       "page_token is not one that a listing gave; leave it out to begin anew");
        }
        const std::uint32_t size = request.page_size() == 0 ? kDefaultPage : request.page_size();
        const KeyDirectory::Page page =
            directory_.List(request.page_token(), size, [&](const v1::Key& key) {
              return (request.include_destroyed() || key.state() != v1::DESTROYED) &&
                     policy::MayList(caller, key, store_.site());
            });
        v1::ListKeysResponse response;
        for (const KeyDirectory::View& view : page.keys) *response.add_keys() = view->key;
        if (page.more) response.set_next_page_token(page.keys.back()->key.name());
        return response;
      });
}

void KeyHandlers::GetPublicKey(Call<v1::GetPublicKeyRequest> call,
                               Respond<v1::GetPublicKeyResponse> respond) {
  gate_.EnterBlocking<Procedure::kGetPublicKey, v1::GetPublicKeyRequest, v1::GetPublicKeyResponse>(
      std::move(call), std::move(respond),
      [this](const auto& caller, const v1::GetPublicKeyRequest& request,
             auto& operation) -> Result<v1::GetPublicKeyResponse> {
        TWINSEAL_ASSIGN_OR_RETURN(
            const KeyDirectory::View view,
            FindKeyInReach(directory_, store_, caller, request.key(), operation.record()));
        TWINSEAL_ASSIGN_OR_RETURN(const v1::Key key, store_.Read(view->id));
        const std::uint32_t wanted =
            request.version() == 0 ? key.current_version() : request.version();
        operation.record().set_key_version(wanted);
        for (const v1::KeyVersionInfo& version : key.versions()) {
          if (version.version() != wanted) continue;
          TWINSEAL_ASSIGN_OR_RETURN(const crypto::PublicKey public_key,
                                    crypto::PublicKey::FromDer(AsBytes(version.public_key_der())));
          v1::GetPublicKeyResponse response;
          response.set_key_id(key.key_id());
          response.set_version(wanted);
          response.set_algorithm(key.algorithm());
          response.set_public_key_pem(public_key.Pem());
          return response;
        }
        return Error(Code::kNotFound,
                     fmt::format("the key '{}' has no version {}; its newest is {}", key.name(),
                                 wanted, key.current_version()));
      });
}

void KeyHandlers::RotateKey(Call<v1::ChangeKeyRequest> call, Respond<v1::Key> respond) {
  gate_.EnterBlocking<Procedure::kRotateKey, v1::ChangeKeyRequest, v1::Key>(
      std::move(call), std::move(respond),
      [this](const auto& caller, const v1::ChangeKeyRequest& request,
             auto& operation) -> Result<v1::Key> {
        TWINSEAL_ASSIGN_OR_RETURN(const KeyChange change,
                                  AuthorizeChange(directory_, store_, caller, request, operation));
        Result<v1::Key> key = store_.Rotate(change.mutation, change.key);
        Note(operation.record(), key);
        return key;
      });
}

template <policy::Procedure P, typename Message, typename MakeTransition>
void KeyHandlers::Change(Call<Message> call, Respond<v1::Key> respond, MakeTransition transition) {
  gate_.EnterBlocking<P, Message, v1::Key>(
      std::move(call), std::move(respond),
      [this, transition](const policy::Authorized<P>& caller, const Message& request,
                         auto& operation) -> Result<v1::Key> {
        TWINSEAL_ASSIGN_OR_RETURN(const KeyChange change,
                                  AuthorizeChange(directory_, store_, caller, request, operation));
        Result<v1::Key> key = store_.Change(change.mutation, change.key, transition(request));
        Note(operation.record(), key);
        return key;
      });
}

void KeyHandlers::EnableKey(Call<v1::ChangeKeyRequest> call, Respond<v1::Key> respond) {
  Change<Procedure::kEnableKey>(std::move(call), std::move(respond),
                                [](const auto&) { return Enable; });
}

void KeyHandlers::DisableKey(Call<v1::ChangeKeyRequest> call, Respond<v1::Key> respond) {
  Change<Procedure::kDisableKey>(std::move(call), std::move(respond),
                                 [](const auto&) { return Disable; });
}

void KeyHandlers::SetKeyPolicy(Call<v1::SetKeyPolicyRequest> call, Respond<v1::Key> respond) {
  Change<Procedure::kSetKeyPolicy>(std::move(call), std::move(respond),
                                   [](const v1::SetKeyPolicyRequest& request) {
                                     return [policy = request.policy()](v1::Key key) {
                                       return ReplacePolicy(std::move(key), policy);
                                     };
                                   });
}

void KeyHandlers::ScheduleKeyDestruction(Call<v1::ScheduleKeyDestructionRequest> call,
                                         Respond<v1::Key> respond) {
  Change<Procedure::kScheduleKeyDestruction>(
      std::move(call), std::move(respond),
      [this](const v1::ScheduleKeyDestructionRequest& request) {
        return [request, now = clock_()](v1::Key key) {
          return ScheduleDestruction(std::move(key), request, now);
        };
      });
}

void KeyHandlers::CancelKeyDestruction(Call<v1::ChangeKeyRequest> call, Respond<v1::Key> respond) {
  Change<Procedure::kCancelKeyDestruction>(std::move(call), std::move(respond),
                                           [](const auto&) { return CancelDestruction; });
}

void KeyHandlers::DestroyKey(Call<v1::ChangeKeyRequest> call, Respond<v1::Key> respond) {
  Change<Procedure::kDestroyKey>(std::move(call), std::move(respond), [this](const auto&) {
    return [now = clock_()](v1::Key key) { return Destroy(std::move(key), now); };
  });
}

}  // namespace twinseal::service
