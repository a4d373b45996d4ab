/** The report's style sheet: light, dark and paper; no fonts or images from elsewhere. */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --paper: #fdfdfc; --card: #ffffff; --ink: #1d2327; --ink-soft: #5d6870; --line: #dfe3e6;
  --c1: #2f6fb4; --c2: #b8671f; --bad: #b3404a; --good: #2d7d4f; --muted-bar: #a9b4bd; --usable: #2d7d4f24;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15191c; --card: #1c2125; --ink: #e6eaec; --ink-soft: #9aa5ad; --line: #333b41;
    --c1: #6aa5e6; --c2: #e09a54; --bad: #e2757e; --good: #63bd88; --muted-bar: #5b6770; --usable: #63bd8830;
  }
}
@media print {
  :root {
    color-scheme: light;
    --paper: #fff; --card: #fff; --ink: #000; --ink-soft: #444; --line: #bbb;
    --c1: #2f6fb4; --c2: #b8671f; --bad: #b3404a; --good: #2d7d4f; --muted-bar: #a9b4bd; --usable: #2d7d4f24;
  }
  body { font-size: 10pt; }
  main { padding: 0; max-width: none; }
  section, figure, article, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  .answer { max-height: none; overflow: visible; }
  nav { display: none; }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
  -webkit-print-color-adjust: exact; print-color-adjust: exact;
}
main { max-width: 1120px; margin: 0 auto; padding: 36px 28px 72px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { font-size: 20px; margin: 44px 0 6px; padding-top: 18px; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
h3 { font-size: 16px; margin: 28px 0 6px; }
p { margin: 6px 0 10px; max-width: 78ch; }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin: 0 6px 0 14px; }
.legend i:first-child { margin-left: 0; }
.legend .c1 { background: var(--c1); } .legend .c2 { background: var(--c2); }
.legend .prompt { background: var(--muted-bar); } .legend .control { border: 1.5px solid var(--c1); }
.soft, .note { color: var(--ink-soft); }
.note { font-size: 13px; max-width: 92ch; }
.lead { font-size: 17px; line-height: 1.5; }
.warning { border-left: 3px solid var(--c2); padding-left: 12px; }
nav { margin: 14px 0 0; display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13px; }
a { color: var(--c1); }
.facts { display: flex; flex-wrap: wrap; gap: 2px 26px; margin: 10px 0 16px; padding: 0; font-size: 13px; color: var(--ink-soft); }
.facts b { color: var(--ink); font-weight: 600; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; margin: 10px 0 6px; }
th, td { padding: 5px 12px 5px 0; text-align: right; vertical-align: baseline; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; color: var(--ink-soft); vertical-align: bottom; white-space: normal; min-width: 5ch; }
th:first-child, td:first-child, .left { text-align: left; }
td:first-child { white-space: normal; overflow-wrap: anywhere; min-width: 14ch; max-width: 34ch; }
td .sub { display: block; color: var(--ink-soft); font-size: 12px; }
tr.baseline td { background: color-mix(in srgb, var(--muted-bar) 14%, transparent); }
.up { color: var(--good); font-weight: 600; }
.down { color: var(--bad); font-weight: 600; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 18px 28px; }
.plots.small { grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); gap: 8px 20px; }
figure { margin: 12px 0; }
figure svg { max-width: 100%; height: auto; color: var(--ink-soft); }
figcaption { font-size: 14px; margin-bottom: 2px; overflow-wrap: anywhere; }
article { margin: 18px 0; padding: 14px 16px; background: var(--card); border: 1px solid var(--line); border-radius: 6px; }
.question { white-space: pre-wrap; overflow-wrap: anywhere; max-width: none; margin: 0 0 10px; }
.answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(240px, 1fr)); gap: 14px; }
.answers h4 { margin: 0 0 4px; font-size: 13px; overflow-wrap: anywhere; }
.answer {
  margin: 0; padding: 8px 10px; max-height: 320px; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere;
  font: 12.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace;
  background: color-mix(in srgb, var(--line) 28%, transparent); border-left: 3px solid var(--line); border-radius: 0 4px 4px 0;
}
.answer.right { border-left-color: var(--good); }
.answer.wrong { border-left-color: var(--bad); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 18px; font-size: 13px; margin: 8px 0; }
dt { color: var(--ink-soft); }
dd { margin: 0; overflow-wrap: anywhere; }
code, pre { font: 12px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; }
pre.json { white-space: pre-wrap; overflow-wrap: anywhere; }
summary { cursor: pointer; font-size: 13px; color: var(--c1); }
footer { margin-top: 48px; padding-top: 14px; border-top: 1px solid var(--line); font-size: 13px; color: var(--ink-soft); }
`;
