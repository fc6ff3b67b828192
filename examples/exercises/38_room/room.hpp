#pragma once

#include "netnotes/coro.hpp"

/// A chat room. It greets a new member with "welcome\n", and sends each line of a member to all other members, in order.
/// It never waits for a member that does not receive: 64 lines may wait for a member, and with one more it is closed. A member
/// that sends more than 64 KiB without a line end is closed, too. Runs until it is cancelled.
netnotes::task<> chat(netnotes::async_listener listener);
