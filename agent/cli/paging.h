// Listings that an appliance gives page by page.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "agent/cli/remote.h"
#include "common/base/error.h"

namespace twinseal::cli {

// Calls `take(Response)` with each page that the request asks for, to the last.
template <typename Response, typename Request, typename Take>
Status ReadPages(Remote& remote, std::string_view procedure, Request request, const Take& take) {
  while (true) {
    TWINSEAL_ASSIGN_OR_RETURN(Response page, Call<Response>(remote, procedure, request));
    const std::string next = page.next_page_token();
    take(std::move(page));
    if (next.empty()) return Ok();
    if (next == request.page_token())
      return Error(Code::kInternal, "the appliance gave the same page twice; report it");
    request.set_page_token(next);
  }
}

}  // namespace twinseal::cli
