// The map of the world: countries of world-atlas (Natural Earth, public domain), coarser, and by their two letters.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const codes = require("i18n-iso-countries/codes.json");

/** Shapes without a number of ISO 3166-1 that a country's code is used for all the same. */
const OTHERS = { Kosovo: "XK", Somaliland: "SO", "N. Cyprus": "CY" };

export function world() {
  const topology = structuredClone(require("world-atlas/countries-110m.json"));
  const letters = new Map(codes.map(([two, , number]) => [number, two]));
  const countries = topology.objects.countries;
  countries.geometries = countries.geometries
    .map(({ type, arcs, id, properties }) => ({ type, arcs, id: letters.get(id) ?? OTHERS[properties.name] ?? "" }))
    .filter((shape) => shape.id !== "AQ");
  // Only what is drawn: the shapes of countries, and the arcs that they have.
  const used = new Map();
  const number = (arc) => {
    const own = arc < 0 ? ~arc : arc;
    if (!used.has(own)) used.set(own, used.size);
    return arc < 0 ? ~used.get(own) : used.get(own);
  };
  const renumber = (arcs) => (Array.isArray(arcs) ? arcs.map(renumber) : number(arcs));
  countries.geometries.forEach((shape) => (shape.arcs = renumber(shape.arcs)));
  const arcs = [];
  used.forEach((to, from) => (arcs[to] = topology.arcs[from]));
  return { type: "Topology", objects: { countries }, arcs: arcs.map(coarser), transform: coarse(topology.transform) };
}

/** Steps of the grid in one of the coarser grid: 36 km at the equator and less. */
const GRID = 8;

function coarse({ scale, translate }) {
  return { scale: scale.map((step) => step * GRID), translate };
}

/** An arc, delta-encoded, on the coarser grid; its ends stay where those of its neighbours are. */
function coarser(arc) {
  let [x, y, beforeX, beforeY] = [0, 0, 0, 0];
  const points = arc.map(([dx, dy]) => [Math.round((x += dx) / GRID), Math.round((y += dy) / GRID)]);
  const kept = points.filter(([px, py], at) => at === 0 || at === points.length - 1 || px !== points[at - 1][0] || py !== points[at - 1][1]);
  return kept.map(([px, py]) => {
    const step = [px - beforeX, py - beforeY];
    [beforeX, beforeY] = [px, py];
    return step;
  });
}
