// Light or dark: the system decides until the button is pressed. The choice is kept for the next page.
"use strict";

(function () {
    function apply(mode) {
        document.documentElement.classList.toggle("dark-mode", mode === "dark");
        document.documentElement.classList.toggle("light-mode", mode === "light");
    }
    const system = () => matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    let chosen = null;
    try { chosen = localStorage.getItem("netnotes-mode"); } catch (error) { /* a browser without storage */ }
    apply(chosen || system());
    document.addEventListener("DOMContentLoaded", () => {
        document.getElementById("dark").addEventListener("click", () => {
            const mode = document.documentElement.classList.contains("dark-mode") ? "light" : "dark";
            try { localStorage.setItem("netnotes-mode", mode); } catch (error) { /* a browser without storage */ }
            apply(mode);
        });
    });
})();
