const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE]([+-]?\d+))?$/;
const DATE =
  /^(\d{4}-\d\d-\d\d)(?:[Tt](\d\d:\d\d:\d\d)(\.\d{1,9})?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d)))?$/;

/** Bounds of a number: JavaScript's own spelling of every double fits, and PostgreSQL's `numeric` holds what does. */
const MAX_CHARACTERS = 40;
const MAX_EXPONENT = 400;

/** What is expected of a number but not so. */
export const NUMBER_EXPECTED = `expected a finite number of at most ${MAX_CHARACTERS} characters, its exponent between -${MAX_EXPONENT} and ${MAX_EXPONENT}`;

/** Whether `text` is written like a JSON number (RFC 8259 §6), of any size. */
export const isNumberSyntax = (text: string): boolean => NUMBER.test(text);

/** Whether `text` is a number that a filter compares with: finite, and within the bounds above. */
export function isNumberLiteral(text: string): boolean {
  if (text.length > MAX_CHARACTERS) return false;
  const match = NUMBER.exec(text);
  return match !== null && Math.abs(Number(match[1] ?? 0)) <= MAX_EXPONENT && Number.isFinite(Number(text));
}

/**
 * Reads RFC 3339 or YYYY-MM-DD (midnight UTC) and gives it in UTC, its fraction of a second untouched.
 * Undefined for what is no date, such as 30 February, and for years that are not 1–9999 in UTC.
 */
export function utcDate(text: string): string | undefined {
  const match = DATE.exec(text);
  if (!match) return undefined;
  const [, day, time = '00:00:00', fraction = '', sign, hours = '0', minutes = '0'] = match;
  const local = new Date(`${day}T${time}Z`);
  if (Number.isNaN(local.getTime()) || local.toISOString().slice(0, 19) !== `${day}T${time}`)
    return undefined;
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000 * (sign === '-' ? -1 : 1);
  const utc = new Date(local.getTime() - offsetMs).toISOString();
  if (utc.length !== 24 || utc.startsWith('0000')) return undefined;
  return `${utc.slice(0, 19)}${fraction}Z`;
}
