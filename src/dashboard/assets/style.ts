/** The dashboard's style sheet. Light and dark by the system's word; from phone width on. */

export const STYLE = `
:root {
  color-scheme: light dark; --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, monospace;
  --ground: #f6f7f9; --paper: #fff; --ink: #1b2230; --soft: #556070; --line: #d9dee6; --accent: #1f5fd0;
  --accent-ink: #fff; --good: #17723f; --warn: #8a5a00; --bad: #b3261e; --info: #3d5a99; --mute: #eceff4;
  --good-ground: #e3f4e9; --warn-ground: #fdf0d5; --bad-ground: #fce8e6; --info-ground: #e6edfb;
  --plot-1: #1f5fd0; --plot-2: #c2570c; --focus: #1f5fd0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12161d; --paper: #1a2029; --ink: #e6eaf0; --soft: #a2adbb; --line: #313a47; --accent: #8ab4ff;
    --accent-ink: #0d1a33; --good: #7bd69a; --warn: #f0c36a; --bad: #ff9d94; --info: #a9c3ff; --mute: #232b37;
    --good-ground: #17321f; --warn-ground: #382a0c; --bad-ground: #3d1a17; --info-ground: #1b2a47;
    --plot-1: #8ab4ff; --plot-2: #f5a15c; --focus: #a9c8ff;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
/* The line stands below the underscores of ids, which it would hide. */
a { color: var(--accent); text-underline-offset: .3em; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: 3px; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 .75rem; }
h3 { font-size: .95rem; margin: 1rem 0 .35rem; }
p { margin: .25rem 0 .75rem; max-width: 75ch; }
code, pre, .mono { font-family: var(--mono); font-size: .875em; }
code { overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.small { font-size: .875rem; }
.skip { position: absolute; left: -100rem; top: 0; background: var(--paper); padding: .75rem 1rem; z-index: 3; }
.skip:focus { left: .5rem; top: .5rem; }
.visually-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

.top { background: var(--paper); border-bottom: 1px solid var(--line); }
.top-inner { max-width: 78rem; margin: 0 auto; padding: .5rem 1rem 0; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; align-items: center; }
.brand { font-weight: 700; text-decoration: none; color: inherit; padding: .25rem 0; letter-spacing: -.01em; }
.who { margin-left: auto; display: flex; gap: .75rem; align-items: center; font-size: .875rem; color: var(--soft); }
.nav { flex-basis: 100%; }
.nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: 0 .25rem; margin: 0 0 0 -.7rem; padding: 0; }
.nav a { display: block; padding: .55rem .7rem; color: var(--soft); text-decoration: none; white-space: nowrap; border-bottom: 3px solid transparent; }
.nav a:hover { color: var(--ink); }
.nav a:focus-visible { outline-offset: -3px; }
.nav a[aria-current] { color: var(--ink); border-color: var(--accent); font-weight: 600; }
main { max-width: 78rem; margin: 0 auto; padding: 1.25rem 1rem 4rem; }
main:focus { outline: none; }
.head { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: baseline; justify-content: space-between; margin-bottom: 1rem; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: 1rem; margin-bottom: 1rem; min-width: 0; }
.grid { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); margin-bottom: 1rem; }
.grid > .card { margin: 0; }
.two { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 28rem), 1fr)); }

.tiles { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fill, minmax(10.5rem, 1fr)); margin: 0 0 1rem; padding: 0; list-style: none; }
.tile { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: .75rem 1rem; }
.tile .name { color: var(--soft); font-size: .85rem; }
.tile .value { font-size: 1.5rem; font-weight: 650; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile .note { color: var(--soft); font-size: .8rem; }
.tile.bad { border-color: var(--bad); background: var(--bad-ground); }
.tile.warn { border-color: var(--warn); background: var(--warn-ground); }

.badge { display: inline-block; padding: 0 .5rem; border-radius: 99px; font-size: .8rem; font-weight: 600; line-height: 1.6; background: var(--mute); color: var(--soft); white-space: nowrap; }
.badge.good { background: var(--good-ground); color: var(--good); }
.badge.warn { background: var(--warn-ground); color: var(--warn); }
.badge.bad { background: var(--bad-ground); color: var(--bad); }
.badge.info { background: var(--info-ground); color: var(--info); }

.banner { border: 1px solid var(--line); border-left-width: 5px; border-radius: 8px; background: var(--paper); padding: .75rem 1rem; margin-bottom: 1rem; }
.banner p { margin: .1rem 0; }
.banner.good { border-left-color: var(--good); }
.banner.warn { border-left-color: var(--warn); }
.banner.bad { border-left-color: var(--bad); }
.empty { text-align: center; padding: 2rem 1rem; color: var(--soft); }
.empty p { margin: .25rem auto; }

table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem .5rem 0; border-bottom: 1px solid var(--line); }
tbody tr:last-child > * { border-bottom: 0; }
th { font-size: .8rem; font-weight: 600; color: var(--soft); white-space: nowrap; }
td { overflow-wrap: break-word; }
td a.mono, td .small { white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td form { display: inline; }
.scroll { overflow-x: auto; }
dl.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); gap: .6rem 1.25rem; margin: 0; }
dl.facts dt { font-size: .8rem; color: var(--soft); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }

pre { background: var(--mute); border-radius: 8px; padding: .75rem; margin: 0; overflow: auto; max-height: 32rem; white-space: pre-wrap; overflow-wrap: anywhere; }
details > summary { cursor: pointer; padding: .35rem 0; }
details[open] > summary { margin-bottom: .5rem; }

form.fields, .fields-grid { display: grid; gap: .75rem 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 12.5rem), 1fr)); align-items: start; }
.field > button { align-self: start; margin-top: 1.45rem; }
.field { display: flex; flex-direction: column; gap: .2rem; min-width: 0; }
.field.wide { grid-column: 1 / -1; }
.field label, .label { font-size: .85rem; font-weight: 600; }
.hint { font-size: .8rem; color: var(--soft); }
input, select, textarea, button, .button { font: inherit; color: inherit; }
input:not([type=hidden]):not([type=checkbox]), select, textarea { width: 100%; min-height: 2.5rem; padding: .4rem .6rem; border: 1px solid #7b8696; border-radius: 6px; background: var(--paper); }
textarea { min-height: 20rem; resize: vertical; font-family: var(--mono); font-size: .875rem; }
input[aria-invalid=true], textarea[aria-invalid=true] { border-color: var(--bad); }
button, .button { display: inline-block; min-height: 2.5rem; padding: .4rem .9rem; border: 1px solid #7b8696; border-radius: 6px; background: var(--paper); font-weight: 600; cursor: pointer; text-decoration: none; color: var(--ink); line-height: 1.55; }
button:hover, .button:hover { border-color: var(--ink); }
button.main { background: var(--accent); border-color: var(--accent); color: var(--accent-ink); }
button.danger { color: var(--bad); border-color: var(--bad); }
button.slim { min-height: 2rem; padding: .15rem .6rem; font-size: .875rem; }
button.plain { background: none; border: 0; padding: .25rem 0; min-height: 2rem; color: var(--accent); text-decoration: underline; font-weight: 400; }
.actions { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
.pages { display: flex; gap: 1rem; margin-top: .75rem; }

figure.plot { margin: 0; }
figure.plot figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .25rem 1rem; margin-bottom: .4rem; }
figure.plot h2 { margin: 0; }
.legend { font-size: .85rem; color: var(--soft); }
.legend span::before { content: ""; display: inline-block; width: .9rem; height: 3px; margin-right: .35rem; vertical-align: middle; background: currentColor; }
.legend .line-1::before { background: var(--plot-1); }
.legend .line-2::before { background: var(--plot-2); }
.legend span + span { margin-left: .75rem; }
.plot svg { display: block; width: 100%; height: 8.5rem; overflow: visible; }
.plot .line { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; stroke-linejoin: round; stroke-linecap: round; }
.plot .line-1 { stroke: var(--plot-1); }
.plot .line-2 { stroke: var(--plot-2); stroke-dasharray: 6 4; }
.plot .rule { stroke: var(--line); vector-effect: non-scaling-stroke; }
.axis { display: flex; justify-content: space-between; font-size: .75rem; color: var(--soft); font-variant-numeric: tabular-nums; }

.waterfall td { padding-top: .3rem; padding-bottom: .3rem; }
.waterfall .bar-cell { width: 45%; padding-right: 0; vertical-align: middle; }
.waterfall svg { display: block; width: 100%; height: 1rem; }
.bar { fill: var(--soft); }
.bar.wait { fill: #96a1b1; }
.bar.model { fill: var(--plot-1); }
.bar.delivery { fill: var(--good); }
.bar.trouble { fill: var(--bad); }
progress { width: 100%; height: .8rem; accent-color: var(--accent); }
.login { max-width: 26rem; margin: 3rem auto; }
.login button { margin-top: 1rem; }
.ranges a[aria-current] { color: var(--ink); font-weight: 600; text-decoration: none; }
.below { margin-top: .75rem; }

@media (max-width: 44rem) {
  table.cards > thead, table.waterfall > thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table.cards, table.cards > tbody, table.cards > tbody > tr, table.cards > tbody > tr > td { display: block; width: 100%; }
  table.cards > tbody > tr { padding: .6rem 0; border-bottom: 1px solid var(--line); }
  table.cards > tbody > tr:last-child { border-bottom: 0; }
  table.cards > tbody > tr > td { position: relative; border: 0; padding: .15rem 0 .15rem 7.5rem; min-height: 1.8rem; text-align: left; overflow-wrap: anywhere; }
  table.cards > tbody > tr > td::before { content: attr(data-label); position: absolute; left: 0; color: var(--soft); font-size: .85rem; }
  table.waterfall, table.waterfall > tbody { display: block; }
  table.waterfall > tbody > tr { display: grid; grid-template-columns: 1fr auto auto; gap: 0 .75rem; padding: .4rem 0; border-bottom: 1px solid var(--line); }
  table.waterfall > tbody > tr > td { border: 0; padding: 0; }
  table.waterfall .detail { grid-row: 2; grid-column: 1; color: var(--soft); font-size: .85rem; }
  table.waterfall .after { display: none; }
  table.waterfall .bar-cell { grid-column: 1 / -1; width: 100%; }
  .who .name { display: none; }
  .field > button { margin-top: 0; }
  .tile .value { font-size: 1.25rem; }
  .nav a { padding: .45rem .7rem; }
}
@media (prefers-reduced-motion: no-preference) { button, .button, .nav a { transition: border-color .1s, color .1s; } }
@media print { .top, .actions, form { display: none; } }
`;
