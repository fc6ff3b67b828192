#!/bin/sh
# g++ 12 miscompiles some expressions around co_await, without a word: a double free, or a resume too many. This script
# finds them in sources, names the shape, and says what to write instead.
#
#     sh gcc12_coroutines.sh FILE...
#
# Prints FILE:LINE: the shape; the cure. Exit status: 0 if it found no such place; 1 if it found some; 2 for wrong
# arguments; 77 if python3 is not installed. It reads text and knows only the types that the files define. So it does
# not report a braced value if it cannot see that its type is an aggregate. It reports such a value only as the argument
# of a function that it cannot see either. clang and newer versions of g++ compile all of these correctly.

case ${1-} in
    --help | -h) sed -n 's/^#     //p' "$0"; exit 0 ;;
    -*) sed -n 's/^#     //p' "$0" >&2; exit 2 ;;
esac
if [ $# -eq 0 ]; then
    sed -n 's/^#     //p' "$0" >&2
    exit 2
fi
command -v python3 > /dev/null || { echo "SKIPPED: python3 is not installed"; exit 77; }
exec python3 - "$(dirname "$0")/../include/netnotes" "$@" << 'PYTHON'
import os, re, sys

TOKEN = re.compile(r'''
    (?P<skip>\s+|//[^\n]*|/\*.*?\*/|\\\n)
  | (?P<raw>(?:u8|[uUL])?R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)")
  | (?P<text>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*"[A-Za-z_]*)
  | (?P<char>(?:u8|[uUL])?'(?:\\.|[^'\\\n])+')
  | (?P<number>\.?[0-9](?:'?[0-9A-Za-z_.]|(?<=[eEpP])[+-])*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<sign>->|::|\.\.\.|&&|\|\||<=|==|!=|[-+*/%&|^]=|\+\+|--|.)
''', re.X | re.S)
OPEN, CLOSE = {'(': ')', '[': ']', '{': '}'}, {')', ']', '}'}
AWAITS = {'co_await', 'co_yield'}
HEADS = {'if', 'while', 'for', 'switch', 'catch'}
SCALARS = set('''int long short char bool float double unsigned signed void auto size_t ssize_t ptrdiff_t uint8_t uint16_t
    uint32_t uint64_t int8_t int16_t int32_t int64_t uintptr_t intptr_t byte char8_t char16_t char32_t wchar_t duration
    time_point errc error_code milliseconds seconds microseconds nanoseconds string_view span const constexpr static
    inline std chrono net netnotes volatile mutable'''.split())
STATEMENTS = {'return', 'co_return', 'co_await', 'co_yield', 'throw', 'delete', 'new', 'if', 'else', 'while', 'for', 'do',
              'switch', 'case', 'default', 'break', 'continue', 'goto', 'try', 'catch', 'using', 'static_assert', 'typedef'}


class Token:
    __slots__ = ('kind', 'text', 'line', 'mate', 'role')

    def __init__(self, kind, text, line):
        self.kind, self.text, self.line, self.mate, self.role = kind, text, line, None, None


def tokens_of(path):
    with open(path, encoding='utf-8', errors='replace') as file:
        text = file.read()
    # Directives go, but their lines are counted.
    text = re.sub(r'^[ \t]*#(?:[^\n\\]|\\.|\\\n)*', lambda m: '\n' * m.group().count('\n'), text, flags=re.M | re.S)
    all, line = [], 1
    for match in TOKEN.finditer(text):
        kind = match.lastgroup if match.lastgroup != 'mark' else 'raw'
        if match.group('skip') is None:
            all.append(Token('text' if kind in ('raw', 'text') else kind, match.group(), line))
        line += match.group().count('\n')
    stack = []
    for i, token in enumerate(all):
        if token.kind != 'sign':
            continue
        if token.text in OPEN:
            stack.append(i)
        elif token.text in CLOSE and stack and OPEN[all[stack[-1]].text] == token.text:
            token.mate = stack[-1]
            all[stack.pop()].mate = i
    for i, token in enumerate(all):
        if token.text == '{' and token.kind == 'sign':
            token.role = role_of_brace(all, i)
    return all


def begins_lambda(all, i):
    """Is the [ at i the beginning of a lambda?"""
    if all[i].text != '[' or all[i].mate is None:
        return False
    if i + 1 < len(all) and all[i + 1].text == '[':
        return False
    if i > 0:
        before = all[i - 1]
        if before.text in (')', ']', '[', 'auto', 'delete', 'operator'):
            return False
        if before.text in ('&', '&&') and i > 1 and all[i - 2].text == 'auto':
            return False
        if before.kind == 'word' and before.text not in STATEMENTS:
            return False
    after = all[all[i].mate + 1] if all[i].mate + 1 < len(all) else None
    return after is not None and after.text in ('(', '{', '<', 'mutable', 'noexcept', '->', 'constexpr')


def role_of_brace(all, i):
    """block: of statements; class: of members; init: of values."""
    if i == 0:
        return 'block'
    before = all[i - 1]
    if before.text in (';', '}', 'else', 'do', 'try', ':') or before.text == '{' and before.role in ('block', 'class', None):
        return 'block'
    if before.text == '{':
        return 'init'
    # Back to the beginning of what stands before it: a head, a declaration.
    j, seen_arrow = i - 1, False
    while j >= 0:
        text = all[j].text
        if text in (';', '{', '}') and not (text == '}' and all[j].mate is not None and all[all[j].mate].role == 'init'):
            break
        if text in (')', ']') and all[j].mate is not None or text == '}':
            j = all[j].mate
        elif text in ('(', ',', '=', '[') or text in ('return', 'co_return', 'co_await'):
            break
        if all[j].text == '->' and j > 0 and (all[j - 1].text in (')', 'noexcept', 'mutable', 'const')):
            seen_arrow = True
        if all[j].text in ('struct', 'class', 'union', 'enum') and all[j].kind == 'word':
            return 'class'
        if all[j].text == 'namespace':
            return 'class'
        j -= 1
    if seen_arrow:
        return 'block'
    if before.text in (')', 'const', 'noexcept', 'override', 'final', 'mutable'):
        return 'block'
    if before.text == ']' and before.mate is not None and begins_lambda(all, before.mate):
        return 'block'
    # A constructor's list: name(...) : member{...}, member(...) {
    if before.text == '}' and before.mate is not None:
        return 'block'
    return 'init'


def pieces(all, begin, end, at=','):
    """[begin, end) cut at the commas of its own depth."""
    parts, start, i, angle = [], begin, begin, 0
    while i < end:
        token = all[i]
        if token.text in OPEN and token.kind == 'sign' and token.mate is not None:
            i = token.mate
        elif at == ',' and token.text == '<' and i > begin and all[i - 1].kind == 'word' and closes(all, i, end):
            angle += 1
        elif token.text == '>' and angle:
            angle -= 1
        elif token.text == at and token.kind == 'sign' and not angle:
            parts.append((start, i))
            start = i + 1
        i += 1
    if start < end or parts:
        parts.append((start, end))
    return parts


def closes(all, i, end):
    """Does the < at i begin template arguments?"""
    depth = 0
    for j in range(i, min(end, i + 60)):
        text = all[j].text
        if text == '<':
            depth += 1
        elif text == '>':
            depth -= 1
            if depth == 0:
                return True
        elif text in (';', '{', '}', '&&', '||', '?') or all[j].kind == 'text':
            return False
    return False


def type_before(all, i):
    """The last word of the type that ends before i, and its template arguments."""
    j, inner = i - 1, []
    while j >= 0 and all[j].text in ('&', '&&', '*', 'const'):
        j -= 1
    if j >= 0 and all[j].text == '>':
        depth = 0
        while j >= 0:
            depth += (all[j].text == '>') - (all[j].text == '<')
            if depth == 0:
                break
            inner.append(all[j].text)
            j -= 1
        j -= 1
    name = all[j].text if j >= 0 and all[j].kind == 'word' else None
    if name in HAVE_CONSTRUCTORS and j > 1 and all[j - 1].text == '::' and all[j - 2].text == 'std':
        name = 'std::' + name
    return name, inner[::-1]


class Knowledge:
    """What the files define: which types are aggregates with something to destroy, and what functions take."""

    def __init__(self):
        self.types, self.functions = {}, {}

    def learn(self, all):
        for i, token in enumerate(all):
            if token.text == 'enum' and i + 2 < len(all):
                SCALARS.add(all[i + 2].text if all[i + 1].text in ('class', 'struct') else all[i + 1].text)
        for i, token in enumerate(all):
            if token.kind == 'word' and token.text in ('struct', 'class') and i + 1 < len(all) and all[i + 1].kind == 'word':
                self.learn_type(all, i)
            if token.text == '(' and token.mate is not None and i > 1 and all[i - 1].kind == 'word':
                self.learn_function(all, i)

    def learn_type(self, all, i):
        name, j = all[i + 1].text, i + 2
        while j < len(all) and all[j].text not in ('{', ';', '(', ')', ',', '>', '='):
            j += 1
        if j >= len(all) or all[j].text != '{' or all[j].mate is None:
            return
        is_aggregate, is_trivial = all[i].text == 'struct', True
        k, end, start = j + 1, all[j].mate, j + 1
        while k < end:
            token = all[k]
            if token.text in ('private', 'protected', 'virtual'):
                is_aggregate = False
            if token.text == name and k + 1 < end and all[k + 1].text == '(' and all[k - 1].text != '~':
                is_aggregate = False
            if token.text == '(' and token.mate is not None and token.mate < end:  # a function: to its end
                k = token.mate
                while k < end and all[k].text not in (';', '{'):
                    k += 1
                if k < end and all[k].text == '{' and all[k].mate is not None:
                    k = all[k].mate
                start = k + 1
            elif token.text == '{' and token.mate is not None:
                k = token.mate
            elif token.text == ';':
                words = [t.text for t in all[start:k] if t.kind == 'word']
                stars = any(t.text == '*' for t in all[start:k])
                if words and words[0] not in ('using', 'friend', 'static', 'typedef', 'template', 'struct', 'enum', 'class'):
                    equals = next((n for n in range(start, k) if all[n].text in ('=', '{', '[', ',') and not self.in_angle(all, start, n)), k)
                    of_type = [t.text for t in all[start:equals] if t.kind == 'word'][:-1]
                    if not stars and any(w not in SCALARS for w in of_type):
                        is_trivial = False
                start = k + 1
            k += 1
        self.types.setdefault(name, []).append(is_aggregate and not is_trivial)

    def in_angle(self, all, start, at):
        return sum((t.text == '<') - (t.text == '>') for t in all[start:at]) > 0

    def learn_function(self, all, i):
        before, name = all[i - 2], all[i - 1].text
        if name in STATEMENTS or name in HEADS:
            return
        after = all[all[i].mate + 1].text if all[i].mate + 1 < len(all) else ';'
        if not (before.kind == 'word' and before.text not in STATEMENTS or before.text in ('>', '&', '*', '&&')):
            return
        if after not in ('{', ';', 'const', 'noexcept', '->', 'override'):
            return
        self.add(name, all, i)

    def add(self, name, all, i):
        taken = []
        for begin, end in pieces(all, i + 1, all[i].mate):
            equals = next((n for n in range(begin, end) if all[n].text == '='), end)
            last = equals
            if last - begin > 1 and all[last - 1].kind == 'word':
                last -= 1
            taken.append(type_before(all, last))
        self.functions.setdefault(name, []).append(taken)

    def is_dangerous(self, name, inner):
        """True, False, or None for a type that is not known."""
        if name == 'array':
            return not all(w in SCALARS or not re.match(r'[A-Za-z_]', w) for w in inner)
        if name in self.types:
            return any(self.types[name])
        return None


FOR_CONDITION = ('co_await in a condition of a function without a variable in its outermost scope',
                 'auto ready = co_await x; if (ready) ...')
FOR_AGGREGATE = ('an aggregate as a temporary beside co_await', 'name it, and move it: pair p{a, 1}; co_await f(std::move(p))')
FOR_LAMBDA = ('a capturing lambda as a temporary beside co_await', 'name it: auto body = [n](...) {...}; co_await f(body)')
FOR_CHOICE = ('?: of objects beside co_await', 'if (c) ... else ...; or name the operands before')
FOR_THROW = ('co_await inside of throw', 'auto text = co_await x; throw error{text}')
FOR_BRACES = ('co_await inside of a list that makes an aggregate', 'auto a = co_await x; value v{a, 4}')
HAVE_CONSTRUCTORS = {'pair', 'tuple', 'auto', 'string', 'optional', 'unique_ptr', 'shared_ptr', 'system_error'}
OURS = {'connect', 'async_connect', 'send_to', 'endpoint'}  # of netnotes: their types have constructors


class Reader:
    def __init__(self, path, all, knowledge):
        self.path, self.all, self.known, self.found = path, all, knowledge, []
        self.lambdas = {all[i].text for i in range(1, len(all) - 2)
                        if all[i - 1].text == 'auto' and all[i + 1].text == '=' and begins_lambda(all, i + 2)}

    def tell(self, i, what):
        self.found.append((self.all[i].line, what))

    # ---- blocks and statements

    def read(self):
        i = 0
        while i < len(self.all):
            token = self.all[i]
            if token.text == '{' and token.role == 'block' and token.mate is not None:
                self.block(i + 1, token.mate, self.has_variable(i + 1, token.mate))
                i = token.mate
            i += 1
        return sorted(set(self.found))

    def has_variable(self, begin, end):
        """Does this scope declare one, outside of its inner blocks?"""
        for first, last in self.statements(begin, end):
            if self.declares(first, last):
                return True
        return False

    def declares(self, first, last):
        all, i = self.all, first
        while i < last and all[i].text in ('const', 'constexpr', 'volatile', 'struct'):
            i += 1
        if i >= last or all[i].kind != 'word' or all[i].text in STATEMENTS or all[i].text == 'static':
            return False
        if all[i].text == 'auto':
            return True
        i += 1
        while i < last and (all[i].text in ('::', '*', '&', '&&', 'const') or all[i].kind == 'word' and
                            (all[i - 1].text == '::' or all[i].text in SCALARS)):
            i += 1
        if i < last and all[i].text == '<':
            depth = 0
            while i < last:
                depth += (all[i].text == '<') - (all[i].text == '>')
                i += 1
                if depth == 0:
                    break
            while i < last and (all[i].text in ('::', '*', '&', '&&', 'const') or all[i - 1].text == '::'):
                i += 1
        return i < last and all[i].kind == 'word' and (i + 1 == last or all[i + 1].text in ('=', '{', '(', '[', ','))

    def statements(self, begin, end):
        """Of a block, without what lies in blocks inside of it."""
        all, i, start = self.all, begin, begin
        while i < end:
            token = all[i]
            if token.text == ';':
                yield start, i
                start = i + 1
            elif token.text == '{' and token.role in ('block', 'class') and token.mate is not None:
                i = token.mate
                if not self.in_expression(start, i):
                    start = i + 1
            elif token.text in ('(', '[', '{') and token.mate is not None:
                i = token.mate
            i += 1

    def in_expression(self, start, close):
        """Does the statement go on behind the block that closes here? A lambda's does."""
        opening = self.all[close].mate
        i = start
        while i < opening:
            if begins_lambda(self.all, i):
                return True
            if self.all[i].text in OPEN and self.all[i].mate is not None and self.all[i].mate < opening:
                i = self.all[i].mate
            i += 1
        return False

    def block(self, begin, end, has_variable):
        all, i, start = self.all, begin, begin
        while i < end:
            token = all[i]
            if token.kind == 'word' and token.text in HEADS and i + 1 < end:
                self.expression(start, i, has_variable)
                at = i + 1
                if all[at].text == 'constexpr':
                    at += 1
                if at < end and all[at].text == '(' and all[at].mate is not None:
                    self.head(token.text, at, has_variable)
                    i = start = all[at].mate + 1
                    continue
            if token.text == '{' and token.role == 'block' and token.mate is not None and not self.in_expression(start, token.mate):
                self.expression(start, i, has_variable)
                # In a class that is defined here functions have scopes of their own.
                self.block(i + 1, token.mate, has_variable)
                i = start = token.mate + 1
                continue
            if token.text == '{' and token.role == 'class' and token.mate is not None:
                self.members(i + 1, token.mate)
                i = start = token.mate + 1
                continue
            if token.text == ';':
                self.expression(start, i, has_variable)
                start = i + 1
            elif token.text in OPEN and token.mate is not None:
                i = token.mate
            i += 1
        self.expression(start, end, has_variable)

    def members(self, begin, end):
        i = begin
        while i < end:
            token = self.all[i]
            if token.text == '{' and token.mate is not None:
                if token.role == 'block':
                    self.block(i + 1, token.mate, self.has_variable(i + 1, token.mate))
                elif token.role == 'class':
                    self.members(i + 1, token.mate)
                i = token.mate
            i += 1

    def head(self, kind, at, has_variable):
        parts = pieces(self.all, at + 1, self.all[at].mate, ';')
        for begin, end in parts:
            self.expression(begin, end, has_variable)
        if kind == 'catch' or not parts:
            return
        begin, end = parts[-1]
        if kind == 'for':
            if len(parts) < 3:
                return
            begin, end = parts[1]
        awaits = [i for i in self.flat(begin, end) if self.all[i].text in AWAITS]
        if awaits and not has_variable and not self.declares(begin, end):
            # A variable of the head itself is one of an inner scope, but it is enough.
            if not (kind in ('if', 'switch', 'for') and len(parts) > 1 and self.declares(*parts[0])):
                self.tell(awaits[0], FOR_CONDITION)

    # ---- one full expression

    def flat(self, begin, end):
        """The tokens of an expression, without the bodies of its lambdas."""
        i = begin
        while i < end:
            yield i
            token = self.all[i]
            if token.text == '{' and token.role in ('block', 'class') and token.mate is not None:
                i = token.mate
                yield i
            i += 1

    def expression(self, begin, end, has_variable):
        if begin >= end:
            return
        all = self.all
        inside = list(self.flat(begin, end))
        for i in inside:
            if all[i].text == '{' and all[i].role == 'block' and all[i].mate is not None:
                self.block(i + 1, all[i].mate, self.has_variable(i + 1, all[i].mate))
            elif all[i].text == '{' and all[i].role == 'class' and all[i].mate is not None:
                self.members(i + 1, all[i].mate)
        if not any(all[i].text in AWAITS and all[i].kind == 'word' for i in inside):
            return
        if any(all[i].text == 'throw' for i in inside):
            self.tell(begin, FOR_THROW)
        for i in inside:
            if begins_lambda(all, i) and self.captures(i):
                self.tell(i, FOR_LAMBDA)
            elif all[i].text == '{' and all[i].role == 'init' and all[i].mate is not None:
                self.braces(i, begin)
            elif all[i].text == '(' and all[i].mate is not None and i > begin:
                self.parentheses(i, begin)
            elif all[i].text == '?':
                self.choice(i, begin, end)

    def captures(self, i):
        """By value: a reference has nothing to destroy."""
        for begin, end in pieces(self.all, i + 1, self.all[i].mate):
            words = [t.text for t in self.all[begin:end]]
            if words and words[0] != '&' and words != ['this']:
                return True
        return False

    def braces(self, i, begin_of_all):
        all = self.all
        elements = pieces(all, i + 1, all[i].mate)
        awaited = any(all[j].text in AWAITS for j in self.flat(i + 1, all[i].mate))
        danger = self.danger_of(i, begin_of_all)
        if awaited:
            if danger is not False and (danger or len(elements) > 1):
                self.tell(i, FOR_BRACES)
        elif danger or (danger is None and elements and all[elements[0][0]].text == '.'):
            self.tell(i, FOR_AGGREGATE)

    def parentheses(self, i, begin):
        """T(a, b), or T name(a, b): C++20 makes an aggregate of this, too."""
        all = self.all
        before = all[i - 1]
        if all[i].mate == i + 1 or not (before.kind == 'word' and before.text not in STATEMENTS or before.text == '>'):
            return
        # A call of a function, or of a lambda with a name, that has the name of some type.
        declares = i - 1 > begin and (all[i - 2].text == '>' or all[i - 2].kind == 'word' and all[i - 2].text not in STATEMENTS)
        if not declares and (before.text in self.known.functions or before.text in self.lambdas):
            return
        if not self.danger_of(i, begin):
            return
        awaited = any(all[j].text in AWAITS for j in self.flat(i + 1, all[i].mate))
        self.tell(i, FOR_BRACES if awaited else FOR_AGGREGATE)

    def danger_of(self, i, begin):
        """Is the braced value at i an aggregate with something to destroy? None: unknown."""
        all, before = self.all, self.all[i - 1]
        if before.kind == 'word' and before.text not in STATEMENTS or before.text == '>':
            name, inner = type_before(all, i)
            # name{...}, or type name{...}
            if i - 1 > begin and before.kind == 'word' and (all[i - 2].kind == 'word' and all[i - 2].text not in STATEMENTS or
                                                            all[i - 2].text in ('>', '&', '*')):
                name, inner = type_before(all, i - 1)
            if is_constructed(name, self.known.types):
                return False
            return self.known.is_dangerous(name, inner)
        if before.text == '=' and i - 2 > begin and all[i - 2].kind == 'word':
            name, inner = type_before(all, i - 2)
            if is_constructed(name, self.known.types):
                return False
            return self.known.is_dangerous(name, inner)
        if before.text in ('(', ','):
            return self.danger_of_argument(i, begin)
        return None

    def danger_of_argument(self, i, begin):
        all, depth, index, j = self.all, 0, 0, i - 1
        while j >= begin:
            text = all[j].text
            if text in CLOSE and all[j].mate is not None:
                j = all[j].mate
            elif text == ',':
                index += 1
            elif text == '(':
                break
            elif text in ('{', '['):
                return None
            j -= 1
        if j <= begin or all[j - 1].kind != 'word':
            return None
        name = all[j - 1].text
        if name in self.known.functions:
            takes = [taken[index] for taken in self.known.functions[name] if index < len(taken)]
            if i + 1 < all[i].mate and all[i + 1].text == '.':  # no {.member = value} makes a number or an error_code
                takes = [each for each in takes if each[0] not in SCALARS - {'auto'}]
            verdicts = [self.known.is_dangerous(*each) for each in takes]
            return True if verdicts and all_true(verdicts) else (None if any(v is None for v in verdicts) else False)
        if name in self.known.types or name in OURS:
            return False
        return len(pieces(all, i + 1, all[i].mate)) > 1 or None

    def choice(self, i, begin, end):
        all = self.all
        depth, j, colon = 0, i + 1, None
        nested = 0
        while j < end:
            text = all[j].text
            if text in OPEN and all[j].mate is not None:
                j = all[j].mate
            elif text == '?':
                nested += 1
            elif text == ':' and nested:
                nested -= 1
            elif text == ':':
                colon = j
                break
            elif text in CLOSE or text == ';':
                return
            j += 1
        if colon is None:
            return
        j = colon + 1
        while j < end and not (all[j].text in CLOSE or all[j].text in (',', ';', ':')):
            if all[j].text in OPEN and all[j].mate is not None:
                j = all[j].mate
            j += 1
        one, other = (i + 1, colon), (colon + 1, j)
        if self.is_scalar(*one) or self.is_scalar(*other):
            return
        if self.is_name(*one) and self.is_name(*other):
            return
        self.tell(i, FOR_CHOICE)

    def is_scalar(self, begin, end):
        tokens = [t for t in self.all[begin:end] if t.text not in ('-', '+', '(', ')', '!', '~')]
        if not tokens:
            return False
        if tokens[0].text in ('static_cast', 'sizeof', 'size_t', 'int') or tokens[0].text == 'nullptr':
            return True
        last = self.all[end - 1]
        if last.text == ')' and last.mate is not None and last.mate > begin and \
                self.all[last.mate - 1].text in ('size', 'length', 'count', 'empty', 'has_value', 'index', 'value_or'):
            return True
        return len(tokens) == 1 and (tokens[0].kind in ('char',) or tokens[0].kind == 'number' or
                                     tokens[0].text in ('true', 'false'))

    def is_name(self, begin, end):
        if all(t.kind == 'text' for t in self.all[begin:end]):
            return True
        return all((t.kind == 'word' and t.text not in AWAITS) or t.text in ('.', '->', '::', '*', '[', ']') or
                   t.kind == 'number' for t in self.all[begin:end])


def is_constructed(name, types):
    return name is not None and (name.startswith('std::') or name in HAVE_CONSTRUCTORS and name not in types)


def all_true(values):
    return all(v is True for v in values)


def main():
    beside, paths = sys.argv[1], sys.argv[2:]
    sources, known = [], Knowledge()
    for path in paths:
        try:
            sources.append((path, tokens_of(path)))
        except OSError as error:
            print(f'{path}: {error.strerror}', file=sys.stderr)
            return 2
    if os.path.isdir(beside):  # what the library defines; it is not reported
        for folder, _, names in sorted(os.walk(beside)):
            for name in sorted(names):
                if name.endswith('.hpp'):
                    known.learn(tokens_of(os.path.join(folder, name)))
    for _, all in sources:
        known.learn(all)
    count = 0
    for path, all in sources:
        for line, (shape, cure) in Reader(path, all, known).read():
            print(f'{path}:{line}: {shape}; write: {cure}')
            count += 1
    return 1 if count else 0


sys.exit(main())
PYTHON
