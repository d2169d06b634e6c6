// Write the shapes of the world map that the page of a report draws.
//
//     npm install --no-save --prefix DIR world-atlas@2 d3-geo@3 topojson-client@3 topojson-simplify@3 i18n-iso-countries@7
//     NODE_PATH=DIR/node_modules node tests/manual/world_map.mjs
//
// The countries are Natural Earth's (public domain), as world-atlas packs them: 1:50m, with the numeric
// codes of ISO 3166. They are drawn in the Equal Earth projection, which cuts at the antimeridian and keeps
// areas in proportion, so that a colour weighs what its country weighs. Antarctica is left out.

import { createRequire } from "node:module";
import { writeFileSync } from "node:fs";

const require = createRequire(process.env.NODE_PATH ? `${process.env.NODE_PATH}/` : import.meta.url);
const { geoArea, geoCentroid, geoContains, geoEqualEarth, geoPath } = await import(require.resolve("d3-geo"));
const { feature } = await import(require.resolve("topojson-client"));
const { filter, filterWeight, presimplify, quantile, simplify, sphericalRingArea, sphericalTriangleArea } = await import(require.resolve("topojson-simplify"));
const iso = require("i18n-iso-countries");
const world = require("world-atlas/countries-50m.json");
const { version } = require("world-atlas/package.json");

const TARGET = new URL("../../bangui_cli/reporting/page/world.json", import.meta.url);
const WIDTH = 5000; // Whole units, so that coordinates need no decimals: a fifth of a pixel on a large screen.
const DETAIL = 0.22; // The share of the points that is kept: those that change an outline most.
const LEFT_OUT = new Set(["AQ"]);

// Without a number of ISO 3166. Territory whose state is disputed is drawn with the one that ISO counts it to.
const BY_NAME = { Kosovo: "XK", Somaliland: "SO", "N. Cyprus": "CY", "Siachen Glacier": null, "Indian Ocean Ter.": null };

// Parts that ISO counts by themselves and Natural Earth draws with a state: [west, south, east, north].
const PARTS = {
  FR: {
    GF: [-55, 2, -51, 6], GP: [-62, 15.8, -61, 16.6], MQ: [-61.3, 14.3, -60.7, 15],
    RE: [55, -21.5, 56, -20.7], YT: [44.9, -13.1, 45.4, -12.5],
  },
  NO: { SJ: [-10, 70.5, 34, 81.5] },
  NL: { BQ: [-68.5, 12, -62.9, 17.7] },
};

// Islands and a rock that the scale of 1:50m has no shape for: [longitude, latitude].
const DOTS = {
  BV: [3.4, -54.4], CC: [96.8, -12.2], CX: [105.6, -10.5], GI: [-5.35, 36.14], TK: [-171.8, -9.2],
  TV: [179.2, -8.5], UM: [166.6, 19.3],
};

function codeOf({ id, properties }) {
  return properties.name in BY_NAME ? BY_NAME[properties.name] : iso.numericToAlpha2(id);
}

function polygons({ type, coordinates }) {
  return (type === "Polygon" ? [coordinates] : coordinates).map((rings) => ({ type: "Polygon", coordinates: rings }));
}

function ownCode(code, polygon) {
  const [longitude, latitude] = geoCentroid(polygon);
  const within = ([west, south, east, north]) =>
    west <= longitude && longitude <= east && south <= latitude && latitude <= north;
  const part = Object.entries(PARTS[code] ?? {}).find(([, box]) => within(box));
  return part ? part[0] : code;
}

function byCode(topology) {
  const countries = new Map();
  for (const shape of feature(topology, topology.objects.countries).features) {
    const code = codeOf(shape);
    if (!code || LEFT_OUT.has(code)) continue;
    for (const polygon of polygons(shape.geometry)) {
      const own = ownCode(code, polygon);
      countries.set(own, [...(countries.get(own) ?? []), polygon]);
    }
  }
  return countries;
}

// A country keeps its largest island however small that is; of the rest what can be seen.
function simplified() {
  const weighed = presimplify(world, sphericalTriangleArea);
  const least = quantile(weighed, DETAIL);
  const coarse = byCode(filter(simplify(weighed, least), filterWeight(weighed, least, sphericalRingArea)));
  for (const [code, shapes] of byCode(world)) {
    if (!coarse.has(code)) coarse.set(code, [largest(shapes)]);
  }
  return coarse;
}

function largest(shapes) {
  return shapes.reduce((one, other) => (geoArea(other) > geoArea(one) ? other : one));
}

// Each step from the point before, in whole units; a point that rounds to the one before is left out.
function relative(absolute) {
  return absolute.split("M").slice(1).map((ring) => {
    const points = ring.replace("Z", "").split("L").map((point) => point.split(",").map(Number).map(Math.round));
    const steps = points.slice(1).map(([x, y], i) => [x - points[i][0], y - points[i][1]]).filter(([x, y]) => x || y);
    return steps.length < 2 ? "" : `M${points[0]}l${steps.map(([x, y]) => `${x}${y < 0 ? "" : ","}${y}`).join(" ")}z`;
  }).join("").replaceAll(" -", "-");
}

function place(code, shapes, path, projection) {
  const main = shapes ? largest(shapes) : null;
  const [x, y] = main ? path.centroid(main) : projection(DOTS[code]);
  const [[west, north], [east, south]] = main ? path.bounds(main) : [[0, 0], [0, 0]];
  const drawn = shapes ? relative(path({ type: "GeometryCollection", geometries: shapes })) : "";
  return { code, path: drawn, x: Math.round(x), y: Math.round(y), extent: Math.round(Math.min(east - west, south - north)) };
}

const countries = simplified();
const points = Object.values(DOTS).map((coordinates) => ({ type: "Point", coordinates }));
const everywhere = { type: "GeometryCollection", geometries: [...points, ...[...countries.values()].flat()] };
const projection = geoEqualEarth().rotate([-11, 0]).precision(0.3).fitWidth(WIDTH, everywhere);
const path = geoPath(projection).digits(1);
const height = Math.ceil(path.bounds(everywhere)[1][1]);
const codes = [...new Set([...countries.keys(), ...Object.keys(DOTS)])].sort();
const places = codes.map((code) => place(code, countries.get(code), path, projection));
const head = {
  source: `Natural Earth 1:50m, version 4.1.0, as packed by world-atlas ${version}; drawn by tests/manual/world_map.mjs`,
  licence: "Natural Earth: public domain (naturalearthdata.com, terms of use); world-atlas: ISC, Copyright 2013-2019 Michael Bostock",
  projection: "Equal Earth, centred on 11 degrees east",
  width: WIDTH,
  height,
};
const rows = places.map((one) => JSON.stringify(one)).join(",\n");
writeFileSync(TARGET, `${JSON.stringify(head, null, 0).slice(0, -1)},"places":[\n${rows}\n]}\n`);
console.log(`${places.length} places, ${places.reduce((sum, one) => sum + one.path.length, 0)} bytes of paths, height ${height}`);
