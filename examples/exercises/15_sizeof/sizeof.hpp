#pragma once

/// Sends the text to the client, without the zero byte at its end.
void greet(int client, const char* text);

/// Sends each byte back to the client, and nothing else, until the client has ended.
void echo(int client);
