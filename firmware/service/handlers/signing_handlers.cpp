#include "firmware/service/handlers/signing_handlers.h"

#include <utility>

namespace twinseal::service {
namespace {

using policy::Procedure;

template <typename Response>
void Describe(const Signed& done, Response& response) {
  response.set_key_id(done.key->key.key_id());
  response.set_version(done.key->key.current_version());
  response.set_scheme(done.scheme);
}

}  // namespace

void SigningHandlers::Sign(Call<v1::SignRequest> call, Respond<v1::SignResponse> respond) {
  using Op = Operation<v1::SignResponse>;
  gate_.Enter<Procedure::kSign, v1::SignRequest, v1::SignResponse>(
      std::move(call), std::move(respond),
      [this](std::shared_ptr<Op> operation, const policy::Authorized<Procedure::kSign>& caller,
             v1::SignRequest request) {
        Op& op = *operation;
        signer_.Sign(caller, std::move(request), op.deadline(), op.record(),
                     [operation = std::move(operation)](Result<Signed> done) mutable {
                       if (!done.ok()) return Op::Finish(std::move(operation), done.error());
                       v1::SignResponse response;
                       Describe(*done, response);
                       operation->record().set_key_version(response.version());
                       response.set_signature(std::move(*done->signatures.mutable_signatures(0)));
                       Op::Finish(std::move(operation), std::move(response));
                     });
      });
}

void SigningHandlers::SignBatch(Call<v1::SignBatchRequest> call,
                                Respond<v1::SignBatchResponse> respond) {
  using Op = Operation<v1::SignBatchResponse>;
  gate_.Enter<Procedure::kSignBatch, v1::SignBatchRequest, v1::SignBatchResponse>(
      std::move(call), std::move(respond),
      [this](std::shared_ptr<Op> operation, const policy::Authorized<Procedure::kSignBatch>& caller,
             v1::SignBatchRequest request) {
        Op& op = *operation;
        signer_.SignBatch(caller, std::move(request), op.deadline(), op.record(),
                          [operation = std::move(operation)](Result<Signed> done) mutable {
                            if (!done.ok()) return Op::Finish(std::move(operation), done.error());
                            v1::SignBatchResponse response;
                            Describe(*done, response);
                            operation->record().set_key_version(response.version());
                            *response.mutable_signatures() =
                                std::move(*done->signatures.mutable_signatures());
                            Op::Finish(std::move(operation), std::move(response));
                          });
      });
}

}  // namespace twinseal::service
