// Small parts that all views use.
import { regionColor } from "./colors.js";
import { percent } from "./format.js";
import { tone } from "./state.js";

export const Swatch = ({ color }) => <i class="swatch" style={{ background: color }} aria-hidden="true" />;

export const Region = ({ regions, name }) => <span class="region"><Swatch color={regionColor(regions, name)} />{name}</span>;

/** Told by shape as well as by colour. */
const GLYPHS = { good: "●", warn: "▲", bad: "■", info: "◆", idle: "○" };

export const State = ({ state }) => <span class={`state ${tone(state)}`}><span class="glyph" aria-hidden="true">{GLYPHS[tone(state)]}</span>{state}</span>;

export const Glyph = ({ tone: own }) => <span class={`glyph ${own}`} aria-hidden="true">{GLYPHS[own]}</span>;

export const Pill = ({ tone: own, children }) => <span class={`pill ${own}`}>{children}</span>;

/** A part of a whole, as a bar and in words. */
export function Bar({ permille, tone: own = "good", label }) {
  return (
    <span class="bar-cell">
      <span class={`bar ${own}`} aria-hidden="true"><i style={{ width: `${Math.min(100, permille / 10)}%` }} /></span>
      <span class="bar-text">{label ?? percent(permille)}</span>
    </span>
  );
}

export function Segments({ label, value, choices, onChange }) {
  return (
    <div class="segments" role="group" aria-label={label}>
      {choices.map(([key, text]) => (
        <button key={key} type="button" aria-pressed={value === key} onClick={() => onChange(key)}>{text}</button>
      ))}
    </div>
  );
}

export const Card = ({ title, tools, children, class: own = "", id }) => (
  <section class={`card ${own}`} aria-labelledby={id}>
    <header class="card-head"><h2 id={id}>{title}</h2>{tools}</header>
    {children}
  </section>
);
