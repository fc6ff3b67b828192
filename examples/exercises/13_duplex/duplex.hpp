#pragma once

/// A chat: sends the bytes of `input` to the peer, and writes the peer's bytes to `output`, each as soon as it comes. At
/// the end of `input` the peer is told that no more bytes come. Returns when the peer has ended. While nothing happens,
/// the chat uses no processor time.
void chat(int input, int output, int peer);
