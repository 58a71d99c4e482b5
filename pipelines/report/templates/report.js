"use strict";
(function () {
  // Sorts and filters what is already in the page, and switches its colours. Asks nothing, keeps nothing.
  var root = document.documentElement;
  var blank = "-";

  function themeButton() {
    var button = document.getElementById("theme");
    var system = window.matchMedia("(prefers-color-scheme: dark)");
    function isDark() {
      return root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
    }
    function tell() {
      button.textContent = isDark() ? "Light colours" : "Dark colours";
    }
    button.addEventListener("click", function () {
      root.dataset.theme = isDark() ? "light" : "dark";
      tell();
    });
    system.addEventListener("change", tell);
    button.hidden = false;
    tell();
  }

  function valueOf(cell, numeric) {
    var text = cell.dataset.v || cell.textContent;
    if (text === blank) { return null; }
    if (!numeric) { return text.toLowerCase(); }
    var number = Number(text);
    return Number.isNaN(number) ? text.toLowerCase() : number;
  }

  function compare(a, b) {
    if (typeof a === typeof b) { return a < b ? -1 : a > b ? 1 : 0; }
    return typeof a === "number" ? -1 : 1;
  }

  function sortable(table, rows) {
    var body = table.tBodies[0];
    var heads = Array.from(table.tHead.rows[0].cells);
    function sort(index, way) {
      var numeric = heads[index].hasAttribute("data-numeric");
      var keyed = rows.map(function (row, place) {
        return { row: row, place: place, key: valueOf(row.cells[index], numeric) };
      });
      if (way !== "none") {
        keyed.sort(function (a, b) {
          if (a.key === null || b.key === null) {
            return a.key === b.key ? a.place - b.place : a.key === null ? 1 : -1;
          }
          var order = compare(a.key, b.key);
          return (way === "descending" ? -order : order) || a.place - b.place;
        });
      }
      var ordered = document.createDocumentFragment();
      keyed.forEach(function (item) { ordered.append(item.row); });
      body.append(ordered);
      heads.forEach(function (head, place) {
        head.setAttribute("aria-sort", place === index ? way : "none");
      });
    }
    heads.forEach(function (head, index) {
      var button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", function () {
        var now = head.getAttribute("aria-sort");
        sort(index, now === "none" ? "ascending" : now === "ascending" ? "descending" : "none");
      });
    });
  }

  function filterable(table, rows, tools) {
    var input = tools.querySelector("input");
    var select = tools.querySelector("select");
    var told = tools.querySelector("[role=status]");
    var texts = null;
    var waiting = 0;
    function apply() {
      texts = texts || rows.map(function (row) {
        return Array.from(row.cells, function (cell) { return cell.textContent.toLowerCase(); });
      });
      var words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      var column = Number(select.value);
      var shown = 0;
      rows.forEach(function (row, index) {
        var text = column < 0 ? texts[index].join("\n") : texts[index][column];
        var hit = words.every(function (word) { return text.includes(word); });
        row.hidden = !hit;
        shown += hit ? 1 : 0;
      });
      told.textContent = shown + " of " + rows.length + (rows.length === 1 ? " row" : " rows");
    }
    input.addEventListener("input", function () {
      clearTimeout(waiting);
      waiting = setTimeout(apply, 60);
    });
    input.addEventListener("keydown", function (event) {
      if (event.key === "Escape") { input.value = ""; apply(); }
    });
    select.addEventListener("change", apply);
    tools.hidden = false;
  }

  // A table of thousands of rows is laid out row by row, and only those in sight: columns get fixed
  // widths, and roles say again what the elements were.
  function lighten(table, rows) {
    if (rows.length < 300) { return; }
    var heads = Array.from(table.tHead.rows[0].cells);
    var widths = heads.map(function (head, index) {
      var most = Math.max.apply(null, head.textContent.split(" ").map(function (word) { return word.length + 2; }));
      for (var place = 0; place < rows.length; place += Math.ceil(rows.length / 200)) {
        most = Math.max(most, Math.min(44, rows[place].cells[index].textContent.length));
      }
      return (most + 2) + "ch";
    });
    table.style.setProperty("--widths", widths.join(" "));
    table.setAttribute("role", "table");
    table.setAttribute("aria-rowcount", rows.length + 1);
    table.tHead.setAttribute("role", "rowgroup");
    table.tBodies[0].setAttribute("role", "rowgroup");
    table.tHead.rows[0].setAttribute("role", "row");
    heads.forEach(function (head) { head.setAttribute("role", "columnheader"); });
    rows.forEach(function (row) {
      row.setAttribute("role", "row");
      for (var cell = row.firstElementChild; cell; cell = cell.nextElementSibling) {
        cell.setAttribute("role", cell.tagName === "TH" ? "rowheader" : "cell");
      }
    });
    table.classList.add("large");
  }

  themeButton();
  document.querySelectorAll("table[data-sort]").forEach(function (table) {
    var rows = Array.from(table.tBodies[0].rows);
    lighten(table, rows);
    sortable(table, rows);
  });
  document.querySelectorAll(".tools").forEach(function (tools) {
    var table = document.getElementById(tools.dataset.table);
    filterable(table, Array.from(table.tBodies[0].rows), tools);
  });
  root.dataset.ready = "yes";
})();
