/** Deeper than any body of this API may be; what walks a body by recursion stays far from the end of its stack. */
const MAX_DEPTH = 100;
/** Members or elements of the outermost object or array. */
const MAX_OUTER = 200;
/** Counted as opening brackets and commas: metadata of 16 KiB has 11,000 of them at most. */
const MAX_VALUES = 20_000;

/**
 * Why a JSON text is more than a body of this API can be, else undefined. Looks at the text, in one pass, because what
 * follows (parsing, copying, validating) would keep the event loop for seconds over a MiB of brackets. Takes text that
 * is no JSON for whatever it looks like.
 */
export function excessOf(text: string): string | undefined {
  let depth = 0;
  let outer = 1;
  let values = 1;
  for (let i = 0; i < text.length; i += 1) {
    switch (text.charCodeAt(i)) {
      case 0x22: // "
        i = endOfString(text, i);
        break;
      case 0x7b: // {
      case 0x5b: // [
        depth += 1;
        values += 1;
        if (depth > MAX_DEPTH) return `is nested deeper than ${MAX_DEPTH} levels`;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        depth -= 1;
        break;
      case 0x2c: // ,
        values += 1;
        if (depth === 1) outer += 1;
        if (outer > MAX_OUTER) return `has more than ${MAX_OUTER} members`;
        break;
    }
    if (values > MAX_VALUES) return `has more than ${MAX_VALUES} values`;
  }
  return undefined;
}

/** Where the string that begins at `start` ends: at a quote that an even number of backslashes stands before. */
function endOfString(text: string, start: number): number {
  for (let end = start; ;) {
    end = text.indexOf('"', end + 1);
    if (end === -1) return text.length;
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === 0x5c) slashes += 1;
    if (slashes % 2 === 0) return end;
  }
}
