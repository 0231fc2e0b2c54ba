const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const DATE =
  /^(\d{4}-\d\d-\d\d)(?:[Tt](\d\d:\d\d:\d\d)(\.\d{1,9})?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d)))?$/;

/** Whether `text` is a JSON number (RFC 8259 §6) of finite size. */
export const isNumberLiteral = (text: string): boolean => NUMBER.test(text) && Number.isFinite(Number(text));

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
