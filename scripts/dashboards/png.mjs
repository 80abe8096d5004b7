// Writes a picture as a PNG with a palette: sheets of few colours take a quarter of what they would in full colour.
import { deflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');
const COLOURS_MAX = 256;
/** Shades that nobody tells apart become one. */
const STEP = 17;

/**
 * The file's bytes.
 *
 * @param pixels red, green, blue and alpha of each, which is opaque
 */
export function encodePng({ width, height, pixels }) {
  const counts = new Map();
  const shades = new Uint32Array(width * height);
  for (let i = 0; i < shades.length; i++) {
    const shade = shadeAt(pixels, i * 4);
    shades[i] = shade;
    counts.set(shade, (counts.get(shade) ?? 0) + 1);
  }
  const palette = [...counts.keys()]
    .sort((a, b) => counts.get(b) - counts.get(a))
    .slice(0, COLOURS_MAX);
  const places = new Map(palette.map((shade, place) => [shade, place]));
  for (const shade of counts.keys()) {
    if (!places.has(shade)) places.set(shade, nearest(palette, shade));
  }
  // Each line begins with the number of its filter: none.
  const lines = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      lines[y * (width + 1) + 1 + x] = places.get(shades[y * width + x]);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // Eight bits a pixel, with a palette.
  header[8] = 8;
  header[9] = 3;
  const colours = Buffer.from(palette.flatMap((shade) => partsOf(shade)));
  const data = deflateSync(lines, { level: 9 });
  const chunks = [
    ['IHDR', header],
    ['PLTE', colours],
    ['IDAT', data],
    ['IEND', Buffer.alloc(0)],
  ];
  return Buffer.concat([SIGNATURE, ...chunks.map(([type, bytes]) => chunk(type, bytes))]);
}

function shadeAt(pixels, at) {
  const part = (offset) => Math.round(pixels[at + offset] / STEP) * STEP;
  return (part(0) << 16) | (part(1) << 8) | part(2);
}

function partsOf(shade) {
  return [shade >> 16, (shade >> 8) & 255, shade & 255];
}

function nearest(palette, shade) {
  const wanted = partsOf(shade);
  const distance = (place) =>
    partsOf(palette[place]).reduce((sum, part, i) => sum + (part - wanted[i]) ** 2, 0);
  let best = 0;
  for (let place = 1; place < palette.length; place++) {
    if (distance(place) < distance(best)) best = place;
  }
  return best;
}

function chunk(type, bytes) {
  const body = Buffer.concat([Buffer.from(type), bytes]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(bytes.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** Node has one from 20.15 on only. */
function crc32(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return (sum ^ 0xffffffff) >>> 0;
}
