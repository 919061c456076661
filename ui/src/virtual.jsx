// A list of any length of which only what is seen is there; rows are of one height.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

const MORE = 6;

export function VirtualList({ rows, height, render, label, columns, header, empty }) {
  const box = useRef();
  const [seen, setSeen] = useState({ from: 0, to: 40 });
  const measure = () => {
    const own = box.current;
    if (!own) return;
    const from = Math.max(0, Math.floor(own.scrollTop / height) - MORE);
    const to = Math.ceil((own.scrollTop + own.clientHeight) / height) + MORE;
    setSeen((before) => (before.from === from && before.to === to ? before : { from, to }));
  };
  useLayoutEffect(measure, [height, rows.length]);
  useEffect(() => {
    const watch = new ResizeObserver(measure);
    watch.observe(box.current);
    return () => watch.disconnect();
  }, [height]);
  const shown = rows.slice(seen.from, seen.to);
  return (
    <div class="virtual" role="table" aria-label={label} aria-rowcount={rows.length + 1} aria-colcount={columns}>
      <div role="rowgroup" class="virtual-head">{header}</div>
      <div role="rowgroup" class="virtual-body" ref={box} onScroll={measure} tabIndex={0}>
        {rows.length === 0 && <div role="row" class="empty"><span role="cell">{empty}</span></div>}
        <div class="virtual-space" role="presentation" style={{ height: `${rows.length * height}px` }}>
          {shown.map((row, at) => render(row, { height: `${height}px`, transform: `translateY(${(seen.from + at) * height}px)` }, seen.from + at + 2))}
        </div>
      </div>
    </div>
  );
}
