// The descriptors 0, 1 and 2 of a program that was started without some of them.
#pragma once

namespace twinseal {

// Called first in main(), before any thread: those that are closed are opened so that reading finds
// the end and writing fails, or their numbers would go to a file or socket that is opened later,
// and output into it.
void OpenStandardStreams();

}  // namespace twinseal
