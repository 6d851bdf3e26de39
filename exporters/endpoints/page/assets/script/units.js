// Writes numbers as people read them, as units.py writes them.

export const UNKNOWN = "–";

export function hashrate(value) {
  const prefixes = ["", "k", "M", "G", "T", "P", "E", "Z", "Y", "R", "Q"];
  let scaled = value;
  while (scaled >= 999.5 && prefixes.length > 1) {
    scaled /= 1000;
    prefixes.shift();
  }
  if (scaled >= 999.5) return `${value.toExponential(2)} H/s`;
  if (scaled > 0 && scaled < 0.01) return "< 0.01 H/s";
  const digits = scaled === 0 || scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2;
  return `${scaled.toFixed(digits)} ${prefixes[0]}H/s`;
}

export function duration(seconds) {
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const whole = Math.max(0, Math.floor(seconds));
  const at = units.findIndex(([size]) => whole >= size);
  if (at < 0 || at === units.length - 1) return `${whole} s`;
  const [[size, unit], [smaller, smallUnit]] = units.slice(at, at + 2);
  const rest = Math.floor((whole % size) / smaller);
  return `${Math.floor(whole / size)} ${unit}${rest ? ` ${rest} ${smallUnit}` : ""}`;
}

export function time(unix) {
  const date = new Date(unix * 1000);
  // A sender's clock may say anything, beyond all dates too.
  if (Number.isNaN(date.getTime())) return UNKNOWN;
  return date.toISOString().replace("T", " ").replace(/\..*/, " UTC");
}

export const count = (value) => value.toLocaleString("en");

export const percent = (share) => `${(share * 100).toFixed(2)} %`;

export const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;
