// netnotes/web.hpp: web pages, as the notes make them with Django
// SPDX-License-Identifier: MIT
//
// A framework stands between HTTP and a program's pages. A request walks through its parts:
//
//        request ──> middleware ──> routes: which view? ──> view ──> template ──> response
//        GET /articles/42/          ^articles/(\d+)/$       42        {{ title }}
//
// This module has the parts of Django that the notes name, under Django's names, and does what Django does. Tests ask
// Django itself. Django 3.2 is the version that Debian 12 has.
//
//        web::template_map texts{{"list.html", "<ul>{% for x in all %}<li>{{ x }}</li>{% endfor %}</ul>"}};
//        const web::templates pages{texts};
//        std::cout << pages.render("list.html", {{"all", web::list{"a", "<b>"}}});
//
// These parts of Django are not here:
//     ORM, migrations    A database is a library of its own. A migration is a numbered script. It changes the tables of
//                        a database from one version of the program to the next. The notes name its two commands.
//     admin              Pages that edit such tables: without an ORM there is nothing to edit.
//     sessions, login    A session is a cookie with a number, and a table behind it.
//     translation        Django's templates may be translated; ours have the language in which they are written.
//
// Chapters, lowest first:
//     web/pattern_program.hpp  from the text of a regular expression to a program
//     web/pattern.hpp          regular expressions that cannot be made slow
//     web/value.hpp            what a template can print
//     web/template_lexer.hpp   from the text of a template to its tags
//     web/template_date.hpp    a point in time, written as a format says
//     web/template_filters.hpp what stands behind the | in a template
//     web/template_expression.hpp  names, literals and conditions of a template
//     web/template_parser.hpp  from the tags of a template to a program
//     web/template_loader.hpp  where the texts of templates come from
//     web/template.hpp         pages with gaps, and what fills them
//     web/route_forms.hpp      from the regular expression of a route to the paths that it takes
//     web/routes.hpp           which view answers which path
//     web/middleware.hpp       what happens before and after every view
//     web/hosts.hpp            a site answers for its own names only
//     web/csrf.hpp             forms that only our own pages can send
//
// Examples:      43_routes, 44_templates, 45_inheritance, 46_escaping, 47_forms_csrf, 48_middleware, 49_web_project
// The notes:     Django, DTL语言, 模板的继承, html转义, 静态文件, 中间件

#ifndef NETNOTES_WEB_HPP
#define NETNOTES_WEB_HPP

#if !__has_include("web/pattern.hpp")
#error "this page needs its chapters: to copy one file, take include/single/netnotes/web.hpp"
#endif

#include "web/csrf.hpp"
#include "web/hosts.hpp"
#include "web/middleware.hpp"
#include "web/pattern.hpp"
#include "web/pattern_program.hpp"
#include "web/route_forms.hpp"
#include "web/routes.hpp"
#include "web/template.hpp"
#include "web/template_date.hpp"
#include "web/template_expression.hpp"
#include "web/template_filters.hpp"
#include "web/template_lexer.hpp"
#include "web/template_loader.hpp"
#include "web/template_parser.hpp"
#include "web/value.hpp"

#endif  // NETNOTES_WEB_HPP
