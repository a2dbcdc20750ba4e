#include "agent/cli/pair/endpoints.h"

#include <functional>

#include <fmt/format.h>

#include "agent/cli/text.h"

namespace twinseal::cli {
namespace {

// `wanted` in words is for the error.
Result<SiteEndpoint> Search(Remote& remote, const std::string& wanted,
                            const std::function<bool(const std::string&)>& matches) {
  std::string others;
  Code code = Code::kNotFound;
  for (std::size_t i = 0; i < remote.endpoints().size(); ++i) {
    const Result<v1::GetStatusResponse> status = GetStatus(remote, i);
    if (status.ok() && matches(status->site())) return SiteEndpoint{i, status->site()};
    if (!status.ok()) code = Code::kUnavailable;
    others +=
        fmt::format("{}{} {}", others.empty() ? "" : ", ", Printable(remote.endpoints()[i]),
                    status.ok() ? fmt::format("is site {}", Printable(status->site()))
                                : fmt::format("cannot be asked ({})", status.error().message()));
  }
  return Error(code,
               fmt::format("{}: {}; name its endpoint in TWINSEAL_ENDPOINTS", wanted, others));
}

}  // namespace

Result<SiteEndpoint> FindSite(Remote& remote, const std::string& site) {
  return Search(remote, fmt::format("no endpoint answers as site {}", Printable(site)),
                [&](const std::string& name) { return name == site; });
}

Result<SiteEndpoint> FirstSite(Remote& remote, const std::string& other_than) {
  return Search(remote,
                other_than.empty()
                    ? "no endpoint answers"
                    : fmt::format("no endpoint of a site but {} answers", Printable(other_than)),
                [&](const std::string& name) { return name != other_than; });
}

Result<v1::GetStatusResponse> GetStatus(Remote& remote, std::size_t endpoint) {
  return CallOne<v1::GetStatusResponse>(remote, endpoint, "ApplianceService/GetStatus",
                                        v1::GetStatusRequest());
}

Result<v1::GetPairResponse> GetPair(Remote& remote, std::size_t endpoint) {
  return CallOne<v1::GetPairResponse>(remote, endpoint, "SiteService/GetPair",
                                      v1::GetPairRequest());
}

}  // namespace twinseal::cli
