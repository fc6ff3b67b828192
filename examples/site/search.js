// The search: a section in which all words occur comes first, and one word in three may be missing. Headings count more than text, and pages of lessons more than classes.
// Chinese text has no spaces, so words of Chinese characters are also cut into pairs.
"use strict";

function words_of(text) {
    const words = [];
    for (const word of text.toLowerCase().split(/[\s,;?？，。、]+/).filter(Boolean)) {
        for (const part of word.match(/[\u3400-\u9fff]+|[^\u3400-\u9fff]+/g)) {
            if (/[\u3400-\u9fff]/.test(part) && part.length > 3)
                for (let at = 0; at + 1 < part.length; ++at) words.push(part.slice(at, at + 2));
            else words.push(part);
        }
    }
    return words;
}

function weight_of(page) {
    if (page.startsWith("lesson_")) return 3;
    if (/^(errata|glossary|architecture|api)\.html$/.test(page)) return 2.5;
    if (page === "index.html") return 1.5;
    if (page === "changelog.html" || page === "contributing.html") return 0.5;
    if (page.startsWith("exercise") || page === "lessons.html") return 2;
    return page.includes("_8hpp") ? 1.8 : 0.7;
}

function find(index, text) {
    const words = words_of(text), whole = text.toLowerCase().trim(), results = [];
    if (!words.length) return results;
    for (const entry of index) {
        const [page, , title, heading, body] = entry;
        const heads = (title + " " + heading).toLowerCase(), low = body.toLowerCase();
        let score = 0, missing = 0;
        for (const word of words) {
            const in_head = heads.includes(word), in_body = low.includes(word);
            if (!in_head && !in_body) ++missing;
            score += (in_head ? 3 : 0) + (in_body ? 1 + Math.min(low.split(word).length - 2, 4) * 0.2 : 0);
        }
        if (missing > words.length / 3) continue;
        if (words.length > 1 && (low.includes(whole) || heads.includes(whole))) score += 6;
        if (heading.toLowerCase() === whole || title.toLowerCase() === whole) score += 8;
        score = score / (1 + 2 * missing) * weight_of(page) / Math.sqrt(1 + body.length / 6000);
        results.push({entry, score});
    }
    results.sort((a, b) => b.score - a.score);
    const seen = {};
    return results.filter(result => (seen[result.entry[0]] = (seen[result.entry[0]] || 0) + 1) <= 2).slice(0, 40);
}

function show(text) {
    const place = document.getElementById("results"), words = words_of(text), results = find(search_index, text);
    place.textContent = "";
    if (text.trim() && !results.length) place.textContent = place.dataset.none;
    for (const {entry: [page, anchor, title, heading, body]} of results) {
        const link = document.createElement("a"), text_part = document.createElement("p");
        link.href = page + (anchor ? "#" + anchor : "");
        link.textContent = heading && heading !== title ? title + " › " + heading : title;
        const low = body.toLowerCase(), at = Math.max(0, Math.min(...words.map(word => low.indexOf(word)).filter(n => n >= 0)) - 50 || 0);
        const shown = Number.isFinite(at) ? body.slice(at, at + 220) : body.slice(0, 220);
        let from = 0;
        const pattern = new RegExp(words.map(word => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|"), "gi");
        for (const found of shown.matchAll(pattern)) {
            text_part.append(shown.slice(from, found.index));
            const mark = document.createElement("mark");
            mark.textContent = found[0];
            text_part.append(mark);
            from = found.index + found[0].length;
        }
        text_part.append(shown.slice(from) + " …");
        const item = document.createElement("div");
        item.append(link, text_part);
        place.append(item);
    }
}

if (typeof document !== "undefined") {
    const field = document.getElementById("query");
    field.value = new URLSearchParams(location.search).get("q") || "";
    show(field.value);
    field.addEventListener("input", () => show(field.value));
    field.form.addEventListener("submit", event => event.preventDefault());
}
