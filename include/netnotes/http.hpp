// netnotes/http.hpp: the protocol of the web
// SPDX-License-Identifier: MIT
//
// HTTP is a conversation in text. The client asks for a target, the server answers, and then the client may ask again
// on the same connection. With `nc -C localhost 8000` you can type a request yourself:
//
//        client                                     server
//          GET /notes HTTP/1.1        ───────────>
//          Host: example.com
//          (an empty line)
//                                     <───────────  HTTP/1.1 200 OK
//                                                   Content-Length: 6
//                                                   (an empty line)
//                                                   hello
//
// The difficult question is where a message ends. If a proxy and a server answer it differently, an attacker can hide a
// second request inside the first: request smuggling. So the parser of this module is strict, has no lenient mode, and
// says why it refuses a message, with the line, the place and the section of the RFC.
//
// Values, parser and connection know no socket and no clock. The server and the client drive them.
//
// Chapters, lowest first:
//     http/syntax.hpp       which characters HTTP allows where
//     http/status.hpp       methods, and the numbers of answers
//     http/fields.hpp       the lines between the first line and the body
//     http/date.hpp         points in time
//     http/target.hpp       the second word of a request: path and query, percent coding
//     http/media.hpp        what kind of text or picture a body is
//     http/message.hpp      a request and a response, as values
//     http/refusal.hpp      the rules, the limits, and the sentence that says which one was broken
//     http/head.hpp         the head of a message, as views into the bytes
//     http/parser.hpp       the head of a message, read strictly and fast
//     http/body.hpp         the bytes behind the head: a length, chunks, or until the connection ends
//     http/write.hpp        the bytes of a head, and how the body must follow
//     http/rules.hpp        may another request follow? If not, which side closes, and how
//     http/connection.hpp   a connection, without a network and without a clock
//     http/websocket.hpp    messages in both directions, over a connection that began as HTTP
//     http/form.hpp         queries, forms, uploaded files, cookies
//     http/file.hpp         a folder of files, which no path leaves
//     http/answer.hpp       generators as bodies, the line of the log
//     http/link.hpp         a connection, and the bytes of it that came too early
//     http/upgrade.hpp      a connection that another protocol takes over
//     http/server_options.hpp
//                           the limits of a server
//     http/exchange.hpp     one connection of a server: its waits, its answers, its end
//     http/websocket_peer.hpp
//                           a handler that talks with a browser, message by message
//     http/server.hpp       serve(): a web server is a function from a request to a response
//     http/url.hpp          where a resource is, and what a relative reference means
//     http/client.hpp       get(), and a client that keeps connections: ten pages at once
//     http/download.hpp     a file from the web, whole or not there
//
// This speaks HTTP/1.0 and HTTP/1.1 without TLS. For https put nginx or another proxy in front.
//
// The notes:     Python Internet 模块, TCP长/短连接的应用场景, asyncio、async/await、aiohttp
// Sources:       RFC 9110 (meaning), RFC 9112 (bytes)

#ifndef NETNOTES_HTTP_HPP
#define NETNOTES_HTTP_HPP

#if !__has_include("http/message.hpp")
#error "this page needs its chapters: to copy one file, take include/single/netnotes/http.hpp"
#endif

#include "ip.hpp"
#include "http/answer.hpp"
#include "http/body.hpp"
#include "http/client.hpp"
#include "http/connection.hpp"
#include "http/date.hpp"
#include "http/download.hpp"
#include "http/exchange.hpp"
#include "http/fields.hpp"
#include "http/file.hpp"
#include "http/form.hpp"
#include "http/head.hpp"
#include "http/link.hpp"
#include "http/media.hpp"
#include "http/message.hpp"
#include "http/parser.hpp"
#include "http/refusal.hpp"
#include "http/rules.hpp"
#include "http/server.hpp"
#include "http/server_options.hpp"
#include "http/status.hpp"
#include "http/syntax.hpp"
#include "http/target.hpp"
#include "http/upgrade.hpp"
#include "http/url.hpp"
#include "http/websocket.hpp"
#include "http/websocket_peer.hpp"
#include "http/write.hpp"

#endif  // NETNOTES_HTTP_HPP
