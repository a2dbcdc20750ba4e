// Which endpoint is which site.
#pragma once

#include <string>
#include <vector>

#include "agent/cli/remote.h"
#include "common/base/result.h"
#include "twinseal/v1/appliance.pb.h"
#include "twinseal/v1/site.pb.h"

namespace twinseal::cli {

struct SiteEndpoint {
  std::size_t endpoint;
  std::string site;
};

// The endpoint at which `site` answers. not_found that says who the others are.
Result<SiteEndpoint> FindSite(Remote& remote, const std::string& site);

// The first site that answers and is not called `other_than`.
Result<SiteEndpoint> FirstSite(Remote& remote, const std::string& other_than);

// At one endpoint alone.
template <typename Response>
Result<Response> CallOne(Remote& remote, std::size_t endpoint, std::string_view procedure,
                         const google::protobuf::Message& request) {
  Response response;
  TWINSEAL_RETURN_IF_ERROR(remote.CallAt(endpoint, procedure, request, response));
  return response;
}

Result<v1::GetStatusResponse> GetStatus(Remote& remote, std::size_t endpoint);
Result<v1::GetPairResponse> GetPair(Remote& remote, std::size_t endpoint);

}  // namespace twinseal::cli
